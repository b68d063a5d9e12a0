package garments

import (
	"flag"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/store"
	"meguri/internal/race"
	"meguri/protocol"
)

var (
	pieces   = flag.Int("pieces", 0, "so many pieces instead of a few")
	days     = flag.Int("days", 0, "so many days")
	scanners = flag.Int("scanners", 0, "so many scanners")
	counts   = flag.Int("counts", 0, "so many days until all shelves were counted")
	keep     = flag.Int("keep", 0, "days for which customers keep pieces")
	tell     = flag.Bool("tell", false, "name the pieces that are work for a person")
	seed     = flag.Uint64("wseed", 1, "seed of the warehouse")
)

func params() Params {
	p := Usual(*seed)
	if race.Enabled {
		p.Pieces, p.Days = 90, 6
	}
	for from, to := range map[*int]*int{pieces: &p.Pieces, days: &p.Days, scanners: &p.Scanners, keep: &p.Keep, counts: &p.Counts} {
		if *from > 0 {
			*to = *from
		}
	}
	return p
}

// TestTheHubKnowsWhereEveryPieceIs: after days of work by people who forget to scan, scan twice, put things in wrong places and lose
// some, with scanners that are offline for a day, each piece is where the hub says, or somebody has to look at it; and none is called
// missing that was not lost.
func TestTheHubKnowsWhereEveryPieceIs(t *testing.T) {
	p := params()
	w := newWorld(p)
	h, err := newHub(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), w)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.store.Close()) })
	c := &crew{world: w, hub: h}
	for n := range p.Scanners {
		s := &scanner{w: w, n: n, off: time.Duration(n%3-1) * time.Second}
		if n == p.Scanners-1 {
			s.off = 40 * time.Second
		}
		c.scanners = append(c.scanners, s)
	}
	began := time.Now()
	for c.day = range p.Days {
		require.NoError(t, c.work(), "day %d", c.day)
		c.progress(t, began)
	}
	for range 3 { // quiet days, in which all is counted and sorted
		c.day++
		require.NoError(t, c.tidy(), "day %d", c.day)
		c.progress(t, began)
	}
	c.judge(t)
	scans := 0
	for _, s := range c.scanners {
		scans += s.scans
	}
	t.Logf("%d pieces, %d days: %d scans, %d records; the hub took %.0f a second; all in %v", p.Pieces, p.Days, scans, h.events,
		float64(h.events)/h.spent.Seconds(), time.Since(began).Round(time.Second))
}

// progress says how far a long run has come, and what takes its time.
func (c *crew) progress(t *testing.T, began time.Time) {
	if *days == 0 {
		return
	}
	at := map[spot]int{}
	for _, p := range c.pieces {
		at[p.at]++
	}
	t.Logf("day %d after %v: %d records; the hub took %v for scans and %v for its own acts, %v to make lists, scanners %v to take them; %d on shelves, %d out, %d aside, %d lost",
		c.day, time.Since(began).Round(time.Second), c.hub.events, c.hub.spent.Round(time.Second/10), c.hub.acting.Round(time.Second/10),
		c.hub.making.Round(time.Second/10), c.listing.Round(time.Second/10), at[onShelf], at[onTheWay]+at[atHome]+at[comesBack], at[aside], at[lost])
}

// work is one day.
func (c *crew) work() error {
	for _, s := range c.scanners {
		s.offline = s.book != nil && !s.offline && c.chance(c.Offline)
	}
	for _, part := range []func() error{
		func() error { return c.at(6) }, c.customers, c.lists,
		func() error { c.receive(); return c.at(9) }, c.back,
		func() error { return c.at(14) }, c.sell, c.lists, c.pick,
		func() error { return c.at(16) }, c.pack,
		func() error { c.count(c.shelfShare(c.day, c.Counts)); return c.at(18) }, c.sort,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// tidy is a day without orders: what is in the house goes on, all shelves are counted, what lies aside is sorted.
func (c *crew) tidy() error {
	for _, s := range c.scanners {
		s.offline = false
	}
	c.Unscanned, c.Misplaced, c.Lost, c.Kept = 0, 0, 0, 0
	for _, part := range []func() error{
		func() error { return c.at(6) }, c.customers, c.lists,
		func() error { c.receive(); return c.at(9) }, c.back,
		func() error { c.emptyTotes(); return c.at(15) }, c.lists, c.sort, c.lists,
		func() error { c.count(c.shelfShare(0, 1)); return c.at(17) }, c.lists, c.sort, c.sort, func() error { return c.at(20) },
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// emptyTotes puts aside what was picked for orders that are not whole.
func (c *crew) emptyTotes() {
	for _, p := range c.where(inTote) {
		p.at, p.place, p.order = aside, "", ""
	}
}

// agrees says whether the hub's word of a piece is where it is.
func agrees(p *piece, custody protocol.Custody, inWork bool, place string) bool {
	switch p.at {
	case onShelf:
		return custody == protocol.Shelved && place == p.place
	case inTote:
		return custody == protocol.Picked
	case inBag:
		return custody == protocol.Packed
	case onTheWay:
		return custody == protocol.InTransitOut
	case atHome:
		return custody == protocol.OnRent
	case comesBack:
		return custody == protocol.OnRent || custody == protocol.InTransitBack
	case onTable:
		return custody == protocol.Unpacked
	case toClean: // again, where the last inspection was not passed
		return custody == protocol.ReturnInspected || custody == protocol.FinalInspected || custody == protocol.InspectedIn
	case atCleaner:
		return custody == protocol.Cleaning && inWork
	case toRepair: // from the cleaner, or because an inspection was not passed
		return (custody == protocol.Cleaning || custody == protocol.FinalInspected || custody == protocol.InspectedIn) && !inWork
	case atRepair:
		return custody == protocol.Repairing && inWork
	case toInspect:
		return (custody == protocol.Cleaning || custody == protocol.Repairing) && !inWork
	case toShelve:
		return custody == protocol.FinalInspected || custody == protocol.InspectedIn
	case aside:
		return custody == protocol.Quarantined
	case lost:
		return custody == protocol.Missing
	case sold:
		return custody == protocol.Sold
	case retired:
		return custody == protocol.Retired
	}
	return false
}

// judge holds the hub's word against the truth. A piece is where the hub says, or somebody has work about it. What is lost is noticed at the
// latest when it has stood still for too long; nothing else may need that.
func (c *crew) judge(t *testing.T) {
	open, err := c.hub.work()
	require.NoError(t, err)
	var lostYet []*piece
	var wrong []string
	right, inWork, missing := 0, 0, 0
	of := func(p *piece) []store.WorkView { // of it, or of the bag that it is in
		if p.at == inBag || p.at == onTheWay || p.at == atHome || p.at == comesBack {
			return append(open[p.id], open[p.place]...)
		}
		return open[p.id]
	}
	for _, p := range c.pieces {
		i, err := c.hub.item(p.id)
		require.NoError(t, err)
		if i.Custody == protocol.Missing {
			missing++
		}
		switch ok := agrees(p, i.Custody, i.InWork, i.Place); {
		case i.Custody == protocol.Missing && p.at != lost:
			wrong = append(wrong, c.told(t, p, i, "is called missing"))
		case ok:
			right++
		case len(of(p)) > 0:
			inWork++
			if v := of(p)[0]; *tell {
				t.Logf("in work: %s at %d %q, the hub says custody %d (was %d, %q) at %q: %s: %s", p.id, p.at, p.place, i.Custody, i.Was, i.Reason, i.Place,
					v.Kind, v.Detail)
			}
		case p.at == lost:
			lostYet = append(lostYet, p)
		default:
			wrong = append(wrong, c.told(t, p, i, "is elsewhere"))
		}
	}
	wrong = append(wrong, c.bagsAddUp(t, open)...)
	wrong = append(wrong, c.unnoticed(t, lostYet)...)
	t.Logf("%d pieces where the hub says, %d in work for a person, %d lost and noticed when they have stood still for too long, %d wrong; "+
		"%d lost by chance, %d called missing; %d things to look at", right, inWork, len(lostYet), len(wrong), c.lost, missing, len(open))
	require.Empty(t, wrong)
	require.LessOrEqual(t, inWork, 3+len(c.pieces)/50, "most pieces are simply where the hub says")
}

// bagsAddUp gives the pieces that were packed into a bag that has come back, and neither came out nor were excepted, and for which nobody
// looks: what was packed is what was unpacked and what was declared.
func (c *crew) bagsAddUp(t *testing.T, open map[string][]store.WorkView) (wrong []string) {
	bags := 0
	require.NoError(t, c.hub.store.Read(t.Context(), func(tx *store.Tx) error {
		for _, o := range c.orders {
			if !o.shipped || o.returnOn > c.day {
				continue
			}
			bags++
			all, err := tx.BagContents(t.Context(), o.bag)
			if err != nil {
				return err
			}
			for _, x := range all {
				if p := c.byID[x.Item]; !x.Packed.IsZero() && x.Unpacked.IsZero() && x.Exception == "" && len(open[x.Item]) == 0 && p.at != lost {
					wrong = append(wrong, fmt.Sprintf("%s went into bag %s, and nobody knows of its coming out; it is at %d", x.Item, o.bag, p.at))
				}
			}
		}
		return nil
	}))
	t.Logf("%d bags have come back", bags)
	return wrong
}

// unnoticed gives what is lost and nobody is told of, some weeks later.
func (c *crew) unnoticed(t *testing.T, lost []*piece) (wrong []string) {
	require.NoError(t, c.hub.change(func(tx *store.Tx) error {
		_, err := c.hub.keeper.Overdue(t.Context(), tx, c.hour(c.day+100, 0), 2*c.Pieces)
		return err
	}))
	open, err := c.hub.work()
	require.NoError(t, err)
	for _, p := range lost {
		if i, err := c.hub.item(p.id); err != nil || len(open[p.id]) == 0 {
			wrong = append(wrong, c.told(t, p, i, "is lost, and nobody is told"))
		}
	}
	return wrong
}

// told says what is wrong with a piece, and its story.
func (c *crew) told(t *testing.T, p *piece, i store.RentalItem, what string) string {
	if *tell {
		c.story(t, p)
	}
	return fmt.Sprintf("%s %s: in truth at %d %q for %q, the hub says custody %d at %q bag %s order %s", p.id, what, p.at, p.place, p.order,
		i.Custody, i.Place, i.Bag, i.Order)
}

// story tells a piece's history as the hub has it.
func (c *crew) story(t *testing.T, p *piece) {
	require.NoError(t, c.hub.store.Read(t.Context(), func(tx *store.Tx) error {
		all, err := tx.RentalHistory(t.Context(), p.id)
		for _, e := range all {
			t.Logf("%s %s: %s/%d step %d act %d bag %q order %q verdict %d %s; breach %q %s", p.id, e.At.Format("01-02 15:04:05"), e.Device, e.Number, e.Step, e.Act,
				e.Bag, e.Order, e.Verdict, e.Told, e.Breach, e.Why)
		}
		if err != nil {
			return err
		}
		bags, err := tx.BagEventsSince(t.Context(), p.place, time.Time{})
		for _, e := range bags {
			t.Logf("%s bag %s %s: %s/%d step %d verdict %d %s", p.id, e.Bag, e.At.Format("01-02 15:04:05"), e.Device, e.Number, e.Step, e.Verdict, e.Rule)
		}
		if err != nil {
			return err
		}
		inside, err := tx.BagContents(t.Context(), p.place)
		for _, x := range inside {
			q := c.byID[x.Item]
			t.Logf("%s with it in the bag: %s packed %s, in truth at %d %q for %q", p.id, x.Item, x.Packed.Format("01-02 15:04:05"), q.at, q.place, q.order)
		}
		return err
	}))
}
