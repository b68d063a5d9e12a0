package web

// doorMessages is what pages about doors, their codes and their boards say.
var doorMessages = map[string]message{
	"code.title":           {"Door code", "解錠コード"},
	"code.active":          {"Opens the fridge", "有効"},
	"code.revoking":        {"Being taken back", "取消中"},
	"code.revoked":         {"Opens nothing any more", "無効"},
	"code.used":            {"Opened a door", "使用済み"},
	"code.issued":          {"Given", "発行"},
	"code.taken_back":      {"Taken back", "取消"},
	"code.ended.confirmed": {"Every lock has confirmed", "全錠が確認"},
	"code.ended.window":    {"Its time was over", "有効時間が終了"},
	"code.used_at":         {"First opened a door", "最初の解錠"},
	"code.waits":           {"%s has not confirmed: it may open until %s.", "%sが未確認です。%sまで解錠できる可能性があります。"},
	"code.closes":          {"until %s", "%sまで"},
	"code.risk":            {"Money let go by %s: %s", "返金を承認: %s（%s）"},
	"code.money.waits":     {"The money goes back when no lock takes the code any more.", "解錠コードが無効になり次第、返金します。"},
	"code.money.used":      {"The code opened a door. See what was taken, then decide about the money.", "解錠コードが使われました。持ち出しの有無を確かめ、返金を判断してください。"},
	"code.money.go":        {"Let the money go now", "今すぐ返金する"},
	"code.money.risk":      {"The door may still open for the customer. Your name and reason are kept.", "まだ解錠できる可能性があります。担当者名と理由を記録します。"},
	"work.code_used":       {"A code that was taken back opened a door", "取消した解錠コードの使用"},
}
