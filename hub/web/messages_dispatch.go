package web

// dispatchMessages is what the pages of the dispatcher say.
var dispatchMessages = map[string]message{
	"nav.history": {"History", "履歴"},

	"history.title":    {"History", "履歴"},
	"history.location": {"Location", "拠点"},
	"history.known":    {"As known at", "この時点の情報で"},
	"history.at":       {"How it was at", "この時点の状態"},
	"history.wrong":    {"A time could not be read; this is now.", "時刻を読み取れません。現在を表示しています。"},
	"history.asof":     {"How it was at %s, as known at %s", "%s の状態（%s 時点の情報）"},
	"history.changed":  {"%d containers are different now: see the marked ones.", "%d 個の容器が現在と異なります（印付き）。"},
	"history.same":     {"Nothing is different now.", "現在と同じです。"},
	"history.none":     {"No containers then.", "この時点の容器はありません。"},
	"history.shop":     {"Shop", "店舗"},
	"history.way":      {"Address, shipper", "棚番・保冷箱"},
	"history.now":      {"now %s", "現在 %s"},
	"history.new":      {"not there then", "当時なし"},
	"history.gone":     {"gone now", "現在なし"},
}
