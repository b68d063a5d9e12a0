package warehouse_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/edge/warehouse"
	"meguri/internal/gs1"
	"meguri/internal/rental"
	"meguri/protocol"
)

// busy is a day with something of each list, overlapping so that pieces meet at several steps.
func busy() (p protocol.WarehousePlan, items []protocol.KnownItem) {
	states := []protocol.Custody{protocol.Registered, protocol.InspectedIn, protocol.Shelved, protocol.Shelved, protocol.Shelved, protocol.Picked,
		protocol.Packed, protocol.OnRent, protocol.InTransitBack, protocol.ReturnReceived, protocol.Cleaning, protocol.Repairing,
		protocol.FinalInspected, protocol.Quarantined, protocol.Missing, protocol.Sold, protocol.Retired}
	for n := range 30 {
		i := as(shelved([]string{dress, coat}[n%2], n, fmt.Sprintf("A-%d", n%4)), states[n%len(states)])
		i.Fit = i.Custody == protocol.Shelved || n%3 == 0
		items = append(items, i)
	}
	for o := range 3 {
		order := fmt.Sprintf("o%d", o)
		for l := range 3 {
			items[o*8+l+2].Order = order
		}
		p.Orders = append(p.Orders, protocol.PickOrder{Order: order, Tote: fmt.Sprint(o), Bag: []string{sscc(o), ""}[o%2], Lines: []protocol.PickLine{
			{Item: items[o*8+2].Item, Shelf: "A-1"}, {Item: items[o*8+3].Item, Shelf: "A-2"}, {Item: items[o*8+4].Item, Shelf: "A-0"}}})
		p.Bags = append(p.Bags, protocol.ExpectedBag{Bag: sscc(o + 1), Order: order, Items: []string{items[o*8+7].Item, items[o*8+8].Item}})
	}
	p.Shelves = []protocol.ShelfPlan{{Place: "A-0", Room: 2}, {Place: "A-1"}, {Place: "A-2", Room: 9}}
	p.Swaps = protocol.SwapRule{SameGarment: true, Worst: protocol.GradeB}
	return p, items
}

// anyCode draws what somebody may scan.
func anyCode() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		n := rapid.IntRange(0, 35).Draw(t, "n")
		switch rapid.IntRange(0, 11).Draw(t, "what") {
		case 0:
			return badge(fmt.Sprintf("b%d", 1+n%2))
		case 1:
			return menu(fmt.Sprintf("st-%d", 1+n%22))
		case 2:
			return shelf(fmt.Sprintf("A-%d", n%5))
		case 3, 4:
			return bagCode(n % 5)
		case 5:
			return menu(rapid.SampledFrom([]string{"ok", "close", "pass", "fail", "grade-a", "grade-d", "dirty", "d-stain", "at-hem", "photo-1",
				"why-mould", "belongings", "no-label", "off", "7"}).Draw(t, "card"))
		case 6:
			return rapid.SampledFrom([]string{label(gs1.Batch, "c-1"), label(gs1.Batch, "c-2"), label(gs1.Tote, "1"), label(gs1.Place, "dock"),
				"]A0WAYBILL", "12345678", "]d201" + dress, ""}).Draw(t, "other")
		}
		return code([]string{dress, coat}[n%2], n)
	})
}

// check holds what every scan promises.
func check(t require.TestingT, d *desk, scan string) {
	before := d.state
	stored, err := protocol.EncodeBody(before)
	require.NoError(t, err)
	v := d.scan(scan)
	after, err := protocol.EncodeBody(before)
	require.NoError(t, err)
	require.Equal(t, stored, after, "the state that was handed in is as it was")
	require.NotZero(t, v.Is)
	require.NotEmpty(t, v.Line.In("ja"))
	require.NotEmpty(t, v.Next.In("ja"))
	seen := map[string]bool{}
	for _, r := range v.Records {
		if i, ok := r.(protocol.ItemScanned); ok {
			require.False(t, seen[i.Item], "one scan, one record of a piece")
			seen[i.Item] = true
			require.NotEmpty(t, i.Operator)
			require.Equal(t, i.Verdict == protocol.VerdictAccept, i.Rule == "", "who is told something is told why")
		}
		b, err := protocol.EncodeBody(r)
		require.NoError(t, err)
		require.Less(t, len(b), protocol.MaxRecord/2)
	}
	require.LessOrEqual(t, len(v.Records), 22, "at most the pieces in hand")
	b, err := protocol.EncodeBody(v.State)
	require.NoError(t, err)
	require.Less(t, len(b), 16<<10, "the state is bounded")
	var back warehouse.State
	require.NoError(t, protocol.DecodeBody(b, &back), "and can be read again")
}

func TestNoSequenceOfScansBreaksWhatAScanPromises(t *testing.T) {
	plan, items := busy()
	rapid.Check(t, func(rt *rapid.T) {
		d := newDesk(t, plan, items...)
		d.at(protocol.Step(rapid.IntRange(1, 8).Draw(rt, "first")))
		for _, c := range rapid.SliceOfN(anyCode(), 30, 80).Draw(rt, "codes") {
			check(rt, d, c)
		}
	})
}

// A restart in the middle, with what was stored, changes no answer but a PIN that was half typed.
func TestARestartChangesNoAnswer(t *testing.T) {
	plan, items := busy()
	rapid.Check(t, func(rt *rapid.T) {
		on, off := newDesk(t, plan, items...).at(protocol.StepReceive), newDesk(t, plan, items...).at(protocol.StepReceive)
		for _, c := range rapid.SliceOfN(anyCode(), 20, 40).Draw(rt, "codes") {
			off.restart()
			want, got := on.scan(c), off.scan(c)
			require.Equal(rt, want.Line, got.Line)
			require.Equal(rt, want.Next, got.Next)
			require.Equal(rt, want.Records, got.Records)
		}
	})
}

// restart goes through what is stored: the state, and the notes in their parts.
func (d *desk) restart() {
	b, err := protocol.EncodeBody(d.state)
	require.NoError(d.t, err)
	d.state = warehouse.State{}
	require.NoError(d.t, protocol.DecodeBody(b, &d.state))
	fresh := warehouse.NewBook(d.book.Plan, d.book.Known())
	parts, bags := fresh.Carry(d.book, d.state, func(int64) bool { return false })
	fresh.Take(parts...)
	fresh.TakeBags(bags...)
	d.book = fresh
}

// Two scanners with the same lists, cut off from each other: what they have recorded is folded by the hub's rules, whichever comes first,
// to the same pieces; no scan is lost or doubled; and a piece that both have picked is a breach for a person to look at.
func TestTwoScannersWithOverlappingListsLoseAndDoubleNothing(t *testing.T) {
	plan, items := busy()
	rapid.Check(t, func(rt *rapid.T) {
		var events []rental.Event
		picked := map[string]int{}
		for _, device := range []string{"one", "two"} {
			d := newDesk(t, plan, items...).at(protocol.StepPick)
			for _, c := range rapid.SliceOfN(anyCode(), 20, 40).Draw(rt, device) {
				check(rt, d, c)
			}
			for n, i := range d.items() {
				e := rental.Scanned(i)
				e.Device, e.Number, e.At = device, uint64(n), day.Add(time.Duration(n)*time.Minute)
				events = append(events, e)
				if i.Item == items[2].Item && i.Step == protocol.StepPick && i.Verdict == protocol.VerdictAccept {
					picked[device]++
				}
			}
		}
		turned := make([]rental.Event, 0, len(events))
		for n := range events {
			turned = append(turned, events[len(events)-1-n])
		}
		require.True(rt, reflect.DeepEqual(rental.Fold(events), rental.Fold(turned)), "whichever arrives first")
	})
}

func TestTwoScannersThatPickTheSamePieceMakeABreachWithBothHistories(t *testing.T) {
	history := []rental.Event{{Number: 1, At: day, Step: protocol.StepRegister}, {Number: 2, At: day, Step: protocol.StepInspectIn, Conformant: true},
		{Number: 3, At: day, Step: protocol.StepPutAway, Place: "A-1"}, {Number: 4, At: day, Act: rental.Allocate, Order: "o1", Until: day.Add(24 * time.Hour)}}
	for n, device := range []string{"one", "two"} {
		d := wave(t, protocol.SwapRule{}).at(protocol.StepPick)
		require.Equal(t, accepted, d.scan(code(dress, 1)).Is, "it cannot know of the other")
		e := rental.Scanned(d.items()[0])
		e.Device, e.At = device, day.Add(time.Duration(n+1)*time.Hour)
		history = append(history, e)
	}
	story := rental.Fold(history)
	require.Equal(t, protocol.Picked, story.Item.Custody)
	require.Len(t, story.Breaches, 1)
	require.Equal(t, rental.PickedTwice, story.Breaches[0].Rule)
	require.Equal(t, "two", story.Breaches[0].Event.Device)
}

func FuzzScan(f *testing.F) {
	plan, items := busy()
	for _, c := range []string{code(dress, 1), bagCode(1), menu("st-11"), badge("b1"), shelf("A-1"), "]Q1https://x.jp/01/" + dress + "/21/1", "\x00\xff", "]"} {
		f.Add([]byte(c), uint8(4))
	}
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		d := newDesk(t, plan, items...)
		d.scan(badge("b1"))
		d.scan(menu(fmt.Sprintf("st-%d", step%22+1)))
		d.scan(bagCode(1))
		d.scan(code(dress, 8))
		for range 2 {
			check(t, d, string(b))
		}
	})
}
