package garments

import (
	"errors"
	"fmt"
	"time"

	"meguri/edge/phrase"
	"meguri/edge/warehouse"
	"meguri/hub/bulk"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/internal/gs1"
	"meguri/protocol"
)

// crew is the warehouse at work: its people, with what they know.
type crew struct {
	*world
	hub      *hub
	scanners []*scanner
	day      int
	numbers  int           // of orders and batches
	listing  time.Duration // that scanners took for their lists
}

// turn goes on to the next scanner.
func (c *crew) turn(n int) *scanner { return c.scanners[n%len(c.scanners)] }

// at begins a phase of the day: everybody is there by the hour, or when the phase before has ended, and what has a network hears the hub.
func (c *crew) at(hour int) error {
	now := c.hour(c.day, hour)
	for _, s := range c.scanners {
		if s.now.After(now) {
			now = s.now
		}
	}
	for _, s := range c.scanners {
		s.now = now.Add(time.Minute)
		if err := s.upload(c.hub); err != nil {
			return err
		}
	}
	return nil
}

// lists hands out what the hub knows now.
func (c *crew) lists() error {
	p, items, err := c.hub.lists(c.scanners[0].now)
	if err != nil {
		return err
	}
	began := time.Now()
	defer func() { c.listing += time.Since(began) }()
	l := warehouse.NewLists(p, items)
	for _, s := range c.scanners {
		if !s.offline || s.book == nil {
			s.lists(l)
		}
	}
	return nil
}

// step has everybody do a step to pieces, each to its share. An act that is not scanned is done all the same; what the scanner refuses is
// put aside.
func (c *crew) step(step protocol.Step, pieces []*piece, do func(*scanner, *piece) (ok bool), then func(*piece)) {
	share := map[*scanner][]*piece{}
	for n, p := range pieces {
		share[c.turn(n)] = append(share[c.turn(n)], p)
	}
	for _, s := range c.scanners {
		if len(share[s]) == 0 {
			continue
		}
		s.begin(step)
		for _, p := range share[s] {
			switch {
			case c.falls(p):
			case c.chance(c.Unscanned), do(s, p):
				then(p)
			default:
				p.at, p.place = aside, ""
			}
		}
	}
}

// falls says whether a piece has just fallen behind a machine.
func (c *crew) falls(p *piece) bool {
	if !c.chance(c.Lost) {
		return false
	}
	p.at, p.place = lost, ""
	c.lost++
	return true
}

func scanned(s *scanner, p *piece) bool { return s.do(p.code()).Is != protocol.VerdictRefuse }

// receive takes the bags that come back today out of the carrier's hands.
func (c *crew) receive() {
	var bags []*order
	for _, o := range c.orders {
		if o.shipped && o.returnOn == c.day {
			bags = append(bags, o)
		}
	}
	inside := map[string][]*piece{}
	for _, p := range c.where(comesBack) {
		inside[p.place] = append(inside[p.place], p)
	}
	for n, o := range bags {
		s := c.turn(n)
		s.begin(protocol.StepReceive)
		if c.chance(c.Unlabelled) {
			s.do(menu(warehouse.MenuBagNoLabel))
		} else {
			s.do("]C100" + o.bag)
		}
		c.unpack(s, inside[o.bag])
	}
}

func (c *crew) unpack(s *scanner, inside []*piece) {
	var missed []*piece
	for _, p := range inside {
		if c.falls(p) {
			continue
		}
		if c.chance(c.Unscanned) {
			missed = append(missed, p)
		} else if !scanned(s, p) {
			p.at, p.place, p.order = aside, "", ""
			continue
		}
		p.at, p.place, p.order = onTable, "", ""
	}
	if c.chance(c.Belongings) {
		s.do(menu(warehouse.MenuBelongings))
	}
	if c.chance(c.Foreign) {
		s.do("]E04006381333931")
	}
	if v := s.do(menu(warehouse.MenuClose)); v.Line.Key == phrase.BagMissing { // they look again
		for _, p := range missed {
			scanned(s, p)
		}
		s.do(menu(warehouse.MenuClose))
	}
	s.seen()
}

// inspect is an inspection by cards: what is wrong with a piece, then whether it passes.
func inspect(pass func(*piece) bool) func(*scanner, *piece) bool {
	return func(s *scanner, p *piece) bool {
		if !scanned(s, p) {
			return false
		}
		if p.ruined {
			s.do(menu(warehouse.MenuGrade + "d"))
		}
		if p.damage {
			s.do(menu("damage-tear"))
		}
		card := warehouse.MenuFail
		if pass(p) {
			card = warehouse.MenuPass
		}
		v := s.scan(menu(card)) // not twice: the second would begin nothing
		s.seen()
		return v.Is != protocol.VerdictRefuse
	}
}

func whole(p *piece) bool { return !p.damage && !p.ruined }

// inBatch scans a batch's number before the first piece of each scanner.
func (c *crew) inBatch(batch string) func(*scanner, *piece) bool {
	begun := map[*scanner]bool{}
	return func(s *scanner, p *piece) bool {
		if !begun[s] {
			begun[s] = true
			s.do(label(gs1.Batch, batch))
		}
		return scanned(s, p)
	}
}

// back is the way of what has come home: inspected, cleaned over night, repaired, inspected again.
func (c *crew) back() error {
	c.step(protocol.StepInspectReturn, c.where(onTable), inspect(whole), func(p *piece) {
		if p.at = toClean; p.ruined {
			p.at = aside
		}
	})
	if err := c.at(10); err != nil {
		return err
	}
	c.step(protocol.StepCleaned, c.where(atCleaner), scanned, func(p *piece) {
		if p.at, p.place = toInspect, ""; p.damage {
			p.at = toRepair
		}
	})
	c.numbers++
	c.step(protocol.StepClean, c.where(toClean), c.inBatch(fmt.Sprintf("c-%d", c.numbers)), func(p *piece) { p.at = atCleaner })
	c.step(protocol.StepRepair, c.where(toRepair), c.inBatch(fmt.Sprintf("w-%d", c.numbers)), func(p *piece) { p.at = atRepair })
	if err := c.at(12); err != nil {
		return err
	}
	c.step(protocol.StepRepaired, c.where(atRepair), scanned, func(p *piece) { p.at, p.damage = toInspect, false })
	if err := c.at(13); err != nil {
		return err
	}
	c.scanners = append(c.scanners[1:], c.scanners[0]) // somebody else than the repairer, mostly
	c.step(protocol.StepInspectFinal, c.where(toInspect), inspect(whole), func(p *piece) { p.at = toShelve })
	c.step(protocol.StepPutAway, c.where(toShelve), c.shelve, func(p *piece) {
		if p.at != onShelf { // nobody has scanned it: it lies anywhere
			p.at, p.place = onShelf, c.someShelf()
		}
	})
	return nil
}

func (c *crew) someShelf() string { return shelfOf(c.random.IntN(c.shelves())) }

// shelve puts a piece where the scanner says.
func (c *crew) shelve(s *scanner, p *piece) bool {
	v := s.do(p.code())
	if v.Is == protocol.VerdictRefuse {
		return false
	}
	to := c.someShelf()
	if next := warehouse.Next(s.state, s.book); next.Key == phrase.PutOnShelf {
		to = next.Args[0]
	}
	v = s.do(label(gs1.Address, to))
	p.at, p.place = onShelf, to
	if c.chance(c.Misplaced) {
		p.place = c.someShelf()
	}
	return true
}

// sell makes today's orders and has them allocated, and those again that have no piece for a line.
func (c *crew) sell() error {
	fresh := max(1, c.Pieces/2/(c.Keep+2)/perOrder)
	return c.hub.change(func(tx *store.Tx) error {
		for range fresh {
			c.numbers++
			c.bags++
			o := &order{id: fmt.Sprintf("o-%d", c.numbers), bag: ssccOf(c.bags)}
			lines := bulk.RentalOrder{ID: o.id, CustomerID: fmt.Sprintf("c-%d", c.numbers), WarehouseID: house, ShipDate: c.hour(c.day, 12).Format(time.DateOnly)}
			for range perOrder {
				lines.Lines = append(lines.Lines, bulk.RentalLine{GTIN: gtinOf(c.random.IntN((c.Pieces + perGarment - 1) / perGarment))})
			}
			if _, err := c.hub.keeper.AddOrder(c.hub.ctx, tx, lines, "sim", c.hour(c.day, 11)); err != nil {
				return err
			}
			c.orders = append(c.orders, o)
		}
		for _, o := range c.orders {
			if o.shipped {
				continue
			}
			if _, err := c.hub.keeper.AllocateOrder(c.hub.ctx, tx, o.id, c.hour(c.day+20, 0), "sim", c.scanners[0].now); err != nil {
				return err
			}
		}
		return nil
	})
}

// pick walks the shelves: a scanner takes every so-many-th order of the list.
func (c *crew) pick() error {
	byID := map[string]*order{}
	for _, o := range c.orders {
		byID[o.id] = o
	}
	for n, s := range c.scanners {
		s.begin(protocol.StepPick)
		for m, o := range s.book.Plan.Orders {
			if m%len(c.scanners) != n || byID[o.Order] == nil || byID[o.Order].shipped {
				continue
			}
			for _, l := range o.Lines {
				if l.State == 0 {
					if err := c.pickLine(s, byID[o.Order], l); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// pickLine takes the piece, or its like, or says that there is none.
func (c *crew) pickLine(s *scanner, o *order, l protocol.PickLine) error {
	p := c.byID[l.Item]
	s.do(label(gs1.Address, l.Shelf))
	for _, x := range append([]*piece{p}, c.likes(p, l.Shelf)...) {
		if x.at != onShelf || x.place != l.Shelf {
			continue
		}
		if c.falls(x) {
			continue
		}
		if !c.chance(c.Unscanned) && !scanned(s, x) {
			continue // it goes back
		}
		x.at, x.place, x.order = inTote, "", o.id
		return nil
	}
	if s.offline {
		return nil
	}
	err := c.hub.change(func(tx *store.Tx) error { // the lead is told, and looks for another piece tomorrow
		err := c.hub.keeper.Step(c.hub.ctx, tx, l.Item, protocol.StepMiss, "sim", "not on its shelf", s.now)
		return errors.Join(err, c.hub.keeper.Release(c.hub.ctx, tx, o.id, l.Item, "sim", "not found", s.now))
	})
	if errors.As(err, new(*rental.Refusal)) {
		return nil // it is elsewhere by what another scanner has said meanwhile
	}
	return err
}

func (c *crew) likes(p *piece, shelf string) (all []*piece) {
	first := int(pieceNumber(p)) / perGarment * perGarment
	for n := first; n < min(first+perGarment, len(c.pieces)); n++ {
		if x := c.pieces[n]; x != p && x.at == onShelf && x.place == shelf {
			all = append(all, x)
		}
	}
	return all
}

func pieceNumber(p *piece) (n int) {
	_, _ = fmt.Sscanf(p.id[len("(01)")+14+len("(21)P"):], "%d", &n)
	return n
}

// pack packs and ships the orders that are whole.
func (c *crew) pack() error {
	totes := map[string][]*piece{}
	for _, p := range c.where(inTote) {
		totes[p.order] = append(totes[p.order], p)
	}
	var packed []*order
	n := 0
	for _, o := range c.orders {
		if in := totes[o.id]; !o.shipped && len(in) >= perOrder {
			s := c.turn(n)
			n++
			if c.packOrder(s, o, in) {
				packed = append(packed, o)
			}
		}
	}
	if err := c.at(17); err != nil {
		return err
	}
	for n, o := range packed {
		s := c.turn(n)
		s.begin(protocol.StepShip)
		s.do("]C100" + o.bag)
		o.shipped, o.returnOn = true, c.day+2+c.random.IntN(2*c.Keep)
		for _, p := range o.pieces {
			p.at = onTheWay
		}
	}
	return nil
}

func (c *crew) packOrder(s *scanner, o *order, pieces []*piece) bool {
	s.begin(protocol.StepPack)
	s.do("]C100" + o.bag)
	for _, p := range pieces {
		if c.falls(p) {
			continue
		}
		if !c.chance(c.Unscanned) && !scanned(s, p) {
			p.at, p.place = aside, ""
			continue
		}
		p.at, p.place = inBag, o.bag
		o.pieces = append(o.pieces, p)
	}
	if v := s.do(menu(warehouse.MenuClose)); v.Is == protocol.VerdictRefuse { // too few: they look, and scan again
		s.do("]C100" + o.bag)
		for _, p := range o.pieces {
			scanned(s, p)
		}
		s.do(menu(warehouse.MenuClose))
	}
	s.seen()
	return len(o.pieces) > 0
}

// count counts some shelves. What lies there and should not is put aside.
func (c *crew) count(shelves []string) {
	on := map[string][]*piece{}
	for _, p := range c.where(onShelf) {
		on[p.place] = append(on[p.place], p)
	}
	for n, shelf := range shelves {
		s := c.turn(n)
		s.begin(protocol.StepCount)
		s.do(label(gs1.Address, shelf))
		for _, p := range on[shelf] {
			v := s.do(p.code())
			if v.Is != protocol.VerdictAccept && v.Line.Key != phrase.PieceAgain && c.chance(0.9) {
				p.at, p.place = aside, ""
			}
		}
		s.do(menu(warehouse.MenuClose))
		s.seen()
	}
}

// shelfShare is the n-th of so many parts of the shelves.
func (c *crew) shelfShare(n, of int) (all []string) {
	for k := n % of; k < c.shelves(); k += of {
		all = append(all, shelfOf(k))
	}
	return all
}

// customers keep, buy, damage and send back what they have.
func (c *crew) customers() error {
	return c.hub.change(func(tx *store.Tx) error {
		for _, o := range c.orders {
			switch {
			case !o.shipped:
			case c.day < o.returnOn:
				if err := c.delivered(tx, o); err != nil {
					return err
				}
			case c.day == o.returnOn:
				if err := c.sentBack(tx, o); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (c *crew) delivered(tx *store.Tx, o *order) error {
	any := false
	for _, p := range o.pieces {
		if p.at == onTheWay && p.place == o.bag {
			p.at, any = atHome, true
		}
	}
	if !any {
		return nil
	}
	return c.carrierSays(tx, o, protocol.StepDeliver, c.hour(c.day, 1))
}

func refused(err error) error {
	if errors.As(err, new(*rental.Refusal)) {
		return nil
	}
	return err
}

func (c *crew) sentBack(tx *store.Tx, o *order) error {
	for _, p := range o.pieces {
		if p.at != atHome && p.at != onTheWay {
			continue
		}
		p.at, p.place = comesBack, o.bag
		switch {
		case c.chance(c.Kept):
			p.at = lost
			c.lost++
		case c.chance(c.Bought):
			err := c.hub.keeper.Step(c.hub.ctx, tx, p.id, protocol.StepSell, "support", "", c.hour(c.day, 2))
			if err == nil {
				p.at = sold
			} else if refused(err) != nil {
				return err
			}
		}
		p.damage, p.ruined = c.chance(c.Damaged), c.chance(c.Ruined)
	}
	if c.chance(0.7) {
		return c.carrierSays(tx, o, protocol.StepSendBack, c.hour(c.day, 3))
	}
	return nil
}

// carrierSays tells the hub where a bag is. A carrier knows the bag in their hands, and nothing of orders.
func (c *crew) carrierSays(tx *store.Tx, o *order, step protocol.Step, at time.Time) error {
	err := c.hub.keeper.Carried(c.hub.ctx, tx, o.bag, step, "carrier", at)
	if errors.Is(err, store.ErrNotFound) { // it left by a scanner without a network
		return nil
	}
	return refused(err)
}
