package web

// exposureMessages are what pages say of whose data were looked at in a span of time.
var exposureMessages = map[string]message{
	"exposed.title":   {"Whose data were looked at", "個人情報の閲覧範囲"},
	"exposed.note":    {"What a breach of an account exposed: everyone of whom it found, showed, changed or exported anything.", "不正アクセス時の影響範囲：検索・表示・変更・書き出しされたすべての人を示します。"},
	"exposed.from":    {"From", "開始"},
	"exposed.until":   {"Until", "終了"},
	"exposed.by":      {"Looked at by", "閲覧した人"},
	"exposed.anybody": {"anybody", "すべての人"},
	"exposed.of":      {"Whose (pseudonym or person id); empty: everybody", "対象者の番号（空欄は全員）"},
	"exposed.persons": {"Persons: %d. Looks: %d.", "対象者 %d 人、閲覧 %d 回"},
	"exposed.tried":   {"Searched for, and nobody found", "検索したが該当者なし"},
	"exposed.nobody":  {"Nobody's, in this span.", "この期間に閲覧はありません。"},
	"exposed.more":    {"There are more than these: choose a shorter span or one person, or use hub person exposed.", "表示しきれません。期間または人を絞るか、hub person exposed をお使いください。"},
	"exposed.wrong":   {"Give two times, the earlier first.", "開始と終了を正しい順で入力してください。"},
	"exposed.times":   {"%d {time|times}", "%d 回"},
}
