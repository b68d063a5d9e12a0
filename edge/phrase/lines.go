package phrase

// Key names a line. Keys are not stored and not sent, so their order means nothing.
type Key uint8

// Lines of any device.
const (
	OutOfService Key = iota // it cannot record, so it does nothing
	NoPlanYet               // its storage is new or has begun anew, and no plan has come for it
	ClockNotSet
	NotOurs // a barcode that means nothing here

	// Lines at a station's door.

	TooManyWrongCodes
	NoSuchCode
	CodeLocked
	CodeTooEarly
	CodeTooLate
	CodeUsedUp
	PlanTooOld
	ClockUnsure
	TokenUnknownKey
	TokenElsewhere
	TokenRevoked
	OrderElsewhere // {1} fridges
	GoodsHeld
	NothingForYou
	NotDelivered
	PartlyDelivered // {1} boxes here, {2} boxes in all, {3} slots that are empty
	DoorIsOpen
	Open
	OpenSlots          // {1} slots
	OpenSlotsElsewhere // {1} slots, {2} other fridges
	OpenElsewhere      // {1} other fridges
	OpenCourier
	OpenShop
	OpenStaff
	LockSilent
	DoorDidNotOpen
	DoorNotPulled
	ShutDoor
	ShutWarmDoor
	PushDoor
	ThankYou
	BeingServiced
	CallNumber // {1} number that proves that somebody is at the door

	// Lines at a station's reader.

	ScanBoxThenSlot
	BoxBeforeSlot
	PutIntoSlot // {1} slot
	SeeLabel
	SlotNotPlanned
	WrongSlot // {1} slot
	WrongSlotSeeLabel
	HandedIn
	HandedInHeld
	StatementBroken
	StatementNoKey     // {1} shipper
	StatementElsewhere // {1} shipper
	StatementOld       // {1} minutes
	StatementAhead     // {1} minutes
	StatementReplayed  // {1} shipper
	StatementTooShort  // {1} shipper
	StatementNoClock   // {1} shipper
	StationNoClock
	StatementTaken // {1} shipper
	StatementHolds // {1} shipper
	StatementDoubt // {1} shipper

	// Lines of a shop's scanner.

	PackingHelp
	NotOnList // {1} date
	NoList
	ScanTheBox
	LineBeforeBox
	PutOnAddress // {1} address
	Filled       // {1} address
	BoxInUse     // {1} dated container
	LineHasBox
	BoxBeforeAddress
	WrongAddress // {1} address
	Shelved
	BoxOffList
	NoMenuCard
	LineFirst
	ScanShortProduct
	NotedShort
	AllShort
	ProductOnlyWhenShort
	ProductNotOnLine

	// Lines of a driver's device.

	LoadingHelp
	StopCollect // {1} place
	StopDeliver // {1} place
	StopReturn  // {1} place
	AtStop      // {1} place
	NoStopAhead
	NothingYours
	HaveBox
	BoxNotYours
	OtherBoxHere
	BoxBelongsOn // {1} address
	BoxBeforeShipper
	PutIntoShipper // {1} shipper
	WrongShipper   // {1} shipper
	BoxOffSheet
	Loaded

	keys // how many there are
)

// lines is the table of all texts: at most 80 columns each, where a Japanese character takes two.
var lines = [keys]struct{ en, ja string }{
	NoPlanYet:    {"Out of service until the hub has been heard. Please call for help.", "センターとの通信待ちのため使えません。担当者にご連絡ください。"},
	OutOfService: {"Out of service: this device cannot record. Please call for help.", "記録できないため使えません。担当者にご連絡ください。"},
	ClockNotSet:  {"The clock of this lock is not set. Please call the number on the door.", "時計が未設定のため開きません。扉に記載の番号へお電話ください。"},
	NotOurs:      {"This code is not one of ours.", "このコードは使えません。"},

	TooManyWrongCodes:  {"Too many wrong codes. Please wait a minute.", "番号の誤りが続いています。1分ほどお待ちください。"},
	NoSuchCode:         {"No such code here.", "この番号はここでは使えません。"},
	CodeLocked:         {"This number is locked after wrong ones. Please scan your QR code, or wait.", "誤入力が続いたため一時停止中です。QRコードをご利用ください。"},
	CodeTooEarly:       {"Your code is not valid yet.", "この番号はまだ使えません。"},
	CodeTooLate:        {"Your code is no longer valid.", "この番号の受取期間は終わりました。"},
	CodeUsedUp:         {"Your code has been used up.", "この番号は使用回数の上限に達しました。"},
	TokenUnknownKey:    {"This QR code cannot be checked yet. Please enter your number.", "このQRコードはまだ確認できません。番号を入力してください。"},
	TokenElsewhere:     {"This QR code is for another place. Please look at your messages.", "別の場所のQRコードです。お知らせをご確認ください。"},
	TokenRevoked:       {"This QR code is no longer valid. Please look at your messages.", "このQRコードは無効になりました。お知らせをご確認ください。"},
	GoodsHeld:          {"We are checking the temperature of your order, and will tell you.", "ご注文の品の温度を確認しています。お渡しできるようになりましたらご連絡します。"},
	OrderElsewhere:     {"Your order is in {1}.", "ご注文の品は {1} にあります。"},
	NothingForYou:      {"There is nothing here for you. Please look at your messages.", "お渡しする品がありません。お知らせをご確認ください。"},
	NotDelivered:       {"Your order is not delivered yet.", "ご注文の品はまだ届いていません。"},
	PartlyDelivered:    {"{1} of {2} boxes here. Not yet in: {3}.", "{2}箱のうち{1}箱が届いています。未着: {3}"},
	DoorIsOpen:         {"The door is open.", "扉は開いています。"},
	Open:               {"Open.", "解錠しました。"},
	OpenSlots:          {"Open: {1}.", "解錠しました。お品は {1} です。"},
	OpenSlotsElsewhere: {"Open: {1}. More of your order is in {2}.", "解錠しました。お品は {1}、残りは {2} です。"},
	OpenElsewhere:      {"Open. More of your order is in {1}.", "解錠しました。残りのお品は {1} です。"},
	OpenCourier:        {"Open. Scan each box and its slot.", "解錠しました。箱、棚の順にスキャンしてください。"},
	OpenShop:           {"Open. Put each box on its address and shut the door.", "解錠しました。箱を番地に置き、扉を閉めてください。"},
	OpenStaff:          {"Open. Your visit is recorded.", "解錠しました。この入室は記録されます。"},
	PlanTooOld:         {"This lock is cut off. Please show the QR code from your messages.", "通信が途絶えています。お知らせのQRコードをかざしてください。"},
	ClockUnsure:        {"The clock is lost. Codes that held when it was last known still open.", "時計が失われています。最後の時刻に有効な番号のみ使えます。"},
	LockSilent:         {"The lock does not answer. Please call the number on the door.", "錠が動きません。扉に記載の番号へお電話ください。"},
	DoorDidNotOpen:     {"The door did not open. Enter your code again, or call the number on the door.", "開きませんでした。再入力するか、扉に記載の番号へお電話ください。"},
	DoorNotPulled:      {"The door was not opened. Enter your code again, then pull.", "扉が開けられませんでした。もう一度入力し、扉を引いてください。"},
	ShutWarmDoor:       {"Please shut the door now: it is getting warm inside.", "庫内の温度が上がっています。すぐに扉を閉めてください。"},
	PushDoor:           {"The door is not locked. Please push it until it locks.", "施錠されていません。扉を最後まで押してください。"},
	ShutDoor:           {"Please shut the door.", "扉を閉めてください。"},
	ThankYou:           {"Thank you.", "ありがとうございました。"},
	BeingServiced:      {"Being serviced. Please come back in a few minutes.", "点検中です。数分後にもう一度お越しください。"},
	CallNumber:         {"Your number for the person on the phone: {1}", "電話の係員にお伝えいただく番号: {1}"},

	ScanBoxThenSlot:   {"Scan a box, then its slot.", "箱、棚の順にスキャンしてください。"},
	BoxBeforeSlot:     {"Scan the box first, then the slot.", "先に箱、次に棚をスキャンしてください。"},
	PutIntoSlot:       {"Put it into {1} and scan the slot.", "{1} に入れ、棚をスキャンしてください。"},
	SeeLabel:          {"Put it into the slot on its label and scan the slot.", "ラベルにある棚に入れ、棚をスキャンしてください。"},
	SlotNotPlanned:    {"Nothing is planned for this slot.", "この棚に入れる箱の予定はありません。"},
	WrongSlot:         {"Wrong slot. Put it into {1}.", "棚が違います。{1} に入れてください。"},
	WrongSlotSeeLabel: {"Wrong slot. Look at the label of the box.", "棚が違います。箱のラベルをご確認ください。"},
	HandedIn:          {"Right. Next box.", "確認しました。次の箱をどうぞ。"},

	HandedInHeld:       {"Right. It is held and not handed out yet. Next box.", "確認しました。お渡しは保留中です。次の箱をどうぞ。"},
	StatementBroken:    {"This code cannot be read or was changed. Scan it once more.", "コードを読み取れないか、改変されています。もう一度どうぞ。"},
	StatementNoKey:     {"The sign of shipper {1} cannot be checked here. Go on with the boxes.", "保冷箱 {1} の署名を確認できません。箱を続けてください。"},
	StatementElsewhere: {"Nothing from shipper {1} belongs here.", "保冷箱 {1} の品はここにはありません。"},
	StatementOld:       {"This code is {1} minutes old. Scan what the shipper shows now.", "{1}分前のコードです。今の表示をスキャンしてください。"},
	StatementAhead:     {"This code is {1} minutes ahead: a clock is wrong. Go on with the boxes.", "コードの時刻が{1}分先です。箱を続けてください。"},
	StatementReplayed:  {"A newer code of shipper {1} is here already.", "保冷箱 {1} の新しいコードを確認済みです。"},
	StatementTooShort:  {"Shipper {1} does not know how it was when it was loaded. Go on.", "保冷箱 {1} は積込時の温度を知りません。続けてください。"},
	StatementNoClock:   {"The clock of shipper {1} is lost. Go on with the boxes.", "保冷箱 {1} の時計が失われています。箱を続けてください。"},
	StationNoClock:     {"The clock here is lost: the code cannot be judged. Go on with the boxes.", "この時計が失われ判定できません。箱を続けてください。"},
	StatementTaken:     {"Shipper {1} kept its temperature. Scan a box.", "保冷箱 {1} の温度は正常です。箱をスキャンしてください。"},
	StatementHolds:     {"Shipper {1} was too warm or too cold: its goods are held. Go on.", "保冷箱 {1} は温度逸脱のため保留です。箱を続けてください。"},
	StatementDoubt:     {"Shipper {1} does not know all of its way. Go on with the boxes.", "保冷箱 {1} に温度の空白があります。箱を続けてください。"},

	PackingHelp:          {"Scan the list, a box, an address or a product.", "リスト、箱、番地、商品のどれかをスキャンしてください。"},
	NotOnList:            {"This is not on your list of {1}.", "{1} のリストにありません。"},
	NoList:               {"There is no list for you yet.", "リストはまだ届いていません。"},
	ScanTheBox:           {"Now scan the box.", "箱をスキャンしてください。"},
	LineBeforeBox:        {"Scan the line on the list first, then the box.", "先にリストの行、次に箱をスキャンしてください。"},
	PutOnAddress:         {"Put it on {1} and scan the address.", "{1} に置き、番地をスキャンしてください。"},
	Filled:               {"Filled. Put it on {1} and scan the address.", "登録しました。{1} に置き、番地をスキャンしてください。"},
	BoxInUse:             {"This box is in use for {1}. Take another.", "この箱は {1} で使用中です。別の箱にしてください。"},
	LineHasBox:           {"This line has its box already.", "この行の箱は登録済みです。"},
	BoxBeforeAddress:     {"Scan the box first, then the address.", "先に箱、次に番地をスキャンしてください。"},
	WrongAddress:         {"Wrong address. It belongs on {1}.", "番地が違います。{1} に置いてください。"},
	Shelved:              {"Right. Next line.", "確認しました。次の行をどうぞ。"},
	BoxOffList:           {"This box is no longer on the list.", "この箱はリストから外れました。"},
	NoMenuCard:           {"This is no menu card of this step.", "このカードはここでは使えません。"},
	LineFirst:            {"Scan the line on the list first.", "先にリストの行をスキャンしてください。"},
	ScanShortProduct:     {"Scan the product that is short.", "足りない商品をスキャンしてください。"},
	NotedShort:           {"Noted: one unit short.", "不足1点を記録しました。"},
	AllShort:             {"All units of it are noted as short already.", "この商品は全数が不足として記録済みです。"},
	ProductOnlyWhenShort: {"Products are scanned only when one is short.", "商品は不足のときだけスキャンします。"},
	ProductNotOnLine:     {"This product is not on the line.", "この商品はこの行にありません。"},

	LoadingHelp:      {"Scan a place, an address, a box or a shipper.", "場所、番地、箱、保冷箱のどれかをスキャンしてください。"},
	StopCollect:      {"Stop {1}: collect.", "{1} に到着。集荷です。"},
	StopDeliver:      {"Stop {1}: deliver.", "{1} に到着。納品です。"},
	StopReturn:       {"Stop {1}: return.", "{1} に到着。返却です。"},
	AtStop:           {"You are at {1}.", "現在地は {1} です。"},
	NoStopAhead:      {"This place is no stop ahead of you.", "この先の停車地ではありません。"},
	NothingYours:     {"Nothing here is yours.", "ここに担当の箱はありません。"},
	HaveBox:          {"You have this box already.", "この箱は積み込み済みです。"},
	BoxNotYours:      {"This box is not yours. Leave it.", "担当の箱ではありません。そのままにしてください。"},
	OtherBoxHere:     {"Another box belongs here. Leave it.", "この番地の箱ではありません。そのままにしてください。"},
	BoxBelongsOn:     {"This box belongs on {1}.", "この箱の番地は {1} です。"},
	BoxBeforeShipper: {"Scan the box first, then the shipper.", "先に箱、次に保冷箱をスキャンしてください。"},
	PutIntoShipper:   {"Put it into shipper {1}.", "保冷箱 {1} に入れてください。"},
	WrongShipper:     {"Wrong shipper. It goes into {1}.", "保冷箱が違います。{1} に入れてください。"},
	BoxOffSheet:      {"This box is no longer on your sheet. Leave it.", "この箱は配送表から外れました。積まないでください。"},
	Loaded:           {"Loaded. Next box.", "積み込みました。次の箱をどうぞ。"},
}
