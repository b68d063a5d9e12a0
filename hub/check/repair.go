package check

import (
	"fmt"
	"slices"
	"strings"
)

// Change is a row before and after. Without Before it is new, without After it goes.
type Change[T any] struct{ Before, After *T }

// Repair is a proposal to make rows right. It is applied whole or not at all, and only while what it changes is as it was when
// it was made.
type Repair struct {
	ID         string // names these changes, but for how full containers are; empty where there is nothing to apply
	None       Why    // why there is nothing to apply
	Work       bool   // and a person has to decide
	Containers []Change[Container]
	Items      []Change[Item]
	Orders     []Change[Order] // only their state and how long they are held
}

// Difference is one field of a row that a repair changes. Before or After is empty where there is no such row.
type Difference struct {
	Row           Row
	Field         string
	Before, After string
}

// named is a field by its column's name.
type named struct{ name, value string }

func (c Container) fields() []named {
	return []named{{"delivery_date", c.Date}, {"location_id", c.Location}, {"fridge_id", c.Fridge}, {"fridge_kind", c.FridgeKind},
		{"slot_id", c.Slot}, {"capacity_ml", number(c.CapacityML)}, {"used_ml", number(c.UsedML)}, {"shop_id", c.Shop},
		{"collection_spot_id", c.Spot}, {"category", c.Category}, {"run_id", c.Run}, {"shipper_id", c.Shipper},
		{"shipper_capacity", number(c.ShipperCapacity)}, {"shipper_place", number(c.ShipperPlace)}, {"address_id", c.Address}}
}

func (i Item) fields() []named {
	return []named{{"delivery_date", i.Date}, {"product_id", i.Product}, {"shop_id", i.Shop}, {"category", i.Category},
		{"dated_container_id", i.Container}}
}

func (o Order) fields() []named {
	return []named{{"state", o.State}, {"hold_until", o.HoldUntil.UTC().Format("2006-01-02T15:04:05.000Z")}}
}

// Differences gives the repair field by field. An item that comes or goes is one line.
func (r Repair) Differences() []Difference {
	var all []Difference
	for _, c := range r.Containers {
		all = append(all, differences(containers, Container.fields, func(c Container) string { return c.ID }, c)...)
	}
	for _, i := range r.Items {
		all = append(all, differences(items, Item.fields, func(i Item) string { return i.key().String() }, i)...)
	}
	for _, o := range r.Orders {
		all = append(all, differences(orders, Order.fields, func(o Order) string { return o.ID }, o)...)
	}
	return all
}

func differences[T any](table string, fields func(T) []named, key func(T) string, c Change[T]) (all []Difference) {
	switch {
	case c.Before == nil:
		return []Difference{{Row{table, key(*c.After)}, "", "", summary(fields(*c.After))}}
	case c.After == nil:
		return []Difference{{Row{table, key(*c.Before)}, "", summary(fields(*c.Before)), ""}}
	}
	after := fields(*c.After)
	for i, f := range fields(*c.Before) {
		if f.value != after[i].value {
			all = append(all, Difference{Row{table, key(*c.Before)}, f.name, f.value, after[i].value})
		}
	}
	return all
}

// summary is a whole row in one line.
func summary(all []named) string {
	var parts []string
	for _, f := range all {
		switch f.name {
		case "fridge_id", "fridge_kind", "shipper_capacity", "capacity_ml", "delivery_date":
		default:
			parts = append(parts, f.name+"="+f.value)
		}
	}
	return strings.Join(parts, " ")
}

// String writes a difference as a line of text.
func (d Difference) String() string {
	what := d.Row.Table + " " + d.Row.Key
	switch {
	case d.Before == "":
		return "+ " + what + ": " + d.After
	case d.After == "":
		return "- " + what + ": " + d.Before
	}
	return fmt.Sprintf("~ %s: %s %s -> %s", what, d.Field, d.Before, d.After)
}

// Boxes gives the containers that the repair changes, before and after.
func (r Repair) Boxes() (all []Container) {
	for _, c := range r.Containers {
		for _, side := range []*Container{c.Before, c.After} {
			if side != nil {
				all = append(all, *side)
			}
		}
	}
	return all
}

// Places gives the shops, routes and locations whose devices may need another plan after the repair.
func (r Repair) Places() []string {
	var all []string
	for _, b := range r.Boxes() {
		route, _, _ := strings.Cut(b.Run, "@")
		all = append(all, b.Shop, b.Location, route)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Dates gives the delivery dates whose rows the repair changes.
func (r Repair) Dates() []string {
	var all []string
	seen := map[string]bool{"": true}
	add := func(date string) {
		if !seen[date] {
			seen[date] = true
			all = append(all, date)
		}
	}
	for _, c := range r.Containers {
		for _, side := range []*Container{c.Before, c.After} {
			if side != nil {
				add(side.Date)
			}
		}
	}
	for _, i := range r.Items {
		for _, side := range []*Item{i.Before, i.After} {
			if side != nil {
				add(side.Date)
			}
		}
	}
	for _, o := range r.Orders {
		add(o.Before.Date)
	}
	return all
}

// named gives the repair its id: a hash of all that it changes. How full a container is, and whether it goes since nothing is left
// in it, follows from what else is in it and may be otherwise once a neighbour is applied: the name says so only of a repair that
// does nothing else.
func (r Repair) named() Repair {
	var parts, sums []string
	for _, d := range r.Differences() {
		if d.Row.Table == containers && (d.Field == "used_ml" || d.After == "") {
			sums = append(sums, "counted "+d.Row.Key)
		} else {
			parts = append(parts, d.String())
		}
	}
	if len(parts) == 0 {
		parts = sums
	}
	if len(parts) == 0 {
		return Repair{None: because(Follows)}
	}
	r.ID = hash(parts...)
	return r
}
