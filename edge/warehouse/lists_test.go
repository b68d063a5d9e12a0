package warehouse_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/edge/warehouse"
	"meguri/protocol"
)

// Two scanners open their books on the same lists: what one does with a piece, the other does not know before the hub says so.
func TestScannersThatShareListsSeeNothingOfEachOther(t *testing.T) {
	plan := protocol.WarehousePlan{Shelves: []protocol.ShelfPlan{{Place: "A-1", Room: 2}, {Place: "A-2", Room: 2}}}
	one := newDesk(t, plan, shelved(dress, 1, "A-1"), shelved(dress, 2, "A-1"), as(shelved(dress, 3, ""), protocol.FinalInspected))
	other := *one
	other.book = warehouse.Open(one.book.Lists)

	one.at(protocol.StepQuarantine)
	one.scan(menu("why-mould"))
	one.scan(code(dress, 1))
	require.Equal(t, 1, one.book.Size())
	require.Zero(t, other.book.Size())

	one.at(protocol.StepPutAway)
	one.scan(code(dress, 3))
	require.Equal(t, []string{"A-1"}, warehouse.Next(one.state, one.book).Args, "one piece has left it")
	other.at(protocol.StepPutAway)
	other.scan(code(dress, 3))
	next := warehouse.Next(other.state, other.book)
	require.Equal(t, phrase.PutOnShelf, next.Key)
	require.Equal(t, []string{"A-2"}, next.Args, "it is full, by the lists")
}

// A piece that the lists name twice is on one shelf.
func TestAPieceThatIsNamedTwiceCountsOnce(t *testing.T) {
	plan := protocol.WarehousePlan{Shelves: []protocol.ShelfPlan{{Place: "A-1", Room: 1}, {Place: "A-2", Room: 9}}}
	d := newDesk(t, plan, shelved(dress, 1, "A-1"), shelved(dress, 1, "A-2"), as(shelved(dress, 3, ""), protocol.FinalInspected)).at(protocol.StepPutAway)
	d.scan(code(dress, 3))
	require.Equal(t, []string{"A-2"}, warehouse.Next(d.state, d.book).Args)
	d.scan(shelf("A-1"))
	require.Equal(t, protocol.VerdictAccept, d.records[len(d.records)-1].(protocol.ItemScanned).Verdict, "the other shelf is empty")
}

// BenchmarkLists makes lists of 100,000 pieces. The ratio is to a map of the pieces alone.
func BenchmarkLists(b *testing.B) {
	part := protocol.ItemsPlan{Position: "w-1"}
	for n := range 100_000 {
		part.Items = append(part.Items, shelved(fmt.Sprintf("0952%010d", n/12), n, fmt.Sprintf("A-%d", n/30)))
	}
	items := []protocol.ItemsPlan{part}
	var made, bare time.Duration
	for b.Loop() {
		began := time.Now()
		warehouse.NewLists(protocol.WarehousePlan{}, items)
		made += time.Since(began)
		b.StopTimer()
		began = time.Now()
		known := map[string]protocol.KnownItem{}
		for _, i := range part.Items {
			known[i.Item] = i
		}
		bare += time.Since(began)
		b.StartTimer()
	}
	b.ReportMetric(float64(made)/float64(bare), "times-map")
}
