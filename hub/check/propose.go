package check

import (
	"context"
	"slices"
	"strings"
)

// maxProposals bounds how many repairs are sought for one date: the first have to be made before the next can be right.
const maxProposals = 100

// draft is a repair that is being made.
type draft struct {
	*finder
	ctx    context.Context
	after  map[string]*Container // containers as they are to be
	units  map[string]int        // how many units more or less are in them
	own    map[string]added      // how much more or less
	put    map[string]added      // of that, what comes in
	opened []string
	repair Repair
}

// propose makes a repair for each finding of a date, in order of urgency. Each can be applied alone: it counts on nothing that
// another one makes free, opens or takes away. No two of them take the same place or room, so that those that are chosen can be
// applied together.
func (l *look) propose(ctx context.Context, all []*Finding) error {
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, byUrgency)
	broken, err := l.unsound(ctx, all)
	if err != nil {
		return err
	}
	find := newFinder(l)
	for i, f := range all {
		if err := l.affected(ctx, f); err != nil {
			return err
		}
		if i >= maxProposals {
			f.Repair = Repair{None: because(TooManyFindings)}
			continue
		}
		d, why, err := find.try(ctx, f, broken)
		if err != nil {
			return err
		}
		if !why.yes() {
			f.Repair, find = d.finish(), d.kept(l)
			continue
		}
		f.Repair = Repair{None: why, Work: f.Severity() != Noticed && why.Obstacle != Follows}
		if len(find.news) > 0 { // it might go into what others open
			if _, still, err := find.try(ctx, f, broken, find.news...); err != nil {
				return err
			} else if !still.yes() {
				f.Repair = Repair{None: because(TooManyFindings)}
			}
		}
	}
	return nil
}

// try drafts a repair of a finding, with some containers more than there are.
func (f *finder) try(ctx context.Context, of *Finding, broken map[string]bool, more ...*box) (*draft, Why, error) {
	d := &draft{finder: f.copyOf(), ctx: ctx, after: map[string]*Container{}, units: map[string]int{}, own: map[string]added{},
		put: map[string]added{}}
	for _, b := range more {
		d.look = d.look.with(b)
	}
	why, err := d.draft(of, broken)
	return d, why, err
}

// kept is the finder for the drafts that follow: what this one takes is taken, what it opens or takes away they do not see.
func (d *draft) kept(l *look) *finder {
	for id, a := range d.put {
		d.pending[id] = d.pending[id].plus(a)
	}
	for _, id := range d.opened {
		d.news = append(d.news, d.boxes[id])
	}
	d.look = l
	return d.finder
}

// unsound gives the containers that nothing may be put into: what was found about them may move them, or all that is in them
// leaves by the repairs of findings, and then they go.
func (l *look) unsound(ctx context.Context, all []*Finding) (map[string]bool, error) {
	broken, leaving := map[string]bool{}, map[string]map[itemKey]bool{}
	for i, f := range all {
		for _, b := range f.boxes {
			broken[b.ID] = broken[b.ID] || rules[f.Kind].doNotLoad || f.Kind == StaleCopy
		}
		units := f.units
		switch f.Kind {
		case StaleCopy, WrongDate:
			continue
		case StillHolds, HoldOverdue, FrozenHold:
			if i >= maxProposals {
				continue
			}
			var err error
			if units, err = l.src.ItemsOf(ctx, f.order.ID); err != nil {
				return nil, err
			}
		}
		for _, u := range units {
			if leaving[u.Container] == nil {
				leaving[u.Container] = map[itemKey]bool{}
			}
			leaving[u.Container][u.key()] = true
		}
	}
	for id, units := range leaving {
		if b := l.boxes[id]; b != nil && len(units) >= b.units {
			broken[id] = true
		}
	}
	return broken, nil
}

// load is what is in a container, what other proposals may put into it, and what this one changes.
func (d *draft) load(b *box) added { return d.finder.load(b).plus(d.own[b.ID]) }

// affected fills in the orders that have something in the containers concerned.
func (l *look) affected(ctx context.Context, f *Finding) error {
	if len(f.boxes) == 0 {
		return nil
	}
	var ids []string
	for _, b := range f.boxes {
		if !slices.Contains(ids, b.ID) {
			ids = append(ids, b.ID)
		}
	}
	units, err := l.src.ItemsIn(ctx, ids)
	for _, u := range units {
		f.affects(u.Order)
	}
	return err
}

// draft fills in the changes, or says why there are none.
func (d *draft) draft(f *Finding, broken map[string]bool) (why Why, err error) {
	switch f.Kind {
	case RunGone, RouteGone, RunMisses, NotAboard, ShipperTwice, ShipperCategory, OverShipper, PlaceTwice, SlotGone, SlotTwice,
		FridgeKind, AddressSpot, AddressTwice, ShopSpot, OutOfService, StaleCopy:
		return d.resettle(f)
	case OverVolume, OverWeight, DoesNotFit, OverFloor:
		return d.unload(f, broken)
	case TwoShops, ItemCategory, WrongLocation, ContainerGone, WrongProduct:
		return d.rehouse(f, broken)
	case MissingPart:
		return d.complete(f, broken)
	case NoOrder, TooMany:
		d.release(f.units)
		return Why{}, nil
	case StillHolds:
		return Why{}, d.end(f, f.order.State)
	case HoldOverdue, FrozenHold:
		return Why{}, d.end(f, "expired")
	case HoldAfterCutoff:
		before, after := f.order.Order, f.order.Order
		after.HoldUntil = d.Cutoffs[after.Location]
		d.repair.Orders = append(d.repair.Orders, Change[Order]{&before, &after})
		return Why{}, nil
	case UsedDiffers, EmptyContainer:
		for _, b := range f.boxes {
			if f.Kind == EmptyContainer && !movableAll(b.Container) {
				return because(BoxBound), nil
			}
			if f.Kind == UsedDiffers && counted(b.Container, b.Container, b.ml) != b.ml { // no row can say so
				if d.found.has(OverVolume, d.Date, b.ID) || d.found.has(StaleCopy, d.Date, b.ID+"/capacity") {
					return because(Follows), nil
				}
				return because(NoneKnown), nil
			}
			d.touch(b.ID)
		}
		return Why{}, nil
	case WrongDate:
		return d.redate(f)
	case LimitLowered:
		return because(NothingToDo), nil
	case OverSales:
		return because(DeliverMore), nil
	case NoDelivery:
		return because(PutBack), nil
	case BoxTwice:
		return because(LookIntoBox), nil
	case ProductGone:
		return because(ProductPutBack), nil
	}
	return because(NoneKnown), nil
}

// touch has a container stored as it is to be; its sum is corrected by that.
func (d *draft) touch(id string) *Container {
	if c := d.after[id]; c != nil {
		return c
	}
	b := d.boxes[id]
	if b == nil {
		return nil
	}
	c := b.Container
	d.after[id] = &c
	return &c
}

// resettle gives the containers of a finding whatever they need.
func (d *draft) resettle(f *Finding) (Why, error) {
	if len(f.boxes) == 0 && len(f.units) > 0 { // copies in items
		for _, u := range f.units {
			after, p := u, d.net.Products[u.Product]
			after.Shop, after.Category = p.Shop, p.Category
			d.change(u, after)
		}
		return Why{}, nil
	}
	for _, b := range f.boxes {
		load := d.load(b)
		units, err := d.src.ItemsIn(d.ctx, []string{b.ID})
		if err != nil {
			return Why{}, err
		}
		for _, u := range units {
			if p := d.net.Products[u.Product]; !slices.Contains(load.products, p) {
				load.products = append(load.products, p)
			}
		}
		c, why := d.settle(b.Container, load)
		if why.yes() {
			return why.of(b.ID), nil
		}
		*d.touch(b.ID) = c
	}
	return Why{}, nil
}

// change notes a unit before and after, and what that means for its containers.
func (d *draft) change(before, after Item) {
	d.repair.Items = append(d.repair.Items, Change[Item]{&before, &after})
	if before.Container != after.Container {
		d.moved(before, -1)
		d.moved(after, 1)
	}
}

// moved notes that a unit comes into or leaves its container.
func (d *draft) moved(u Item, n int) {
	if d.touch(u.Container) == nil {
		return
	}
	d.units[u.Container] += n
	if p := d.net.Products[u.Product]; n < 0 {
		d.own[u.Container] = d.own[u.Container].without(p)
	} else {
		d.own[u.Container] = d.own[u.Container].with(p)
		d.put[u.Container] = d.put[u.Container].with(p)
	}
}

// release takes units away.
func (d *draft) release(units []Item) {
	for _, u := range units {
		d.repair.Items = append(d.repair.Items, Change[Item]{Before: &u})
		d.moved(u, -1)
	}
}

// house finds a container for a unit: one that is there, or a new one.
func (d *draft) house(location string, u Item, broken map[string]bool) (id string, why Why) {
	p, known := d.net.Products[u.Product]
	if !known {
		return "", because(NoProduct, u.Product)
	}
	for _, b := range d.inOrder {
		if b.Location == location && b.Shop == p.Shop && b.Category == p.Category && b.ID != u.Container && d.sound(b, broken) &&
			goesInto(p, d.net.slots[b.Slot]) && holds(d.net.slots[b.Slot], d.load(b).with(p)) {
			return b.ID, Why{}
		}
	}
	c, why := d.finder.opened(location, p)
	if why.yes() {
		return "", why
	}
	if !goesInto(p, d.net.slots[c.Slot]) {
		return "", because(SlotTooSmall, u.Product)
	}
	b := &box{Container: c}
	d.look = d.look.with(b)
	d.after[c.ID] = &c
	d.opened = append(d.opened, c.ID)
	return c.ID, Why{}
}

// with is the look with one container more.
func (l *look) with(b *box) *look {
	m := *l
	m.boxes = make(map[string]*box, len(l.boxes)+1)
	for id, other := range l.boxes {
		m.boxes[id] = other
	}
	m.boxes[b.ID] = b
	m.inOrder = append(slices.Clone(l.inOrder), b)
	return &m
}

// rehouse gives each unit of a finding a container that may hold it.
func (d *draft) rehouse(f *Finding, broken map[string]bool) (Why, error) {
	for _, u := range f.units {
		o := d.orders[u.Order]
		if o == nil {
			return because(UnitWithout).of(u.key().String()), nil
		}
		after := u
		if n := o.line(u.Line); f.Kind == WrongProduct && n != nil {
			after.Product = n.product
		}
		id, why := d.house(o.Location, after, broken)
		if why.yes() {
			return why.of(u.key().String()), nil
		}
		p := d.net.Products[after.Product]
		after.Container, after.Shop, after.Category = id, p.Shop, p.Category
		d.change(u, after)
	}
	return Why{}, nil
}

// unload takes units out of a container, the last ordered first, until what is left may be in it.
func (d *draft) unload(f *Finding, broken map[string]bool) (Why, error) {
	b := f.boxes[0]
	if b.State != "planned" {
		return because(BoxGoneOn, b.State).of(b.ID), nil
	}
	units, err := d.src.ItemsIn(d.ctx, []string{b.ID})
	if err != nil {
		return Why{}, err
	}
	slices.SortFunc(units, func(x, y Item) int { return d.sequenceOf(y) - d.sequenceOf(x) })
	s := d.net.slots[b.Slot]
	for _, u := range units {
		small := goesInto(d.net.Products[u.Product], s)
		if small && holds(s, d.load(b)) {
			continue
		}
		o := d.orders[u.Order]
		if o == nil {
			continue
		}
		id, why := d.house(o.Location, u, broken)
		if why.yes() {
			return why.of(u.key().String()), nil
		}
		after := u
		after.Container = id
		d.change(u, after)
	}
	if !holds(s, d.load(b)) {
		return because(NotApart).of(b.ID), nil
	}
	return Why{}, nil
}

func (d *draft) sequenceOf(u Item) int {
	if o := d.orders[u.Order]; o != nil {
		return int(o.Sequence)
	}
	return 0
}

// complete makes the units that an order lacks.
func (d *draft) complete(f *Finding, broken map[string]bool) (Why, error) {
	o := f.order
	switch {
	case len(o.lines) == 0:
		return because(OrderEmpty), nil
	case d.found.has(HoldOverdue, d.Date, o.ID), d.found.has(FrozenHold, d.Date, o.ID):
		return because(Follows), nil // it is to end
	}
	has := map[itemKey]bool{}
	units, err := d.src.ItemsOf(d.ctx, o.ID)
	if err != nil {
		return Why{}, err
	}
	for _, u := range units {
		has[u.key()] = true
	}
	for _, n := range o.lines {
		for unit := int64(1); n.have < n.want; unit++ {
			u := Item{Order: o.ID, Line: n.line, Unit: unit, Date: o.Date, Product: n.product}
			if has[u.key()] {
				continue
			}
			id, why := d.house(o.Location, u, broken)
			if why.yes() {
				return why.of(u.key().String()), nil
			}
			p := d.net.Products[n.product]
			u.Shop, u.Category, u.Container = p.Shop, p.Category, id
			d.repair.Items = append(d.repair.Items, Change[Item]{After: &u})
			d.moved(u, 1)
			n.have++
		}
	}
	return Why{}, nil
}

// end takes away all that an order holds, and has it in a state in which it holds nothing.
func (d *draft) end(f *Finding, state string) error {
	units, err := d.src.ItemsOf(d.ctx, f.order.ID)
	if err != nil {
		return err
	}
	if f.order.State != state {
		before, after := f.order.Order, f.order.Order
		after.State = state
		d.repair.Orders = append(d.repair.Orders, Change[Order]{&before, &after})
	}
	d.release(units)
	return nil
}

// finish sums up: a container holds what it held, but for what this draft changes. One in which nothing is left goes.
func (d *draft) finish() Repair {
	r := d.repair
	ids := make([]string, 0, len(d.after))
	for id := range d.after {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return strings.Compare(a, b) })
	for _, id := range ids {
		b, after := d.boxes[id], *d.after[id]
		left := b.units + d.units[id]
		ml := b.ml
		if b.unknown {
			ml = b.UsedML
		}
		after.UsedML = counted(b.Container, after, ml+d.own[id].ml)
		c := Change[Container]{&b.Container, &after}
		switch {
		case slices.Contains(d.opened, id):
			c.Before = nil
		case left <= 0 && movableAll(b.Container):
			c.After = nil
		case after == b.Container:
			continue
		}
		r.Containers = append(r.Containers, c)
	}
	return r.named()
}

// movableAll says whether a container is a plan only: no box is bound to it.
func movableAll(c Container) bool {
	planned, _ := movable(c)
	return planned && c.GRAI == ""
}
