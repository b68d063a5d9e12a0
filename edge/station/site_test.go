package station

import (
	"math/rand/v2"
	"reflect"
	"time"

	"meguri/protocol"
)

// site is a station in a world of its own: a true time, a clock that need not show it, power that goes, and a hub that is there or not.
// It runs the rules as edge/app does: what has records or actions is durable, all else is lost with the power.
type site struct {
	t       tester
	r       *rand.Rand
	truth   time.Time
	plan    Plan
	s       State // in memory
	durable State

	powered bool
	boot    time.Time // true
	proven  bool
	battery bool
	off     time.Duration // of the lock's clock when it was last set
	setAt   time.Time     // true
	ppm     int64
	within  time.Duration // how far off the lock knows that its clock may be
	floor   time.Time     // at boot

	again      map[string]int // of grants: how often they may open once more for a use in doubt
	restarts   int            // since the time was last proven
	poweredFor time.Duration  // so long, since the time was last proven, until this boot
	lastProven time.Time      // true
}

func newSite(t tester, r *rand.Rand, start time.Time, p Plan, s State) *site {
	w := &site{t: t, r: r, truth: start, plan: p, s: s, durable: s, powered: true, boot: start, again: map[string]int{}, battery: r.IntN(2) == 0, ppm: r.Int64N(1001) - 500}
	w.sync(p)
	return w
}

// clock is what the lock takes the time for: proven, or what it is at least.
func (w *site) clock() time.Time {
	if w.proven {
		return w.truth.Add(w.off + w.truth.Sub(w.setAt)*time.Duration(w.ppm)/1_000_000)
	}
	if least := time.UnixMilli(w.s.NotBefore); least.After(w.floor.Add(w.truth.Sub(w.boot))) {
		w.floor = least.Add(-w.truth.Sub(w.boot))
	}
	return w.floor.Add(w.truth.Sub(w.boot))
}

// now is app.atDoor.
func (w *site) now() time.Time {
	now := w.clock().Truncate(time.Millisecond)
	notBefore := now
	if w.proven {
		notBefore = now.Add(-w.within)
	}
	w.s = Clocked(w.s, w.proven, notBefore)
	return now
}

// input runs a rule; nothing happens without power.
func (w *site) input(decide func(s State, p Plan, now time.Time) Decision) Decision {
	if !w.powered {
		return Decision{}
	}
	now := w.now()
	d := decide(w.s, w.plan, now)
	if w.s = d.State; len(d.Records) > 0 || len(d.Actions) > 0 {
		w.durable = w.s
	}
	for _, b := range d.Records {
		if b, ok := b.(protocol.UseUncertain); ok && b.Again != 0 {
			w.again[b.Grant]++
		}
	}
	return d
}

// sync is a welcome of the hub, with a plan.
func (w *site) sync(p Plan) {
	w.proven, w.off, w.setAt, w.lastProven = true, time.Duration(w.r.Int64N(2001)-1000)*time.Millisecond, w.truth, w.truth
	w.restarts, w.poweredFor, w.within = 0, 0, time.Second
	w.now()
	if len(w.plan) == 0 || !same(w.plan, p) {
		w.plan, w.s = p, PlanChanged(w.s, p)
	}
	w.s = Confirmed(w.s, w.truth)
	w.durable = w.s
}

// cut takes the power away.
func (w *site) cut() {
	if !w.powered {
		return
	}
	lag := time.Duration(w.r.Int64N(int64(10 * time.Minute)))
	w.now()
	w.durable.NotBefore = max(w.durable.NotBefore, w.s.NotBefore-lag.Milliseconds())
	w.powered = false
	w.poweredFor += w.truth.Sub(maxTime(w.boot, w.lastProven))
}

// start gives it back. A battery may have died meanwhile.
func (w *site) start() {
	if w.powered {
		return
	}
	w.s, w.powered, w.boot = reread(w.t, w.durable), true, w.truth
	w.restarts++
	if !w.battery || w.r.IntN(10) == 0 {
		w.proven = false
	}
	w.floor = time.UnixMilli(w.s.NotBefore)
	if w.proven && w.clock().Before(w.floor) { // slow: app.wall.notBefore moves it up
		w.off += w.floor.Sub(w.clock()) + time.Millisecond
	}
	now := w.now()
	w.s = Started(w.s, now)
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// door is a door as it is: who has got in knows, whatever the contacts say.
type door struct {
	jammed   bool // the bolt does not move
	silent   bool // the relay does not answer
	open     bool
	openings map[string]int // by grant whose relay fired last
}

// fire is the relay with somebody who pulls, or does not.
func (w *site) fire(d *door, f Fire, pulls bool) (opened bool) {
	var failure error
	if d.silent {
		failure = errSilent
	}
	w.input(func(s State, p Plan, now time.Time) Decision { return Fired(s, p, f, failure, now) })
	if d.silent || d.jammed {
		return false
	}
	w.bolt(f.Position, false, true)
	if pulls {
		d.open = true
		d.openings[f.Grant]++
		w.contact(f.Position, false)
		return true
	}
	w.pass(500 * time.Millisecond)
	w.bolt(f.Position, true, true)
	return false
}

func (w *site) shut(d *door, position string) {
	if !d.open {
		return
	}
	d.open = false
	w.contact(position, true)
	w.bolt(position, true, true)
}

// look is what the contacts say at a start.
func (w *site) look(d *door, position string) {
	w.contact(position, !d.open)
	w.bolt(position, !d.open, !d.open)
}

func (w *site) contact(position string, closed bool) Decision {
	return w.input(func(s State, p Plan, now time.Time) Decision { return Contact(s, p, position, closed, now) })
}

func (w *site) bolt(position string, out, leaf bool) Decision {
	return w.input(func(s State, p Plan, now time.Time) Decision { return Bolt(s, p, position, out, leaf, now) })
}

func (w *site) code(position, code string) Decision {
	return w.input(func(s State, p Plan, now time.Time) Decision { return Code(s, p, position, code, now) })
}

func (w *site) scan(text string) Decision {
	return w.input(func(s State, p Plan, now time.Time) Decision { return Scan(s, p, text, now) })
}

func (w *site) pass(d time.Duration) { w.truth = w.truth.Add(d) }

// settle lets a wait for a door end.
func (w *site) settle() Decision {
	w.pass(OpenWithin + time.Second)
	return w.input(Tick)
}

// between draws a duration.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)+1))
}

func ageOf(h protocol.Holder) time.Duration {
	return time.Duration(protocol.LockPlan{}.RuleFor(h).PlanAgeMS) * time.Millisecond
}

// same says whether two plans are the very same, not only alike.
func same(a, b Plan) bool { return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() }
