package app

import (
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	edgelog "meguri/edge/log"
	"meguri/edge/warehouse"
	"meguri/internal/clock"
	"meguri/protocol"
)

// benchWarehouse is an agent with 100,000 known pieces, a wave of 500 orders, and bags of 600 pieces that come back.
func benchWarehouse(b *testing.B) *agent {
	l, err := edgelog.Open(filepath.Join(b.TempDir(), "edge.db"), edgelog.Options{MaxBytes: 1 << 30})
	require.NoError(b, err)
	b.Cleanup(func() { _ = l.Close() })
	kit := Kit{BatteryClock: true, Warehouse: &Terminal{Position: "w-1", Reader: "s1"}}
	a := newAgent(Config{Device: "d", Kit: kit}, Deps{Clock: clock.Real(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}, l)
	a.hardware = &hardware{displays: map[string]*display{}}
	const known = 100_000
	p, items := lists(known)
	p.Stations = append(p.Stations, protocol.Workstation{Code: "dock", Step: protocol.StepReceive})
	p.Orders = nil
	for o := range 500 {
		order := protocol.PickOrder{Order: fmt.Sprintf("o%d", o), Tote: fmt.Sprint(o)}
		for n := range 5 {
			order.Lines = append(order.Lines, protocol.PickLine{Item: pieceID(o*5 + n), Shelf: fmt.Sprintf("A-%d", o%100)})
			items.Items[o*5+n].Order = order.Order
		}
		p.Orders = append(p.Orders, order)
	}
	bag := protocol.ExpectedBag{Bag: "095200000000000017", Order: "r1"}
	for n := known - 600; n < known; n++ {
		items.Items[n] = protocol.KnownItem{Item: pieceID(n), Custody: protocol.InTransitBack, Order: "r1", Grade: protocol.GradeA}
		bag.Items = append(bag.Items, pieceID(n))
	}
	p.Bags = []protocol.ExpectedBag{bag}
	for s := range 2000 {
		p.Shelves = append(p.Shelves, protocol.ShelfPlan{Place: fmt.Sprintf("A-%d", s)})
	}
	for n := range items.Items {
		if items.Items[n].Place != "" {
			items.Items[n].Place = fmt.Sprintf("A-%d", n%2000)
		}
	}
	a.book = warehouse.NewBook(p, []protocol.ItemsPlan{items})
	return a
}

func (a *agent) benchScan(b *testing.B, code string) (rules, stored time.Duration) {
	b.Helper()
	passed := clock.Real().Stopwatch()
	v := warehouse.Scan(a.handheld, a.book, a.scanText(scanOf(code)), a.now())
	rules = passed()
	state, take := a.staged(v)
	require.NoError(b, a.commit(v.Records, state))
	take()
	return rules, passed()
}

func percentiles(all []time.Duration) (p50, p99 time.Duration) {
	slices.Sort(all)
	return all[len(all)/2], all[len(all)*99/100]
}

// BenchmarkVerdict tells how long a scan of a picker takes among 100,000 known pieces: the rules alone, with what is stored of it, and the
// commit of one record and a small state beside it, which is what the storage costs in any case.
func BenchmarkVerdict(b *testing.B) {
	a := benchWarehouse(b)
	for _, c := range []string{"96b1", "95pick"} {
		a.benchScan(b, c)
	}
	var rules, stored, alone []time.Duration
	n := 0
	for b.Loop() {
		r, s := a.benchScan(b, pieceCode(n%2500)) // of the second round on it is a repeat, which is an answer, too
		passed := clock.Real().Stopwatch()
		require.NoError(b, a.commit([]protocol.Body{protocol.OperatorChanged{Badge: "b1"}}, map[string]any{keyClock: a.clock}))
		rules, stored, alone = append(rules, r), append(stored, s), append(alone, passed())
		n++
	}
	report := func(name string, all []time.Duration) time.Duration {
		p50, p99 := percentiles(all)
		b.ReportMetric(float64(p50.Microseconds()), name+"-p50-µs")
		b.ReportMetric(float64(p99.Microseconds()), name+"-p99-µs")
		return p50
	}
	report("rules", rules)
	whole, commit := report("stored", stored), report("commit-alone", alone)
	b.ReportMetric(float64(whole)/float64(commit), "stored/commit-p50")
}

// BenchmarkReturnOf600 receives a bag of 600 pieces, each scan durable before the next.
func BenchmarkReturnOf600(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		a := benchWarehouse(b)
		for _, c := range []string{"96b1", "95dock"} {
			a.benchScan(b, c)
		}
		b.StartTimer()
		var rules time.Duration
		began := processorTime()
		scan := func(code string) {
			r, _ := a.benchScan(b, code)
			rules += r
		}
		scan("00095200000000000017")
		for n := 100_000 - 600; n < 100_000; n++ {
			scan(pieceCode(n))
		}
		scan("95close")
		require.Empty(b, a.handheld.Bag.ID)
		b.ReportMetric(float64(rules.Milliseconds()), "rules-ms")
		b.ReportMetric(float64((processorTime() - began).Milliseconds()), "processor-ms")
	}
}

// processorTime is what this process has had of the processor.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails for wrong arguments only
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
