package check

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)

func TestARunCallsWhereItCollectsAndAfterThatDelivers(t *testing.T) {
	stops := func(text string) (r Run) {
		kinds := map[byte]string{'c': "collect", 'd': "deliver", 'r': "return"}
		for _, s := range strings.Fields(text) {
			r.Stops = append(r.Stops, Stop{Kind: kinds[s[0]], Place: s[1:]})
		}
		return r
	}
	for text, want := range map[string]bool{
		"ca db": true, "db ca": false, "ca": false, "db": false, "": false, "db ca db": true, "ca rb": false, "cb da": false,
		"cx ca dx db": true, "ra db": false,
	} {
		require.Equal(t, want, stops(text).calls("a", "b"), text)
	}
	require.True(t, Run{}.departs().IsZero())
	early := Run{Stops: []Stop{{Planned: noon.Add(time.Hour)}, {Planned: noon}}}
	require.Equal(t, noon, early.departs(), "the first by the clock, not by number")
}

func TestAUnitGoesInAsItMayBeTurned(t *testing.T) {
	p := func(l, w, h int64, upright bool) Product {
		return Product{LengthMM: l, WidthMM: w, HeightMM: h, NoStacking: upright}
	}
	s := func(l, w, h int64) Slot { return Slot{LengthMM: l, WidthMM: w, HeightMM: h} }
	require.True(t, goesInto(p(10, 20, 30, false), s(30, 20, 10)))
	require.False(t, goesInto(p(10, 20, 31, false), s(30, 20, 10)))
	require.False(t, goesInto(p(10, 20, 30, true), s(30, 20, 10)), "it must not lie down")
	require.True(t, goesInto(p(20, 30, 10, true), s(30, 20, 10)), "it may be turned around")
	require.True(t, goesInto(p(99, 99, 99, false), s(0, 0, 0)), "what nobody measured limits nothing")
}

func TestEachKindHasASeverityAndATextWithNumberedArguments(t *testing.T) {
	for _, k := range Kinds() {
		require.NotEmpty(t, k.Severity().String(), k)
		require.NotRegexp(t, regexp.MustCompile(`%[^\[%]`), k.Format(), k)
		require.NotContains(t, k.Text([]string{"a", "b", "c", "d", "e"}[:strings.Count(k.Format(), "%[")]), "%!", k)
	}
	require.Equal(t, `later ["a"]`, Kind("later").Text([]string{"a"}), "of a newer hub")
}

func TestADifferenceSaysWhatComesWhatGoesAndWhatChanges(t *testing.T) {
	was := Container{ID: "C-1", Slot: "s-1", UsedML: 5}
	is := was
	is.Slot = "s-2"
	unit := Item{Order: "o-1", Line: 1, Unit: 2, Container: "C-1"}
	r := Repair{Containers: []Change[Container]{{&was, &is}}, Items: []Change[Item]{{Before: &unit}, {After: &unit}}}.named()
	var lines []string
	for _, d := range r.Differences() {
		lines = append(lines, d.String())
	}
	require.Equal(t, []string{"~ dated_containers C-1: slot_id s-1 -> s-2",
		"- order_items o-1/1/2: product_id= shop_id= category= dated_container_id=C-1",
		"+ order_items o-1/1/2: product_id= shop_id= category= dated_container_id=C-1"}, lines)
	require.Len(t, r.ID, 12)
	is.Slot = "s-3"
	require.NotEqual(t, r.ID, Repair{Containers: []Change[Container]{{&was, &is}}}.named().ID)
	require.Empty(t, Repair{}.named().ID, "a repair that changes nothing is none")
}

func TestARepairsNameDoesNotTellHowFullAContainerIsUnlessItDoesNothingElse(t *testing.T) {
	was := Container{ID: "C-1", UsedML: 5}
	fuller, less := was, was
	fuller.UsedML, less.UsedML = 9, 1
	unit := Item{Order: "o-1", Line: 1, Unit: 2, Container: "C-1"}
	id := func(after *Container, items ...Change[Item]) string {
		return Repair{Containers: []Change[Container]{{&was, after}}, Items: items}.named().ID
	}
	gone := Change[Item]{Before: &unit}
	require.Equal(t, id(&fuller, gone), id(&less, gone))
	require.Equal(t, id(&fuller, gone), id(nil, gone), "nor whether it goes since it is empty")
	require.Equal(t, id(&fuller), id(&less))
	require.NotEqual(t, id(&fuller), id(&fuller, gone))
	other := Container{ID: "C-2", UsedML: 5}
	require.NotEqual(t, id(&fuller), Repair{Containers: []Change[Container]{{&other, &fuller}}}.named().ID)
}

// They are arguments of texts in several languages.
func TestTheFirstFewOfManyAreToldWithoutWords(t *testing.T) {
	require.Equal(t, "1, 2", some([]string{"1", "2"}))
	require.Equal(t, "1, 2, 3, 4, 5, … (+3)", some([]string{"1", "2", "3", "4", "5", "6", "7", "8"}))
}

func TestWhatIsWorstAndLeavesFirstComesFirst(t *testing.T) {
	grave := func(departs time.Time) *Finding { return &Finding{Kind: RunMisses, Departs: departs} }
	soon, late, never := grave(noon), grave(noon.Add(time.Hour)), grave(time.Time{})
	books := &Finding{Kind: UsedDiffers, Departs: noon.Add(-time.Hour)}
	require.Negative(t, byUrgency(soon, late))
	require.Negative(t, byUrgency(late, never), "what no run is concerned with can wait")
	require.Positive(t, byUrgency(never, late))
	require.Negative(t, byUrgency(never, books))
	minutes, ok := soon.MinutesLeft(noon.Add(-90 * time.Minute))
	require.True(t, ok)
	require.Equal(t, 90, minutes)
	_, ok = never.MinutesLeft(noon)
	require.False(t, ok)
}

// ruins is a source in which nothing is as it should be: so many containers of a run, slot, address and shop that there are not,
// each with items of orders and products that there are not.
type ruins struct{ containers, items int }

func (r ruins) Dates(context.Context, time.Time) ([]string, error) {
	return []string{"2026-12-01"}, nil
}
func (r ruins) Network(context.Context) (Network, error)        { return Network{}, nil }
func (r ruins) Day(_ context.Context, date string) (Day, error) { return Day{Date: date}, nil }
func (r ruins) Containers(_ context.Context, date string, each func(Container)) error {
	for i := range r.containers {
		each(Container{ID: fmt.Sprint("C-", i), Sequence: int64(i), Date: date, Slot: "s", Shipper: "b", Address: "a", GRAI: "g", State: "planned"})
	}
	return nil
}
func (r ruins) Orders(context.Context, string, func(Order)) error { return nil }
func (r ruins) Lines(context.Context, string, func(Line)) error   { return nil }
func (r ruins) Items(_ context.Context, date string, each func(Item)) error {
	for i := range r.items {
		each(Item{Order: fmt.Sprint("o-", i), Line: 1, Unit: 1, Date: date, Product: fmt.Sprint("p-", i%7), Container: fmt.Sprint("C-", i)})
	}
	return nil
}
func (r ruins) Container(context.Context, string) (c Container, found bool, err error) { return }
func (r ruins) Order(context.Context, string) (o Order, found bool, err error)         { return }
func (r ruins) Run(context.Context, string) (x Run, found bool, err error)             { return }
func (r ruins) ItemsIn(context.Context, []string) ([]Item, error)                      { return nil, nil }
func (r ruins) ItemsOf(context.Context, string) ([]Item, error)                        { return nil, nil }
func (r ruins) Buyers(context.Context, string, string, int) ([]string, error)          { return nil, nil }

func TestWhateverTheRowsSayALookIsBoundedAndDoesNotPanic(t *testing.T) {
	for _, r := range []ruins{{0, 0}, {1, 0}, {0, 1}, {3, 50_000}, {5_000, 5_000}} {
		report, err := Look(t.Context(), r, []string{"2026-12-01"}, noon)
		require.NoError(t, err)
		require.LessOrEqual(t, len(report.Findings), maxFindings)
		require.Equal(t, r.containers+r.items > 0, !report.Clean())
		require.Equal(t, r.containers+r.items > maxFindings, report.Omitted > 0)
		for _, f := range report.Findings {
			require.LessOrEqual(t, len(f.Rows), maxRows)
			require.LessOrEqual(t, len(f.Orders), maxOrders)
			require.NotContains(t, f.Text(), "%!")
			require.False(t, f.Repair.ID == "" && f.Repair.None.Text() == "", "%s: a repair, or why there is none", f.Text())
		}
		marks, err := Judge(t.Context(), r, "2026-12-01", []string{"C-0", "C-none"})
		require.NoError(t, err)
		require.Equal(t, r.containers > 0, len(marks.Containers) > 0)
	}
}

// broken is a source whose reading fails at some step.
type broken struct {
	ruins
	at string
}

var errBroken = fmt.Errorf("the disk is gone")

func (b broken) fail(at string) error {
	if b.at == at {
		return errBroken
	}
	return nil
}
func (b broken) Network(context.Context) (Network, error) { return Network{}, b.fail("network") }
func (b broken) Day(_ context.Context, date string) (Day, error) {
	return Day{Date: date}, b.fail("day")
}
func (b broken) Orders(context.Context, string, func(Order)) error { return b.fail("orders") }
func (b broken) Lines(context.Context, string, func(Line)) error   { return b.fail("lines") }
func (b broken) Run(context.Context, string) (r Run, found bool, err error) {
	return r, false, b.fail("run")
}
func (b broken) Order(context.Context, string) (o Order, found bool, err error) {
	return o, false, b.fail("order")
}
func (b broken) ItemsIn(context.Context, []string) ([]Item, error) { return nil, b.fail("items in") }

func TestWhatCannotBeReadIsNoCleanDay(t *testing.T) {
	for _, at := range []string{"network", "day", "orders", "lines", "run", "order", "items in"} {
		_, err := Look(t.Context(), broken{ruins{2, 2}, at}, []string{"2026-12-01"}, noon)
		require.ErrorIs(t, err, errBroken, at)
	}
}
