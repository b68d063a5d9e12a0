package phrase

// word is what a thing is called in each language.
type word struct{ en, ja string }

// words are what lines call by the name that plans have for it. A name that is in none of them is shown as it is: somebody has chosen it.
var words = map[Key]map[string]word{StepBegun: steps, DamageNoted: damages}

// steps are those of a rental warehouse's round.
var steps = map[string]word{
	"register": {"Register", "入庫"}, "inspect_in": {"Inspect in", "受入検品"}, "put_away": {"Put away", "格納"}, "pick": {"Pick", "ピッキング"},
	"pack": {"Pack", "梱包"}, "unpack": {"Unpack", "突合"}, "ship": {"Ship", "発送"}, "void_ship": {"Call shipping off", "発送取消"},
	"deliver": {"Deliver", "お届け"}, "send_back": {"Send back", "返送"}, "receive": {"Receive a return", "返却受付"},
	"inspect_return": {"Inspect a return", "返却検品"}, "clean": {"To cleaning", "クリーニングへ"}, "cleaned": {"Back from cleaning", "クリーニング戻り"},
	"repair": {"To repair", "補修へ"}, "repaired": {"Repaired", "補修完了"}, "inspect_final": {"Final inspection", "最終検品"},
	"quarantine": {"Quarantine", "保留"}, "count": {"Count", "棚卸"}, "miss": {"Not found", "所在不明"}, "sell": {"Sell", "買取"}, "retire": {"Retire", "除籍"},
}

// damages are the kinds of damage.
var damages = map[string]word{
	"stain": {"stain", "しみ"}, "tear": {"tear", "破れ"}, "button": {"button", "ボタン"}, "zip": {"zip", "ファスナー"}, "smell": {"smell", "におい"},
	"mould": {"mould", "かび"}, "other": {"other", "その他"},
}

// called is what an argument of a line is called in a language.
func called(k Key, arg string, l Language) string {
	w, ok := words[k][arg]
	switch {
	case !ok:
		return arg
	case l == Japanese:
		return w.ja
	}
	return w.en
}
