package station

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/protocol"
)

func placed(grai, slot string) []protocol.Body {
	return []protocol.Body{protocol.ContainerPlaced{GRAI: grai, Slot: slot}}
}

func (r *rig) requireLine(d Decision, p phrase.Phrase) {
	r.t.Helper()
	got, refused := shown(r.t, d)
	require.False(r.t, refused)
	require.Equal(r.t, p, got)
}

func TestABoxIsHandedInByItsScanAndThatOfItsSlot(t *testing.T) {
	r := newRig(t, State{}, twoFridges())
	d := r.box(boxA)
	require.Empty(t, d.Records)
	r.requireLine(d, phrase.New(phrase.PutIntoSlot, "f1-1"))
	d = r.slot("f1-1")
	require.Equal(t, placed(boxA, "f1-1"), d.Records)
	r.requireLine(d, phrase.New(phrase.HandedIn))
	require.Equal(t, boxA, r.s.In["c1"].GRAI)
	r.requireRefused(r.slot("f1-1"), "a slot without a box", phrase.New(phrase.BoxBeforeSlot))
}

func TestTheSamePairAgainIsNothingNew(t *testing.T) {
	r := newRig(t, State{}, twoFridges())
	for i, records := range []int{1, 0, 0} {
		r.box(boxA)
		d := r.slot("f1-1")
		require.Len(t, d.Records, records, "time %d", i)
		r.requireLine(d, phrase.New(phrase.HandedIn))
	}
}

func TestAPairOfScansTimesOut(t *testing.T) {
	r := newRig(t, State{}, twoFridges())
	r.box(boxA)
	r.now = r.now.Add(ScanPairedFor + time.Millisecond)
	r.requireRefused(r.slot("f1-1"), "a slot without a box", phrase.New(phrase.BoxBeforeSlot))
	r.box(boxA)
	r.now = r.now.Add(-time.Hour) // by a clock that was set back nobody knows how old it is
	r.requireRefused(r.slot("f1-1"), "a slot without a box", phrase.New(phrase.BoxBeforeSlot))
	r.box(boxA)
	r.now = r.now.Add(ScanPairedFor)
	require.Equal(t, placed(boxA, "f1-1"), r.slot("f1-1").Records)
}

func TestABoxInTheWrongSlotIsSentToItsOwn(t *testing.T) {
	for name, slot := range map[string]string{"that holds another box": "f1-2", "whose box is not known yet": "f1-3",
		"of another fridge": "f2-1"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, State{}, twoFridges())
			r.box(boxA)
			r.requireRefused(r.slot(slot), "box "+boxA+" does not belong here", phrase.New(phrase.WrongSlot, "f1-1"))
			require.Empty(t, r.s.In)
			require.Equal(t, placed(boxA, "f1-1"), r.slot("f1-1").Records, "without scanning the box again")
		})
	}
}

func TestAnUnknownBoxIsTakenAtItsWordOnlyWhereNoBoxIsKnown(t *testing.T) {
	r := newRig(t, State{}, twoFridges())
	r.requireLine(r.box(boxC), phrase.New(phrase.SeeLabel))
	r.requireRefused(r.slot("f1-1"), "box "+boxC+" does not belong here", phrase.New(phrase.WrongSlotSeeLabel))
	r.requireRefused(r.slot("nowhere"), "nothing is planned for this slot", phrase.New(phrase.SlotNotPlanned))
	require.Equal(t, placed(boxC, "f1-3"), r.slot("f1-3").Records)
}

func TestABoxStandsInOnePlaceOnly(t *testing.T) {
	r := newRig(t, State{}, twoFridges())
	r.box(boxC)
	r.slot("f1-3")
	r.box(boxC)
	r.slot("f2-1")
	require.NotContains(t, r.s.In, "c3")
	require.Equal(t, boxC, r.s.In["c4"].GRAI)
}

// Two dates share a slot: yesterday's container, whose window is over, and today's.
func twoDates(yesterdays, todays string) Plan {
	old, now := customer("o", "111111", "old"), customer("n", "222222", "new")
	old.Until = at(-time.Minute)
	return Plan{"f1": {Grants: []protocol.Grant{old, now}, Containers: []protocol.SlotAssignment{
		{DatedContainer: "old", Slot: "s", GRAI: yesterdays}, {DatedContainer: "new", Slot: "s", GRAI: todays}}}}
}

func TestASlotWithContainersOfTwoDatesTakesTheRightOne(t *testing.T) {
	for name, c := range map[string]struct {
		plan Plan
		in   State
	}{
		"both boxes are known":                 {twoDates(boxA, boxB), State{}},
		"only yesterday's box is known":        {twoDates(boxA, ""), State{}},
		"no box is known":                      {twoDates("", ""), State{}},
		"the box was used yesterday":           {twoDates(boxB, ""), State{In: map[string]Box{"old": {GRAI: boxB}}}},
		"yesterday's never came, nor is known": {twoDates("", boxB), State{}},
		"another box was put there by mistake": {twoDates("", ""), State{In: map[string]Box{"new": {GRAI: boxC}}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.in, c.plan)
			r.box(boxB)
			require.Equal(t, placed(boxB, "s"), r.slot("s").Records)
			require.Equal(t, map[string]Box{"new": {GRAI: boxB, At: noon.UnixMilli()}}, r.s.In)
		})
	}
	t.Run("both are still awaited: the one that is not in", func(t *testing.T) {
		p := twoDates("", "")
		p["f1"].Grants[0].Until = at(time.Hour)
		r := newRig(t, State{In: map[string]Box{"old": {GRAI: boxA}}}, p)
		r.box(boxB)
		r.slot("s")
		require.Equal(t, boxB, r.s.In["new"].GRAI)
	})
	t.Run("it comes when nobody waits for it any more, and nothing else is planned", func(t *testing.T) {
		r := newRig(t, State{}, twoDates(boxB, boxC))
		r.box(boxB)
		require.Equal(t, placed(boxB, "s"), r.slot("s").Records)
		require.Contains(t, r.s.In, "old")
	})
	t.Run("none is awaited any more", func(t *testing.T) {
		r := newRig(t, State{}, twoDates("", ""))
		r.now = noon.Add(24 * time.Hour)
		r.box(boxB)
		require.Equal(t, placed(boxB, "s"), r.slot("s").Records)
	})
}

func TestOtherCodesAreRefusedByTheStep(t *testing.T) {
	r := newRig(t, State{}, twoFridges())
	r.requireRefused(r.scan("92address"), "neither a box nor a slot", phrase.New(phrase.ScanBoxThenSlot))
	line, refused := shown(t, r.scan("\xff\x00 rubbish"))
	require.True(t, refused)
	require.Equal(t, phrase.New(phrase.NotOurs), line)
}

func TestNoMoreIsRememberedThanCanBeReadBack(t *testing.T) {
	s := State{In: map[string]Box{}, Uses: map[string]Use{}}
	for i := range most {
		s.In[fmt.Sprintf("old-%04d", i)] = Box{GRAI: boxB, At: int64(i)}
		s.Uses[fmt.Sprintf("old-%04d", i)] = Use{Count: 1, Until: int64(i)}
	}
	r := newRig(t, s, twoFridges())
	r.box(boxA)
	line, refused := shown(t, r.slot("f1-1"))
	require.True(t, refused)
	require.Equal(t, phrase.New(phrase.OutOfService), line)

	s.In["c1"], s.Uses["k@f1"] = Box{GRAI: boxA}, Use{Count: 1}
	kept := PlanChanged(s, r.p)
	require.Len(t, kept.In, Remembered+1)
	require.Len(t, kept.Uses, Remembered+1)
	require.Contains(t, kept.In, "c1", "planned, though the oldest")
	require.Contains(t, kept.Uses, "k@f1")
	require.Contains(t, kept.In, "old-3999", "the newest of the others")
	require.NotContains(t, kept.In, "old-0000")
	require.Len(t, s.In, most+1, "the state given stays as it is")
}

// heardOf is a plan that says of c1 and c2 that the hub has heard of their boxes in their slots.
func heardOf() Plan {
	p := twoFridges()
	f1 := p["f1"]
	for i := range f1.Containers[:2] {
		f1.Containers[i].Placed = true
	}
	p["f1"] = f1
	return p
}

func TestABoardThatReplacesAnotherKnowsFromTheHubWhatStandsHere(t *testing.T) {
	r := newRig(t, PlanChanged(State{}, heardOf()), heardOf())
	r.requireOpens("f1", "111111")
	require.Contains(t, r.s.In, "c2")
	require.NotContains(t, r.s.In, "c3", "nobody has put it in")
}

func TestTheStationsOwnWordOnABoxIsNewerThanTheHubs(t *testing.T) {
	own := State{In: map[string]Box{"c1": {GRAI: boxC, At: at(0)}, "c4": {GRAI: boxB, At: at(0)}}}
	s := PlanChanged(own, heardOf())
	require.Equal(t, own.In, s.In, "c1 has another box by what was scanned here, and the box of c2 stands as c4")
}

func TestAPlacedContainerWithoutABoxIsNotTakenOver(t *testing.T) {
	p := Plan{"f1": {Position: "f1", Containers: []protocol.SlotAssignment{{DatedContainer: "c1", Slot: "f1-1", Placed: true}}}}
	require.Empty(t, PlanChanged(State{}, p).In)
}
