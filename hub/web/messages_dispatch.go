package web

// dispatchMessages is what the pages of the dispatcher say.
var dispatchMessages = map[string]message{
	"nav.history": {"History", "履歴"},

	"preview.title":    {"Preview of %s.", "%s 時点のプレビューです。"},
	"preview.orders":   {"%d orders accepted, %d held.", "確定 %d 件、仮押さえ %d 件。"},
	"preview.held":     {"Held orders are in it: they stay if they are paid, and leave if not, the last one at %s.", "仮押さえ分も含みます。支払われれば残り、期限（最終 %s）までに支払われなければ外れます。"},
	"preview.until":    {"Until the cutoff at %s orders come, change and leave, and containers may move.", "締切（%s）までは注文の追加・変更・取消や容器の移動があります。"},
	"preview.final":    {"Final: numbering is frozen, only recorded exceptions change it. Read at %s.", "確定済み。以後の変更は記録された例外のみです。（%s 現在）"},
	"preview.run":      {"%d stops, %d containers, shippers %d of %d", "停車 %d、容器 %d、保冷箱 %d/%d"},
	"preview.onlyheld": {"%d only for held orders", "うち %d は仮押さえのみ"},
	"preview.out":      {"%d out of service", "使用不可 %d"},
	"preview.broken":   {"%d containers have something on their way that is out of service. Do not load them.", "%d 個の容器の経路に使用不可のものがあります。積載しないでください。"},

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
