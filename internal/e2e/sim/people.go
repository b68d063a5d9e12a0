package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"meguri/firmware-sim/fleet"
	"meguri/hub/dispatch"
	"meguri/hub/store"
	"meguri/internal/gs1"
)

// job is what a date's people have to do with one dated container.
type job struct {
	dispatch.Container
	day int
	box string
}

// shopper is a customer with an order.
type shopper struct {
	order   string
	day     int
	station string
	fridges []string // where the goods will be
}

// learnWork reads from the hub what people were told: packing lists, sheets, orders.
func (s *sim) learnWork(ctx context.Context) error {
	ok := s.hub.read(func(ctx context.Context, tx *store.Tx) error {
		s.jobs, s.shoppers = nil, nil
		for d := range s.Days {
			for l := range s.Stations {
				containers, err := tx.ContainersOfLocation(ctx, date(d), location(l))
				if err != nil {
					return err
				}
				for _, c := range containers {
					j := job{Container: c, day: d, box: boxOf(d, len(s.jobs))}
					s.jobs = append(s.jobs, j)
					s.model.boxes[c.ID] = j.box
				}
				orders, err := tx.AcceptedOrders(ctx, date(d), location(l))
				if err != nil {
					return err
				}
				for _, o := range orders {
					needs, err := tx.OrderNeeds(ctx, o)
					if err != nil {
						return err
					}
					person := shopper{order: o, day: d, station: location(l)}
					seen := map[string]bool{}
					for _, n := range dispatch.Wanted(needs) {
						if !seen[n.FridgeID] {
							seen[n.FridgeID] = true
							person.fridges = append(person.fridges, n.FridgeID)
						}
					}
					s.shoppers = append(s.shoppers, person)
				}
			}
		}
		return nil
	})
	if !ok {
		return fmt.Errorf("the hub cannot be read")
	}
	return ctx.Err()
}

// people starts everybody.
func (s *sim) people(ctx context.Context) {
	for d := range s.Days {
		for n := range s.Shops {
			s.start(func() { s.pack(ctx, d, shop(n)) })
		}
		s.start(func() { s.drive(ctx, d) })
	}
	if s.Crowd {
		s.gather(ctx)
	} else {
		for _, p := range s.shoppers {
			s.start(func() { s.pickUp(ctx, p) })
		}
	}
	for l := range s.Stations {
		s.start(func() { s.strangers(ctx, location(l)) })
	}
	s.start(func() { s.dispatcher(ctx) })
}

// until waits for a time.
func (s *sim) until(ctx context.Context, t time.Time) error { return sleep(ctx, t.Sub(s.clock.Now())) }

// ask sends a text to a terminal and gives the line shown in answer; false when there was none. One person at a time stands
// before it.
func (s *sim) ask(ctx context.Context, t *fleet.Terminal, text string) (line string, refused, answered bool) {
	queue := s.queues[t]
	if ctx.Err() != nil { // a select would toss a coin, and the run would not be the same again
		return "", false, false
	}
	select {
	case queue <- struct{}{}:
	case <-ctx.Done():
		return "", false, false
	}
	defer func() { <-queue }()
	t.Display.Lines()
	beeps := t.Display.Beeps()
	if t.Keys.Type(text) != nil {
		return "", false, false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	line, err := t.Display.ReadLine(ctx)
	return line, t.Display.Beeps() > beeps, err == nil
}

// scan scans labels one after another until the last one is taken, and begins anew for some time when one is not.
func (s *sim) scan(ctx context.Context, r *rand.Rand, t *fleet.Terminal, labels ...string) bool {
	for range 12 {
		done := true
		for _, l := range labels {
			line, refused, answered := s.ask(ctx, t, l+"\r")
			if refused && strings.Contains(line, "already") {
				break
			}
			if !answered || refused {
				done = false
				break
			}
			_ = sleep(ctx, between(r, time.Second, 4*time.Second))
		}
		if done || ctx.Err() != nil {
			return done
		}
		_ = sleep(ctx, between(r, 2*time.Minute, 20*time.Minute))
	}
	return false
}

func label(ai gs1.AI, value string) string { return string(ai) + value }

func (s *sim) pack(ctx context.Context, day int, shop string) {
	r := source(s.Seed, fmt.Sprintf("pack %d %s", day, shop))
	if s.until(ctx, at(day, 7*time.Hour).Add(between(r, 0, time.Hour))) != nil {
		return
	}
	t := s.fleet.Scanners[shop].Terminal
	for _, j := range s.jobs {
		if j.day == day && j.ShopID == shop {
			s.scan(ctx, r, t, label(gs1.DatedContainer, j.ID), label(gs1.GRAI, j.box), label(gs1.GRAI, j.box), label(gs1.Address, j.AddressID))
			_ = sleep(ctx, between(r, 10*time.Second, 3*time.Minute))
		}
	}
}

func (s *sim) drive(ctx context.Context, day int) {
	r := source(s.Seed, fmt.Sprintf("drive %d", day))
	t := s.fleet.Drivers[theRoute].Terminal
	if s.until(ctx, at(day, 9*time.Hour).Add(between(r, 0, 20*time.Minute))) != nil {
		return
	}
	s.scan(ctx, r, t, label(gs1.Place, "spot-1"))
	for _, j := range s.jobs {
		if j.day == day {
			s.scan(ctx, r, t, label(gs1.Address, j.AddressID), label(gs1.GRAI, j.box), label(gs1.GRAI, j.ShipperGRAI))
		}
	}
	for l := range s.Stations {
		if s.until(ctx, at(day, time.Duration(11+l)*time.Hour).Add(between(r, 0, 20*time.Minute))) != nil {
			return
		}
		s.scan(ctx, r, t, label(gs1.Place, location(l)))
		for f := range s.Fridges {
			s.deliver(ctx, r, day, location(l), fridge(l, f))
		}
	}
}

// deliver opens one fridge with the driver's code and puts the boxes into their slots.
func (s *sim) deliver(ctx context.Context, r *rand.Rand, day int, place, fridge string) {
	id := theRoute + "@" + date(day) + "-" + place
	var mine []job
	for _, j := range s.jobs {
		if j.day == day && j.FridgeID == fridge {
			mine = append(mine, j)
		}
	}
	if len(mine) == 0 {
		return
	}
	set := s.fleet.Stations[place]
	for range 10 {
		if s.through(ctx, r, place, fridge, id, s.pin(id, dispatch.PINDigits), func() {
			s.state(ctx, set.HandIn)
			for _, j := range mine {
				s.scan(ctx, r, set.HandIn, label(gs1.GRAI, j.box), label(gs1.Slot, j.SlotID))
			}
		}) {
			s.start(func() { s.comeBack(ctx, place, fridge, id) })
			return
		}
		if ctx.Err() != nil {
			return
		}
		_ = sleep(ctx, between(r, 5*time.Minute, 30*time.Minute))
	}
}

// state holds the station's reader to the shipper's display, which shows its statement.
func (s *sim) state(ctx context.Context, handIn *fleet.Terminal) {
	if shipper := s.fleet.Shippers[theShipper]; shipper != nil && shipper.Statement() != "" {
		s.ask(ctx, handIn, shipper.Statement()+"\r") // refused or not, the boxes come next
	}
}

// comeBack is a driver who opens a fridge again and again, as often as the code allows and then some.
func (s *sim) comeBack(ctx context.Context, place, fridge, grant string) {
	r := source(s.Seed, "back "+fridge+grant)
	for range r.IntN(dispatch.CourierUses + 3) {
		if sleep(ctx, between(r, 2*time.Minute, 90*time.Minute)) != nil {
			return
		}
		s.through(ctx, r, place, fridge, grant, s.pin(grant, dispatch.PINDigits), func() {})
	}
}

func (s *sim) pickUp(ctx context.Context, p shopper) {
	r := source(s.Seed, "customer "+p.order)
	if r.IntN(3) == 0 && len(p.fridges) > 0 {
		if s.until(ctx, at(p.day, opens).Add(-between(r, 5*time.Minute, 4*time.Hour))) != nil {
			return
		}
		s.through(ctx, r, p.station, p.fridges[0], "order-"+p.order, s.pin(p.order, dispatch.PINDigits), func() {}) // too early
	}
	if s.until(ctx, at(p.day, opens).Add(between(r, 5*time.Minute, closes-opens-20*time.Minute))) != nil {
		return
	}
	if r.IntN(3) == 0 && len(p.fridges) > 0 && s.clock.Now().After(at(p.day, opens)) && s.until(ctx, at(p.day, closes).Add(between(r, 5*time.Minute, 2*time.Hour))) == nil {
		s.through(ctx, r, p.station, p.fridges[0], "order-"+p.order, s.pin(p.order, dispatch.PINDigits), func() {}) // too late
		return
	}
	for _, f := range p.fridges {
		for range 6 {
			if s.through(ctx, r, p.station, f, "order-"+p.order, s.pin(p.order, dispatch.PINDigits), func() {}) || ctx.Err() != nil {
				break
			}
			_ = sleep(ctx, between(r, 10*time.Minute, time.Hour))
		}
	}
}

// through is a person who opens a door with a code, does something and shuts it. When the station has all that it needs, it has
// to open, with or without the hub.
func (s *sim) through(ctx context.Context, r *rand.Rand, place, fridge, grant, code string, inside func()) bool {
	set := s.fleet.Stations[place]
	door, d := set.Doors[fridge], s.devices[s.stationOf[place]]
	if s.Crowd {
		if grant, code = s.crowd.now(grant, code); door.IsOpen() && r.IntN(3) > 0 {
			return s.joins(ctx, place, fridge, grant, code)
		}
		for n := 0; n < 60 && door.IsOpen() && sleep(ctx, time.Second) == nil; n++ { // in a queue
		}
	}
	if door.IsOpen() { // somebody left it open
		door.Shut()
		_ = sleep(ctx, 3*time.Second)
	}
	opened := s.Crowd && r.IntN(3) == 0 && s.byToken(ctx, r, place, fridge, grant)
	if !opened {
		opened = s.byCode(ctx, d, door, fridge, grant, code)
	}
	if !opened && s.Crowd {
		opened = s.byToken(ctx, r, place, fridge, grant)
	}
	if !opened {
		return false
	}
	_ = sleep(ctx, between(r, 4*time.Second, 40*time.Second))
	inside()
	if s.Has(Doors) && r.IntN(10) == 0 {
		_ = sleep(ctx, between(r, time.Minute, 5*time.Minute))
	}
	door.Shut()
	_ = sleep(ctx, 3*time.Second)
	return true
}

// byCode is a person who enters a code at a shut door, and pulls.
func (s *sim) byCode(ctx context.Context, d *device, door *fleet.Door, fridge, grant, code string) bool {
	must, run := s.model.mustOpen(d.id, fridge, grant+"@"+fridge), d.running(10*time.Second)
	opened, _ := door.Enter(ctx, func() (bool, error) {
		line, refused, answered := s.ask(ctx, door.Terminal, code+"#")
		if s.Crowd && must {
			id, _ := s.crowd.now(strings.SplitN(grant, "~", 2)[0], code)
			must = (id == grant || !strings.HasPrefix(grant, "order-")) && s.model.mustOpen(d.id, fridge, grant+"@"+fridge)
		}
		if must && run != nil && d.running(0) == run && ctx.Err() == nil && (refused || !answered) {
			s.model.fail("%s has all that it takes to open %s for %s, and said %q (P8)", d.id, fridge, grant, line)
		}
		return answered && !refused, nil
	})
	return opened
}

// strangers try codes that nobody gave them, and do other things to doors.
func (s *sim) strangers(ctx context.Context, place string) {
	r := source(s.Seed, "strangers "+place)
	set := s.fleet.Stations[place]
	for sleep(ctx, between(r, 20*time.Minute, 8*time.Hour)) == nil {
		door := set.Doors[fridge(int(place[4]-'1'), r.IntN(s.Fridges))]
		switch n := r.IntN(6); {
		case n < 3:
			s.ask(ctx, door.Terminal, fmt.Sprintf("%06d#", r.IntN(1_000_000)))
		case n == 3 && s.Has(Doors):
			s.count(Doors)
			door.OpenAnyway()
			_ = sleep(ctx, between(r, 5*time.Second, 5*time.Minute))
			door.Shut()
		case n == 4 && s.Has(Doors):
			s.count(Doors)
			door.SetJammed(true)
			_ = sleep(ctx, between(r, time.Minute, 10*time.Minute))
			door.SetJammed(false)
		}
	}
}

// pin is the code of a grant.
func (s *sim) pin(id string, digits int) string {
	return fmt.Sprintf("%0*d", digits, source(s.Seed, "pin "+id).Uint64()%uint64(pow10(digits)))
}
