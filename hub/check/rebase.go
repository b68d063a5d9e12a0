package check

import (
	"context"
	"slices"
)

// rebase carries a repair that was shown over to the rows as they are now, after other repairs of the same listing. What it
// changes must still be as it was or be as it is to be already; how full containers are is counted anew. Whether the result is
// right the look after it tells.
type rebase struct {
	ctx   context.Context
	src   Source
	net   Network
	into  Repair
	ml    map[string]int64 // that comes into containers, or leaves them
	units map[string]int
}

// rebased is r on the rows of src. It is ErrChanged when they contradict it, or leave nothing of it to do.
func (r Repair) rebased(ctx context.Context, src Source, net Network) (Repair, error) {
	b := &rebase{ctx: ctx, src: src, net: net, ml: map[string]int64{}, units: map[string]int{}}
	for _, o := range r.Orders {
		if err := b.order(o); err != nil {
			return Repair{}, err
		}
	}
	for _, i := range r.Items {
		if err := b.item(i); err != nil {
			return Repair{}, err
		}
	}
	for _, c := range b.concerned(r) {
		if err := b.container(c); err != nil {
			return Repair{}, err
		}
	}
	if len(b.into.Differences()) == 0 {
		return Repair{}, ErrChanged
	}
	b.into.ID = r.ID // under which it was shown, and is recorded
	return b.into, nil
}

// merge sets a field that a repair changes, and says whether it was as before or is as after.
func merge[T comparable](now *T, before, after T) bool {
	if before == after || *now == after {
		return true
	}
	fits := *now == before
	*now = after
	return fits
}

func (b *rebase) order(c Change[Order]) error {
	now, found, err := b.src.Order(b.ctx, c.Before.ID)
	if err != nil {
		return err
	}
	after := now
	state, hold := merge(&after.State, c.Before.State, c.After.State), merge(&after.HoldUntil, c.Before.HoldUntil, c.After.HoldUntil)
	if !found || !state || !hold {
		return ErrChanged
	}
	if after != now {
		b.into.Orders = append(b.into.Orders, Change[Order]{&now, &after})
	}
	return nil
}

// item goes by the unit, wherever it is by now. One that another repair has taken away, or out of its container, needs no change.
func (b *rebase) item(c Change[Item]) error {
	side := c.Before
	if side == nil {
		side = c.After
	}
	units, err := b.src.ItemsOf(b.ctx, side.Order)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(units, func(u Item) bool { return u.key() == side.key() })
	switch {
	case c.Before == nil && at >= 0:
		return ErrChanged
	case c.Before == nil:
		b.note(Change[Item]{After: c.After})
	case at < 0, c.After != nil && c.Before.Container != c.After.Container && units[at].Container != c.Before.Container: // moved already
	case c.After == nil:
		b.note(Change[Item]{Before: &units[at]})
	default:
		now, after := units[at], units[at]
		if !mergeItem(&after, *c.Before, *c.After) {
			return ErrChanged
		}
		b.note(Change[Item]{&now, &after})
	}
	return nil
}

func mergeItem(now *Item, before, after Item) bool {
	ok := merge(&now.Date, before.Date, after.Date)
	ok = merge(&now.Product, before.Product, after.Product) && ok
	ok = merge(&now.Shop, before.Shop, after.Shop) && ok
	ok = merge(&now.Category, before.Category, after.Category) && ok
	return merge(&now.Container, before.Container, after.Container) && ok
}

// note keeps the change of a unit, and what it means for its containers.
func (b *rebase) note(c Change[Item]) {
	if c.Before != nil && c.After != nil && *c.Before == *c.After {
		return
	}
	b.into.Items = append(b.into.Items, c)
	if u := c.Before; u != nil {
		b.ml[u.Container] -= b.net.Products[u.Product].VolumeML
		b.units[u.Container]--
	}
	if u := c.After; u != nil {
		b.ml[u.Container] += b.net.Products[u.Product].VolumeML
		b.units[u.Container]++
	}
}

// concerned gives the containers that the repair was to change, and those that its units turn out to be in.
func (b *rebase) concerned(r Repair) []Change[Container] {
	all, named := slices.Clone(r.Containers), map[string]bool{}
	for _, c := range r.Boxes() {
		named[c.ID] = true
	}
	var more []string
	for id := range b.units {
		if !named[id] {
			more = append(more, id)
		}
	}
	slices.Sort(more)
	for _, id := range more {
		same := Container{ID: id}
		all = append(all, Change[Container]{&same, &same})
	}
	return all
}

func (b *rebase) container(c Change[Container]) error {
	side := c.Before
	if side == nil {
		side = c.After
	}
	now, found, err := b.src.Container(b.ctx, side.ID)
	if err != nil {
		return err
	}
	if c.Before == nil {
		return b.opened(*c.After, found)
	}
	_, recount := b.units[side.ID]
	recount = recount || c.After == nil || c.Before.UsedML != c.After.UsedML || c.Before.Date != c.After.Date
	if !found {
		if b.units[side.ID] > 0 {
			return ErrChanged
		}
		return nil // it became empty by another repair, and went
	}
	after := now
	if c.After != nil && !mergeContainer(&after, *c.Before, *c.After) {
		return ErrChanged
	}
	change := Change[Container]{&now, &after}
	if recount {
		if change, err = b.recounted(change); err != nil {
			return err
		}
	}
	if change.After == nil || *change.After != now {
		b.into.Containers = append(b.into.Containers, change)
	}
	return nil
}

// opened is a new container with what is left to be put into it.
func (b *rebase) opened(c Container, exists bool) error {
	switch {
	case exists:
		return ErrChanged
	case b.units[c.ID] > 0:
		c.UsedML = b.ml[c.ID]
		b.into.Containers = append(b.into.Containers, Change[Container]{After: &c})
	}
	return nil
}

// recounted has a container say what is in it. One in which nothing is left goes.
func (b *rebase) recounted(c Change[Container]) (Change[Container], error) {
	units, err := b.src.ItemsIn(b.ctx, []string{c.Before.ID})
	if err != nil {
		return c, err
	}
	if len(units)+b.units[c.Before.ID] <= 0 && movableAll(*c.Before) {
		c.After = nil
		return c, nil
	}
	c.After.UsedML = b.net.counted(*c.Before, *c.After, units, b.ml[c.Before.ID])
	return c, nil
}

// counted is what a container's row is to say that held units, and holds so much more or less.
func (n Network) counted(before, after Container, units []Item, more int64) int64 {
	var ml int64
	for _, u := range units {
		p, known := n.Products[u.Product]
		if !known { // they say nothing, so the row has to be right
			ml = before.UsedML
			break
		}
		ml += p.VolumeML
	}
	return counted(before, after, ml+more)
}

// counted is what a container's row is to say of its contents of ml. More than its capacity it cannot say: then it says what it
// said, until the repair of what is too much.
func counted(before, after Container, ml int64) int64 {
	if ml > after.CapacityML && before.UsedML <= after.CapacityML {
		return before.UsedML
	}
	return ml
}

func mergeContainer(now *Container, before, after Container) bool {
	ok := true
	for _, f := range []func(*Container) *string{
		func(c *Container) *string { return &c.Date }, func(c *Container) *string { return &c.Location },
		func(c *Container) *string { return &c.Fridge }, func(c *Container) *string { return &c.FridgeKind },
		func(c *Container) *string { return &c.Slot }, func(c *Container) *string { return &c.Shop },
		func(c *Container) *string { return &c.Spot }, func(c *Container) *string { return &c.Category },
		func(c *Container) *string { return &c.Run }, func(c *Container) *string { return &c.Shipper },
		func(c *Container) *string { return &c.Address },
	} {
		ok = merge(f(now), *f(&before), *f(&after)) && ok
	}
	ok = merge(&now.CapacityML, before.CapacityML, after.CapacityML) && ok
	ok = merge(&now.ShipperCapacity, before.ShipperCapacity, after.ShipperCapacity) && ok
	return merge(&now.ShipperPlace, before.ShipperPlace, after.ShipperPlace) && ok
}
