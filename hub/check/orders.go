package check

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// holdGrace is how much later than its deadline a hold may still be there: its owner is at work on it.
const holdGrace = 5 * time.Second

// settle tells what was noted of items while they went by.
func (l *look) settle(ctx context.Context) error {
	if err := l.findStrays(ctx); err != nil {
		return err
	}
	if err := l.findLost(ctx); err != nil {
		return err
	}
	for _, k := range l.badSeen {
		l.tell(k, l.bad[k])
	}
	return nil
}

// tell makes a finding of items that are wrong in one way.
func (l *look) tell(k bad, units []Item) {
	names := make([]string, len(units))
	for i, u := range units {
		names[i] = u.key().String()
	}
	var f *Finding
	switch k.kind {
	case TwoShops, ItemCategory:
		b := l.boxes[k.subject]
		has := map[Kind]string{TwoShops: b.Shop, ItemCategory: b.Category}[k.kind]
		f = l.found.add(k.kind, l.Date, b.ID+"/"+k.what, b.ID, has, k.what, some(names))
	case WrongLocation:
		f = l.found.add(k.kind, l.Date, k.subject+"/"+k.what, k.subject, l.orders[k.subject].Location, k.what, l.boxes[k.what].Location)
		f.row(containers, k.what)
	case StaleCopy:
		p := l.net.Products[units[0].Product]
		f = l.found.add(k.kind, l.Date, k.subject, k.subject, "shop and category of "+units[0].Product,
			units[0].Shop+" "+units[0].Category, p.Shop+" "+p.Category)
	case StillHolds:
		f = l.found.add(k.kind, l.Date, k.subject, k.subject, k.what, number(int64(len(units))))
	case NoOrder:
		f = l.found.add(k.kind, l.Date, k.subject, k.subject, some(names))
	default: // ProductGone, WrongProduct, ContainerGone
		f = l.found.add(k.kind, l.Date, k.subject, k.subject, some(names))
	}
	for _, u := range units {
		f.unit(u)
	}
	f.Departs = l.departsWith(units)
}

func (l *look) departsWith(units []Item) time.Time {
	for _, u := range units {
		if b := l.boxes[u.Container]; b != nil {
			return l.departure(b)
		}
	}
	if o := l.orders[units[0].Order]; o != nil {
		return l.departs(o.Location)
	}
	return l.departs("")
}

// findStrays looks for the orders of items that belong to none of the date: there is none, or it is of another date.
func (l *look) findStrays(ctx context.Context) error {
	for order, units := range grouped(l.strays, func(i Item) string { return i.Order }) {
		o, found, err := l.src.Order(ctx, order)
		if err != nil {
			return err
		}
		for _, u := range units {
			if !found {
				l.wrong(NoOrder, order, "", u)
			} else {
				l.conflict(o, u, l.boxes[u.Container] != nil)
			}
		}
	}
	for _, o := range l.orders {
		for _, u := range o.extra {
			l.wrong(NoOrder, fmt.Sprintf("%s/%d", u.Order, u.Line), "", u)
		}
	}
	return nil
}

// conflict is an item whose date is not its order's. Its container tells which of the two is wrong: the one that stands alone.
func (l *look) conflict(o Order, u Item, boxAgrees bool) {
	if boxAgrees {
		f := l.found.add(WrongDate, "", o.ID, o.ID, o.Date, u.Date)
		f.Date = u.Date
		f.row(orders, o.ID)
		f.affects(o.ID)
		if f.Departs.IsZero() {
			f.Departs = l.departs(o.Location)
		}
		return
	}
	f := l.found.add(WrongDate, "", u.key().String(), u.key().String(), u.Date, o.Date)
	f.Date = o.Date
	if !slices.Contains(f.units, u) {
		f.unit(u)
	}
	if f.Departs.IsZero() {
		f.Departs = l.departs(o.Location)
	}
}

// findLost looks for the containers of items that are in none of the date.
func (l *look) findLost(ctx context.Context) error {
	for id, units := range grouped(l.lost, func(i Item) string { return i.Container }) {
		c, found, err := l.src.Container(ctx, id)
		if err != nil {
			return err
		}
		for _, u := range units {
			o := l.orders[u.Order]
			switch {
			case !found:
				l.wrong(ContainerGone, id, "", u)
			case o != nil: // without it the item stands alone, which was told of its order
				l.misdatedBy(c, u.Date)
			}
		}
	}
	return nil
}

// misdatedBy is a container that is not of the date of its orders.
func (l *look) misdatedBy(c Container, date string) {
	b := l.boxes[c.ID]
	if b == nil {
		b = &box{Container: c, misdated: true}
	}
	if f := l.found.by[hash(string(WrongDate), "", c.ID)]; f != nil {
		f.Date, f.Departs = date, l.departs(c.Location) // as when only this date is looked at: proposals come in this order
		return
	}
	f := l.found.add(WrongDate, "", c.ID, c.ID, c.Date, date)
	f.Date = date
	f.box(b)
	f.Departs = l.departs(c.Location)
}

func grouped(all []Item, by func(Item) string) map[string][]Item {
	groups := map[string][]Item{}
	for _, i := range all {
		groups[by(i)] = append(groups[by(i)], i)
	}
	return groups
}

// recount looks again, over all dates, at the containers whose sums are not what is said of them.
func (l *look) recount(ctx context.Context) error {
	for _, b := range l.inOrder {
		if b.misdated || b.unknown || b.units > 0 && b.ml == b.UsedML {
			continue
		}
		units, err := l.src.ItemsIn(ctx, []string{b.ID})
		if err != nil {
			return err
		}
		b.ml, b.units = 0, len(units)
		for _, u := range units {
			b.ml += l.net.Products[u.Product].VolumeML
		}
		switch {
		case len(units) == 0:
			l.about(b, EmptyContainer)
		case b.ml != b.UsedML:
			l.about(b, UsedDiffers, number(b.UsedML), number(b.ml))
		}
	}
	return nil
}

// judgeOrders looks at what each order holds and may hold.
func (l *look) judgeOrders(ctx context.Context) error {
	for _, o := range l.orders {
		if ended[o.State] {
			if o.units > 0 {
				l.ofOrder(o, StillHolds, o.State, number(o.units))
			}
			continue
		}
		if err := l.complete(ctx, o); err != nil {
			return err
		}
		if _, ok := l.Cutoffs[o.Location]; !ok && !o.misdated {
			f := l.ofOrder(o, NoDelivery, o.Location)
			f.row(orders, o.ID)
		}
		if o.State == held {
			l.judgeHold(o)
		}
	}
	return nil
}

func (l *look) ofOrder(o *taking, kind Kind, args ...string) *Finding {
	f := l.found.add(kind, l.Date, o.ID, append([]string{o.ID}, args...)...)
	f.row(orders, o.ID)
	f.affects(o.ID)
	f.order = o
	f.Departs = l.departs(o.Location)
	return f
}

func (l *look) judgeHold(o *taking) {
	const shown = "2006-01-02 15:04:05Z"
	cutoff := l.Cutoffs[o.Location]
	switch {
	case l.Frozen:
		l.ofOrder(o, FrozenHold)
	case l.now.Sub(o.HoldUntil) > holdGrace:
		l.ofOrder(o, HoldOverdue, o.HoldUntil.UTC().Format(shown))
	case !cutoff.IsZero() && o.HoldUntil.After(cutoff):
		l.ofOrder(o, HoldAfterCutoff, o.HoldUntil.UTC().Format(shown), cutoff.UTC().Format(shown))
	}
}

// complete compares what an order holds with what it is for, and looks over all dates before it says that something is missing.
func (l *look) complete(ctx context.Context, o *taking) error {
	same := len(o.lines) > 0
	for _, n := range o.lines {
		same = same && n.want == n.have
	}
	if same {
		return nil
	}
	units, err := l.src.ItemsOf(ctx, o.ID)
	if err != nil {
		return err
	}
	for i := range o.lines {
		o.lines[i].have = 0
	}
	for _, u := range units {
		if n := o.line(u.Line); n != nil {
			n.have++
		}
		if u.Date != o.Date {
			if err := l.dated(ctx, o, u); err != nil {
				return err
			}
		}
	}
	l.tellCount(o, units)
	return nil
}

// dated is an item of an order that is of another date.
func (l *look) dated(ctx context.Context, o *taking, u Item) error {
	c, found, err := l.src.Container(ctx, u.Container)
	if err != nil {
		return err
	}
	o.misdated = true
	l.conflict(o.Order, u, found && c.Date == u.Date)
	return nil
}

func (l *look) tellCount(o *taking, units []Item) {
	var have int64
	short, over := len(o.lines) == 0, false
	for _, n := range o.lines {
		have += min(n.have, n.want)
		short, over = short || n.have < n.want, over || n.have > n.want
	}
	if short {
		l.ofOrder(o, MissingPart, number(have), number(o.wants()))
	}
	if over {
		f := l.ofOrder(o, TooMany, number(o.units), number(o.wants()))
		for _, u := range surplus(o, units) {
			f.unit(u)
		}
	}
}

// surplus gives the units that are more than their line asks for: the last ones.
func surplus(o *taking, units []Item) (over []Item) {
	slices.SortFunc(units, func(a, b Item) int { return int(a.Unit - b.Unit) })
	seen := map[int64]int64{}
	for _, u := range units {
		n := o.line(u.Line)
		if n == nil {
			continue
		}
		if seen[u.Line]++; seen[u.Line] > n.want {
			over = append(over, u)
		}
	}
	return over
}

// judgeSales compares what is sold with the limits. When nothing was sold since a limit was set or lowered, that was done below what
// had been sold, as it may be; then nothing more is.
func (l *look) judgeSales(ctx context.Context) error {
	for id, sold := range l.sold {
		limit, own := l.limit(id)
		if _, known := l.net.Products[id]; sold <= limit.Units || !known {
			continue
		}
		kind := OverSales
		if l.after[id] == 0 {
			kind = LimitLowered
		}
		f := l.found.add(kind, l.Date, id, id, number(sold), number(limit.Units))
		f.row("products", id)
		if own {
			f.row("product_limits", id+"/"+l.Date)
		}
		f.Departs = l.departs("")
		if kind == OverSales {
			buyers, err := l.src.Buyers(ctx, l.Date, id, int(min(sold-limit.Units, maxOrders)))
			if err != nil {
				return err
			}
			f.affects(buyers...)
		}
	}
	return nil
}
