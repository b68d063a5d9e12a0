package rental

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/protocol"
)

var noon = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

// alphabet is all that may happen to a piece, with two orders, two bags and two people.
func alphabet() (events []Event) {
	for s := protocol.Step(0); s <= protocol.StepRetire+1; s++ {
		if s == 0 {
			for _, order := range []string{"r-1", "r-2"} {
				events = append(events, Event{Act: Allocate, Order: order, Until: noon.AddDate(1, 0, 0)},
					Event{Act: Allocate, Order: order, Until: noon}, Event{Act: Release, Order: order})
			}
			continue
		}
		events = append(events, Event{Step: s, Operator: "ann", Place: "A-1"})
		switch s {
		case protocol.StepShip, protocol.StepVoidShip, protocol.StepDeliver, protocol.StepSendBack, protocol.StepReceive:
			events = append(events, Event{Step: s, Bag: "b-1", ByBag: true}, Event{Step: s, Bag: "b-2", ByBag: true})
		}
		switch s {
		case protocol.StepPick, protocol.StepPack: // also by who was told that it is right
			events = append(events, Event{Step: s, Order: "r-1", Bag: "b-1", Verdict: protocol.VerdictAccept},
				Event{Step: s, Order: "r-2", Bag: "b-2", Verdict: protocol.VerdictWarn})
		}
		switch s {
		case protocol.StepPick, protocol.StepPack, protocol.StepReceive, protocol.StepUnpack:
			events = append(events, Event{Step: s, Order: "r-1", Bag: "b-1"}, Event{Step: s, Order: "r-2", Bag: "b-2"})
		case protocol.StepInspectIn, protocol.StepInspectReturn, protocol.StepInspectFinal:
			events = append(events, Event{Step: s, Operator: "ann", Conformant: true, Grade: protocol.GradeA},
				Event{Step: s, Operator: "bob", Conformant: true}, Event{Step: s, Operator: "ann", Damages: []protocol.Damage{{Kind: "tear"}}},
				Event{Step: s, Operator: "bob", Conformant: true, Dirty: true}, Event{Step: s, Operator: "bob", Grade: protocol.GradeD},
				Event{Step: s, Operator: "cyd", Conformant: true}, Event{Step: s, Operator: "bob", Damages: []protocol.Damage{{Kind: Mould}}})
		case protocol.StepRepaired:
			events = append(events, Event{Step: s, Operator: "bob", Damages: []protocol.Damage{{Kind: "stain"}}})
		case protocol.StepPutAway, protocol.StepCount:
			events = append(events, Event{Step: s, Place: "A-2"})
		case protocol.StepMiss: // said by a person, of a piece that may be anywhere
			events = append(events, Event{Step: s, Operator: "ann"})
		}
	}
	for n := range events {
		events[n].At = noon
	}
	return events
}

// witness believes nobody: it knows by the plainest means what must be so.
type witness struct {
	outside  bool // it has left the house
	unproved bool // nobody has found it good since it came, or came back
	dirty    bool // nobody has cleaned it since it came back
	ann, bob bool // has repaired it since it was found good last
}

func (w witness) sees(before Item, e Event, b *Breach) witness {
	counts := b == nil || b.Effect == Told
	switch {
	case e.Act != 0:
	case e.ByBag && !before.Inside(e.Bag): // it was not in it
	case (e.Step == protocol.StepShip || e.Step == protocol.StepDeliver || e.Step == protocol.StepSendBack) && counts:
		w.outside = true
	case e.Step == protocol.StepVoidShip && counts: // it had not left
		w.outside = false
	case e.Step == protocol.StepRepaired && counts:
		w.ann, w.bob = w.ann || e.Operator == "ann", w.bob || e.Operator == "bob"
	case e.Step == protocol.StepCleaned && counts:
		w.dirty = false
	case e.Step == protocol.StepClean && counts:
		w.unproved = true
	case (e.Step == protocol.StepInspectIn || e.Step == protocol.StepInspectFinal) && counts:
		w.unproved = !e.Conformant
		if e.Conformant && (e.Operator == "ann" && !w.ann || e.Operator == "bob" && !w.bob || e.Operator == "cyd") {
			w.ann, w.bob = false, false
		}
	case e.Step == protocol.StepMiss || e.Step == protocol.StepSell || e.Step == protocol.StepRetire || e.Step == protocol.StepRegister:
	case e.ByBag && e.Step != protocol.StepReceive: // nobody has seen the piece
	case w.outside && (b == nil || b.Effect != Ignored): // any other sight of a piece that is outside: it is back
		w.outside, w.unproved, w.dirty = false, true, true
	case e.Step == protocol.StepReceive && (b == nil || b.Effect != Ignored):
		w.unproved, w.dirty = true, true
	}
	return w
}

// holds is P5, and what else must be so of every piece at any time.
func holds(t interface{ Fatalf(string, ...any) }, before, i Item, e Event, b *Breach, w witness, told func() string) {
	fail := func(rule string) { t.Fatalf("%s: %+v, witness %+v, after %s", rule, i, w, told()) }
	c := i.Commitment
	switch {
	case !before.free(noon) && c.Order != "" && c.Order != before.Commitment.Order &&
		((e.Step != protocol.StepPick && e.Step != protocol.StepPack) || !e.went() || b == nil || b.Effect != Told):
		fail("promised to another order, and nobody who was told to has taken it for that, or nobody is told")
	case i.Custody == protocol.Retired && before.Custody != protocol.Retired && before.promised() && !before.free(noon):
		fail("retired from under a promise")
	case i.Available(noon) && (w.unproved || w.outside):
		fail("available without a passed inspection since it came back")
	case i.Available(noon) && w.dirty:
		fail("available and not cleaned")
	case i.Available(noon) && (w.ann || w.bob):
		fail("available and nobody but a repairer has inspected it")
	case i.Available(noon) && (i.Dirty || len(i.Damages) > 0 || i.Grade == protocol.GradeD):
		fail("available in bad condition")
	case (i.Custody == protocol.Sold || i.Custody == protocol.Retired) && i.promised():
		fail("sold or retired, and promised")
	case i.Custody == protocol.Shelved && !i.Fit():
		fail("shelved and not fit")
	case (c.State == Free) != (c.Order == ""):
		fail("a promise without an order, or an order without a promise")
	case (i.Custody == protocol.Picked || i.Custody == protocol.Packed || i.Custody == protocol.InTransitOut) && (c.State != Taken || c.Order != i.Order):
		fail("on its way to an order that it is not taken for")
	case i.Custody == protocol.OnRent && (c.State != Fulfilled || c.Order != i.Order):
		fail("out with an order that it is not promised to")
	case i.InWork && i.Custody != protocol.Cleaning && i.Custody != protocol.Repairing:
		fail("in work and elsewhere")
	case i.Inspected > i.Events || i.Returned > i.Events:
		fail("inspected or returned in the future")
	}
}

// kernel is a piece without what no rule asks for, and with places in its history only as far as they are compared: two pieces of the
// same kernel go on alike.
type kernel struct {
	custody, was                               protocol.Custody
	inWork, dirty, damaged, bad, fit, out, ran bool
	bag, order, promised, repairer, shelf      string
	misses                                     int
	promise                                    Promise
	witness                                    witness
}

func kernelOf(i Item, w witness) kernel {
	k := kernel{custody: i.Custody, inWork: i.InWork, dirty: i.Dirty, damaged: len(i.Damages) > 0, bad: i.Grade == protocol.GradeD, fit: i.Fit(),
		out: i.wasOut(), ran: i.free(noon), bag: i.Bag, order: i.Order, promised: i.Commitment.Order, repairer: strings.Join(i.RepairedBy, " "),
		misses: min(i.Misses, missLimit), promise: i.Commitment.State, witness: w}
	switch i.Custody {
	case protocol.Missing:
		k.was = i.Was
	case protocol.Shelved: // who is put on a shelf or counted there is always told which: elsewhere the place does not matter
		k.shelf = i.Place
	}
	return k
}

// TestNoOrderOfEventsBreaksThePromises goes through every state that a piece can come to, by whatever events in whatever order.
func TestNoOrderOfEventsBreaksThePromises(t *testing.T) {
	type state struct {
		Item
		witness
		last int // index of the state before, for the story
		by   Event
	}
	states, seen, events := []state{{last: -1, witness: witness{unproved: true}}}, map[kernel]bool{}, alphabet()
	reached := map[protocol.Custody]bool{}
	for n := 0; n < len(states); n++ {
		s := states[n]
		reached[s.Custody] = true
		for _, e := range events {
			i, b := Apply(s.Item, e)
			if e.Step == protocol.StepMiss && e.Place != "" && (s.Custody != protocol.Shelved || s.Place != e.Place) {
				require.Equal(t, s.Custody, i.Custody, "a count missed a piece that was not to be on the counted shelf")
			}
			next := state{i, s.sees(s.Item, e, b), n, e}
			holds(t, s.Item, i, e, b, next.witness, func() (story string) {
				for m := next; m.last >= 0; m = states[m.last] {
					story = fmt.Sprintf("%d/%d %s%s by %q; ", m.by.Step, m.by.Act, m.by.Order, m.by.Bag, m.by.Operator) + story
				}
				return story
			})
			if key := kernelOf(i, next.witness); !seen[key] {
				seen[key] = true
				states = append(states, next)
			}
		}
		require.Less(t, len(states), 3_000_000, "the states are to be few enough to see them all")
	}
	require.Len(t, reached, len(custodies), "every state of custody is reached")
	t.Logf("%d states, %d kinds of event", len(states), len(events))
}

func TestEveryRoundEndsOnTheShelfAgain(t *testing.T) {
	i := play(t, Item{}, round1()...)
	require.True(t, i.Available(noon))
	require.Equal(t, "A-1", i.Place)
	again := play(t, i, round2()...)
	require.True(t, again.Available(noon))
	require.Equal(t, i.Commitment, again.Commitment)
	require.Empty(t, again.Order+again.Bag)
	require.Empty(t, again.RepairedBy)
}

// play applies events of which none may break a rule.
func play(t *testing.T, i Item, events ...Event) Item {
	t.Helper()
	for n, e := range events {
		e.At = noon
		var b *Breach
		i, b = Apply(i, e)
		require.Nil(t, b, "event %d: %+v", n, e)
	}
	return i
}

func round1() []Event {
	return []Event{{Step: protocol.StepRegister, Grade: protocol.GradeA}, {Step: protocol.StepInspectIn, Conformant: true}, {Step: protocol.StepPutAway, Place: "A-1"}}
}

func round2() []Event {
	return []Event{{Act: Allocate, Order: "r-1", Until: noon.AddDate(0, 0, 3)}, {Step: protocol.StepPick, Order: "r-1"},
		{Step: protocol.StepPack, Bag: "b-1"}, {Step: protocol.StepShip}, {Step: protocol.StepDeliver}, {Step: protocol.StepSendBack},
		{Step: protocol.StepReceive, Bag: "b-1"}, {Step: protocol.StepUnpack, Bag: "b-1"},
		{Step: protocol.StepInspectReturn, Damages: []protocol.Damage{{Kind: "tear"}}}, {Step: protocol.StepClean, Batch: "c-1"},
		{Step: protocol.StepCleaned, Batch: "c-1"}, {Step: protocol.StepRepair, Batch: "w-1"}, {Step: protocol.StepRepaired, Operator: "ann"},
		{Step: protocol.StepInspectFinal, Operator: "bob", Conformant: true}, {Step: protocol.StepPutAway, Place: "A-2"}}
}

// TestABreachSaysWhatMayBeDoneInstead: whatever a rule is against, each of the next steps that it names is no wonder.
func TestABreachSaysWhatMayBeDoneInstead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i, events := Item{}, alphabet()
		for range rapid.IntRange(1, 40).Draw(t, "length") {
			e := rapid.SampledFrom(events).Draw(t, "event")
			next, b := Apply(i, e)
			if b != nil {
				for _, s := range b.Next {
					require.Contains(t, rounds[s].from, i.Custody)
				}
				require.NotEmpty(t, b.Rule)
				require.NotZero(t, b.Effect)
			}
			i = next
		}
	})
}

// TestAStoryIsTheSameInWhateverOrderItArrives: devices unload when they meet a network.
func TestAStoryIsTheSameInWhateverOrderItArrives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := alphabet()
		var events []Event
		for n := range rapid.IntRange(1, 25).Draw(t, "length") {
			e := rapid.SampledFrom(all).Draw(t, "event")
			e.Device, e.Number = rapid.SampledFrom([]string{"", "s-1", "s-2"}).Draw(t, "device"), uint64(n)
			e.At = noon.Add(time.Duration(rapid.IntRange(-60, 60).Draw(t, "minute")) * time.Minute)
			events = append(events, e)
		}
		want := Fold(events)
		require.Equal(t, want, Fold(rapid.Permutation(events).Draw(t, "order")))
		seen := map[string]uint64{}
		for n, e := range Ordered(events) {
			if n == 0 && e.Step == protocol.StepRegister {
				continue // it comes first, whenever it was written down
			}
			require.True(t, seen[e.Device] == 0 || e.Number > seen[e.Device], "within a device by number")
			seen[e.Device] = e.Number
		}
	})
}
