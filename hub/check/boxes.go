package check

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// about begins a finding about a container.
func (l *look) about(b *box, kind Kind, args ...string) *Finding {
	f := l.found.add(kind, l.Date, b.ID, append([]string{b.ID}, args...)...)
	f.box(b)
	f.Departs = l.departure(b)
	return f
}

// judge looks at each container by itself. That of another date's run is misdated, and nothing else is said of it: what it takes
// of this date it takes by that mistake. One that a person has decided to leave behind needs none of it any more.
func (l *look) judge(ctx context.Context) error {
	for _, b := range l.inOrder {
		if l.KeptBack[b.ID] {
			continue
		}
		if err := l.rides(ctx, b); err != nil {
			return err
		}
		if b.misdated {
			continue
		}
		l.stands(b)
		l.handedIn(b)
		l.fits(b)
		l.works(b)
		l.copies(b)
	}
	return nil
}

// rides looks at the run and the shipper.
func (l *look) rides(ctx context.Context, b *box) error {
	r, ok := l.runs[b.Run]
	if !ok {
		elsewhere, found, err := l.src.Run(ctx, b.Run)
		switch {
		case err != nil:
			return err
		case !found:
			l.about(b, RunGone, b.Run)
		default:
			l.misdated(b, elsewhere.Date)
		}
		return nil
	}
	switch {
	case !l.net.Routes[r.Route]:
		l.about(b, RouteGone, r.ID, r.Route)
	case !r.calls(b.Spot, b.Location):
		l.about(b, RunMisses, r.ID, b.Spot, b.Location)
	}
	s, known := l.net.Shippers[b.Shipper]
	switch {
	case !known, !l.aboard[Aboard{b.Run, b.Shipper}]:
		l.about(b, NotAboard, b.Shipper, b.Run)
	case s.Category != b.Category:
		l.about(b, ShipperCategory, b.Category, s.ID, s.Category)
	}
	return nil
}

func (l *look) misdated(b *box, date string) {
	b.misdated = true
	if l.found.has(WrongDate, "", b.ID) {
		return
	}
	f := l.found.add(WrongDate, "", b.ID, b.ID, b.Date, date)
	f.Date = b.Date
	f.box(b)
	f.Departs = l.departure(b)
}

// stands looks at the slot. An unknown slot is of no fridge.
func (l *look) stands(b *box) {
	s, known := l.net.slots[b.Slot]
	fridge := l.net.Fridges[s.Fridge]
	switch {
	case !known, fridge.Location != b.Location:
		l.about(b, SlotGone, b.Slot, b.Location)
	case !slices.Contains(l.net.Kinds[b.Category], fridge.Kind):
		l.about(b, FridgeKind, b.Category, s.ID, fridge.Kind)
	}
	if _, ok := l.Cutoffs[b.Location]; !ok {
		l.about(b, NoDelivery, b.Location)
	}
}

// handedIn looks at the way from the shop to the address.
func (l *look) handedIn(b *box) {
	spot := l.net.Spots[b.Shop]
	if spot != b.Spot {
		l.about(b, ShopSpot, b.Spot, b.Shop, spot)
		return
	}
	if a, known := l.net.addresses[b.Address]; !known || a.Spot != b.Spot {
		l.about(b, AddressSpot, b.Address, b.Spot, b.Shop)
	}
}

// fits looks at what is in the container. What an unknown slot holds nobody knows, so its container's own word counts.
func (l *look) fits(b *box) {
	s, known := l.net.slots[b.Slot]
	if !known {
		s = Slot{CapacityML: b.CapacityML}
	}
	if b.ml > s.roomML() {
		l.about(b, OverVolume, number(b.ml), number(s.roomML()))
	}
	if s.MaxWeightG > 0 && b.weightG > s.MaxWeightG {
		l.about(b, OverWeight, number(b.weightG), number(s.MaxWeightG))
	}
	switch area := s.LengthMM * s.WidthMM; {
	case b.tooLarge != "":
		l.about(b, DoesNotFit, b.tooLarge)
	case area > 0 && b.footprint > area:
		l.about(b, OverFloor, number(b.footprint), number(area))
	}
}

// needs are the things that must be in service for a container: those that it has not passed yet.
func (l *look) needs(c Container) []Thing {
	all := []Thing{{"location", c.Location}, {"fridge", l.net.slots[c.Slot].Fridge}, {"slot", c.Slot}}
	if c.State != "placed" {
		all = append(all, Thing{"run", c.Run}, Thing{"shipper", c.Shipper})
	}
	if c.State != "placed" && c.State != "loaded" {
		all = append(all, Thing{"fridge", l.net.addresses[c.Address].Fridge}, Thing{"address", c.Address})
	}
	return all
}

func (l *look) works(b *box) {
	for _, t := range l.needs(b.Container) {
		if reason, out := l.Out[t]; out {
			l.about(b, OutOfService, t.Kind, t.ID, reason)
			return
		}
	}
}

// copies compares what the container repeats of other rows. Of a slot or shipper that is gone there is nothing to compare.
func (l *look) copies(b *box) {
	differ := func(what, id, has, want string) {
		if has == want {
			return
		}
		f := l.found.add(StaleCopy, l.Date, b.ID+"/"+what, b.ID, what+" of "+id, has, want)
		f.box(b)
		f.Departs = l.departure(b)
	}
	if s, known := l.net.slots[b.Slot]; known {
		differ("fridge", s.ID, b.Fridge, s.Fridge)
		differ("kind", s.ID, b.FridgeKind, l.net.Fridges[s.Fridge].Kind)
		differ("capacity", s.ID, number(b.CapacityML), number(s.CapacityML))
	}
	if s, known := l.net.Shippers[b.Shipper]; known {
		differ("capacity", s.ID, number(b.ShipperCapacity), number(s.Containers))
	}
}

// place is a place in a shipper, for one container a date.
type place struct {
	run, shipper string
	n            int64
}

// clashes looks for what is given to several containers. The one that was opened first keeps it; the others are the broken ones.
func (l *look) clashes() {
	slots, addresses, grais := map[string][]*box{}, map[string][]*box{}, map[string][]*box{}
	places, loads := map[place][]*box{}, map[Aboard][]*box{}
	for _, b := range l.inOrder {
		if b.misdated || l.KeptBack[b.ID] {
			continue
		}
		slots[b.Slot] = append(slots[b.Slot], b)
		addresses[b.Address] = append(addresses[b.Address], b)
		places[place{b.Run, b.Shipper, b.ShipperPlace}] = append(places[place{b.Run, b.Shipper, b.ShipperPlace}], b)
		loads[Aboard{b.Run, b.Shipper}] = append(loads[Aboard{b.Run, b.Shipper}], b)
		if b.GRAI != "" {
			grais[b.GRAI] = append(grais[b.GRAI], b)
		}
	}
	for id, all := range slots {
		l.twice(SlotTwice, id, all, id, boxNames(all))
	}
	for id, all := range addresses {
		l.twice(AddressTwice, id, all, id, boxNames(all))
	}
	for id, all := range grais {
		l.twice(BoxTwice, id, all, id, boxNames(all))
	}
	for p, all := range places {
		l.twice(PlaceTwice, fmt.Sprintf("%s/%s/%d", p.run, p.shipper, p.n), all, p.shipper, p.run, number(p.n), boxNames(all))
	}
	for a, all := range loads {
		l.overloaded(a, all)
	}
	for shipper, runs := range l.aboards {
		if len(runs) > 1 {
			l.ridesTwice(shipper, runs)
		}
	}
}

// twice is a finding when there is more than one container. All are named, the later ones are to be settled anew.
func (l *look) twice(kind Kind, subject string, all []*box, args ...string) {
	if len(all) < 2 {
		return
	}
	f := l.found.add(kind, l.Date, subject, args...)
	f.row(containers, all[0].ID)
	f.affects() // those in the later ones; the first is whole
	for _, b := range all[1:] {
		f.box(b)
	}
	f.Departs = l.departure(all[1])
}

// overloaded looks at a shipper's places: none beyond its capacity, and not more containers than that.
func (l *look) overloaded(a Aboard, all []*box) {
	s, known := l.net.Shippers[a.Shipper]
	if !known {
		return
	}
	var beyond []*box
	var last int64
	for i, b := range all {
		if b.ShipperPlace < 1 || b.ShipperPlace > s.Containers {
			beyond = append(beyond, all[i])
		}
		last = max(last, b.ShipperPlace)
	}
	if len(beyond) == 0 {
		return // more than it holds are then in one place, which is told as such
	}
	f := l.found.add(OverShipper, l.Date, a.Run+"/"+a.Shipper, s.ID, a.Run, number(s.Containers), number(int64(len(all))), number(last))
	for _, b := range beyond {
		f.box(b)
	}
	f.Departs = l.departure(beyond[0])
}

// ridesTwice is a shipper that is aboard two runs: what rides with the first one is well.
func (l *look) ridesTwice(shipper string, runs []string) {
	f := l.found.add(ShipperTwice, l.Date, shipper, shipper, strings.Join(runs, ", "))
	f.row("run_shippers", strings.Join(runs, ", ")+"/"+shipper)
	for _, b := range l.inOrder {
		if b.Shipper == shipper && b.Run != runs[0] {
			f.box(b)
		}
	}
	f.Departs = l.runs[runs[0]].departs()
}

func boxNames(all []*box) string {
	names := make([]string, len(all))
	for i, b := range all {
		names[i] = b.ID
	}
	return some(names)
}
