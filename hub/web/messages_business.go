package web

// businessMessages are the texts for who works for several businesses.
var businessMessages = map[string]message{
	"business.title":  {"Choose a business", "事業を選ぶ"},
	"business.what":   {"You work for several. You see and change only what belongs to the one you choose; you can switch at any time.", "複数の事業に所属しています。表示・変更できるのは選んだ事業のものだけです。いつでも切り替えられます。"},
	"business.here":   {"now", "選択中"},
	"business.switch": {"Switch business", "事業を切り替える"},
}
