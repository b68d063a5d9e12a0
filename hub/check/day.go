package check

import (
	"context"
	"slices"
	"time"
)

// box is a dated container with what is in it, as far as it was counted.
type box struct {
	Container
	ml, weightG, footprint int64
	units                  int
	tooLarge               string // a product that does not go in
	misdated               bool
	unknown                bool // holds units of products that there are not: its sums say nothing
}

// taking is an order with its lines and how many units of each hold a place.
type taking struct {
	Order
	lines    []lineCount
	units    int64 // of lines that there are not, too
	misdated bool
	extra    []Item // units of lines that there are not
}

type lineCount struct {
	line       int64
	product    string
	want, have int64
}

func (t *taking) line(n int64) *lineCount {
	for i := range t.lines {
		if t.lines[i].line == n {
			return &t.lines[i]
		}
	}
	return nil
}

func (t *taking) wants() (want int64) {
	for _, l := range t.lines {
		want += l.want
	}
	return want
}

// network is Network with the ways to find things in it.
type network struct {
	Network
	slots     map[string]Slot
	addresses map[string]Address
}

func indexed(n Network) *network {
	x := &network{n, map[string]Slot{}, map[string]Address{}}
	for _, s := range n.Slots {
		x.slots[s.ID] = s
	}
	for _, a := range n.Addresses {
		x.addresses[a.ID] = a
	}
	return x
}

// bad names items that are wrong in one way.
type bad struct {
	kind          Kind
	subject, what string
}

// look is one look at one date.
type look struct {
	Day
	net *network
	src Source
	now time.Time

	runs    map[string]Run
	aboard  map[Aboard]bool
	aboards map[string][]string // runs by shipper
	boxes   map[string]*box
	inOrder []*box
	orders  map[string]*taking
	bad     map[bad][]Item
	badSeen []bad // in the order in which they were met
	badAll  int
	strays  []Item // of no order of the date
	lost    []Item // in no container of the date
	sold    map[string]int64
	after   map[string]int64 // units sold since the limit was set or lowered

	found *findings
	count Count
}

// Count is how much was looked at.
type Count struct{ Dates, Containers, Orders, Items int }

func newLook(net *network, src Source, now time.Time, found *findings) *look {
	return &look{net: net, src: src, now: now, runs: map[string]Run{}, aboard: map[Aboard]bool{}, aboards: map[string][]string{},
		boxes: map[string]*box{}, orders: map[string]*taking{}, bad: map[bad][]Item{}, sold: map[string]int64{},
		after: map[string]int64{}, found: found}
}

// open reads what is so on the date, and its containers.
func (l *look) open(ctx context.Context, date string) (err error) {
	if l.Day, err = l.src.Day(ctx, date); err != nil {
		return err
	}
	for _, r := range l.Runs {
		l.runs[r.ID] = r
	}
	for _, a := range l.Aboard {
		l.aboard[a] = true
		l.aboards[a.Shipper] = append(l.aboards[a.Shipper], a.Run)
	}
	return l.src.Containers(ctx, date, func(c Container) {
		b := &box{Container: c}
		l.boxes[c.ID] = b
		l.inOrder = append(l.inOrder, b)
		l.count.Containers++
	})
}

// read goes once through the orders and items of the date.
func (l *look) read(ctx context.Context) error {
	err := l.src.Orders(ctx, l.Date, func(o Order) {
		l.orders[o.ID] = &taking{Order: o}
		l.count.Orders++
	})
	if err != nil {
		return err
	}
	err = l.src.Lines(ctx, l.Date, func(n Line) {
		if o := l.orders[n.Order]; o != nil {
			o.lines = append(o.lines, lineCount{n.Line, n.Product, n.Quantity - n.Withdrawn, 0})
		}
	})
	if err != nil {
		return err
	}
	return l.src.Items(ctx, l.Date, func(i Item) {
		l.count.Items++
		l.item(i, l.orders[i.Order], l.boxes[i.Container])
	})
}

// item adds a unit to its order and container, and notes what is wrong with it.
func (l *look) item(i Item, o *taking, b *box) {
	if o == nil {
		l.strays = l.keep(l.strays, i)
	} else {
		l.ordered(i, o)
	}
	if b == nil {
		l.lost = l.keep(l.lost, i)
	}
	p, known := l.net.Products[i.Product]
	if !known {
		l.wrong(ProductGone, i.Product, "", i)
		if b != nil {
			b.units++ // it is not empty
			b.unknown = true
		}
		return
	}
	if b != nil {
		l.put(i, p, b)
		if o != nil && o.Location != b.Location {
			l.wrong(WrongLocation, i.Order, b.ID, i)
		}
	}
	if i.Shop != p.Shop || i.Category != p.Category {
		l.wrong(StaleCopy, i.key().String(), "", i)
	}
}

func (l *look) ordered(i Item, o *taking) {
	o.units++
	if n := o.line(i.Line); n == nil {
		o.extra = append(o.extra, i)
	} else {
		n.have++
		if n.product != i.Product {
			l.wrong(WrongProduct, i.Order, "", i)
		}
	}
	if ended[o.State] {
		return
	}
	l.sold[i.Product]++
	if limit, _ := l.limit(i.Product); o.PlacedAt.After(limit.SetAt) {
		l.after[i.Product]++
	}
}

// limit is that of a product on the date: the date's own counts in the place of the standing one.
func (l *look) limit(product string) (limit Limit, own bool) {
	if limit, own = l.Limits[product]; own {
		return limit, true
	}
	return l.net.Products[product].Limit, false
}

// put adds a unit to its container.
func (l *look) put(i Item, p Product, b *box) {
	b.units++
	b.ml += p.VolumeML
	b.weightG += p.WeightG
	if p.NoStacking {
		b.footprint += p.LengthMM * p.WidthMM
	}
	if p.Shop != b.Shop {
		l.wrong(TwoShops, b.ID, p.Shop, i)
	}
	if p.Category != b.Category {
		l.wrong(ItemCategory, b.ID, p.Category, i)
	}
	if b.tooLarge == "" && p.LengthMM > 0 && !goesInto(p, l.net.slots[b.Slot]) {
		b.tooLarge = i.Product
	}
}

// goesInto says whether one unit goes into a slot's container, turned as it may be. Measures of 0 limit nothing.
func goesInto(p Product, s Slot) bool {
	in := []int64{s.LengthMM, s.WidthMM, s.HeightMM}
	of := []int64{p.LengthMM, p.WidthMM, p.HeightMM}
	if slices.Contains(in, 0) {
		return true
	}
	if p.NoStacking { // it stands upright
		slices.Sort(in[:2])
		slices.Sort(of[:2])
	} else {
		slices.Sort(in)
		slices.Sort(of)
	}
	return of[0] <= in[0] && of[1] <= in[1] && of[2] <= in[2]
}

// wrong notes an item that is wrong. Those with the same subject and what are one finding.
func (l *look) wrong(kind Kind, subject, what string, i Item) {
	k := bad{kind, subject, what}
	if l.badAll++; l.badAll > maxBad {
		l.found.omitted++
		return
	}
	if l.bad[k] == nil {
		l.badSeen = append(l.badSeen, k)
	}
	l.bad[k] = append(l.bad[k], i)
}

// keep keeps an item to be looked at later, as far as there is room. The others are counted as findings that are left out.
func (l *look) keep(all []Item, i Item) []Item {
	if len(all) >= maxBad {
		l.found.omitted++
		return all
	}
	return append(all, i)
}

// departs is when the first run that delivers to a location departs, the date's first run when none does.
func (l *look) departs(location string) time.Time {
	var there, any time.Time
	earlier := func(t *time.Time, r Run) {
		if d := r.departs(); t.IsZero() || d.Before(*t) {
			*t = d
		}
	}
	for _, r := range l.Runs {
		earlier(&any, r)
		if slices.ContainsFunc(r.Stops, func(s Stop) bool { return s.Kind == "deliver" && s.Place == location }) {
			earlier(&there, r)
		}
	}
	if there.IsZero() {
		return any
	}
	return there
}

// departure is when a container's run departs.
func (l *look) departure(b *box) time.Time {
	if r, ok := l.runs[b.Run]; ok && len(r.Stops) > 0 {
		return r.departs()
	}
	return l.departs(b.Location)
}
