package fleet

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A reference device: it lives second by second, and what became of each of its rounds is known because the test did it.

type modelRound struct {
	at    time.Time
	state State // what became of it
	fault string
}

type modelRecord struct {
	incarnation string
	number      uint64
	boot        uint64
	rounds      []*modelRound
	from        time.Time      // start of its boot
	thinned     *Thinning      // it is a Thinned record
	dropped     []*modelRecord // which it stands for
	damaged     bool
}

type modelBoot struct {
	BootRun
	end     time.Time
	stopped bool
	next    time.Time
	rounds  []*modelRound
}

type model struct {
	t            *rapid.T
	every, flush time.Duration
	tells        bool
	now          time.Time
	incarnation  int
	number       uint64
	next         uint64 // that the hub expects
	boot         uint64
	boots        []*modelBoot
	held         []*modelRecord // in the device's log, not delivered
	unflushed    []*modelRound
	seen         []Seen
	h            History
	all          []*modelRound
	chain        time.Time // since when nothing has come from the present storage and those that it goes on from
	open         []openEnd
	drops        []*modelRecord
	parent       string // of the present incarnation
}

// openEnd is a time from which on the hub has nothing of a storage, and nobody knows when it was off.
type openEnd struct {
	from, to time.Time
	state    State
}

var modelStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func (m *model) name() string { return fmt.Sprintf("i%d", m.incarnation) }

func (m *model) log(s LogState) Log {
	return Log{Incarnation: m.name(), State: s, Origin: Origin{Parent: m.parent}}
}

func newModel(t *rapid.T) *model {
	m := &model{t: t, now: modelStart, chain: modelStart, incarnation: 1, number: 1, next: 1}
	m.every = time.Duration(rapid.IntRange(20, 90).Draw(t, "every")) * time.Second
	m.flush = time.Duration(rapid.SampledFrom([]int{0, 0, 2, 5, 10}).Draw(t, "flush")) * m.every
	m.tells = m.flush > 0 || rapid.Bool().Draw(t, "tells")
	m.h.AssumedEvery = m.every
	return m
}

// run is one boot: it samples for a while, and stops in order or not.
func (m *model) run() {
	m.now = m.now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(m.t, "off")) * time.Second)
	m.boot++
	if n := len(m.open); n > 0 && m.open[n-1].to.IsZero() {
		m.open[n-1].to = m.now
	}
	b := &modelBoot{BootRun: BootRun{Incarnation: m.name(), Number: m.boot, At: m.now, Alive: m.now}}
	if n := len(m.boots); n > 0 {
		m.boots[n-1].next = m.now
	}
	if m.tells {
		b.Samplings = []Sampling{{At: m.now, Every: m.every, Flush: m.flush, Sensors: []string{"a"}}}
	}
	m.boots = append(m.boots, b)
	m.now = m.now.Add(time.Duration(rapid.IntRange(0, int(m.every/time.Second)).Draw(m.t, "first")) * time.Second)
	fault := ""
	for range rapid.IntRange(0, 60).Draw(m.t, "rounds") {
		if rapid.IntRange(0, 9).Draw(m.t, "fault") == 0 {
			fault = map[string]string{"": "missing", "missing": ""}[fault]
		}
		r := &modelRound{at: m.now, fault: fault}
		b.rounds, m.all, m.unflushed = append(b.rounds, r), append(m.all, r), append(m.unflushed, r)
		if m.now.Sub(m.unflushed[0].at) >= m.flush {
			m.append(b)
		}
		m.now = m.now.Add(m.every)
	}
	m.now = m.now.Add(-time.Duration(rapid.IntRange(0, int(m.every/time.Second)-1).Draw(m.t, "early")) * time.Second)
	if m.now.Before(b.At) || len(b.rounds) > 0 && m.now.Before(b.rounds[len(b.rounds)-1].at) {
		m.now = b.At.Add(m.every)
	}
	b.end = m.now
	if rapid.Bool().Draw(m.t, "stopped") {
		m.append(b)
		b.Stopped, b.stopped = m.now, true
	}
	for _, r := range m.unflushed {
		r.state = StateNotFlushed
	}
	m.unflushed = nil
	m.now = m.now.Add(time.Second)
}

// append puts the rounds in memory into the log.
func (m *model) append(b *modelBoot) {
	if len(m.unflushed) > 0 {
		m.held = append(m.held, &modelRecord{incarnation: m.name(), number: m.number, boot: b.Number, rounds: m.unflushed, from: b.At})
		m.number, m.unflushed = m.number+1, nil
	}
}

// deliver gives the hub some of what is held, in order.
func (m *model) deliver(n int) {
	for _, r := range m.held[:n] {
		m.jump(r.number)
		m.next = r.number + 1
		switch {
		case r.thinned != nil:
			m.h.Thinnings = append(m.h.Thinnings, *r.thinned)
			for _, d := range r.dropped {
				m.h.Missing = slices.DeleteFunc(m.h.Missing, func(x Missing) bool {
					return x.State == StateNotHeld && x.Incarnation == d.incarnation && x.First == d.number && d.incarnation == r.incarnation
				})
				d.setState(StateThinned)
			}
		case r.damaged:
			m.miss(r, StateDamaged)
		case rapid.IntRange(0, 19).Draw(m.t, "unreadable") == 0:
			m.miss(r, StateQuarantined)
		default:
			m.receive(r)
		}
	}
	m.held = m.held[n:]
}

// jump makes gaps of the numbers that the device no longer has. What they were the hub hears later, if at all.
func (m *model) jump(to uint64) {
	for n := m.next; n < to; n++ {
		m.h.Missing = append(m.h.Missing, Missing{Incarnation: m.name(), First: n, Last: n, State: StateNotHeld})
		for _, d := range m.drops {
			if d.incarnation == m.name() && d.number == n && d.state() != StateThinned {
				d.setState(StateNotHeld)
			}
		}
	}
}

func (r *modelRecord) setState(s State) {
	for _, x := range r.rounds {
		x.state = s
	}
}

func (r *modelRecord) state() State {
	if len(r.rounds) == 0 {
		return ""
	}
	return r.rounds[0].state
}

func (m *model) miss(r *modelRecord, s State) {
	m.h.Missing = append(m.h.Missing, Missing{Incarnation: r.incarnation, First: r.number, Last: r.number, State: s})
	for _, x := range r.rounds {
		x.state = s
	}
}

func (m *model) receive(r *modelRecord) {
	m.chain = r.rounds[0].at
	for i := 0; i < len(r.rounds); {
		j := i
		for j < len(r.rounds) && r.rounds[j].fault == r.rounds[i].fault {
			r.rounds[j].state = StateReceived
			if r.rounds[j].fault != "" {
				r.rounds[j].state = StateSensorFault
			}
			j++
		}
		s := Seen{Incarnation: r.incarnation, Number: r.number, Boot: r.boot, From: r.rounds[i].at, To: r.rounds[j-1].at, Rounds: j - i,
			Fault: r.rounds[i].fault, Mono: r.rounds[j-1].at.Sub(r.from)}
		if s.Fault == "" {
			s.Samples = s.Rounds
		} else {
			s.Sensors = "a"
		}
		m.seen = append(m.seen, s)
		i = j
	}
}

// thin drops the oldest records that are held.
func (m *model) thin() {
	n := rapid.IntRange(0, len(m.held)).Draw(m.t, "thin")
	var t *Thinning
	var dropped []*modelRecord
	for _, r := range m.held[:n] {
		if r.thinned != nil {
			dropped = append(dropped, r.dropped...)
		} else {
			dropped = append(dropped, r)
		}
		from, to, rounds := time.Time{}, time.Time{}, len(r.rounds)
		if r.thinned != nil {
			from, to, rounds = r.thinned.From, r.thinned.To, r.thinned.Rounds
		} else {
			from, to = r.rounds[0].at, r.rounds[rounds-1].at
		}
		if t == nil {
			t = &Thinning{From: from, To: to, Reason: "share"}
		}
		if from.Before(t.From) {
			t.From = from
		}
		if to.After(t.To) {
			t.To = to
		}
		t.Rounds += rounds
		r.setState(StateNotArrived) // the hub knows nothing of it
	}
	m.drops = append(m.drops, dropped...)
	if t == nil {
		return
	}
	m.held = append(m.held[n:], &modelRecord{incarnation: m.name(), number: m.number, thinned: t, dropped: dropped})
	m.number++
}

// wipe begins a new life of the storage that knows nothing of the one before.
func (m *model) wipe() {
	for _, r := range slices.Concat(m.held, m.drops) {
		if s := r.state(); s == "" || s == StateNotArrived {
			r.setState(StateIncarnationLost)
		}
	}
	m.h.Logs = append(m.h.Logs, m.log(Superseded))
	m.held = nil
	m.open = append(m.open, openEnd{from: m.chain, state: StateIncarnationLost})
	m.chain = m.now
	m.incarnation++
	m.number, m.boot, m.next, m.parent = 1, 0, 1, ""
}

// renew begins a new life that goes on with what is held, numbered anew. The hub has seen some of it already.
func (m *model) renew() {
	m.h.Logs = append(m.h.Logs, m.log(Forked))
	if len(m.held) > 0 {
		m.jump(m.held[0].number)
	}
	m.parent = m.name()
	m.incarnation++
	m.next = 1
	for i, r := range m.held {
		r.incarnation, r.number = m.name(), uint64(i+1)
	}
	m.number = uint64(len(m.held) + 1)
}

func (m *model) live() {
	for range rapid.IntRange(1, 6).Draw(m.t, "boots") {
		m.run()
		switch rapid.SampledFrom([]string{"", "", "deliver", "deliver", "thin", "damage", "wipe", "renew"}).Draw(m.t, "then") {
		case "deliver":
			m.deliver(rapid.IntRange(0, len(m.held)).Draw(m.t, "delivered"))
		case "thin":
			m.thin()
		case "damage": // the device puts a record there that says so
			if len(m.held) > 0 {
				if i := rapid.IntRange(0, len(m.held)-1).Draw(m.t, "which"); m.held[i].thinned == nil {
					m.held[i].damaged = true
				}
			}
		case "wipe":
			m.wipe()
		case "renew":
			m.renew()
		}
	}
	m.deliver(rapid.IntRange(0, len(m.held)).Draw(m.t, "delivered at last"))
	for _, r := range m.held {
		r.setState(StateNotArrived)
	}
	if n := len(m.open); n > 0 && m.open[n-1].to.IsZero() {
		m.open[n-1].to = m.now
	}
	m.open = append(m.open, openEnd{m.chain, m.now, StateNotArrived})
	m.h.Logs = append(m.h.Logs, m.log(Current))
	m.h.Current = m.name()
	for _, b := range m.boots {
		m.h.Boots = append(m.h.Boots, b.BootRun)
	}
	slices.SortStableFunc(m.seen, func(a, b Seen) int { return a.To.Compare(b.To) })
}

// allowed is what the ledger may say of a moment: what was true within one interval of it. Of the time behind a power cut it
// may also say what was true of the boot's end, for nobody knows when the power went.
func (m *model) allowed(at time.Time) map[State]bool {
	ok := map[State]bool{}
	from, to := at.Add(-m.every), at.Add(m.every)
	meets := func(a, b time.Time) bool { return !a.After(to) && !b.Before(from) }
	if len(m.boots) == 0 || meets(time.Time{}, m.boots[0].At) {
		ok[StateNotInUse] = true
	}
	for _, b := range m.boots {
		for i, r := range b.rounds {
			until := b.end
			if i+1 < len(b.rounds) {
				until = b.rounds[i+1].at
			}
			ok[r.state] = ok[r.state] || meets(r.at, until)
		}
		ok[StateNotSampled] = ok[StateNotSampled] || len(b.rounds) == 0 && meets(b.At, b.end)
		next := b.next
		if next.IsZero() {
			next = m.now.Add(time.Hour)
		}
		ok[StateOff] = ok[StateOff] || meets(b.end, next)
		mayRun := next
		if b.stopped {
			mayRun = b.end
		}
		for _, o := range append(m.holes(), m.open...) {
			ok[o.state] = ok[o.state] || meets(o.from, o.to) && meets(b.At, mayRun) && b.At.Before(o.to)
		}
		if b.stopped {
			continue
		}
		for _, o := range m.holes() { // the end of what is missing is itself only known so well
			ok[StateNotFlushed] = ok[StateNotFlushed] || m.flush > 0 && meets(o.from, o.to) && meets(b.At, next)
		}
		last := b.end.Add(m.flush + 2*m.every)
		ok[StateNotFlushed] = ok[StateNotFlushed] || m.flush > 0 && meets(b.end, firstOf(last, next))
		for _, s := range m.tail(b) {
			ok[s] = ok[s] || meets(b.end.Add(-m.flush-m.every), next)
		}
	}
	return ok
}

// tail is what may be said of a cut boot's end: the states of its last rounds that did not arrive, or of the boots before when it has none.
func (m *model) tail(b *modelBoot) (states []State) {
	i := slices.Index(m.boots, b)
	for ; i >= 0; i-- {
		rounds := m.boots[i].rounds
		for n := len(rounds) - 1; n >= 0; n-- {
			s := rounds[n].state
			if s == StateReceived || s == StateSensorFault {
				return states
			}
			states = append(states, s)
		}
	}
	return states
}

// holes are the spans between rounds that were received in which records are missing or could not be read: which rounds were in
// these, nobody can say.
func (m *model) holes() (all []openEnd) {
	from := modelStart
	var states []State
	for i, r := range m.all {
		got := r.state == StateReceived || r.state == StateSensorFault
		if !got {
			states = append(states, r.state)
		}
		if got || i == len(m.all)-1 {
			to := r.at
			if !got {
				to = m.now
			}
			for _, s := range states {
				if s == StateThinned || s == StateNotHeld { // which the hub may have heard of too late to put the numbers right
					all = append(all, openEnd{from, to, StateNotHeld})
				}
				if s == StateDamaged || s == StateQuarantined {
					all = append(all, openEnd{from, to, s})
				}
			}
			from, states = r.at, nil
		}
	}
	return all
}

func (m *model) ledger(from, to time.Time, most int) ([]Stretch, time.Time) {
	l, err := NewLedger(m.h, Ask{From: from, To: to, Now: m.now, Sensor: "a", Most: most})
	require.NoError(m.t, err)
	first := 0
	for i, s := range m.seen {
		if s.To.Before(from) {
			first = i
		}
	}
	for _, s := range m.seen[first:] {
		if !l.Take(s) {
			break
		}
	}
	return l.End()
}

func (m *model) explainTo(t *rapid.T, stretches []Stretch) {
	t.Logf("every %s flush %s tells %v", m.every, m.flush, m.tells)
	for _, s := range stretches {
		t.Logf("ledger %s %s %s %s rounds %d", s.From.Format(time.TimeOnly), s.To.Format(time.TimeOnly), s.State, s.Reason, s.Rounds)
	}
	for _, b := range m.boots {
		t.Logf("boot %s/%d %s to %s stopped %v", b.Incarnation, b.Number, b.At.Format(time.TimeOnly), b.end.Format(time.TimeOnly), b.stopped)
		for i, r := range b.rounds {
			if i == 0 || r.state != b.rounds[i-1].state || i == len(b.rounds)-1 {
				t.Logf("  round %d %s %s", i, r.at.Format(time.TimeOnly), r.state)
			}
		}
	}
	t.Logf("missing %+v", m.h.Missing)
	t.Logf("thinnings %+v", m.h.Thinnings)
	t.Logf("logs %+v", m.h.Logs)
}
