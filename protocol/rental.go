package protocol

// Step is what is done to a rental item or a bag, in the order of a garment's round. Beside each stands its business step of GS1's Core
// Business Vocabulary 2.0 (CBV), as which it is exported.
type Step uint8

// Steps of the round.
const (
	StepRegister      Step = 1  // 入庫, commissioning: the piece is known from now on
	StepInspectIn     Step = 2  // 受入検品, inspecting: before it is let for the first time
	StepPutAway       Step = 3  // 格納, stocking: on a shelf
	StepPick          Step = 4  // ピッキング, picking: for an order
	StepPack          Step = 5  // 梱包, packing: into a bag
	StepUnpack        Step = 6  // 突合, unpacking: out of a bag that came back, or one that does not leave after all
	StepShip          Step = 7  // 発送, shipping
	StepVoidShip      Step = 8  // 発送取消, void_shipping: it has not left after all
	StepDeliver       Step = 9  // お届け, accepting: with the customer
	StepSendBack      Step = 10 // 返送, shipping: the customer has sent it back
	StepReceive       Step = 11 // 返却受付, receiving: at the dock, in its bag
	StepInspectReturn Step = 12 // 返却検品, inspecting
	StepClean         Step = 13 // クリーニング, cleaning: into a batch
	StepCleaned       Step = 14 // out of it
	StepRepair        Step = 15 // 補修, repairing: on a work order
	StepRepaired      Step = 16 // off it
	StepInspectFinal  Step = 17 // 最終検品, inspecting: before it is let again
	StepQuarantine    Step = 18 // 保留, holding
	StepCount         Step = 19 // 棚卸, cycle_counting: seen at a place
	StepMiss          Step = 20 // 所在不明, cycle_counting: not where it should be
	StepSell          Step = 21 // 買取, retail_selling
	StepRetire        Step = 22 // 除籍, decommissioning
)

// Custody is where a rental item is in its round. 0 is a piece that nobody has registered.
type Custody uint8

// States of custody, each entered by the step of the same number where there is one.
const (
	Registered      Custody = 1
	InspectedIn     Custody = 2
	Shelved         Custody = 3
	Picked          Custody = 4
	Packed          Custody = 5
	Unpacked        Custody = 6 // out of its bag and matched with what was expected
	InTransitOut    Custody = 7
	OnRent          Custody = 9
	InTransitBack   Custody = 10
	ReturnReceived  Custody = 11 // at the dock, in its bag
	ReturnInspected Custody = 12
	Cleaning        Custody = 13 // in a batch; or out of it and clean, waiting for what comes next
	Repairing       Custody = 15 // on a work order; or off it, waiting for what comes next
	FinalInspected  Custody = 17
	Quarantined     Custody = 18
	Missing         Custody = 20
	Sold            Custody = 21
	Retired         Custody = 22
)

// Grade is how good a rental item looks.
type Grade uint8

// Grades; 0 is not graded.
const (
	GradeA Grade = 1 // as new
	GradeB Grade = 2 // traces of wear
	GradeC Grade = 3 // visible wear
	GradeD Grade = 4 // not to be let
)

// ScanVerdict is what a scanner has said about a scan.
type ScanVerdict uint8

// Verdicts. Whatever was done with a piece is recorded with each of them.
const (
	VerdictAccept ScanVerdict = 1
	VerdictWarn   ScanVerdict = 2 // taken, and the person was told what is odd
	VerdictRefuse ScanVerdict = 3 // against the rules: the person was told not to, and it happened
)

// Kinds of record of rental. Revision 5.
const (
	KindItemScanned     Kind = 70
	KindBagScanned      Kind = 71
	KindShelfCounted    Kind = 72
	KindOperatorChanged Kind = 73
)

func (ItemScanned) Kind() Kind     { return KindItemScanned }
func (BagScanned) Kind() Kind      { return KindBagScanned }
func (ShelfCounted) Kind() Kind    { return KindShelfCounted }
func (OperatorChanged) Kind() Kind { return KindOperatorChanged }

// ItemScanned says that a step was done to one rental item. Revision 5.
type ItemScanned struct {
	Item       string      `cbor:"1,keyasint"` // bracketed element string, (01)GTIN(21)serial
	Step       Step        `cbor:"2,keyasint"`
	Operator   string      `cbor:"3,keyasint,omitempty"`  // badge of the person, a pseudonym
	Place      string      `cbor:"4,keyasint,omitempty"`  // shelf, dock or table, as its label says
	Bag        string      `cbor:"5,keyasint,omitempty"`  // SSCC that it went into or came out of, or the Alias of a bag without a label
	Order      string      `cbor:"6,keyasint,omitempty"`  // rental order that it is for
	Batch      string      `cbor:"7,keyasint,omitempty"`  // cleaning batch, or repair work order
	Conformant bool        `cbor:"8,keyasint,omitempty"`  // of an inspection: it may go on to be let
	Grade      Grade       `cbor:"9,keyasint,omitempty"`  // of an inspection; 0: as before
	Dirty      bool        `cbor:"10,keyasint,omitempty"` // of an inspection: it has to be cleaned
	Damages    []Damage    `cbor:"11,keyasint,omitempty"` // of an inspection: all that it has now, at most MaxDamages
	Reason     string      `cbor:"12,keyasint,omitempty"` // of a quarantine, a loss, a retirement
	Verdict    ScanVerdict `cbor:"13,keyasint"`           // what the scanner told the person
	Rule       string      `cbor:"14,keyasint,omitempty"` // that a warning or a refusal came from
}

// MaxDamages is how many damages of one item an inspection names.
const MaxDamages = 16

// Damage is one damage of an item.
type Damage struct {
	Kind  string `cbor:"1,keyasint"`           // stain, tear, button, zip, smell, mould, other
	Place string `cbor:"2,keyasint,omitempty"` // "left sleeve"
	Photo string `cbor:"3,keyasint,omitempty"` // reference of a photo that was taken elsewhere
}

// BagScanned says that a step was done to a bag: received at the dock, shipped, and for StepUnpack that nothing is left in it. Revision 5.
type BagScanned struct {
	Bag      string      `cbor:"1,keyasint"` // SSCC; empty for a bag without a label, which the scanner then names in Alias
	Step     Step        `cbor:"2,keyasint"`
	Operator string      `cbor:"3,keyasint,omitempty"`
	Place    string      `cbor:"4,keyasint,omitempty"`
	Order    string      `cbor:"5,keyasint,omitempty"`
	Waybill  string      `cbor:"6,keyasint,omitempty"`
	Alias    string      `cbor:"7,keyasint,omitempty"` // name given to a bag without a label, unique with the device
	Found    []BagFind   `cbor:"8,keyasint,omitempty"` // of StepUnpack: what else was in it, at most MaxBagFinds
	Verdict  ScanVerdict `cbor:"9,keyasint"`
	Rule     string      `cbor:"10,keyasint,omitempty"`
}

// MaxBagFinds is how many other things one bag is said to hold.
const MaxBagFinds = 16

// BagFind is something in a bag that is no piece of ours: somebody's belongings, another company's garment.
type BagFind struct {
	Kind string `cbor:"1,keyasint"`           // belongings, foreign, unlabelled
	Scan string `cbor:"2,keyasint,omitempty"` // its code, where it has one
	Note string `cbor:"3,keyasint,omitempty"`
}

// ShelfCounted ends the count of a shelf: every piece on it was scanned with StepCount before, since the count began. Revision 5.
type ShelfCounted struct {
	Place    string `cbor:"1,keyasint"`
	Operator string `cbor:"2,keyasint,omitempty"`
	Begun    int64  `cbor:"3,keyasint"` // Unix milliseconds of the scanner's clock
	Pieces   uint32 `cbor:"4,keyasint"` // that were scanned
}

// OperatorChanged says who works with a scanner from now on; nobody when Badge is empty. Revision 5.
type OperatorChanged struct {
	Badge string `cbor:"1,keyasint,omitempty"`
}

// WarehousePlan is a part "warehouse/POSITION" or "warehouse/POSITION/LIST": who may do what with a scanner of a rental warehouse, and the
// day's lists. What is too long for one part comes in several: each list is that of all parts together, in the order of the parts.
// Revision 5.
type WarehousePlan struct {
	Position  string        `cbor:"1,keyasint"`
	Date      string        `cbor:"2,keyasint"`           // shipping date of the lists, YYYY-MM-DD
	Operators []Operator    `cbor:"3,keyasint,omitempty"` // badges that are taken
	Stations  []Workstation `cbor:"4,keyasint,omitempty"` // codes that choose a step
	Orders    []PickOrder   `cbor:"5,keyasint,omitempty"` // that are to be picked
	Bags      []ExpectedBag `cbor:"6,keyasint,omitempty"` // that may come back
	Shelves   []ShelfPlan   `cbor:"7,keyasint,omitempty"` // in the order of the walk
	Kinds     []DamageKind  `cbor:"8,keyasint,omitempty"` // codes of damages, for inspections
	Swaps     SwapRule      `cbor:"9,keyasint,omitzero"`
}

// Operator is a person by badge.
type Operator struct {
	Badge string `cbor:"1,keyasint"`           // as on the badge's label
	Salt  []byte `cbor:"2,keyasint,omitempty"` // of Check
	Check []byte `cbor:"3,keyasint,omitempty"` // CheckPIN of the person's PIN; empty where a badge is enough
	Steps []Step `cbor:"4,keyasint,omitempty"` // that the person may do; none: all
}

// Workstation is a station or menu card: scanning its code chooses a step.
type Workstation struct {
	Code string `cbor:"1,keyasint"` // as on its label, without the identifier
	Step Step   `cbor:"2,keyasint"`
	Name string `cbor:"3,keyasint,omitempty"`
}

// PickOrder is one rental order of a wave.
type PickOrder struct {
	Order string     `cbor:"1,keyasint"`
	Tote  string     `cbor:"2,keyasint,omitempty"` // number of the tote that it is picked into
	Bag   string     `cbor:"3,keyasint,omitempty"` // SSCC of the bag it is packed in, where that is printed beforehand
	Lines []PickLine `cbor:"4,keyasint"`
}

// PickLine is one piece of an order.
type PickLine struct {
	Item  string `cbor:"1,keyasint"`           // that was allocated
	Shelf string `cbor:"2,keyasint,omitempty"` // where it is
	State uint8  `cbor:"3,keyasint,omitempty"` // 0 to be picked, 1 picked, 2 packed
}

// ExpectedBag is a bag that may come back, with what is expected in it.
type ExpectedBag struct {
	Bag   string   `cbor:"1,keyasint"` // SSCC
	Order string   `cbor:"2,keyasint,omitempty"`
	Items []string `cbor:"3,keyasint"`
}

// ShelfPlan is a shelf: how many pieces there is room for, 0 for no limit.
type ShelfPlan struct {
	Place string `cbor:"1,keyasint"`
	Room  uint32 `cbor:"2,keyasint,omitempty"`
}

// DamageKind is a menu code that notes a damage.
type DamageKind struct {
	Code string `cbor:"1,keyasint"`
	Kind string `cbor:"2,keyasint"`
}

// SwapRule says which other piece may be picked in place of the one that was allocated.
type SwapRule struct {
	SameGarment bool  `cbor:"1,keyasint,omitempty"` // another piece of the same GTIN that is free
	Worst       Grade `cbor:"2,keyasint,omitempty"` // and at least as good as this; 0: as the one allocated
}

// ItemsPlan is the part "items/POSITION/n": what the hub knows of pieces that a scanner may meet. A piece that is in none may still be
// scanned: the hub then says what it was. Revision 5.
type ItemsPlan struct {
	Position string      `cbor:"1,keyasint"`
	Items    []KnownItem `cbor:"2,keyasint"`
}

// KnownItem is what the hub knows of a piece, as far as a scanner's rules need it.
type KnownItem struct {
	Item       string  `cbor:"1,keyasint"`
	Custody    Custody `cbor:"2,keyasint"`
	Order      string  `cbor:"3,keyasint,omitempty"` // that it is allocated to, or out for
	Place      string  `cbor:"4,keyasint,omitempty"` // its shelf, or where it was seen last
	Bag        string  `cbor:"5,keyasint,omitempty"`
	Grade      Grade   `cbor:"6,keyasint,omitempty"`
	Fit        bool    `cbor:"7,keyasint,omitempty"` // its last qualifying inspection is passed, and newer than its last return
	Clean      bool    `cbor:"8,keyasint,omitempty"`
	Damaged    bool    `cbor:"9,keyasint,omitempty"`
	RepairedBy string  `cbor:"10,keyasint,omitempty"` // badges, one a line; another person has to inspect it
}
