package station

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/edge/phrase"
	"meguri/protocol"
)

var bears = protocol.GoodsLimit{MinMilliC: 0, MaxMilliC: 10_000, OutsideMS: 30 * 60_000, GapMS: 15 * 60_000, DoubtHolds: true}

// withLimits is twoFridges whose goods in f1 may bear no more than bears.
func withLimits() Plan {
	p := twoFridges()
	f1 := p["f1"]
	for i := range f1.Containers {
		f1.Containers[i].Goods = bears
	}
	p["f1"] = f1
	return p
}

// minutes lets time go by with one round a minute; a fault is none.
func (r *rig) minutes(n int, milliC int64, fault protocol.SensorFault) (records []protocol.Body) {
	for range n {
		r.now = r.now.Add(time.Minute)
		d := Sampled(r.s, r.p, map[string]Air{"f1": AirOf([]protocol.Sample{{MilliC: milliC, Fault: fault}})}, r.now)
		r.s = d.State
		records = append(records, d.Records...)
	}
	return records
}

const heldReason = "goods are held until quality has decided"

// The driver scans a box to another slot, and back: the same goods are as warm as they were.
func TestABoxThatIsMovedTakesWhatIsKnownOfItsGoodsAlong(t *testing.T) {
	p := twoFridges()
	f1 := p["f1"]
	for i := range f1.Containers {
		f1.Containers[i].Goods = bears
		f1.Containers[i].GRAI = ""
	}
	p["f1"] = f1
	r := newRig(t, State{}, p)
	held := func(d Decision) (containers []string) {
		for _, b := range d.Records {
			if h, ok := b.(protocol.GoodsHeld); ok {
				containers = append(containers, h.DatedContainer)
			}
		}
		return containers
	}
	r.box(boxA)
	r.slot("f1-1")
	r.minutes(200, 20_000, protocol.SensorOK)
	warm := r.s.Goods["c1"]
	require.NotEmpty(t, warm.Held, "too warm: held")

	r.box(boxA)
	moved := r.slot("f1-2")
	require.Equal(t, []string{"c2"}, held(moved), "the hub hears of it, to hold what is in that container")
	line, _ := shown(t, moved)
	require.Equal(t, phrase.New(phrase.HandedInHeld), line)
	r.box(boxA)
	back := r.slot("f1-1")
	require.Empty(t, held(back), "that was decided")
	require.Equal(t, warm.Held, r.s.Goods["c1"].Held)
	require.Equal(t, warm.OutsideMS, r.s.Goods["c1"].OutsideMS)
	require.Greater(t, r.s.Goods["c1"].Named, warm.Held[0].At, "no name is given twice")

	r.box(boxB)
	r.slot("f1-3")
	require.Empty(t, r.s.Goods["c3"].Held, "other goods")
	r.now = r.now.Add(2 * time.Hour) // nobody comes for them any more
	r.box(boxA)
	r.slot("f1-2")
	require.Empty(t, r.s.Goods["c2"].Held, "the box has come back with other goods")
}

// Another box is scanned into its slot by mistake, and the first one comes back: the same goods are as warm as they were, and for the
// time between nobody knows.
func TestABoxThatAnotherOneHasDisplacedGoesOnWithItsHistory(t *testing.T) {
	p := twoFridges()
	f1 := p["f1"]
	for i := range f1.Containers {
		f1.Containers[i].Goods = bears
		f1.Containers[i].GRAI = ""
	}
	p["f1"] = f1
	for name, slot := range map[string]string{"into its slot": "f1-1", "into another one": "f1-2"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, State{}, p)
			r.box(boxA)
			r.slot("f1-1")
			r.minutes(20, 20_000, protocol.SensorOK)
			warm := r.s.Goods["c1"]
			require.Positive(t, warm.OutsideMS)
			r.box(boxB)
			r.slot("f1-1")
			require.Zero(t, r.s.Goods["c1"].OutsideMS, "other goods")
			r.now = r.now.Add(time.Minute)
			r.box(boxA)
			r.slot(slot)
			container := map[string]string{"f1-1": "c1", "f1-2": "c2"}[slot]
			require.Equal(t, boxA, r.s.In[container].GRAI)
			require.Equal(t, []any{warm.OutsideMS, warm.LastAt, warm.Outside},
				[]any{r.s.Goods[container].OutsideMS, r.s.Goods[container].LastAt, r.s.Goods[container].Outside})
			require.NotContains(t, r.s.Displaced, boxA, "it stands here again")
		})
	}
	r := newRig(t, State{}, p)
	r.box(boxA)
	r.slot("f1-1")
	r.minutes(20, 20_000, protocol.SensorOK)
	r.box(boxB)
	r.slot("f1-1")
	r.now = r.now.Add(6 * time.Hour) // nobody comes for it any more
	r.box(boxA)
	r.slot("f1-2")
	require.Zero(t, r.s.Goods["c2"].OutsideMS, "the box has come back with other goods")
	require.NotContains(t, r.s.Displaced, boxA, "nobody comes for what it held, so that is forgotten")
}

// What a person has released stays released in the next slot.
func TestABoxThatIsMovedTakesNoHoldAlongThatAPersonHasEnded(t *testing.T) {
	p := twoFridges()
	f1 := p["f1"]
	for i := range f1.Containers {
		f1.Containers[i].Goods = bears
		f1.Containers[i].GRAI = ""
	}
	p["f1"] = f1
	r := newRig(t, State{}, p)
	r.box(boxA)
	r.slot("f1-1")
	r.minutes(200, 20_000, protocol.SensorOK)
	f1.Containers[0].Released = []int64{r.held("c1").At}
	r.box(boxA)
	r.slot("f1-2")
	require.Empty(t, r.s.Goods["c2"].Held)
}

func TestAStationHoldsGoodsByItself(t *testing.T) {
	for name, c := range map[string]struct {
		minutes int
		milliC  int64
		fault   protocol.SensorFault
		cause   protocol.GoodsCause
	}{
		"that were too warm for too long":      {40, 10_001, 0, protocol.GoodsBroken},
		"or too cold":                          {40, -1, 0, protocol.GoodsBroken},
		"or of which it knows nothing so long": {40, 0, protocol.SensorMissing, protocol.GoodsDoubtful},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, everythingIn(), withLimits())
			require.Empty(t, r.minutes(10, 10_000, 0))
			began := r.now
			records := r.minutes(c.minutes, c.milliC, c.fault)
			require.Len(t, records, 3, "each container once")
			held := records[0].(protocol.GoodsHeld)
			require.Equal(t, c.cause, held.Cause)
			require.Contains(t, []string{"c1", "c2", "c3"}, held.DatedContainer)
			allowed := 31 * time.Minute // the first reading outside came a minute after
			if c.cause == protocol.GoodsDoubtful {
				allowed = 18 * time.Minute // the last reading stands for three
			}
			require.Equal(t, began.Add(allowed).UnixMilli(), held.Since)
			r.p["f1"].Grants[0].Until = at(10 * time.Hour)
			r.requireRefused(r.code("f1", "111111"), heldReason, phrase.New(phrase.GoodsHeld))
			require.Empty(t, r.minutes(30, 5000, 0), "being cold again does not make them good")
			r.requireRefused(r.code("f1", "111111"), heldReason, phrase.New(phrase.GoodsHeld))
			r.requireOpens("f1", "99999999")
		})
	}
}

func TestShortOpeningsAddUp(t *testing.T) {
	r := newRig(t, everythingIn(), withLimits())
	for range 6 {
		require.Empty(t, r.minutes(5, 12_000, 0))
		require.Empty(t, r.minutes(20, 5000, 0))
	}
	require.NotEmpty(t, r.minutes(2, 12_000, 0))
}

func TestAReleaseForgivesWhatWasAndTheCountBeginsAnew(t *testing.T) {
	r := newRig(t, everythingIn(), withLimits())
	require.Len(t, r.minutes(40, 12_000, 0), 3)
	for i := range r.p["f1"].Grants {
		r.p["f1"].Grants[i].Until = at(10 * time.Hour)
	}
	r.p["f1"].Containers[0].Hold, r.p["f1"].Containers[0].HoldAt = protocol.GoodsReleased, r.now.UnixMilli()
	r.requireRefused(r.code("f1", "111111"), heldReason, phrase.New(phrase.GoodsHeld)) // of another decision
	r.p["f1"].Containers[0].HoldOf = r.held("c1").At
	r.requireOpens("f1", "111111")
	r.contact("f1", false)
	r.contact("f1", true)
	require.Empty(t, r.minutes(30, 12_000, 0))
	require.Len(t, r.minutes(2, 12_000, 0), 1)
	r.requireRefused(r.code("f1", "111111"), heldReason, phrase.New(phrase.GoodsHeld))
}

func TestTheHubsWordHoldsAndIsLifted(t *testing.T) {
	r := newRig(t, everythingIn(), withLimits())
	for hold, refused := range map[protocol.GoodsHold]bool{0: false, protocol.GoodsWait: true, protocol.GoodsReleased: false, protocol.GoodsCondemned: true} {
		r.p["f1"].Containers[0].Hold = hold
		if refused {
			r.requireRefused(r.code("f1", "111111"), heldReason, phrase.New(phrase.GoodsHeld))
			continue
		}
		r.requireOpens("f1", "111111")
	}
}

func TestInDoubtACategoryMayPass(t *testing.T) {
	p := withLimits()
	for i := range p["f1"].Containers {
		p["f1"].Containers[i].Goods.DoubtHolds = false
	}
	r := newRig(t, everythingIn(), p)
	require.Empty(t, r.minutes(60, 0, protocol.SensorSilent))
}

func TestAPowerCutIsAGapAndWhatWasOutsideStaysCounted(t *testing.T) {
	r := newRig(t, everythingIn(), withLimits())
	r.minutes(20, 12_000, 0)
	r.now = r.now.Add(17 * time.Minute)
	require.Empty(t, r.minutes(1, 5000, 0), "19 minutes and 3 for which the last reading stood")
	require.EqualValues(t, 22*60_000, r.s.Goods["c1"].OutsideMS)
	r.now = r.now.Add(18 * time.Minute)
	require.Len(t, r.minutes(1, 5000, 0), 3)
}

func TestAClockThatIsSetBackCountsNothing(t *testing.T) {
	r := newRig(t, everythingIn(), withLimits())
	r.minutes(10, 12_000, 0)
	r.now = r.now.Add(-5 * time.Hour)
	require.Empty(t, r.minutes(5, 5000, 0))
	require.EqualValues(t, 9*60_000, r.s.Goods["c1"].OutsideMS)
}

// What a station counts is what a stopwatch would.
func TestAStationCountsAsAStopwatchDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, everythingIn(), withLimits())
		r.minutes(1, 5000, 0) // when they came nobody here has seen
		outside, last := time.Duration(0), r.now
		was, held := false, false
		for range rapid.IntRange(1, 80).Draw(rt, "rounds") {
			r.now = r.now.Add(time.Duration(rapid.SampledFrom([]int{60, 60, 61, 240, 600}).Draw(rt, "step")) * time.Second)
			warm, known := rapid.Bool().Draw(rt, "warm"), rapid.IntRange(0, 9).Draw(rt, "known") > 0
			milliC := int64(5000)
			if warm {
				milliC = 10_500
			}
			total := outside
			if was {
				total += min(r.now.Sub(last), readingStands)
			}
			if held = held || total > 30*time.Minute || r.now.Sub(last) > 15*time.Minute+readingStands; known {
				outside, was, last = total, warm, r.now
			}
			d := Sampled(r.s, r.p, map[string]Air{"f1": {MinMilliC: milliC, MaxMilliC: milliC, Known: known}}, r.now)
			r.s = d.State
			require.Equal(t, held, len(r.s.Goods["c1"].Held) > 0)
		}
	})
}

func TestWhatStoodHereBeforeItWasCountedIsNotHeldForThat(t *testing.T) {
	r := newRig(t, everythingIn(), withLimits())
	for c, box := range r.s.In { // hours before the version that counts came
		r.s.In[c] = Box{GRAI: box.GRAI, At: at(-5 * time.Hour)}
	}
	require.Empty(t, r.minutes(20, 5000, 0))
	r.s = Sampled(r.s, Plan{}, nil, r.now).State
	require.NotEmpty(t, r.s.Goods, "a station that waits for its plan forgets nothing")
}

func TestAClockThatIsSetMovesWhatItHasNoted(t *testing.T) {
	goods := map[string]Goods{"c1": {LastAt: 150, Held: []Held{{At: 120}}}, "c2": {LastAt: 90}}
	require.Equal(t, map[string]Goods{"c1": {LastAt: 50, Held: []Held{{At: 120}}}, "c2": {LastAt: 90}}, GoodsMoved(goods, 100, 200, -100))
	require.EqualValues(t, 150, goods["c1"].LastAt, "what was given stays as it is")
	require.Nil(t, GoodsMoved(nil, 0, 1, 1))
}
