package check

import "fmt"

// Kind is what is wrong.
type Kind string

// Severity says how bad it is.
type Severity int

// Severities, the worst first.
const (
	Grave   Severity = 1 // goods would not arrive, not fit, or spoil; or somebody gets nothing
	Wrong   Severity = 2 // the books are wrong: capacity is taken that nobody uses, or sums do not agree
	Noticed Severity = 3 // to be known; nothing has to be done
)

// String is the severity's word in the API.
func (s Severity) String() string {
	return map[Severity]string{Grave: "grave", Wrong: "wrong", Noticed: "noticed"}[s]
}

// Kinds of finding.
const (
	RunGone         Kind = "run_gone"
	RouteGone       Kind = "route_gone"
	RunMisses       Kind = "run_misses"
	NotAboard       Kind = "not_aboard"
	ShipperTwice    Kind = "shipper_twice"
	ShipperCategory Kind = "shipper_category"
	OverShipper     Kind = "over_shipper"
	PlaceTwice      Kind = "place_twice"
	SlotGone        Kind = "slot_gone"
	SlotTwice       Kind = "slot_twice"
	FridgeKind      Kind = "fridge_kind"
	AddressSpot     Kind = "address_spot"
	AddressTwice    Kind = "address_twice"
	ShopSpot        Kind = "shop_spot"
	BoxTwice        Kind = "box_twice"
	OverVolume      Kind = "over_volume"
	OverWeight      Kind = "over_weight"
	DoesNotFit      Kind = "does_not_fit"
	OverFloor       Kind = "over_floor"
	TwoShops        Kind = "two_shops"
	ItemCategory    Kind = "item_category"
	WrongLocation   Kind = "wrong_location"
	WrongDate       Kind = "wrong_date"
	NoDelivery      Kind = "no_delivery"
	OutOfService    Kind = "out_of_service"
	ContainerGone   Kind = "container_gone"
	ProductGone     Kind = "product_gone"
	MissingPart     Kind = "missing_part"
	TooMany         Kind = "too_many"
	WrongProduct    Kind = "wrong_product"
	NoOrder         Kind = "no_order"
	StillHolds      Kind = "still_holds"
	HoldOverdue     Kind = "hold_overdue"
	HoldAfterCutoff Kind = "hold_after_cutoff"
	FrozenHold      Kind = "frozen_hold"
	OverSales       Kind = "over_sales"
	LimitLowered    Kind = "limit_lowered"
	UsedDiffers     Kind = "used_differs"
	EmptyContainer  Kind = "empty_container"
	StaleCopy       Kind = "stale_copy"
)

// rule is what a kind means: how bad it is, whether a container with it must stay off the van, and how it is told. The text
// takes the finding's arguments by number, so that other languages can order them as they need.
type rule struct {
	severity  Severity
	doNotLoad bool
	text      string
}

var rules = map[Kind]rule{
	RunGone:         {Grave, true, "Container %[1]s rides with run %[2]s, which does not exist."},
	RouteGone:       {Grave, true, "Container %[1]s rides with run %[2]s of route %[3]s, which is not in the network any more."},
	RunMisses:       {Grave, true, "Container %[1]s: run %[2]s does not collect at %[3]s and after that deliver to %[4]s."},
	NotAboard:       {Grave, true, "Container %[1]s: shipper %[2]s is not aboard run %[3]s."},
	ShipperTwice:    {Grave, true, "Shipper %[1]s rides in two runs on one date: %[2]s."},
	ShipperCategory: {Grave, true, "Container %[1]s of category %[2]s goes into shipper %[3]s, which is for %[4]s."},
	OverShipper:     {Grave, true, "Shipper %[1]s in run %[2]s: places %[3]s, containers numbered into it %[4]s, up to place %[5]s."},
	PlaceTwice:      {Grave, true, "Place %[3]s of shipper %[1]s in run %[2]s is given to several containers: %[4]s."},
	SlotGone:        {Grave, true, "Container %[1]s: there is no slot %[2]s at location %[3]s."},
	SlotTwice:       {Grave, true, "Slot %[1]s is given to several containers: %[2]s."},
	FridgeKind:      {Grave, true, "Container %[1]s of category %[2]s: slot %[3]s is in a fridge of kind %[4]s, where it may not stand."},
	AddressSpot:     {Grave, true, "Container %[1]s: there is no address %[2]s at spot %[3]s, where shop %[4]s hands in."},
	AddressTwice:    {Grave, true, "Address %[1]s is given to several containers: %[2]s."},
	ShopSpot:        {Grave, true, "Container %[1]s is collected at %[2]s, shop %[3]s hands in at %[4]s."},
	BoxTwice:        {Grave, true, "Box %[1]s is bound to several containers: %[2]s."},
	OverVolume:      {Grave, true, "Container %[1]s holds %[2]s ml, it has room for %[3]s ml."},
	OverWeight:      {Grave, true, "Container %[1]s weighs %[2]s g, it bears %[3]s g."},
	DoesNotFit:      {Grave, true, "Container %[1]s: %[2]s does not fit into it."},
	OverFloor:       {Grave, true, "Container %[1]s: what nothing may stand on takes %[2]s mm² of its floor, which has %[3]s mm²."},
	TwoShops:        {Grave, false, "Container %[1]s is shop %[2]s's and holds units of shop %[3]s: %[4]s."},
	ItemCategory:    {Grave, false, "Container %[1]s is for category %[2]s and holds units of category %[3]s: %[4]s."},
	WrongLocation:   {Grave, false, "Order %[1]s is for location %[2]s, its container %[3]s goes to %[4]s."},
	WrongDate:       {Grave, true, "%[1]s is dated %[2]s, what belongs to it %[3]s."},
	NoDelivery:      {Grave, true, "%[1]s is for location %[2]s, where nothing is delivered on that date."},
	OutOfService:    {Grave, true, "Container %[1]s needs %[2]s %[3]s, which is out of service: %[4]s."},
	ContainerGone:   {Grave, false, "Container %[1]s does not exist, and holds units: %[2]s."},
	ProductGone:     {Grave, false, "Product %[1]s does not exist, and units of it hold places: %[2]s."},
	MissingPart:     {Grave, false, "Order %[1]s: units with a place: %[2]s of %[3]s."},
	TooMany:         {Wrong, false, "Order %[1]s holds more units than it is for: %[2]s instead of %[3]s."},
	WrongProduct:    {Grave, false, "Order %[1]s: units are not of the product of their line: %[2]s."},
	NoOrder:         {Wrong, false, "There is no order line %[1]s, and units of it hold places: %[2]s."},
	StillHolds:      {Wrong, false, "Order %[1]s is %[2]s and still holds units: %[3]s."},
	HoldOverdue:     {Wrong, false, "Order %[1]s is held, and its deadline has passed: %[2]s."},
	HoldAfterCutoff: {Wrong, false, "Order %[1]s is held until %[2]s, later than its cutoff: %[3]s."},
	FrozenHold:      {Grave, false, "Order %[1]s is held, and numbering has ended."},
	OverSales:       {Grave, false, "Product %[1]s: units sold: %[2]s, its limit is %[3]s."},
	LimitLowered:    {Noticed, false, "Product %[1]s: its limit was lowered to %[3]s, below the units sold: %[2]s. Nothing more is sold."},
	UsedDiffers:     {Wrong, false, "Container %[1]s is said to hold %[2]s ml, its units have %[3]s ml."},
	EmptyContainer:  {Wrong, true, "Container %[1]s holds nothing and takes a slot, a shipper place and an address."},
	StaleCopy:       {Wrong, false, "%[1]s says of %[2]s other than the network: %[3]s instead of %[4]s."},
}

// Kinds gives every kind of finding, for whoever has a text for each.
func Kinds() []Kind {
	all := make([]Kind, 0, len(rules))
	for k := range rules {
		all = append(all, k)
	}
	return all
}

// Severity says how bad a finding of the kind is.
func (k Kind) Severity() Severity { return rules[k].severity }

// Format is the kind's text in English, for fmt with the arguments of a finding by number.
func (k Kind) Format() string { return rules[k].text }

// Text tells a finding of the kind with its arguments, in English.
func (k Kind) Text(args []string) string {
	r, ok := rules[k]
	if !ok {
		return fmt.Sprintf("%s %q", k, args)
	}
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a
	}
	return fmt.Sprintf(r.text, values...)
}
