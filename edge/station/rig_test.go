package station

import (
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/protocol"
)

var noon = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

var errSilent = errors.New("no answer")

func at(d time.Duration) int64 { return noon.Add(d).UnixMilli() }

// GRAIs with good check digits.
const (
	boxA = "095200010000101"
	boxB = "095200010000102"
	boxC = "095200010000103"
)

func customer(id, pin string, containers ...string) protocol.Grant {
	return protocol.Grant{ID: id, Holder: protocol.HolderCustomer, Order: "order-" + id, PIN: protocol.HashPIN(id, pin),
		From: at(-time.Hour), Until: at(4 * time.Hour), Containers: containers}
}

func courier(id, pin string, uses uint32) protocol.Grant {
	return protocol.Grant{ID: id, Holder: protocol.HolderCourier, PIN: protocol.HashPIN(id, pin),
		From: at(-time.Hour), Until: at(4 * time.Hour), Uses: uses}
}

// twoFridges is a station with two doors: A's goods in f1, B's in f1 and f2, and a courier.
func twoFridges() Plan {
	a, b1 := customer("a@f1", "111111", "c1"), customer("b@f1", "222222", "c2", "c3")
	b1.Elsewhere = []string{"f2"}
	a2, b2 := customer("a@f2", "111111"), customer("b@f2", "222222", "c4")
	a2.Elsewhere, b2.Elsewhere = []string{"f1"}, []string{"f1"}
	return Plan{
		"f1": {Position: "f1", Grants: []protocol.Grant{a, b1, courier("k@f1", "99999999", 2)},
			Containers: []protocol.SlotAssignment{{DatedContainer: "c1", Slot: "f1-1", GRAI: boxA},
				{DatedContainer: "c2", Slot: "f1-2", GRAI: boxB}, {DatedContainer: "c3", Slot: "f1-3"}}},
		"f2": {Position: "f2", Grants: []protocol.Grant{a2, b2, courier("k@f2", "99999999", 2)},
			Containers: []protocol.SlotAssignment{{DatedContainer: "c4", Slot: "f2-1"}}},
	}
}

func everythingIn() State {
	return State{In: map[string]Box{"c1": {GRAI: boxA}, "c2": {GRAI: boxB}, "c3": {GRAI: boxC}, "c4": {GRAI: "x"}}}
}

// tester is what *testing.T, *testing.F and *rapid.T have in common.
type tester interface {
	require.TestingT
	Helper()
}

// rig is a station under test: it remembers what was decided, and after each decision goes through a restart.
type rig struct {
	t    tester
	s    State
	p    Plan
	now  time.Time
	last Decision
}

// newRig is a station whose plan the hub has just confirmed.
func newRig(t tester, s State, p Plan) *rig {
	if s.Confirmed == 0 {
		s.Confirmed = at(0)
	}
	return &rig{t: t, s: reread(t, s), p: p, now: noon}
}

// reread is a state as it comes back from storage.
func reread(t tester, s State) State {
	t.Helper()
	b, err := protocol.EncodeBody(s)
	require.NoError(t, err)
	var again State
	require.NoError(t, protocol.DecodeBody(b, &again))
	return again
}

func (r *rig) take(decide func(s State, p Plan, now time.Time) Decision) Decision {
	r.t.Helper()
	before := reread(r.t, r.s)
	r.last = decide(r.s, r.p, r.now)
	require.Equal(r.t, before, r.s, "a decision leaves the state that it was given as it is")
	for _, b := range r.last.Records {
		mustReread(r.t, b)
	}
	r.s = reread(r.t, r.last.State)
	return r.last
}

func mustReread(t tester, b protocol.Body) {
	t.Helper()
	body, err := protocol.EncodeBody(b)
	require.NoError(t, err)
	again, err := protocol.DecodeEvent(b.Kind(), body)
	require.NoError(t, err)
	require.Equal(t, b, again)
}

func (r *rig) code(position, code string) Decision {
	r.t.Helper()
	return r.take(func(s State, p Plan, now time.Time) Decision { return Code(s, p, position, code, now) })
}

func (r *rig) contact(position string, closed bool) Decision {
	r.t.Helper()
	return r.take(func(s State, p Plan, now time.Time) Decision { return Contact(s, p, position, closed, now) })
}

func (r *rig) bolt(position string, out, leafShut bool) Decision {
	r.t.Helper()
	return r.take(func(s State, p Plan, now time.Time) Decision { return Bolt(s, p, position, out, leafShut, now) })
}

func (r *rig) key(position string, turned bool) Decision {
	r.t.Helper()
	return r.take(func(s State, p Plan, now time.Time) Decision { return Key(s, p, position, turned, now) })
}

// powerCut is a restart of which the rules hear, and what the contacts of a door say then.
func (r *rig) powerCut(position string, away time.Duration, closed bool) Decision {
	r.t.Helper()
	r.now = r.now.Add(away)
	r.take(func(s State, p Plan, now time.Time) Decision { return Decision{State: Started(s, now)} })
	r.bolt(position, closed, closed)
	return r.contact(position, closed)
}

func (r *rig) unlock(position string) Decision {
	r.t.Helper()
	return r.take(func(s State, p Plan, now time.Time) Decision { return Unlock(s, p, position, "cmd", now) })
}

func (r *rig) fired(f Fire, failure error) Decision {
	r.t.Helper()
	return r.take(func(s State, p Plan, now time.Time) Decision { return Fired(s, p, f, failure, now) })
}

func (r *rig) scan(scan string) Decision {
	r.t.Helper()
	return r.take(func(s State, p Plan, now time.Time) Decision { return Scan(s, p, scan, now) })
}

func (r *rig) box(grai string) Decision  { r.t.Helper(); return r.scan("8003" + grai) }
func (r *rig) slot(slot string) Decision { r.t.Helper(); return r.scan("93" + slot) }

func (r *rig) after(d time.Duration) Decision {
	r.t.Helper()
	r.now = r.now.Add(d)
	return r.take(Tick)
}

// held is the newest decision about the goods of a container that stands; zero for none.
func (r *rig) held(container string) Held {
	if held := r.s.Goods[container].Held; len(held) > 0 {
		return held[len(held)-1]
	}
	return Held{}
}

// fires are the relays that a decision moves.
func fires(d Decision) (all []Fire) {
	for _, a := range d.Actions {
		if f, ok := a.(Fire); ok {
			all = append(all, f)
		}
	}
	return all
}

// shown is the line that a decision leaves on a display, and whether it is a refusal.
func shown(t tester, d Decision) (line phrase.Phrase, refused bool) {
	t.Helper()
	for _, a := range d.Actions {
		if s, ok := a.(Show); ok {
			line, refused = s.Line, s.Refused
			for _, language := range []phrase.Language{phrase.English, phrase.Japanese} {
				require.NotContains(t, s.Line.In(language), "{", "every place of the line is filled")
			}
		}
	}
	return line, refused
}

func (r *rig) requireOpens(position, code string) {
	r.t.Helper()
	require.Len(r.t, fires(r.code(position, code)), 1)
}

// requireRefused wants no relay, one record with the reason, and the line on the display.
func (r *rig) requireRefused(d Decision, reason string, line phrase.Phrase) {
	r.t.Helper()
	require.Empty(r.t, fires(d))
	require.Len(r.t, d.Records, 1)
	switch b := d.Records[0].(type) {
	case protocol.GrantRefused:
		require.Equal(r.t, reason, b.Reason)
	case protocol.ScanRefused:
		require.Equal(r.t, reason, b.Reason)
	default:
		require.Fail(r.t, "no refusal", "%#v", b)
	}
	got, refused := shown(r.t, d)
	require.True(r.t, refused)
	require.Equal(r.t, line, got)
}
