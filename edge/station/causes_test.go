package station

import (
	"flag"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/protocol"
)

// causesSteps is how many steps a run of the model has at most: more with `go test ./edge/station -run Causes -args -causes.steps 400`
// (and -rapid.checks).
var causesSteps = flag.Int("causes.steps", 60, "steps of TestCausesModel")

// withBoth is a station whose goods in f1 have limits there and on their way.
func withBoth(change ...func(*protocol.Ride)) Plan {
	p := withRides(change...)
	for i := range p["f1"].Containers {
		p["f1"].Containers[i].Goods = bears
	}
	return p
}

// opens says whether the goods of c1 are handed out.
func (r *rig) opens() bool {
	t := &turn{Decision: Decision{State: r.s}, plan: r.p, now: r.now}
	return !t.held(r.p["f1"].Containers[0])
}

func (r *rig) decided(released, lifted []int64) {
	c := &r.p["f1"].Containers[0]
	c.Hold, c.Released, c.Lifted = protocol.GoodsReleased, released, lifted
}

func TestWhatTheHubLiftsOfTheWayForgivesNothingInTheFridge(t *testing.T) {
	r := newRig(t, State{}, withBoth(unstatedHolds))
	way := kept[protocol.GoodsHeld](r.puts())
	require.Len(t, way, 1)
	fridge := kept[protocol.GoodsHeld](r.minutes(40, 12_000, 0))
	require.Len(t, fridge, 1, "another cause is another decision")
	r.decided(nil, []int64{way[0].HeldAt})
	r.minutes(1, 5000, 0)
	require.False(t, r.opens())
	require.Greater(t, r.s.Goods["c1"].OutsideMS, bears.OutsideMS)
	r.decided([]int64{fridge[0].HeldAt}, []int64{way[0].HeldAt})
	r.minutes(1, 5000, 0)
	require.True(t, r.opens())
	require.Zero(t, r.s.Goods["c1"].OutsideMS)
}

func TestAStatementThatEndsADoubtLeavesWhatTheFridgeDid(t *testing.T) {
	r := newRig(t, State{}, withBoth(unstatedHolds))
	way := kept[protocol.GoodsHeld](r.puts())
	require.Len(t, kept[protocol.GoodsHeld](r.minutes(40, 12_000, 0)), 1)
	require.Equal(t, way[0].HeldAt, kept[protocol.RideJudged](r.scan(r.says()).Records)[0].Freed)
	require.False(t, r.opens())
}

func TestOnlyAPersonsWordOfTheWayEndsFurtherDoubtOfIt(t *testing.T) {
	other := func(s *protocol.Statement) { s.High, s.MaxMilliC = 15_000, 12_000 }
	for name, c := range map[string]struct {
		decided func(r *rig, way int64)
		holds   bool
	}{
		"a release of it":                      {func(r *rig, way int64) { r.decided([]int64{way}, nil) }, false},
		"not that the hub has ended it":        {func(r *rig, way int64) { r.decided(nil, []int64{way}) }, true},
		"not of the hub's own decision":        {func(r *rig, _ int64) { r.decided(nil, nil) }, true},
		"not what an old hub says of another":  {func(r *rig, way int64) { r.decided(nil, nil); r.p["f1"].Containers[0].HoldOf = way - 1 }, true},
		"not of what was decided of another's": {func(r *rig, way int64) { r.decided([]int64{way - 1}, nil) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, State{}, withBoth(unstatedHolds))
			way := kept[protocol.GoodsHeld](r.puts())[0].HeldAt
			c.decided(r, way)
			held := kept[protocol.GoodsHeld](r.scan(r.says(other)).Records)
			require.Equal(t, c.holds, len(held) == 1)
			require.Equal(t, !c.holds, r.opens())
		})
	}
}

// What a version before revision 5 has decided stands.
func TestADecisionOfAnOlderVersionStands(t *testing.T) {
	s := everythingIn()
	s.Goods = map[string]Goods{"c1": {LastAt: at(0), WasHeldAt: at(-time.Hour), WasCause: protocol.GoodsBroken, OutsideMS: 31 * 60_000}}
	r := newRig(t, s, withLimits())
	require.False(t, r.opens())
	require.Empty(t, r.minutes(1, 5000, 0))
	require.Equal(t, Held{At: at(-time.Hour), Cause: protocol.GoodsBroken}, r.held("c1"))
	r.p["f1"].Containers[0].Hold, r.p["f1"].Containers[0].HoldOf = protocol.GoodsReleased, at(-time.Hour)
	r.minutes(1, 5000, 0)
	require.True(t, r.opens())
	require.Empty(t, r.s.Goods["c1"].Held)
}

// quality is a hub that hears late what a station decides, and whose plan comes later still.
type quality struct {
	unheard, open    []protocol.GoodsHeld
	released, lifted []int64
	causes           map[int64]protocol.GoodsCause
	freed            map[int64]bool
}

func (q *quality) records(records []protocol.Body) {
	for _, b := range records {
		switch b := b.(type) {
		case protocol.GoodsHeld:
			q.unheard = append(q.unheard, b)
			q.causes[b.HeldAt] = b.Cause
		case protocol.RideJudged:
			q.freed[b.Freed] = b.Freed != 0
		}
	}
}

func (q *quality) hears() {
	if len(q.unheard) > 0 {
		q.open, q.unheard = append(q.open, q.unheard[0]), q.unheard[1:]
	}
}

func (q *quality) decides(i int, release bool) {
	if len(q.open) == 0 {
		return
	}
	h := q.open[i%len(q.open)]
	q.open = slices.DeleteFunc(q.open, func(o protocol.GoodsHeld) bool { return o.HeldAt == h.HeldAt })
	doubt := h.Cause == protocol.RideDoubtful || h.Cause == protocol.RideUnstated
	if !release && doubt {
		q.lifted = append(q.lifted, h.HeldAt)
		return
	}
	q.released = append(q.released, h.HeldAt)
}

// plans is what the next plan says.
func (q *quality) plans(c *protocol.SlotAssignment) {
	c.Hold, c.Released, c.Lifted = 0, slices.Clone(q.released), slices.Clone(q.lifted)
	switch {
	case len(q.open) > 0:
		c.Hold = protocol.GoodsWait
	case len(q.released)+len(q.lifted) > 0:
		c.Hold, c.HoldOf = protocol.GoodsReleased, max(newest(q.released), newest(q.lifted))
	}
}

func newest(all []int64) (n int64) {
	for _, at := range all {
		n = max(n, at)
	}
	return n
}

// minutesOf counts, beside the station, what is known to have been outside since a person forgave it: a reading of each minute.
type minutesOf struct {
	outside  int64
	was      bool
	gapFrom  int64 // when it last read anything, or a person forgave that it had not
	silentMS int64 // the longest time without a reading that nobody has forgiven
}

// In whatever order causes, statements, decisions and readings come: goods whose known minutes exceed a limit, or with a doubt that nobody
// has decided about, are never handed out; what a person has decided stands until there is another cause; and nothing else is held.
func TestCausesModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, q := newRig(rt, State{}, withBoth(unstatedHolds)), &quality{causes: map[int64]protocol.GoodsCause{}, freed: map[int64]bool{}}
		var fridge minutesOf
		tooWarm := false
		r.now = r.now.Add(time.Minute)
		q.records(r.puts())
		fridge.gapFrom = r.now.UnixMilli()
		for range rapid.IntRange(1, *causesSteps).Draw(rt, "steps") {
			r.now = r.now.Add(time.Second)
			switch rapid.IntRange(0, 7).Draw(rt, "step") {
			case 0, 1:
				milliC, fault := rapid.SampledFrom([]int64{5000, 12_000}).Draw(rt, "air"), protocol.SensorOK
				if rapid.IntRange(0, 3).Draw(rt, "silent") == 0 {
					fault = protocol.SensorMissing
				}
				for range rapid.IntRange(1, 25).Draw(rt, "minutes") {
					before := slices.Clone(r.s.Goods["c1"].Held)
					records := r.minutes(1, milliC, fault)
					q.records(records)
					fridge.round(r, before, milliC, fault)
				}
			case 2:
				change := rapid.SampledFrom([]func(*protocol.Statement){func(*protocol.Statement) {}, warmed(40, 90), unread(40, 90),
					func(s *protocol.Statement) { s.High, s.MaxMilliC = 15_000, 12_000 }}).Draw(rt, "statement")
				before := slices.Clone(r.s.Goods["c1"].Held)
				d := r.scan(r.says(func(s *protocol.Statement) {
					s.From = at(-6 * time.Hour)
					change(s)
					for _, all := range [][]protocol.Stretch{s.Outside, s.Gaps} {
						for i := range all { // always the same minutes, 90 to 50 before noon
							all[i].Ago = uint32((s.Until - at(-90*time.Minute)) / 1000)
						}
					}
				}))
				q.records(d.Records)
				fridge.forgives(r, before)
				for _, j := range kept[protocol.RideJudged](d.Records) {
					tooWarm = tooWarm || j.Outcome == protocol.RideTooWarm
				}
			case 3:
				r.powerCut("f1", time.Second, true)
			case 4:
				q.hears()
			case 5, 6:
				q.decides(rapid.IntRange(0, 5).Draw(rt, "which"), rapid.Bool().Draw(rt, "release"))
			case 7:
				q.plans(&r.p["f1"].Containers[0])
			}
			q.check(rt, r, fridge, tooWarm)
		}
		q.ends(rt, r)
	})
}

// round counts a minute, by what the station said of it before: a release that it has taken over in this round forgives.
func (m *minutesOf) round(r *rig, before []Held, milliC int64, fault protocol.SensorFault) {
	now := r.now.UnixMilli()
	m.forgives(r, before)
	m.silentMS = max(m.silentMS, now-m.gapFrom)
	if m.was && now-m.gapFrom <= readingStands.Milliseconds() {
		m.outside += 60_000
	}
	if fault == protocol.SensorOK {
		m.was, m.gapFrom = milliC > bears.MaxMilliC, now
	}
}

// forgives follows the releases that the station has taken over.
func (m *minutesOf) forgives(r *rig, before []Held) {
	for _, h := range before {
		switch {
		case !slices.Contains(r.p["f1"].Containers[0].Released, h.At) || slices.Contains(r.s.Goods["c1"].Held, h):
		case h.Cause == protocol.GoodsBroken:
			m.outside, m.was = 0, false
		case h.Cause == protocol.GoodsDoubtful:
			m.gapFrom, m.silentMS, m.was = r.now.UnixMilli(), 0, false
		}
	}
}

// check is the rule, after any step.
func (q *quality) check(t *rapid.T, r *rig, fridge minutesOf, tooWarm bool) {
	c := r.p["f1"].Containers[0]
	decided := func(name int64) bool {
		return slices.Contains(c.Released, name) || slices.Contains(c.Lifted, name) || q.freed[name]
	}
	standing := false
	for name := range q.causes {
		standing = standing || !decided(name)
	}
	require.Equal(t, standing || c.Hold == protocol.GoodsWait, !r.opens(), "goods are held while a decision stands, and only then")
	known := func(cause protocol.GoodsCause) bool {
		return slices.ContainsFunc(r.s.Goods["c1"].Held, func(h Held) bool { return h.Cause == cause && q.causes[h.At] == cause })
	}
	if fridge.outside > bears.OutsideMS {
		require.True(t, known(protocol.GoodsBroken), "%d minutes outside", fridge.outside/60_000)
	}
	if fridge.silentMS > bears.GapMS+readingStands.Milliseconds() {
		require.True(t, known(protocol.GoodsDoubtful), "%d minutes without a reading", fridge.silentMS/60_000)
	}
	named := slices.Collect(maps.Values(q.causes))
	require.True(t, !tooWarm || slices.Contains(named, protocol.RideBroken), "a ride that is known as too warm was decided on")
}

// ends: whatever was held can be released.
func (q *quality) ends(t *rapid.T, r *rig) {
	for len(q.unheard) > 0 {
		q.hears()
	}
	for len(q.open) > 0 {
		q.decides(0, true)
	}
	q.plans(&r.p["f1"].Containers[0])
	require.True(t, r.opens())
}
