package sim

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"meguri/firmware-sim/fleet"
	"meguri/hub/dispatch"
	"meguri/hub/door"
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/protocol"
)

// A crowd is a day on which who gets in is what is looked at: dozens of customers who come in rushes, two at a door at once, with codes and
// with signed tokens; codes that are taken back and issued anew; people who guess, and who show copies of tokens, changed ones, and their own;
// and the network, the power and the clocks as ever. The model says who may.

// DrawCrowd draws the parameters of a crowd's day.
func DrawCrowd(seed uint64) Params {
	r := source(seed, "crowd")
	p := Params{Seed: seed, Crowd: true, Stations: 2, Fridges: 2, Slots: 24, Shops: 2, Orders: 30, Days: 1, MaxBytes: 4 << 20, Phase1: 19 * time.Hour,
		Faults: map[Fault]bool{}}
	for _, f := range [...]Fault{Loss, Double, Reorder, Late, Partition, OneWay, Flapping, PowerCut, CutCommit, Restart, NoBattery, ClockStep,
		ClockDrift, SyncFails, HubKill, HubErrors, Broker, Doors} {
		p.Faults[f] = r.Float64() < 0.3
	}
	return p
}

// crowd is what the people of a crowd know of each other.
type crowd struct {
	mu     sync.Mutex
	held   map[string]held // by the grant that was issued first
	old    []old           // taken back, and known to somebody
	tokens map[string]string
	seen   []shown // tokens that others have seen
	tally  map[string]int
}

// held is a code as its holder has it now.
type held struct{ id, pin string }

type old struct{ place, fridge, id, pin string }

type shown struct{ place, fridge, text string }

func (c *crowd) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tally[what]++
}

// now gives the code that stands in the place of one by now.
func (c *crowd) now(grant, pin string) (id, code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.held[grant]; ok {
		return h.id, h.pin
	}
	return grant, pin
}

// gather starts the people of a crowd, beside those of every day.
func (s *sim) gather(ctx context.Context) {
	s.model.online = s.heardAll
	s.start(func() { s.takesBack(ctx) })
	for l := range s.Stations {
		s.start(func() { s.thieves(ctx, location(l)) })
	}
	for _, p := range s.shoppers {
		s.start(func() { s.visits(ctx, p) })
	}
}

// heardAll says whether nothing stood between a device and the hub for so long.
func (s *sim) heardAll(device string, since time.Duration) bool {
	l := s.hub.alive()
	return l != nil && time.Since(l.since) > since && !s.hub.failing.Load() && s.devices[device].running(since) != nil && s.lines[device].steady(since)
}

// takesBack is a dispatcher who takes codes back and issues them anew: a telephone was lost, a sheet lay open.
func (s *sim) takesBack(ctx context.Context) {
	r := source(s.Seed, "takes back")
	if s.until(ctx, at(0, 12*time.Hour)) != nil {
		return
	}
	for sleep(ctx, between(r, 5*time.Minute, 40*time.Minute)) == nil {
		p := s.shoppers[r.IntN(len(s.shoppers))]
		if err := s.reissue(ctx, p); err != nil && s.hub.alive() != nil && ctx.Err() == nil {
			s.model.fail("the code of order %s cannot be issued anew: %v", p.order, err)
		}
	}
}

func (s *sim) reissue(ctx context.Context, p shopper) error {
	l := s.hub.alive()
	if l == nil {
		return nil
	}
	base, first := "order-"+p.order, s.pin(p.order, dispatch.PINDigits)
	id, pin := s.crowd.now(base, first)
	var anew dispatch.Grant
	err := l.store.Change(l.ctx, func(tx *store.Tx) error {
		act := door.Act{By: people.Console, Reason: "the telephone was lost", At: s.clock.Now()}
		if _, err := door.Reissue(l.ctx, tx, p.station, func(g dispatch.Grant) bool { return g.ID == id }, act); err != nil {
			return err
		}
		var err error
		anew, err = tx.GrantOfOrder(l.ctx, p.order)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && anew.ID == id {
		return nil // its date is not frozen yet, or its window is over
	}
	if err != nil {
		return err
	}
	s.model.granted(anew)
	s.model.takenBack(id, s.clock.Now())
	s.crowd.mu.Lock()
	s.crowd.held[base] = held{anew.ID, anew.PIN}
	delete(s.crowd.tokens, p.order)
	for _, f := range p.fridges {
		s.crowd.old = append(s.crowd.old, old{p.station, f, id, pin})
	}
	s.crowd.mu.Unlock()
	s.crowd.count("codes taken back")
	l.plans.Touch(p.station)
	l.feed.Changed()
	return nil
}

// visits is a customer who comes, and perhaps comes back for a bag that was forgotten.
func (s *sim) visits(ctx context.Context, p shopper) {
	r := source(s.Seed, "visits "+p.order)
	arrives := at(p.day, opens).Add(between(r, 5*time.Minute, closes-opens-time.Hour))
	if r.IntN(2) == 0 { // with a train
		arrives = at(p.day, opens).Add(time.Duration(30+70*r.IntN(6))*time.Minute + between(r, 0, 40*time.Second))
	}
	if s.until(ctx, arrives) != nil {
		return
	}
	for range 1 + r.IntN(2) {
		for _, f := range p.fridges {
			s.pickup(ctx, r, p, f)
		}
		if sleep(ctx, between(r, 5*time.Minute, 40*time.Minute)) != nil || s.clock.Now().After(at(p.day, closes).Add(-20*time.Minute)) {
			return
		}
	}
}

// pickup is one try after another at a door. Who is turned away although the station lacks nothing is a failure that through finds; here
// is counted why the others were.
func (s *sim) pickup(ctx context.Context, r *rand.Rand, p shopper, fridge string) {
	s.crowd.count("pickups")
	reason := ""
	for try := range 4 {
		if s.through(ctx, r, p.station, fridge, "order-"+p.order, s.pin(p.order, dispatch.PINDigits), func() {}) {
			s.crowd.count("got in")
			if try > 0 {
				s.crowd.count("got in later than at the first try")
			}
			return
		}
		d := s.devices[s.stationOf[p.station]]
		id, _ := s.crowd.now("order-"+p.order, "")
		switch reason = s.model.why(d.id, fridge, id+"@"+fridge); {
		case d.running(10*time.Second) == nil:
			reason = "the station has no power, or its disk fails"
		case reason == "":
			reason = "the bolt jams, nobody pulled in time, or the keypad rests after guesses"
		}
		if sleep(ctx, between(r, 2*time.Minute, 10*time.Minute)) != nil {
			break
		}
	}
	s.crowd.count("not in: " + reason)
}

// joins is somebody who enters a code while the door stands open for another: no use is burned, and both pickups are recorded.
func (s *sim) joins(ctx context.Context, place, fridge, grant, code string) bool {
	set := s.fleet.Stations[place]
	way, d := set.Doors[fridge], s.devices[s.stationOf[place]]
	must, run, before := s.model.mustOpen(d.id, fridge, grant+"@"+fridge), d.running(10*time.Second), s.model.usesOf(d.id, grant+"@"+fridge)
	line, refused, answered := s.ask(ctx, way.Terminal, code+"#")
	if !answered || refused || !way.IsOpen() {
		if must && run != nil && d.running(0) == run && ctx.Err() == nil && way.IsOpen() && (refused || !answered) {
			s.model.fail("%s has all that it takes to let %s in through the open door of %s, and said %q (P8)", d.id, grant, fridge, line)
		}
		return false
	}
	s.crowd.count("came while the door stood open for another")
	if after := s.model.usesOf(d.id, grant+"@"+fridge); run != nil && d.running(0) == run && after != before && strings.Contains(line, "open") {
		s.model.fail("%s: a use of %s was counted while the door of %s stood open", d.id, grant, fridge)
	}
	for range 120 {
		if sleep(ctx, time.Second) != nil || !way.IsOpen() {
			break
		}
	}
	way.Shut()
	_ = sleep(ctx, 10*time.Second)
	order := strings.TrimPrefix(strings.SplitN(grant, "~", 2)[0], "order-")
	if run != nil && d.running(0) == run && ctx.Err() == nil && strings.HasPrefix(grant, "order-") && !way.IsOpen() && !s.model.tookOut(d.id, order, fridge) {
		s.model.fail("%s: order %s was taken through the open door of %s, and that is not recorded", d.id, order, fridge)
	}
	return true
}

// byToken is a customer who shows the token on their telephone, which is as new as the hub was there to ask.
func (s *sim) byToken(ctx context.Context, r *rand.Rand, place, fridge, grant string) bool {
	order, ok := strings.CutPrefix(strings.SplitN(grant, "~", 2)[0], "order-")
	if !ok {
		return false // drivers have codes only
	}
	text := s.token(order, fridge)
	if text == "" {
		return false
	}
	set := s.fleet.Stations[place]
	way, d := set.Doors[fridge], s.devices[s.stationOf[place]]
	if r.IntN(2) == 0 {
		s.crowd.mu.Lock()
		s.crowd.seen = append(s.crowd.seen, shown{place, fridge, text})
		s.crowd.mu.Unlock()
	}
	must, run := s.model.mustOpenByToken(d.id, fridge, grant+"@"+fridge), d.running(10*time.Second)
	opened, _ := way.Enter(ctx, func() (bool, error) {
		line, refused, answered := s.ask(ctx, set.HandIn, text+"\r")
		if now, _ := s.crowd.now("order-"+order, ""); now != grant {
			must = false // it was taken back just now
		}
		if must && run != nil && d.running(0) == run && ctx.Err() == nil && (refused || !answered) {
			s.model.fail("%s has all that it takes to open %s for the token of %s, and said %q (P8)", d.id, fridge, grant, line)
		}
		return answered && !refused, nil
	})
	if opened {
		s.crowd.count("got in by a token")
	}
	return opened
}

// token is what an order's customer has on the telephone for a fridge; empty when there was never a hub to ask.
func (s *sim) token(order, fridge string) string {
	fresh := s.hub.tokens(order, nil)
	s.crowd.mu.Lock()
	defer s.crowd.mu.Unlock()
	for f, text := range fresh {
		s.crowd.tokens[order+" "+f] = text
	}
	return s.crowd.tokens[order+" "+fridge]
}

// tokens signs an order's tokens, with the hub's key or, for forgers, with another; none while the hub is down.
func (h *hub) tokens(order string, forged ed25519.PrivateKey) map[string]string {
	signed := map[string]string{}
	h.read(func(ctx context.Context, tx *store.Tx) error {
		g, err := tx.GrantOfOrder(ctx, order)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		all, err := plan.Tokens(ctx, tx, g)
		for _, t := range all {
			if err != nil {
				return err
			}
			if forged != nil {
				t.Signed = h.clock.Now().UnixMilli()
				signed[t.Lock], err = protocol.SignToken(t, forged)
			} else {
				signed[t.Lock], err = h.signer.Sign(ctx, tx, t, h.clock.Now())
			}
		}
		return err
	})
	return signed
}

// thieves try to get in at a station without a right to it.
func (s *sim) thieves(ctx context.Context, place string) {
	r := source(s.Seed, "thieves "+place)
	own := ed25519.NewKeyFromSeed([]byte(fmt.Sprintf("%032d", s.Seed)))
	for sleep(ctx, between(r, 4*time.Minute, 20*time.Minute)) == nil {
		p := s.shoppers[r.IntN(len(s.shoppers))]
		if len(p.fridges) == 0 || p.station != place {
			continue
		}
		fridge := p.fridges[r.IntN(len(p.fridges))]
		switch r.IntN(6) {
		case 0:
			s.guess(ctx, r, p, fridge)
		case 1:
			s.tryOld(ctx, r, place)
		case 2:
			s.tryCopy(ctx, r, place)
		case 3:
			if text := s.token(p.order, fridge); text != "" {
				n := len(text) / 2
				with := byte('A')
				if text[n] == with {
					with = 'B'
				}
				s.mustRefuse(ctx, place, "a changed token", text[:n]+string(with)+text[n+1:])
			}
		case 4:
			if text := s.hub.tokens(p.order, own)[fridge]; text != "" {
				s.mustRefuse(ctx, place, "a token of a thief's own key", text)
			}
		case 5:
			for l := range s.Stations {
				if text := s.token(p.order, fridge); text != "" && location(l) != place {
					s.mustRefuse(ctx, location(l), "a token for another station", text)
				}
			}
		}
	}
}

// guess tries a code of which the first digits are known.
func (s *sim) guess(ctx context.Context, r *rand.Rand, p shopper, fridge string) {
	id, pin := s.crowd.now("order-"+p.order, s.pin(p.order, dispatch.PINDigits))
	s.model.isGuessed(id + "@" + fridge)
	way := s.fleet.Stations[p.station].Doors[fridge]
	if way.IsOpen() {
		return
	}
	for range 1 + r.IntN(3) {
		s.crowd.count("guessed codes")
		s.ask(ctx, way.Terminal, fmt.Sprintf("%s%08d#", dispatch.SelectorOf(pin), r.IntN(100_000_000)))
	}
}

// tryOld enters a code that was taken back. Whether a lock could know, the model says when it opens.
func (s *sim) tryOld(ctx context.Context, r *rand.Rand, place string) {
	s.crowd.mu.Lock()
	all := slices.DeleteFunc(slices.Clone(s.crowd.old), func(o old) bool { return o.place != place })
	s.crowd.mu.Unlock()
	if len(all) == 0 {
		return
	}
	o := all[r.IntN(len(all))]
	way := s.fleet.Stations[place].Doors[o.fridge]
	if way.IsOpen() {
		return
	}
	s.crowd.count("old codes tried")
	s.enters(ctx, way, way.Terminal, o.pin+"#", "opened for an old code, at a lock that could not know")
}

// tryCopy shows a copy of somebody's token. While the grant holds it is as good as the token; else the model says.
func (s *sim) tryCopy(ctx context.Context, r *rand.Rand, place string) {
	s.crowd.mu.Lock()
	all := slices.DeleteFunc(slices.Clone(s.crowd.seen), func(t shown) bool { return t.place != place })
	s.crowd.mu.Unlock()
	if len(all) == 0 {
		return
	}
	t := all[r.IntN(len(all))]
	set := s.fleet.Stations[place]
	if set.Doors[t.fridge].IsOpen() {
		return
	}
	s.crowd.count("copies of tokens shown")
	s.enters(ctx, set.Doors[t.fridge], set.HandIn, t.text+"\r", "opened for a copy of a token that holds")
}

// enters shows or enters something, goes in when the door opens, and shuts it.
func (s *sim) enters(ctx context.Context, way *fleet.Door, at *fleet.Terminal, text, opened string) {
	in, _ := way.Enter(ctx, func() (bool, error) {
		_, refused, answered := s.ask(ctx, at, text)
		return answered && !refused, nil
	})
	if in {
		s.crowd.count(opened)
		_ = sleep(ctx, 10*time.Second)
		way.Shut()
	}
}

// mustRefuse shows a token that no station may take.
func (s *sim) mustRefuse(ctx context.Context, place, what, text string) {
	s.crowd.count(what)
	if line, refused, answered := s.ask(ctx, s.fleet.Stations[place].HandIn, text+"\r"); answered && !refused {
		s.model.fail("%s was taken at %s: %q (P4)", what, place, line)
	}
}

// counted gives what came of a crowd.
func (c *crowd) counted() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.tally)
}

// takenBack notes that nobody is to get in with a grant any more.
func (m *model) takenBack(id string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for g := range m.grants {
		if strings.HasPrefix(g, id+"@") {
			m.revoked[g] = at
		}
	}
}

// isGuessed notes that somebody tries codes that begin as this grant's does: its code rests, and a token opens.
func (m *model) isGuessed(grant string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.guessed[grant] = true
}
