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

	// Lines of a rental warehouse's scanner, short enough for two at a time. {1} is a piece where nothing else is said.

	AskBadge
	SignedOn // {1} badge
	SignedOff
	NoSuchBadge
	AskPIN
	WrongPIN
	PINClosed
	StepNotYours
	AskStep
	StepBegun // {1} name of the station
	CardUnknown
	NotThisStep
	NoPiece
	AskOK
	ErrorSeen
	MoreErrors // {1} number
	NotStored  // {1} number of scans
	NothingToSee
	PieceAgain
	BagAgain
	PieceRight
	PieceUnknown
	AskPiece
	PutOnShelf // {1} shelf
	AnyShelf
	OnShelf      // {1} pieces, {2} shelf
	ShelfFull    // {1} piece, {2} shelf
	ShelfUnknown // {1} piece, {2} shelf
	HandsFull    // {1} pieces
	PieceBeforeShelf
	GoTo    // {1} shelf, {2} piece
	AtShelf // {1} shelf
	AllPicked
	IntoTote        // {1} piece, {2} tote
	InsteadIntoTote // {1} piece, {2} tote, {3} piece of the list
	ToteRight       // {1} tote
	WrongTote       // {1} tote that is right
	NotOnPickList
	AskBag
	BagOpened // {1} end of its number
	PackNext  // {1} pieces
	AllPacked
	BagShort        // {1} pieces
	BagClosed       // {1} pieces
	CloseFirst      // {1} bag or shelf
	BagShipped      // {1} end of its number
	BagVoided       // {1} end of its number
	BagUnknown      // {1} end of its number
	WaybillNoted    // {1} number
	WaybillReplaced // {1} number {2} the one before
	BagReceived     // {1} pieces
	BagUnexpected   // {1} end of its number
	BagNamed        // {1} name
	UnpackNext      // {1} pieces
	PieceUnexpected
	SomebodyElses
	FindNoted
	FindsFull
	BagMissing // {1} pieces, {2} which
	CloseAgain
	InspectNext
	GradeNoted // {1} grade
	DirtNoted
	DamageNoted // {1} kind, {2} how many
	DetailNoted // {1} place or photo
	DamagesFull
	DamageFirst
	FinishFirst
	PiecePassed
	PieceFailed
	AskBatch
	BatchBegun // {1} batch
	AskReason
	ReasonNoted // {1} reason
	AskShelf
	CountBegun // {1} shelf, {2} pieces
	CountNext  // {1} shelf
	NotCounted // {1} shelf
	CountDone  // {1} right, {2} elsewhere, {3} missing, {4} unknown
	RuleUnregistered
	RuleAgain
	RuleState
	RuleNotFit
	RulePromised
	RulePickedTwice
	RuleOtherOrder
	RuleOtherBatch
	RuleDirty
	RuleDamaged
	RuleSamePerson
	RuleNothingBroken
	RuleGone
	RuleElsewhere // {1} piece, {2} shelf
	RuleOut
	RuleSkipped
	RuleOther

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

	AskBadge:          {"Scan your badge.", "名札をスキャンしてください。"},
	SignedOn:          {"{1} signed on.", "{1} で開始しました。"},
	SignedOff:         {"Signed off.", "作業を終了しました。"},
	NoSuchBadge:       {"This badge is not on the list.", "この名札は登録されていません。"},
	AskPIN:            {"Enter your PIN, then scan OK.", "暗証番号を入力し、OKをスキャンしてください。"},
	WrongPIN:          {"Wrong PIN.", "暗証番号が違います。"},
	PINClosed:         {"Too many wrong PINs. Please wait.", "暗証番号の誤りが続いています。お待ちください。"},
	StepNotYours:      {"This step is not yours.", "この工程は担当外です。"},
	AskStep:           {"Scan a station card.", "工程カードをスキャンしてください。"},
	StepBegun:         {"{1}: ready.", "{1} を開始します。"},
	CardUnknown:       {"This card means nothing here.", "このカードはここでは使えません。"},
	NotThisStep:       {"This code is not for this step.", "この工程では使わないコードです。"},
	NoPiece:           {"This label names no single piece.", "個品を特定できないラベルです。"},
	AskOK:             {"Scan OK when you have seen this.", "確認したらOKをスキャンしてください。"},
	ErrorSeen:         {"Seen.", "確認しました。"},
	NothingToSee:      {"There is no error to confirm.", "確認するエラーはありません。"},
	PieceAgain:        {"{1}: scanned already.", "{1} はスキャン済みです。"},
	MoreErrors:        {"{1} more errors. Look at the pieces scanned last.", "ほかにエラー{1}件。最後にスキャンした商品を確認。"},
	NotStored:         {"{1} scans are lost: the storage is full. Scan the last pieces again.", "記録できず{1}件が失われました。最後の商品を再スキャン。"},
	BagAgain:          {"This bag was scanned already.", "この袋はスキャン済みです。"},
	PieceRight:        {"{1}: right.", "{1} 確認しました。"},
	PieceUnknown:      {"{1} is not known here. Recorded.", "{1} は未登録です。記録しました。"},
	AskPiece:          {"Scan a piece.", "商品をスキャンしてください。"},
	PutOnShelf:        {"Put it on {1} and scan it.", "{1} に置き、棚をスキャンしてください。"},
	AnyShelf:          {"No shelf has room: choose one and scan it.", "空き棚がありません。置いた棚をスキャンしてください。"},
	OnShelf:           {"{2}: {1} put away.", "{2} に {1} 点を格納しました。"},
	ShelfFull:         {"{1}: {2} is full.", "{1}: 棚 {2} は満杯です。"},
	ShelfUnknown:      {"{1}: {2} is no shelf of ours.", "{1}: {2} は登録のない棚です。"},
	HandsFull:         {"{1} in hand: scan the shelf first.", "手元に {1} 点あります。先に棚をスキャンしてください。"},
	PieceBeforeShelf:  {"Scan a piece first, then the shelf.", "先に商品、次に棚をスキャンしてください。"},
	GoTo:              {"Go to {1}: {2}.", "{1} へ: {2}"},
	AtShelf:           {"At {1}.", "{1} です。"},
	AllPicked:         {"All is picked.", "すべてピッキング済みです。"},
	IntoTote:          {"{1} into tote {2}.", "{1} をトート {2} へ。"},
	InsteadIntoTote:   {"{1} in place of {3}, into tote {2}.", "{3} の代わりに {1} をトート {2} へ。"},
	ToteRight:         {"Tote {1}: right.", "トート {1} 確認しました。"},
	WrongTote:         {"Wrong tote. It goes into {1}.", "トートが違います。{1} に入れてください。"},
	NotOnPickList:     {"{1} is on no list. Put it back.", "{1} はリストにありません。戻してください。"},
	AskBag:            {"Scan a bag.", "袋をスキャンしてください。"},
	BagOpened:         {"Bag {1} is open.", "袋 {1} を開始します。"},
	PackNext:          {"{1} to go: scan a piece.", "残り {1} 点。商品をスキャンしてください。"},
	AllPacked:         {"All is in: scan Close.", "すべて入りました。「閉じる」をスキャン。"},
	BagShort:          {"{1} pieces are missing.", "{1} 点足りません。"},
	BagClosed:         {"Closed with {1} pieces.", "{1} 点で閉じました。"},
	CloseFirst:        {"Close {1} first.", "先に {1} を閉じてください。"},
	BagShipped:        {"Bag {1} has left.", "袋 {1} を発送しました。"},
	BagVoided:         {"Bag {1} has not left.", "袋 {1} の発送を取り消しました。"},
	BagUnknown:        {"Bag {1} is on no list.", "袋 {1} はリストにありません。"},
	WaybillNoted:      {"Waybill {1}.", "送り状 {1}"},
	WaybillReplaced:   {"Waybill {1} in place of {2}: is a bag without one?", "送り状 {1}（{2} と交換）。送り状のない袋がないか確認。"},
	BagReceived:       {"Received: {1} expected.", "受付しました。予定 {1} 点。"},
	BagUnexpected:     {"Bag {1} was not expected.", "袋 {1} は返却予定にありません。"},
	BagNamed:          {"Write {1} on the bag.", "袋に {1} と書いてください。"},
	UnpackNext:        {"{1} still in: scan a piece, or Close.", "残り {1} 点。商品か「閉じる」をスキャン。"},
	PieceUnexpected:   {"{1} was not expected in this bag.", "{1} はこの袋の予定にありません。"},
	SomebodyElses:     {"{1} is somebody else's.", "{1} は別のお客様の品です。"},
	FindNoted:         {"Noted. Put it aside.", "記録しました。別にしてください。"},
	FindsFull:         {"No more finds fit: call for help.", "記録の上限です。担当者を呼んでください。"},
	BagMissing:        {"{1} missing: {2}.", "{1} 点なし: {2}"},
	CloseAgain:        {"Look again. Scan Close if they are missing.", "再確認し、無ければ「閉じる」をスキャン。"},
	InspectNext:       {"Grade, damages, then Pass or Fail.", "等級、損傷、最後に合否をスキャン。"},
	GradeNoted:        {"Grade {1}.", "等級 {1}"},
	DirtNoted:         {"Dirty.", "汚れあり。"},
	DamageNoted:       {"Damage {2}: {1}.", "損傷{2}: {1}"},
	DetailNoted:       {"Noted: {1}.", "記録: {1}"},
	DamagesFull:       {"No more damages fit.", "損傷の記録は上限です。"},
	DamageFirst:       {"Scan the damage first.", "先に損傷をスキャンしてください。"},
	FinishFirst:       {"Finish {1} first.", "先に {1} を終えてください。"},
	PiecePassed:       {"{1} passed.", "{1} 合格。"},
	PieceFailed:       {"{1} failed.", "{1} 不合格。"},
	AskBatch:          {"Scan the batch or work order.", "バッチか作業票をスキャンしてください。"},
	BatchBegun:        {"Batch {1}.", "バッチ {1}"},
	AskReason:         {"Scan the reason.", "理由をスキャンしてください。"},
	ReasonNoted:       {"Reason: {1}.", "理由: {1}"},
	AskShelf:          {"Scan a shelf.", "棚をスキャンしてください。"},
	CountBegun:        {"{1}: {2} expected.", "{1}: 予定 {2} 点"},
	CountNext:         {"{1}: each piece, then Close.", "{1}: 全点スキャン後「閉じる」"},
	NotCounted:        {"{1} is not counted. If it is empty, scan it and Close.", "{1} は未集計。空の棚はスキャンして「閉じる」"},
	CountDone:         {"{1} right, {2} from elsewhere, {3} missing, {4} unknown.", "正 {1}、他所 {2}、不明 {3}、未登録 {4}"},
	RuleUnregistered:  {"{1} is not registered.", "{1} は未登録です。"},
	RuleAgain:         {"{1} is registered already.", "{1} は登録済みです。"},
	RuleState:         {"{1} should not be here. Put it aside.", "{1} はこの工程にない品です。別にしてください。"},
	RuleNotFit:        {"{1} has not passed inspection. Put it aside.", "{1} は検品未合格です。別にしてください。"},
	RulePromised:      {"{1} is another order's. Leave it.", "{1} は別の注文の品です。戻してください。"},
	RulePickedTwice:   {"{1} was picked by somebody else, too.", "{1} は他の人もピッキングしています。"},
	RuleOtherOrder:    {"{1} is for another order. Put it aside.", "{1} は別の注文用です。別にしてください。"},
	RuleOtherBatch:    {"{1} went into another batch.", "{1} は別のバッチの品です。"},
	RuleDirty:         {"{1} was not cleaned.", "{1} は未クリーニングです。"},
	RuleDamaged:       {"{1} has damages or grade D: it cannot pass.", "{1} は損傷かD等級のため合格できません。"},
	RuleSamePerson:    {"You repaired {1}: another must inspect it.", "{1} は補修した本人が検品できません。"},
	RuleNothingBroken: {"{1} has no damage noted.", "{1} に損傷の記録はありません。"},
	RuleGone:          {"{1} was sold or retired. Put it aside.", "{1} は買取か除籍済みです。別にしてください。"},
	RuleElsewhere:     {"{1} belongs on {2}.", "{1} の棚は {2} です。"},
	RuleOut:           {"{1} should be with a customer. Put it aside.", "{1} は貸出中のはずです。別にしてください。"},
	RuleSkipped:       {"{1}: the step before was not scanned.", "{1} は前の工程が未スキャンです。"},
	RuleOther:         {"{1} is against the rules. Put it aside.", "{1} は規則に合いません。別にしてください。"},
}
