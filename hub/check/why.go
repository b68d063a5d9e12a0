package check

import "fmt"

// Obstacle is a kind of reason why no repair is proposed.
type Obstacle string

// Obstacles.
const (
	TooManyFindings Obstacle = "many_findings"
	BoxBound        Obstacle = "box_bound"
	NothingToDo     Obstacle = "nothing_to_do"
	DeliverMore     Obstacle = "deliver_more"
	PutBack         Obstacle = "put_back"
	LookIntoBox     Obstacle = "look_into_box"
	ProductPutBack  Obstacle = "product_put_back"
	NoneKnown       Obstacle = "none_known"
	NoProduct       Obstacle = "no_product"
	SlotTooSmall    Obstacle = "slot_too_small"
	UnitWithout     Obstacle = "unit_without_order"
	BoxGoneOn       Obstacle = "box_gone_on"
	BoxOnAddress    Obstacle = "box_on_address"
	NotApart        Obstacle = "not_apart"
	OrderEmpty      Obstacle = "order_empty"
	OtherDate       Obstacle = "other_date"
	WhichDate       Obstacle = "which_date"
	NoShop          Obstacle = "no_shop"
	NotDelivered    Obstacle = "not_delivered"
	LocationOut     Obstacle = "location_out"
	NoSlotFree      Obstacle = "no_slot_free"
	NoRunFree       Obstacle = "no_run_free"
	NoAddressFree   Obstacle = "no_address_free"
	Follows         Obstacle = "follows"
)

// obstacles are their texts in English, for fmt with the arguments by number.
var obstacles = map[Obstacle]string{
	TooManyFindings: "there are many findings: repair the first ones, then look again",
	BoxBound:        "a box is bound to it: a person has to look what is in that",
	NothingToDo:     "nothing has to be done",
	DeliverMore:     "the shop has to deliver more, or orders have to be taken back",
	PutBack:         "the delivery has to be put back, or the orders called off",
	LookIntoBox:     "a person has to look which container the box holds",
	ProductPutBack:  "the product has to be put back, or its units taken off the orders",
	NoneKnown:       "no repair is known",
	NoProduct:       "product %[1]s does not exist",
	SlotTooSmall:    "no free slot is large enough for %[1]s",
	UnitWithout:     "this unit has no order on this date",
	BoxGoneOn:       "the box has gone on, it is %[1]s",
	BoxOnAddress:    "the box stands on its address, it is %[1]s",
	NotApart:        "what is in it cannot be told apart",
	OrderEmpty:      "nobody knows what the order is for",
	OtherDate:       "it is found, and its repair proposed, on %[1]s",
	WhichDate:       "a person has to find out which date is right",
	NoShop:          "shop %[1]s does not exist",
	NotDelivered:    "nothing is delivered to %[1]s on %[2]s",
	LocationOut:     "location %[1]s is out of service",
	NoSlotFree:      "no slot at %[1]s is free for %[2]s and large enough",
	NoRunFree:       "no run that collects at %[1]s and then delivers to %[2]s has a free place in a shipper for %[3]s",
	NoAddressFree:   "no address at %[1]s is free",
	Follows:         "the rows are right as they are once the other findings are repaired",
}

// Obstacles gives every kind of obstacle, for whoever has a text for each.
func Obstacles() []Obstacle {
	all := make([]Obstacle, 0, len(obstacles))
	for o := range obstacles {
		all = append(all, o)
	}
	return all
}

// Format is the obstacle's text in English, for fmt with the arguments of a Why by number.
func (o Obstacle) Format() string { return obstacles[o] }

// Why is why no repair is proposed. The zero value is no reason.
type Why struct {
	Obstacle Obstacle `json:"obstacle"`
	Args     []string `json:"args,omitempty"`
	Of       string   `json:"of,omitempty"` // the container or unit that has it; empty for the finding as a whole
}

// yes says whether there is a reason.
func (w Why) yes() bool { return w.Obstacle != "" }

// of names the container or unit that has the obstacle.
func (w Why) of(id string) Why {
	w.Of = id
	return w
}

// Text tells it in English; nothing for no reason.
func (w Why) Text() string {
	if w.Obstacle == "" {
		return ""
	}
	text, known := obstacles[w.Obstacle]
	if !known {
		return fmt.Sprintf("%s %q", w.Obstacle, w.Args)
	}
	args := make([]any, len(w.Args))
	for i, a := range w.Args {
		args[i] = a
	}
	if len(args) > 0 {
		text = fmt.Sprintf(text, args...)
	}
	if w.Of != "" {
		text = w.Of + ": " + text
	}
	return text
}

// because is a reason with its arguments.
func because(o Obstacle, args ...string) Why { return Why{Obstacle: o, Args: args} }
