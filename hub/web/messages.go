package web

import (
	"fmt"
	"maps"
	"strings"

	"meguri/internal/plural"
)

// message is a text in each language. {one|many} fits the number before it. Verbs of fmt may be indexed, since languages order words differently.
type message struct{ en, ja string }

// lang is a language that pages are shown in.
type lang string

const (
	english  lang = "en"
	japanese lang = "ja"
)

// text gives a message in a language. A key that nobody has written shows itself, which the tests find.
func (l lang) text(key string, args ...any) string {
	m, ok := messages[key]
	if !ok {
		return key
	}
	format := m.en
	if l == japanese {
		format = m.ja
	}
	if len(args) == 0 {
		return format
	}
	text := fmt.Sprintf(format, args...)
	if strings.Contains(format, "{") {
		return plural.Choose(text)
	}
	return text
}

// known gives a message for a word of the data, such as a state or a kind of alarm, or the word itself.
func (l lang) known(prefix, word string) string {
	if _, ok := messages[prefix+word]; ok {
		return l.text(prefix + word)
	}
	return word
}

// messages is what pages say: the tables of all files.
var messages = together(commonMessages, faultMessages(), checkMessages, dispatchMessages, qualityMessages, readingsMessages, alarmMessages, doorMessages, accountMessages, rentalMessages, rentalWords(), registerMessages, exposureMessages, entryMessages,
	businessMessages, auditMessages)

func together(tables ...map[string]message) map[string]message {
	all := map[string]message{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

// commonMessages is what most pages say.
var commonMessages = map[string]message{
	"app.name": {"Meguri", "巡り"},

	"nav.today":   {"Today", "本日"},
	"nav.packing": {"Packing", "梱包"},
	"nav.sheet":   {"Runs", "配送"},
	"nav.work":    {"Work", "作業"},
	"nav.devices": {"Devices", "機器"},
	"nav.people":  {"People", "担当者"},
	"nav.me":      {"Me", "自分"},
	"nav.skip":    {"Skip to content", "本文へ移動"},
	"lang.other":  {"日本語", "English"},

	"live.on":       {"Live", "ライブ"},
	"live.off":      {"Not live. Reload the page.", "更新停止中。再読み込みしてください。"},
	"live.as of":    {"%s", "%s"},
	"live.noscript": {"This page reloads every 30 seconds.", "このページは30秒ごとに再読み込みされます。"},

	"phase.none":     {"No delivery date yet. Import a network first: hub import.", "配達日がまだありません。先に hub import でデータを取り込んでください。"},
	"phase.orders":   {"Taking orders until %s", "%s まで受注中"},
	"phase.delivery": {"On the way. Pickup opens at %s", "配送中。受け取りは %s から"},
	"phase.pickup":   {"Pickup open until %s", "受け取り中（%s まで）"},
	"phase.closing":  {"Pickup closed at %s", "受け取り終了（%s）"},
	"phase.closed":   {"Day closed", "本日の業務は終了"},

	"wrong.title":   {"Wrong right now", "いま対応が必要"},
	"wrong.none":    {"Nothing is wrong.", "問題はありません。"},
	"wrong.fridges": {"%d {fridge|fridges} in range, %d {device|devices} online.", "冷蔵庫 %d 台が適温、機器 %d 台がオンライン。"},
	"wrong.more":    {"%d more", "ほか %d 件"},
	"wrong.since":   {"since %s (%s)", "%s から（%s）"},

	"trouble.shipper":      {"Shipper %s", "保冷箱 %s"},
	"trouble.late":         {"Run is late: %s", "配送の遅れ：%s"},
	"trouble.offline":      {"Device offline", "機器がオフライン"},
	"trouble.offline.many": {"%d {device|devices} offline", "機器 %d 台がオフライン"},
	"trouble.short":        {"Short: %[1]s × %[2]d", "欠品：%[1]s × %[2]d"},
	"trouble.work":         {"%[1]s: %[2]d to do", "%[1]s：未対応 %[2]d 件"},
	"trouble.sensor":       {"Sensor gives no value", "センサーが値を返さない"},

	"do.shipper": {"Ask the driver to shut the lid and check the cold packs. Warm for longer than allowed: hold the goods and ask quality.", "配送担当にふたと保冷剤の確認を依頼。許容時間を超えたら商品を保留し、品質担当へ連絡。"},
	"do.late":    {"Call the driver. Tell the locations that follow.", "配送担当に連絡し、次のステーションにも知らせる。"},
	"do.offline": {"It goes on working alone and keeps what it records. Check its network and power.", "単独で動作し記録は保持される。通信と電源を確認。"},
	"do.short":   {"Tell the customers and give the money back: see the work list.", "お客様へ連絡し返金。作業一覧を参照。"},
	"do.sensor":  {"Check the probe's plug. Without readings the cold chain cannot be shown.", "温度センサーの接続を確認。記録がないと温度管理を証明できない。"},
	"do.work":    {"Open the work list.", "作業一覧を開く。"},

	"orders.title":     {"Orders", "注文"},
	"orders.total":     {"%d placed, %d accepted", "受付 %d 件、引受 %d 件"},
	"orders.none":      {"No orders yet.", "注文はまだありません。"},
	"order":            {"Order", "注文"},
	"order.placed":     {"Placed", "受付"},
	"order.ready":      {"Ready", "準備完了"},
	"order.items":      {"Items", "商品"},
	"order.lines":      {"Ordered", "注文内容"},
	"order.held_until": {"Held until %s", "%s まで確保"},
	"order.withdrawn":  {"%d taken off", "%d 点 取り下げ"},
	"order.price":      {"¥%d each", "単価 %d 円"},
	"order.total":      {"Total ¥%d", "合計 %d 円"},
	"order.refused":    {"Refused whole: %s", "全体を引き受けできませんでした：%s"},
	"order.pickups":    {"Pickup, inferred from doors", "受け取り（扉の開閉から推定）"},
	"order.history":    {"What happened", "経過"},

	"state.accepted":    {"On the way", "準備中"},
	"state.ready":       {"Ready", "受取可"},
	"state.picked_up":   {"Picked up", "受取済"},
	"state.left_over":   {"Left over", "受取なし"},
	"state.undelivered": {"Undelivered", "未配達"},
	"state.refused":     {"Refused", "お断り"},
	"state.held":        {"Held, not paid yet", "確保中（未決済）"},
	"state.expired":     {"Hold expired", "確保期限切れ"},
	"state.cancelled":   {"Cancelled", "取消"},
	"state.called_off":  {"Called off by us", "当方都合で中止"},

	"limit.sales_limit":  {"sales limit of %s", "%s の販売上限"},
	"limit.container":    {"no room in a container for %s", "%s の容器に空きなし"},
	"limit.shipper":      {"no room in a shipper for %s", "%s の保冷箱に空きなし"},
	"limit.address":      {"no free address at %s", "%s の棚番に空きなし"},
	"limit.search_bound": {"too many possibilities for %s to look at", "%s の採番を探しきれず"},

	"locations.title":  {"Locations", "ステーション"},
	"location.online":  {"Online", "オンライン"},
	"location.offline": {"Offline since %s", "%s からオフライン"},
	"location.never":   {"Never heard of", "通信なし"},
	"location.fridges": {"Fridges, last 24 hours", "冷蔵庫（過去24時間）"},
	"location.slots":   {"Slots", "スロット"},
	"location.orders":  {"Orders by code", "注文コード"},
	"location.events":  {"Recent events", "最近の出来事"},
	"location.devices": {"Devices", "機器"},
	"location.noorder": {"No orders here on this date.", "この日の注文はありません。"},
	"location.claimed": {"The device's own clock showed %s", "機器の時計では %s"},
	"location.noevent": {"Nothing recorded yet.", "記録はまだありません。"},

	"fridge.n":         {"Fridge %s", "冷蔵庫 %s"},
	"fridge.range":     {"%s to %s °C", "%s ~ %s ℃"},
	"fridge.nodata":    {"no reading", "測定なし"},
	"fridge.at":        {"at %s", "%s 時点"},
	"fridge.stale":     {"old: %s", "古い値：%s"},
	"fridge.warm":      {"too warm", "高すぎ"},
	"fridge.cold":      {"too cold", "低すぎ"},
	"fridge.ok":        {"in range", "適温"},
	"fridge.mains.off": {"No power", "電源断"},

	"door.silent":      {"No word of door and lock yet", "扉と錠の情報なし"},
	"door.closed":      {"Shut", "閉"},
	"door.open":        {"Open", "開"},
	"door.jammed":      {"Jammed", "開かない"},
	"door.ajar":        {"Left open", "閉め忘れ"},
	"door.uncommanded": {"Opened unasked", "無断開放"},
	"door.unknown":     {"Door unknown", "扉不明"},
	"door.":            {"Door unknown", "扉不明"},
	"lock.locked":      {"Locked", "施錠"},
	"lock.fired":       {"Unlocked", "解錠"},
	"lock.unknown":     {"Lock unknown", "錠不明"},
	"lock.":            {"Lock unknown", "錠不明"},

	"chart.gap":   {"no reading", "測定なし"},
	"chart.limit": {"limit", "上限・下限"},
	"chart.value": {"Air", "庫内"},
	"chart.time":  {"Time", "時刻"},
	"chart.alt":   {"Temperature of the last 24 hours; newest %s.", "過去24時間の温度。最新 %s。"},

	"event.booted":            {"Device started", "機器が起動"},
	"event.clock set":         {"Clock set", "時計合わせ"},
	"event.command taken":     {"Command taken", "指示を受領"},
	"event.salvaged":          {"Storage was salvaged", "記憶装置を復旧"},
	"event.sampling set":      {"Sampling set", "測定間隔を設定"},
	"event.stopped":           {"Device stopped", "機器が停止"},
	"event.plan applied":      {"Plan taken", "計画を適用"},
	"event.command answered":  {"Command answered", "指示に応答"},
	"event.damaged":           {"Storage was damaged", "記憶装置の破損"},
	"event.container filled":  {"Container filled", "容器に充填"},
	"event.item short":        {"Item short", "欠品"},
	"event.container shelved": {"Put on address", "棚に置いた"},
	"event.stop reached":      {"Stop reached", "停車地に到着"},
	"event.container loaded":  {"Loaded", "積み込み"},
	"event.container placed":  {"Put into slot", "スロットに格納"},
	"event.scan refused":      {"Scan refused", "読み取り拒否"},
	"event.grant used":        {"Code accepted", "暗証番号を受付"},
	"event.grant refused":     {"Code refused", "暗証番号を拒否"},
	"event.relay fired":       {"Lock pulsed", "錠を作動"},
	"event.door opened":       {"Door opened", "扉が開いた"},
	"event.door closed":       {"Door shut", "扉が閉まった"},
	"event.door fault":        {"Door fault", "扉の異常"},
	"event.pickup inferred":   {"Picked up (inferred)", "受け取り（推定）"},
	"event.mains":             {"Power changed", "電源の変化"},
	"event.alarm":             {"Temperature alarm", "温度警報"},
	"event.clock battery":     {"Battery of the clock", "時計の電池"},

	"slot.free":   {"free", "空き"},
	"slot.orders": {"Orders: %d", "注文 %d 件"},

	"container":            {"Container", "容器"},
	"container.planned":    {"Not filled", "未充填"},
	"container.filled":     {"Filled", "充填済"},
	"container.on_address": {"On its address", "棚置き"},
	"container.loaded":     {"In the shipper", "積込済"},
	"container.placed":     {"In the fridge", "格納済"},

	"packing.title":    {"Packing list", "梱包リスト"},
	"packing.choose":   {"Choose a shop", "店舗を選ぶ"},
	"packing.none":     {"Nothing to pack on this date.", "この日の梱包はありません。"},
	"packing.handin":   {"Hand in at %s", "引き渡し場所：%s"},
	"packing.sum":      {"%d {container|containers}, %d {unit|units}", "容器 %d 個、商品 %d 点"},
	"packing.for":      {"for %s", "%s 行き"},
	"packing.address":  {"Address", "棚番"},
	"packing.box":      {"Box %s", "箱 %s"},
	"packing.scan":     {"1. Scan this, then the box.", "1. ここを読み取り、次に箱を読み取る。"},
	"packing.shelve":   {"2. Put it on this address and scan both.", "2. この棚に置き、箱と棚を読み取る。"},
	"packing.units":    {"Units", "数量"},
	"packing.product":  {"Product", "商品"},
	"packing.shortage": {"%d short", "欠品 %d"},

	"sheet.title":   {"Driver's sheet", "配送シート"},
	"sheet.choose":  {"Choose a route", "ルートを選ぶ"},
	"sheet.none":    {"No run on this date.", "この日の便はありません。"},
	"sheet.version": {"version %d", "第 %d 版"},
	"sheet.vehicle": {"Vehicle %s", "車両 %s"},
	"sheet.driver":  {"Driver %s", "担当 %s"},
	"sheet.planned": {"planned %s", "予定 %s"},
	"sheet.reached": {"reached %s", "到着 %s"},
	"sheet.late":    {"%s late", "%s 遅れ"},
	"packing.code":  {"Door code at the collection spot, until %s", "集荷場の扉の暗証番号（%sまで）"},
	"sheet.code":    {"Door code", "扉の暗証番号"},
	"sheet.nothing": {"Nothing to do here.", "作業なし。"},
	"sheet.shipper": {"Shipper", "保冷箱"},
	"sheet.slot":    {"Slot", "スロット"},
	"sheet.state":   {"State", "状態"},
	"stop.collect":  {"Collect", "集荷"},
	"stop.deliver":  {"Deliver", "納品"},
	"stop.return":   {"Return", "返却"},

	"nav.payments":             {"Payments", "決済"},
	"payments.title":           {"Pending payments", "未完了の決済"},
	"payments.note":            {"%s is on its way, the oldest first. Each closes within a minute of the provider's answer.", "合計 %s が処理中です（古い順）。決済会社の応答から1分以内に完了します。"},
	"payments.settled":         {"Every charge has an order and every order its charge.", "すべての請求と注文が一致しています。"},
	"payments.off":             {"This hub takes no payments.", "このハブでは決済を扱っていません。"},
	"payments.none":            {"Nothing is pending.", "未完了の決済はありません。"},
	"payments.tries":           {"Tries: %d. Next at %s", "試行 %d 回、次回 %s"},
	"payments.refund":          {"refund %s", "返金 %s"},
	"payments.uncollected":     {"The order stands and cannot be charged: collect the money, or take the order off.", "注文は有効ですが請求できません。集金するか、注文を取り下げてください。"},
	"pay.opening":              {"Reserving the money", "与信の準備中"},
	"pay.authorising":          {"Reserving the money", "与信中"},
	"pay.authorised":           {"Confirming the order", "注文の確定中"},
	"pay.capturing":            {"Charging", "請求中"},
	"pay.captured":             {"Charged", "請求済"},
	"pay.partly_refunded":      {"Partly refunded", "一部返金済"},
	"pay.refunded":             {"Refunded", "返金済"},
	"pay.voiding":              {"Releasing the money", "与信の取消中"},
	"pay.voided":               {"Released, nothing charged", "与信取消済（請求なし）"},
	"pay.declined":             {"Declined", "承認されず"},
	"pay.uncollected":          {"Not charged", "未請求"},
	"pay.waiting":              {"Refund waits", "返金待ち"},
	"pay.refunding":            {"Refunding", "返金中"},
	"pay.failed":               {"Refund failed", "返金失敗"},
	"pay.dropped":              {"No refund needed", "返金不要"},
	"reason.payment_declined":  {"The payment was declined.", "決済が承認されませんでした。"},
	"reason.payment_lost":      {"The payment provider took its word back.", "決済会社が与信を取り消しました。"},
	"bill.title":               {"Payment", "決済"},
	"bill.amount":              {"Price", "金額"},
	"bill.captured":            {"Charged", "請求額"},
	"bill.refunded":            {"Refunded", "返金額"},
	"bill.declined":            {"The provider says: %s", "決済会社の回答: %s"},
	"work.payment_uncollected": {"Order could not be charged", "請求できない注文"},
	"work.refund_failed":       {"Refund failed", "返金失敗"},
	"work.payment_mismatch":    {"Payment differs at the provider", "決済会社と不一致"},
	"work.payment_stray":       {"Payment of no order here", "該当注文のない決済"},
	"work.title":               {"Work", "作業"},
	"work.none":                {"Nothing to do.", "作業はありません。"},
	"work.close":               {"Done", "完了"},
	"work.opened":              {"since %s", "%s から"},
	"work.shortage":            {"Shortage", "欠品"},
	"work.left_over":           {"Left over", "受取なし"},
	"work.undelivered":         {"Undelivered", "未配達"},
	"work.log_held":            {"Device's log is held up", "機器の記録が進まない"},
	"work.not_applied":         {"Scan that did not fit", "合わない読み取り"},
	"work.plan_refused":        {"Device without a new plan", "新しい計画を使えない機器"},
	"work.misbehaving":         {"Device sends garbage, or too much", "機器の異常な送信"},
	"work.fork":                {"Device was cloned", "機器の複製"},

	"work.two_storages":    {"Two storages under one device", "一つの機器に二つの記憶媒体"},
	"work.restored":        {"Hub went back to a backup", "バックアップからの復元"},
	"work.grant_reissued":  {"Driver has a new door code", "配送担当の暗証番号の変更"},
	"work.command_unknown": {"Nobody knows what a command did", "結果不明の遠隔指示"},

	"command.title":   {"Commands", "遠隔指示"},
	"command.asked":   {"Asked", "指示の時刻"},
	"command.what":    {"What", "内容"},
	"command.kind.1":  {"Unlock", "解錠"},
	"command.kind.2":  {"Identify", "場所の表示"},
	"command.sent":    {"Sent", "送信済"},
	"command.applied": {"Being carried out", "実行中"},
	"command.done":    {"Done", "完了"},
	"command.refused": {"Refused", "拒否"},
	"command.expired": {"Expired", "期限切れ"},
	"command.unknown": {"Unknown, being settled by sensing", "結果不明（センサーで確認中）"},
	"work.two_places": {"Certificate used from two places", "証明書が二か所で使われている"},

	"devices.title":  {"Devices", "機器"},
	"devices.note":   {"Readings received, last 24 hours", "測定値の受信率（過去24時間）"},
	"devices.none":   {"No devices yet: hub device add.", "機器はまだありません。hub device add で追加します。"},
	"devices.more":   {"More", "次へ"},
	"device.station": {"Station", "ステーション"},
	"device.shipper": {"Shipper", "保冷箱"},
	"device.scanner": {"Scanner", "スキャナー"},
	"device.driver":  {"Driver", "配送端末"},

	"ledger.title":    {"Readings: what is here, what is missing, why", "測定値：受信分と欠落分、その理由"},
	"ledger.sensors":  {"Sensor", "センサー"},
	"ledger.all":      {"All sensors", "全センサー"},
	"ledger.day":      {"Last 24 hours", "過去24時間"},
	"ledger.week":     {"Last 7 days", "過去7日間"},
	"ledger.complete": {"%s received", "%s 受信"},
	"ledger.words":    {"What is not received: %d {time|times}", "未受信の内訳：%d 件"},
	"ledger.more":     {"There are more: hub ledger lists them all.", "続きは hub ledger で一覧できます。"},
	"ledger.from":     {"From", "開始"},
	"ledger.to":       {"To", "終了"},
	"ledger.what":     {"What", "状態"},
	"ledger.rounds":   {"Rounds", "回数"},
	"ledger.assumed":  {"(interval assumed)", "（測定間隔は推定）"},

	"ledger.received":         {"Received", "受信済み"},
	"ledger.sensor_fault":     {"Sensor fault", "センサー異常"},
	"ledger.thinned":          {"Thinned by the device", "機器が間引き"},
	"ledger.not_flushed":      {"Power cut before it was stored", "保存前に電源断"},
	"ledger.damaged":          {"Lost: storage damaged", "消失：記憶装置の破損"},
	"ledger.incarnation_lost": {"Lost: storage replaced", "消失：記憶装置の交換"},
	"ledger.not_held":         {"Lost: device no longer has it", "消失：機器に残っていない"},
	"ledger.discarded":        {"Lost: unreadable, not kept", "消失：読めず、保存せず"},
	"ledger.quarantined":      {"Received, unreadable", "受信したが読めない"},
	"ledger.not_arrived":      {"Not arrived yet", "未着"},
	"ledger.not_sampled":      {"On, not sampling", "稼働中、測定なし"},
	"ledger.off":              {"Device off", "電源オフ"},
	"ledger.not_in_use":       {"Not in use", "未使用"},
	"ledger.ahead":            {"Not yet", "これから"},

	"ledger.letter.received":         {"✓", "✓"},
	"ledger.letter.sensor_fault":     {"S", "異"},
	"ledger.letter.thinned":          {"T", "間"},
	"ledger.letter.not_flushed":      {"F", "断"},
	"ledger.letter.damaged":          {"D", "損"},
	"ledger.letter.incarnation_lost": {"L", "換"},
	"ledger.letter.not_held":         {"H", "無"},
	"ledger.letter.discarded":        {"X", "捨"},
	"ledger.letter.quarantined":      {"Q", "読"},
	"ledger.letter.not_arrived":      {"W", "未"},
	"ledger.letter.not_sampled":      {"N", "休"},
	"ledger.letter.off":              {"O", "切"},
	"ledger.letter.not_in_use":       {"–", "–"},
	"ledger.letter.ahead":            {"…", "…"},

	"ledger.reason.stopped":                   {"stopped in order", "正常終了"},
	"ledger.reason.power cut":                 {"power cut", "電源断"},
	"ledger.reason.online":                    {"on its way", "送信中"},
	"ledger.reason.offline":                   {"device is offline", "機器がオフライン"},
	"ledger.reason.revoked":                   {"device was shut out", "機器は失効済み"},
	"ledger.reason.no sensor":                 {"no such sensor", "センサーなし"},
	"ledger.reason.restored":                  {"hub went back to a backup", "ハブをバックアップから復元"},
	"ledger.reason.not started":               {"before its first start", "初回起動前"},
	"ledger.reason.superseded":                {"another storage took its place", "別の記憶装置に交代"},
	"ledger.reason.share of the storage full": {"storage full", "保存領域の満杯"},
	"ledger.reason.too old":                   {"too old to keep", "保存期間の超過"},
	"ledger.reason.too many records":          {"too many to keep", "保存件数の超過"},
	"ledger.reason.missing":                   {"sensor missing", "センサー応答なし"},
	"ledger.reason.checksum":                  {"checksum wrong", "チェックサム異常"},
	"ledger.reason.power-on value":            {"no conversion", "変換未完了"},
	"ledger.reason.out of range":              {"out of measuring range", "測定範囲外"},

	"people.title": {"People", "担当者"},
	"people.add":   {"Add a person", "担当者を追加"},
	"people.name":  {"Name", "氏名"},
	"people.role":  {"Role", "役割"},
	"people.place": {"Place", "所属"},
	"people.placehelp": {"a shop's id, a driver's route, a customer's pseudonym; for warehouse leads one warehouse, or nothing for all; for others nothing",
		"店舗ID、担当ルート、お客様の仮名ID。倉庫担当は倉庫ID（空欄は全倉庫）。その他の役割は空欄"},
	"people.link":     {"New login link", "ログインリンク発行"},
	"people.remove":   {"Remove", "削除"},
	"people.really":   {"Remove access now", "アクセスを取り消す"},
	"people.removed":  {"Removed %s", "%s に削除"},
	"people.linkfor":  {"Login link for %s", "%s さんのログインリンク"},
	"people.linkonce": {"It works once and for 24 hours. It is shown only now: hand it over, or copy it.", "有効期限は24時間、1回限りです。今しか表示されません。"},

	"role.admin":      {"Administrator", "管理者"},
	"role.dispatcher": {"Dispatcher", "配車担当"},
	"role.quality":    {"Quality", "品質担当"},
	"role.warehouse":  {"Warehouse", "倉庫担当"},
	"role.driver":     {"Driver", "配送担当"},
	"role.shop":       {"Shop", "店舗"},
	"role.kitting":    {"Kitting", "機器設置"},
	"role.support":    {"Support", "お客様窓口"},
	"role.customer":   {"Customer", "お客様"},
	"role.system":     {"Other system", "外部システム"},

	"me.pages":  {"What you may open", "使えるページ"},
	"me.none":   {"There are no pages for this role; it uses the API.", "この役割のページはありません。API をご利用ください。"},
	"me.logout": {"Sign out", "サインアウト"},

	"error.401":   {"Please sign in.", "サインインしてください。"},
	"error.403":   {"You may not open this.", "このページを開く権限がありません。"},
	"error.404":   {"There is nothing here.", "見つかりません。"},
	"error.other": {"That did not work. Try again in a moment.", "うまくいきませんでした。少し待ってもう一度お試しください。"},
	"error.back":  {"Back to the start", "最初に戻る"},

	"date.choose": {"Date", "日付"},
	"print":       {"Print", "印刷"},
	"show":        {"Show", "表示"},
	"seconds":     {"%d s", "%d秒"},
	"minutes":     {"%d min", "%d分"},
	"hours":       {"%d h %02d min", "%d時間%02d分"},
	"days":        {"%d d", "%d日"},
}
