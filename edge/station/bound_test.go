package station

import (
	"crypto/ed25519"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

var (
	simGrants  = flag.Int("grants", 4000, "grants of the simulation of what opens offline")
	simPickups = flag.Int("pickups", 1000, "pickups of the simulation with attackers")
	simSeed    = flag.Uint64("simseed", 1, "first seed of both")
)

// mostOf is how many to play: few where the emulator runs them.
func mostOf(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

const grantsOfALife = 40

// given is a grant as the hub knows it.
type given struct {
	protocol.Grant
	code    string
	revoked time.Time // zero: never
}

// figures is what a simulation has seen.
type figures struct {
	grants, revoked, tries, opened, unproven, afterRevoked, beyond, cuts int
	longest                                                              time.Duration // after it was revoked that a grant still opened
	refused                                                              map[string]int
}

func (f figures) String() string {
	var why []string
	for reason, n := range f.refused {
		why = append(why, fmt.Sprintf("%7d %s", n, reason))
	}
	slices.Sort(why)
	return fmt.Sprintf("%d grants, %d of them revoked; %d tries, %d power cuts\n%d opened: %d without a proof of the time, "+
		"%d after they were revoked at a lock that could not know, the longest %v after; beyond the bound: %d\nrefused:\n%s",
		f.grants, f.revoked, f.tries, f.cuts, f.opened, f.unproven, f.afterRevoked, f.longest.Round(time.Second), f.beyond, strings.Join(why, "\n"))
}

// life is one lock over six days.
type life struct {
	*site
	all   []given
	begun time.Time
	f     *figures
	door  *door

	made   Plan
	madeOf int // grants that were revoked by then
}

func newLife(t tester, seed uint64, f *figures) *life {
	r := rand.New(rand.NewPCG(seed, 5))
	l := &life{begun: noon, f: f, door: &door{openings: map[string]int{}}}
	in := map[string]Box{}
	for i := range grantsOfALife {
		l.all = append(l.all, l.draw(r, i))
		in[fmt.Sprintf("c%d", i)] = Box{GRAI: fmt.Sprint(i)}
	}
	l.site = newSite(t, r, noon, l.planNow(noon), State{In: in})
	l.look(l.door, "f1")
	return l
}

func (l *life) draw(r *rand.Rand, i int) given {
	h := []protocol.Holder{protocol.HolderCustomer, protocol.HolderCustomer, protocol.HolderCustomer, protocol.HolderCourier, protocol.HolderShop,
		protocol.HolderStaff, protocol.HolderEngineer}[r.IntN(7)]
	from := l.begun.Add(between(r, -6*time.Hour, 100*time.Hour))
	g := given{code: fmt.Sprintf("%08d", r.IntN(1_0000_0000))}
	g.Grant = protocol.Grant{ID: fmt.Sprintf("g%d@f1", i), Holder: h, From: from.UnixMilli(), Until: from.Add(between(r, time.Hour, 60*time.Hour)).UnixMilli()}
	if g.PIN = protocol.HashPIN(g.ID, g.code); h == protocol.HolderCustomer {
		g.Containers = []string{fmt.Sprintf("c%d", i)}
	} else {
		g.Uses = 1 + r.Uint32N(4)
	}
	if l.f.grants++; r.IntN(2) == 0 {
		l.f.revoked++
		g.revoked = l.begun.Add(between(r, 0, 120*time.Hour))
	}
	return g
}

// planNow is the plan that the hub makes at a time. The same facts are the same plan.
func (l *life) planNow(at time.Time) Plan {
	revoked := 0
	for _, g := range l.all {
		if !g.revoked.IsZero() && !at.Before(g.revoked) {
			revoked++
		}
	}
	if l.made != nil && l.madeOf == revoked {
		return l.made
	}
	lock := protocol.LockPlan{Position: "f1", Issued: noon.Add(-time.Hour).UnixMilli(), Keys: [][]byte{hubKey.Public().(ed25519.PublicKey)}}
	for _, g := range l.all {
		if g.revoked.IsZero() || at.Before(g.revoked) {
			lock.Grants = append(lock.Grants, g.Grant)
		}
	}
	l.made, l.madeOf = Plan{"f1": lock}, revoked
	return l.made
}

// try is somebody with a grant's code, or with a token that was signed while it held.
func (l *life) try(g given) {
	l.f.tries++
	var d Decision
	signed := time.Time{}
	if l.r.IntN(5) == 0 {
		signed = l.truth.Add(-between(l.r, 0, 40*time.Hour))
		if !g.revoked.IsZero() && signed.After(g.revoked) {
			signed = g.revoked.Add(-time.Second)
		}
		text, err := protocol.SignToken(protocol.Token{Lock: "f1", Issued: noon.Add(-time.Hour).UnixMilli(), Signed: signed.UnixMilli(), Grant: g.Grant}, hubKey)
		require.NoError(l.t, err)
		d = l.scan(text)
	} else {
		d = l.code("f1", g.code)
	}
	for _, b := range d.Records {
		if b, ok := b.(protocol.GrantRefused); ok {
			l.f.refused[b.Reason]++
		}
	}
	for _, f := range fires(d) {
		l.opens(g)
		l.fire(l.door, f, l.r.IntN(4) > 0)
		l.shut(l.door, "f1")
		l.settle()
	}
}

// opens is the promise: no later than the end of the window, or than the age of the plan after it was revoked, by a clock that is right
// or, where the time has no proof, by the time that the lock had power.
func (l *life) opens(g given) {
	l.f.opened++
	now := l.clock()
	if now.UnixMilli() >= g.Until {
		l.f.beyond++
		require.Fail(l.t, "beyond the window", "%s at %v", g.ID, now)
	}
	if l.proven {
		require.Less(l.t, l.truth.Sub(now).Abs(), 5*time.Minute, "a clock that calls itself proven is right but for its drift")
		require.GreaterOrEqual(l.t, now.UnixMilli(), g.From)
	} else {
		l.f.unproven++
		require.False(l.t, now.After(l.truth.Add(5*time.Minute)), "what it is not before has come")
		powered := l.poweredFor + l.truth.Sub(maxTime(l.boot, l.lastProven))
		require.GreaterOrEqual(l.t, now.Sub(l.lastProven), powered-time.Duration(l.restarts)*10*time.Minute-5*time.Minute, "power that it had counts")
	}
	if g.revoked.IsZero() || now.Before(g.revoked) {
		return
	}
	l.f.afterRevoked++
	after := now.Sub(g.revoked)
	l.f.longest = max(l.f.longest, after)
	if after > ageOf(g.Holder)+2*time.Second {
		l.f.beyond++
		require.Fail(l.t, "too long after it was revoked", "%s, %v after", g.ID, after)
	}
}

// run plays six days: the hub comes and goes, so does the power, and everybody tries, mostly when it is close.
func (l *life) run() {
	type event struct {
		at time.Time
		do func()
	}
	var events []event
	add := func(at time.Time, do func()) { events = append(events, event{at, do}) }
	for at := l.begun; at.Before(l.begun.Add(6 * 24 * time.Hour)); {
		lost := at.Add(between(l.r, time.Minute, 40*time.Hour))
		for ; at.Before(lost); at = at.Add(30 * time.Minute) {
			add(at, func() {
				if l.powered {
					l.sync(l.planNow(l.truth))
				}
			})
		}
		at = lost.Add(between(l.r, time.Minute, 110*time.Hour))
	}
	for range l.r.IntN(6) {
		at := l.begun.Add(between(l.r, 0, 140*time.Hour))
		add(at, func() { l.f.cuts++; l.cut() })
		add(at.Add(between(l.r, time.Second, 30*time.Hour)), func() {
			l.start()
			l.look(l.door, "f1")
		})
	}
	for _, g := range l.all {
		from, until := time.UnixMilli(g.From), time.UnixMilli(g.Until)
		for range 5 {
			near := []time.Time{from, until, from.Add(until.Sub(from) / 2), g.revoked, g.revoked.Add(ageOf(g.Holder))}[l.r.IntN(5)]
			if near.Before(l.begun) {
				near = from
			}
			add(near.Add(between(l.r, -2*time.Hour, 2*time.Hour)), func() { l.try(g) })
		}
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	for _, e := range events {
		if e.at.After(l.truth) {
			l.truth = e.at
		}
		e.do()
	}
}

func TestNoGrantOpensBeyondItsWindowOrThePlansAgeAfterItWasRevoked(t *testing.T) {
	f := figures{refused: map[string]int{}}
	for seed := *simSeed; f.grants < mostOf(*simGrants); seed++ {
		l := newLife(t, seed, &f)
		l.run()
		for _, g := range l.all {
			if g.Uses > 0 {
				require.LessOrEqual(t, l.door.openings[g.ID], int(g.Uses)+l.again[g.ID], "seed %d: %s", seed, g.ID)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	require.Zero(t, f.beyond)
	require.NotZero(t, f.opened)
	require.NotZero(t, f.unproven)
	require.NotZero(t, f.afterRevoked, "else it has proved nothing")
	t.Log("\n" + f.String())
}
