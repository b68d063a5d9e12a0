package rental

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

// from gives events to a device, a minute apart, from a minute of the day on.
func from(device string, minute int, within time.Duration, events ...Event) []Event {
	for n := range events {
		events[n].Device, events[n].Number = device, uint64(minute*100+n)
		events[n].At, events[n].Within = noon.Add(time.Duration(minute+n)*time.Minute), within
	}
	return events
}

// shelved is a piece's first round, with an allocation for r-1 from minute 10 on.
func shelved() []Event {
	return append(from("s-1", 0, 0, round1()...), from("", 10, 0, Event{Act: Allocate, Order: "r-1", Until: noon.AddDate(0, 0, 3)})...)
}

func TestTwoScannersThatPickOnePieceAreWorkForAPerson(t *testing.T) {
	first := from("s-1", 20, 0, Event{Step: protocol.StepPick, Order: "r-1"})
	second := from("s-2", 25, 0, Event{Step: protocol.StepPick, Order: "r-1"})
	other := from("s-3", 26, 0, Event{Step: protocol.StepPick, Order: "r-2"})
	s := Fold(append(append(append(shelved(), first...), second...), other...))
	require.Equal(t, protocol.Picked, s.Item.Custody)
	require.Equal(t, "r-1", s.Item.Order, "the first one has it")
	require.Len(t, s.Breaches, 2)
	require.Equal(t, []Rule{PickedTwice, OtherOrder}, []Rule{s.Breaches[0].Rule, s.Breaches[1].Rule})
	require.Equal(t, "s-2", s.Breaches[0].Event.Device)
}

// TestWhatArrivesLateHealsAStory: a scanner that was offline has the step between.
func TestWhatArrivesLateHealsAStory(t *testing.T) {
	pick := from("s-2", 20, 0, Event{Step: protocol.StepPick, Order: "r-1"})
	pack := from("s-1", 30, 0, Event{Step: protocol.StepPack, Bag: "b-1"}, Event{Step: protocol.StepShip})
	receive := from("s-1", 50, 0, Event{Step: protocol.StepReceive, Bag: "b-1"})
	unpack := from("s-3", 55, 0, Event{Step: protocol.StepUnpack, Bag: "b-1"})
	inspect := from("s-1", 60, 0, Event{Step: protocol.StepInspectReturn})
	all := append(append(append(append(shelved(), pack...), receive...), inspect...), pick...)
	s := Fold(all)
	require.Len(t, s.Breaches, 1, "unpacking was not scanned, or has not arrived")
	require.Equal(t, StepSkipped, s.Breaches[0].Rule)
	s = Fold(append(all, unpack...))
	require.Empty(t, s.Breaches)
	require.Equal(t, protocol.ReturnInspected, s.Item.Custody)
}

// TestWhoCameFirstIsDoubtedOnlyWhereItMatters: clocks that are off by a minute, a minute apart.
func TestWhoCameFirstIsDoubtedOnlyWhereItMatters(t *testing.T) {
	pick := func(device, order string, within time.Duration, minute int) []Event {
		return from(device, minute, within, Event{Step: protocol.StepPick, Order: order})
	}
	expired := from("s-1", 0, 0, round1()...) // free for whoever comes first, as swaps are
	for name, c := range map[string]struct {
		events []Event
		doubts int
	}{
		"two orders within the clocks' error": {append(pick("s-1", "r-1", time.Minute, 20), pick("s-2", "r-2", time.Minute, 21)...), 1},
		"two orders beyond it":                {append(pick("s-1", "r-1", time.Minute, 20), pick("s-2", "r-2", time.Minute, 23)...), 0},
		"one scanner":                         {append(pick("s-1", "r-1", time.Hour, 20), pick("s-1", "r-2", time.Hour, 21)...), 0},
		"it comes to the same": {append(pick("s-1", "r-1", time.Hour, 20),
			from("s-2", 21, time.Hour, Event{Step: protocol.StepRegister})...), 0},
	} {
		t.Run(name, func(t *testing.T) {
			require.Len(t, Fold(append(append([]Event{}, expired...), c.events...)).Doubts, c.doubts)
		})
	}
}

// TestADeviceIsBelievedInItsOwnOrder although its clock was set back between two steps.
func TestADeviceIsBelievedInItsOwnOrder(t *testing.T) {
	events := shelved()
	steps := from("s-2", 20, 0, Event{Step: protocol.StepPick, Order: "r-1"}, Event{Step: protocol.StepPack, Bag: "b-1"}, Event{Step: protocol.StepShip})
	steps[1].At = noon.Add(-time.Hour)
	s := Fold(append(steps, events...))
	require.Empty(t, s.Breaches)
	require.Equal(t, protocol.InTransitOut, s.Item.Custody)
}

// TestAStepOfNoRightIsNeverRefusedAway: what was done is in the story with the rule, and says what may be done instead.
func TestAStepOfNoRightIsNeverRefusedAway(t *testing.T) {
	out := append(round1(), round2()[:5]...)
	for name, c := range map[string]struct {
		so     []Event
		does   Event
		rule   Rule
		effect Effect
		is     protocol.Custody
	}{
		"a piece that nobody knows":      {nil, Event{Step: protocol.StepPick, Order: "r-1"}, Unregistered, Ignored, 0},
		"registered twice":               {round1(), Event{Step: protocol.StepRegister}, Again, Ignored, protocol.Shelved},
		"shelved without an inspection":  {round1()[:1], Event{Step: protocol.StepPutAway, Place: "A-1"}, WrongState, Held, protocol.Quarantined},
		"shelved after a failed one":     {append(round1()[:1], Event{Step: protocol.StepInspectIn}), Event{Step: protocol.StepPutAway}, NotFit, Held, protocol.Quarantined},
		"counted while it is on rent":    {out, Event{Step: protocol.StepCount, Place: "A-1"}, StillOut, Held, protocol.Quarantined},
		"shelved while it is on rent":    {out, Event{Step: protocol.StepPutAway, Place: "A-1"}, WrongState, Held, protocol.Quarantined},
		"unpacked and never received":    {out, Event{Step: protocol.StepUnpack, Bag: "b-9"}, StepSkipped, Told, protocol.Unpacked},
		"seen on another shelf":          {round1(), Event{Step: protocol.StepCount, Place: "A-9"}, Elsewhere, Told, protocol.Shelved},
		"packed without being picked":    {append(round1(), round2()[0]), Event{Step: protocol.StepPack, Bag: "b-1"}, StepSkipped, Told, protocol.Packed},
		"packed into no bag":             {append(round1(), round2()[:2]...), Event{Step: protocol.StepPack}, NoBag, Ignored, protocol.Picked},
		"packed for another order":       {append(round1(), round2()[:2]...), Event{Step: protocol.StepPack, Bag: "b-1", Order: "r-2"}, OtherOrder, Ignored, protocol.Picked},
		"retired while it is promised":   {append(round1(), round2()[0]), Event{Step: protocol.StepRetire}, Promised, Ignored, protocol.Shelved},
		"sold from the shelf":            {round1(), Event{Step: protocol.StepSell}, WrongState, Ignored, protocol.Shelved},
		"scanned after it was sold":      {append(out, Event{Step: protocol.StepSell}), Event{Step: protocol.StepReceive, Bag: "b-1"}, Gone, Ignored, protocol.Sold},
		"held while it is promised":      {append(round1(), round2()[0]), Event{Step: protocol.StepQuarantine, Reason: "mould"}, Promised, Told, protocol.Quarantined},
		"allocated while it is promised": {append(round1(), round2()[0]), Event{Act: Allocate, Order: "r-2"}, Promised, Ignored, protocol.Shelved},
		"allocated on rent":              {out, Event{Act: Allocate, Order: "r-2"}, Promised, Ignored, protocol.OnRent},
		"allocated before inspection":    {round1()[:1], Event{Act: Allocate, Order: "r-2"}, NotOnShelf, Ignored, protocol.Registered},
		"released after it was picked":   {append(round1(), round2()[:2]...), Event{Act: Release, Order: "r-1"}, OffShelf, Ignored, protocol.Picked},
		"a step of a newer scanner":      {round1(), Event{Step: 200}, UnknownStep, Ignored, protocol.Shelved},
	} {
		t.Run(name, func(t *testing.T) {
			before := play(t, Item{}, c.so...)
			c.does.At = noon
			after, b := Apply(before, c.does)
			require.NotNil(t, b)
			require.Equal(t, c.rule, b.Rule)
			require.Equal(t, c.effect, b.Effect)
			require.Equal(t, c.is, after.Custody)
			require.Equal(t, Next(before), b.Next)
		})
	}
}

// TestACountSaysNothingOfAPieceThatHasLeftItsShelf: the picker had no network, so the count is heard before the picking and the shipping.
func TestACountSaysNothingOfAPieceThatHasLeftItsShelf(t *testing.T) {
	missed := Event{Step: protocol.StepMiss, Place: "A-1"}
	i := play(t, Item{}, append(round1(), round2()[:4]...)...)
	require.Equal(t, protocol.InTransitOut, i.Custody)
	require.Equal(t, protocol.InTransitOut, play(t, i, missed, missed).Custody)

	moved := play(t, Item{}, append(round1(), Event{Step: protocol.StepPutAway, Place: "A-2"})...)
	require.Equal(t, protocol.Shelved, play(t, moved, missed, missed).Custody)
}

// TestAPieceIsMissingAfterTwoCountsThatDoNotFindIt and is back when a count does.
func TestAPieceIsMissingAfterTwoCountsThatDoNotFindIt(t *testing.T) {
	i := play(t, Item{}, append(round1(), Event{Step: protocol.StepMiss})...)
	require.Equal(t, protocol.Shelved, i.Custody)
	i = play(t, i, Event{Step: protocol.StepMiss})
	require.Equal(t, protocol.Missing, i.Custody)
	require.False(t, i.Available(noon))
	i = play(t, i, Event{Step: protocol.StepCount, Place: "A-1"})
	require.True(t, i.Available(noon))
}

// TestADoubtIsFoundAlsoWhereItsEventsAreNoNeighbours: another event of a device that is sure of its time lies between them.
func TestADoubtIsFoundAlsoWhereItsEventsAreNoNeighbours(t *testing.T) {
	for name, c := range map[string]struct {
		between, last time.Duration
		doubted       []string // devices of the pairs
	}{
		"the third may have come before both of one scanner": {time.Second, 10 * time.Minute, []string{"s-1 s-2"}},
		"it came after both": {time.Second, time.Second, nil},
	} {
		t.Run(name, func(t *testing.T) {
			events := append(shelved(), from("s-1", 20, c.between, Event{Step: protocol.StepPick, Order: "r-1"})...)
			events = append(events, from("s-1", 21, c.between, Event{Step: protocol.StepPick, Order: "r-1"})...) // scanned twice
			events = append(events, from("s-2", 22, c.last, Event{Step: protocol.StepPutAway, Place: "A-1"})...)
			var pairs []string
			for _, d := range Fold(events).Doubts {
				pairs = append(pairs, d.First.Device+" "+d.Second.Device)
			}
			require.Equal(t, c.doubted, pairs)
		})
	}
	// A scanner that hardly knows the time picks for r-2; two others, who are sure, pick for r-1 and count, which changes nothing.
	events := append(from("s-1", 0, 0, round1()...), from("s-2", 20, 30*time.Minute, Event{Step: protocol.StepPick, Order: "r-2"})...)
	events = append(events, from("s-3", 25, 0, Event{Step: protocol.StepCount, Place: "A-1"})...)
	events = append(events, from("s-3", 30, 0, Event{Step: protocol.StepPick, Order: "r-1"})...)
	found := false
	for _, d := range Fold(events).Doubts {
		found = found || d.First.Device == "s-2" && d.Second.Device == "s-3" && d.Second.Step == protocol.StepPick
	}
	require.True(t, found, "who picked it first is not known")
}

// TestARegistrationComesFirstWheneverItIsWrittenDown: what was scanned before it counts, by the same rules.
func TestARegistrationComesFirstWheneverItIsWrittenDown(t *testing.T) {
	register := from("s-9", 90, time.Hour, Event{Step: protocol.StepRegister, Grade: protocol.GradeA})
	shelve := from("s-1", 10, 0, Event{Step: protocol.StepInspectIn, Conformant: true}, Event{Step: protocol.StepPutAway, Place: "A-1"})
	out := from("s-2", 20, 0, Event{Step: protocol.StepPick, Order: "r-1"}, Event{Step: protocol.StepPack, Bag: "b-1"}, Event{Step: protocol.StepShip})
	s := Fold(slices.Concat(out, register, shelve))
	require.Empty(t, s.Breaches)
	require.Empty(t, s.Doubts, "a registration is never late")
	require.Equal(t, protocol.InTransitOut, s.Item.Custody)
	require.Equal(t, "b-1", s.Item.Bag)
	s = Fold(slices.Concat(out, register))
	require.Equal(t, protocol.Quarantined, s.Item.Custody, "nobody has inspected it: it is not at its beginning, and a person looks")
	require.NotEmpty(t, s.Breaches)
	told := Ordered(slices.Concat(out, register))
	require.Equal(t, protocol.StepRegister, told[0].Step)
	require.Equal(t, told[1].At, told[0].At)
}
