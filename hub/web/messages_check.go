package web

import "meguri/hub/check"

// checkMessages is what pages say of broken rows. Of each kind "broken.KIND" is its name, which stands on paper, too, and
// "finding.KIND" tells a finding with its arguments. "obstacle.OBSTACLE" tells why no repair is proposed.
var checkMessages = together(checkPage, findingMessages())

var checkPage = map[string]message{
	"nav.check":         {"Check", "点検"},
	"check.title":       {"Broken assignments", "割り当ての点検"},
	"check.none":        {"Every future assignment holds.", "今後の割り当てに問題はありません。"},
	"check.looked":      {"Looked %s ago: %d dates, %d orders, %d units", "%s 前に点検：%d 日分、注文 %d 件、商品 %d 点"},
	"check.never":       {"Not looked at yet.", "まだ点検していません。"},
	"check.omitted":     {"%d more are not listed.", "ほか %d 件は表示していません。"},
	"severity.1":        {"Grave", "重大"},
	"severity.2":        {"Books are wrong", "帳簿の不一致"},
	"severity.3":        {"To be known", "お知らせ"},
	"check.departs":     {"departs in %s", "出発まで %s"},
	"check.departed":    {"departed %s ago", "%s 前に出発"},
	"check.orders":      {"Orders affected: %d", "影響する注文：%d 件"},
	"check.rows":        {"Rows", "対象の行"},
	"check.and":         {"and %d more", "ほか %d 件"},
	"check.repair":      {"Proposed repair", "修復案"},
	"check.none.repair": {"No repair is proposed:", "修復案なし："},
	"check.apply":       {"Apply", "適用する"},
	"check.changed":     {"The rows have changed since then. This is how they are now.", "その後データが変わりました。現在の状態を表示しています。"},
	"check.done":        {"Repaired.", "修復しました。"},
	"check.new":         {"new", "新規"},
	"check.gone":        {"gone", "削除"},
	"broken.kept_back":  {"Kept back", "積み残しの指示あり"},
	"donotload":         {"DO NOT LOAD", "積載禁止"},
	"sheet.astray":      {"On this run by mistake", "この便では扱えない容器"},
	"packing.barred":    {"Do not pack %d", "%d 点は梱包しない"},
	"trouble.check":     {"Broken assignment", "割り当ての不整合"},
	"do.check":          {"Open the check page: it proposes a repair.", "点検ページで修復案を確認。"},
	"work.check":        {"Broken assignment without a repair", "修復案のない不整合"},
}

func findingMessages() map[string]message {
	all := map[string]message{}
	for kind, m := range findingNames {
		all["broken."+string(kind)] = m
	}
	for _, kind := range check.Kinds() {
		all["finding."+string(kind)] = message{kind.Format(), findingJapanese[kind]}
	}
	for _, o := range check.Obstacles() {
		all["obstacle."+string(o)] = message{o.Format(), obstacleJapanese[o]}
	}
	return all
}

// findingNames names each kind of finding.
var findingNames = map[check.Kind]message{
	check.RunGone:         {"Its run does not exist", "便が存在しない"},
	check.RouteGone:       {"Its route is gone", "ルートが廃止された"},
	check.RunMisses:       {"Its run does not call there", "便が立ち寄らない"},
	check.NotAboard:       {"Its shipper is not aboard", "保冷箱が積まれていない"},
	check.ShipperTwice:    {"Its shipper rides in two runs", "保冷箱が二つの便にある"},
	check.ShipperCategory: {"Its shipper is for another temperature", "保冷箱の温度帯が違う"},
	check.OverShipper:     {"Its shipper is full", "保冷箱の容量超過"},
	check.PlaceTwice:      {"Its place in the shipper is given twice", "保冷箱内の位置が重複"},
	check.SlotGone:        {"There is no such slot there", "スロットが存在しない"},
	check.SlotTwice:       {"Its slot is given twice", "スロットが重複"},
	check.FridgeKind:      {"It may not stand in that fridge", "置けない種類の冷蔵庫"},
	check.AddressSpot:     {"There is no such address at its spot", "棚番が集荷場にない"},
	check.AddressTwice:    {"Its address is given twice", "棚番が重複"},
	check.ShopSpot:        {"Its shop hands in elsewhere", "店舗の集荷場が違う"},
	check.BoxTwice:        {"Its box is bound twice", "箱が重複"},
	check.OverVolume:      {"It is too full", "容積超過"},
	check.OverWeight:      {"It is too heavy", "重量超過"},
	check.DoesNotFit:      {"Something does not fit into it", "入らない商品がある"},
	check.TwoShops:        {"Units of another shop", "別の店舗の商品"},
	check.ItemCategory:    {"Units of another temperature", "温度帯の違う商品"},
	check.WrongLocation:   {"Goes to another location than its order", "注文と行き先が違う"},
	check.WrongDate:       {"Dated wrongly", "日付が違う"},
	check.NoDelivery:      {"Nothing is delivered there", "配達のない場所"},
	check.OutOfService:    {"Something it needs is out of service", "使用停止中のものがある"},
	check.ContainerGone:   {"The container does not exist", "容器が存在しない"},
	check.ProductGone:     {"The product does not exist", "商品が存在しない"},
	check.MissingPart:     {"An order lacks places", "割り当ての不足"},
	check.TooMany:         {"An order holds too much", "割り当ての過剰"},
	check.WrongProduct:    {"Units of another product than ordered", "注文と違う商品"},
	check.NoOrder:         {"There is no such order", "注文が存在しない"},
	check.StillHolds:      {"The order has ended", "終了した注文"},
	check.HoldOverdue:     {"A hold is past its deadline", "仮押さえの期限切れ"},
	check.HoldAfterCutoff: {"A hold is longer than cutoff", "締切より長い仮押さえ"},
	check.FrozenHold:      {"A hold after numbering ended", "採番終了後の仮押さえ"},
	check.OverSales:       {"Over the sales limit", "販売上限の超過"},
	check.LimitLowered:    {"The limit was lowered below what is sold", "上限が販売数より下げられた"},
	check.UsedDiffers:     {"Its sum is wrong", "使用量の不一致"},
	check.EmptyContainer:  {"It is empty", "空の容器"},
	check.StaleCopy:       {"A copy is out of date", "写しが古い"},
}

var findingJapanese = map[check.Kind]string{
	check.RunGone:         "容器 %[1]s：便 %[2]s は存在しません。",
	check.RouteGone:       "容器 %[1]s：便 %[2]s のルート %[3]s は廃止されています。",
	check.RunMisses:       "容器 %[1]s：便 %[2]s は %[3]s で集荷した後に %[4]s へ納品しません。",
	check.NotAboard:       "容器 %[1]s：保冷箱 %[2]s は便 %[3]s に積まれません。",
	check.ShipperTwice:    "保冷箱 %[1]s が同じ日に二つの便にあります：%[2]s。",
	check.ShipperCategory: "容器 %[1]s（%[2]s）の保冷箱 %[3]s は %[4]s 用です。",
	check.OverShipper:     "便 %[2]s の保冷箱 %[1]s は %[3]s 個用ですが、%[4]s 個（位置 %[5]s まで）割り当てられています。",
	check.PlaceTwice:      "便 %[2]s の保冷箱 %[1]s の位置 %[3]s が重複しています：%[4]s。",
	check.SlotGone:        "容器 %[1]s：%[3]s にスロット %[2]s はありません。",
	check.SlotTwice:       "スロット %[1]s が重複しています：%[2]s。",
	check.FridgeKind:      "容器 %[1]s（%[2]s）：スロット %[3]s の庫は %[4]s で、置けません。",
	check.AddressSpot:     "容器 %[1]s：店舗 %[4]s の集荷場 %[3]s に棚番 %[2]s はありません。",
	check.AddressTwice:    "棚番 %[1]s が重複しています：%[2]s。",
	check.ShopSpot:        "容器 %[1]s は %[2]s で集荷しますが、店舗 %[3]s の集荷場は %[4]s です。",
	check.BoxTwice:        "箱 %[1]s が複数の容器に紐づいています：%[2]s。",
	check.OverVolume:      "容器 %[1]s は %[2]s ml、入るのは %[3]s ml です。",
	check.OverWeight:      "容器 %[1]s は %[2]s g、上限は %[3]s g です。",
	check.DoesNotFit:      "容器 %[1]s に入りません：%[2]s。",
	check.TwoShops:        "容器 %[1]s は店舗 %[2]s 用ですが、店舗 %[3]s の商品があります：%[4]s。",
	check.ItemCategory:    "容器 %[1]s は %[2]s 用ですが、%[3]s の商品があります：%[4]s。",
	check.WrongLocation:   "注文 %[1]s は %[2]s 行き、容器 %[3]s は %[4]s 行きです。",
	check.WrongDate:       "%[1]s の日付は %[2]s、関連するものは %[3]s です。",
	check.NoDelivery:      "%[1]s の行き先 %[2]s は、その日の配達がありません。",
	check.OutOfService:    "容器 %[1]s に必要な %[2]s %[3]s は使用停止中です：%[4]s。",
	check.ContainerGone:   "容器 %[1]s は存在しませんが、商品が割り当てられています：%[2]s。",
	check.ProductGone:     "商品 %[1]s は存在しませんが、場所を取っています：%[2]s。",
	check.MissingPart:     "注文 %[1]s：%[3]s 点のうち %[2]s 点しか割り当てがありません。",
	check.TooMany:         "注文 %[1]s は %[2]s 点を占めていますが、注文は %[3]s 点です。",
	check.WrongProduct:    "注文 %[1]s：明細と商品が違います：%[2]s。",
	check.NoOrder:         "注文明細 %[1]s は存在しませんが、場所を取っています：%[2]s。",
	check.StillHolds:      "注文 %[1]s は %[2]s ですが、まだ %[3]s 点を占めています。",
	check.HoldOverdue:     "注文 %[1]s の仮押さえは期限を過ぎています：%[2]s。",
	check.HoldAfterCutoff: "注文 %[1]s の仮押さえ %[2]s は締切 %[3]s より後です。",
	check.FrozenHold:      "注文 %[1]s は仮押さえのままですが、採番は終了しています。",
	check.OverSales:       "商品 %[1]s は %[2]s 点売れていますが、上限は %[3]s 点です。",
	check.LimitLowered:    "商品 %[1]s：%[2]s 点売れた後に上限が %[3]s に下げられました。これ以上は売れません。",
	check.UsedDiffers:     "容器 %[1]s の使用量は %[2]s ml とありますが、中身は %[3]s ml です。",
	check.EmptyContainer:  "容器 %[1]s は空ですが、スロット、保冷箱、棚番を占めています。",
	check.StaleCopy:       "%[1]s：%[2]s が実際と違います（%[3]s、正しくは %[4]s）。",
}

var obstacleJapanese = map[check.Obstacle]string{
	check.TooManyFindings: "件数が多いため、先頭から修復し、再度点検してください。",
	check.BoxBound:        "箱が紐付いています。中身を人が確認してください。",
	check.NothingToDo:     "対応は不要です。",
	check.DeliverMore:     "店舗に追加納品を依頼するか、注文を取り消してください。",
	check.PutBack:         "配達を元に戻すか、注文を取り消してください。",
	check.LookIntoBox:     "箱がどの容器のものか、人が確認してください。",
	check.ProductPutBack:  "商品を元に戻すか、注文から外してください。",
	check.NoneKnown:       "修復方法が登録されていません。",
	check.NoProduct:       "商品 %[1]s は存在しません。",
	check.SlotTooSmall:    "%[1]s が入る空きスロットがありません。",
	check.UnitWithout:     "この日付に該当する注文がありません。",
	check.BoxGoneOn:       "箱はすでに先へ進んでいます（%[1]s）。",
	check.BoxOnAddress:    "箱はすでに棚番に置かれています（%[1]s）。",
	check.NotApart:        "中身を区別できません。",
	check.OrderEmpty:      "注文の内容が分かりません。",
	check.OtherDate:       "%[1]s の点検で検出され、そこで修復案が示されます。",
	check.WhichDate:       "正しい日付を人が確認してください。",
	check.NoShop:          "店舗 %[1]s は存在しません。",
	check.NotDelivered:    "%[2]s は %[1]s への配達がありません。",
	check.LocationOut:     "拠点 %[1]s は使用停止中です。",
	check.NoSlotFree:      "%[1]s に、%[2]s に使えて十分な大きさの空きスロットがありません。",
	check.NoRunFree:       "%[1]s で集荷し %[2]s へ届ける便に、%[3]s の保冷箱の空きがありません。",
	check.NoAddressFree:   "%[1]s に空き棚番がありません。",
	check.Follows:         "ほかの項目を修復すれば、この行はそのままで正しくなります。",
}
