package order_test

import (
	"context"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/internal/pgtest"
)

var benchOrders = flag.Bool("orders", false, "measure orders in full, as make bench-orders does; else briefly, to see that it runs")

var benchOnly = flag.String("only", "", "of the contenders, measure those whose name matches; with a count of clients behind their name")

// plan is how much is measured.
type plan struct {
	rounds  int
	span    time.Duration // of one measurement
	filled  int           // orders that are there before
	usual   []int         // clients
	ours    []int
	log     int // batches of the synced log
	batches int // of the bare writer
}

func planned() plan {
	if *benchOrders {
		return plan{3, 2 * time.Second, 50_000, []int{1, 8, 32, 128}, []int{1, 8, 32, 128, 1024}, 300, 20}
	}
	return plan{1, 50 * time.Millisecond, 200, []int{1, 8}, []int{1, 16}, 3, 1}
}

// measured is one measurement: orders that were accepted, held and confirmed, and how long each took.
type measured struct {
	perSecond float64
	p50, p99  time.Duration
	cpu       time.Duration // of this process, by order: what tells on a machine that others use too
	commits   float64       // orders in each, on average; 0 where it is not counted
}

// series are the measurements of one contender, by round.
type series struct {
	name    string
	clients int
	rounds  []measured
}

// median is each figure's own.
func (s *series) median() measured {
	at := func(of func(measured) float64) float64 {
		var all []float64
		for _, m := range s.rounds {
			all = append(all, of(m))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return measured{at(func(m measured) float64 { return m.perSecond }),
		time.Duration(at(func(m measured) float64 { return float64(m.p50) })),
		time.Duration(at(func(m measured) float64 { return float64(m.p99) })), time.Duration(at(func(m measured) float64 { return float64(m.cpu) })),
		at(func(m measured) float64 { return m.commits })}
}

// drive has clients place orders one after the other, and counts those for which one returns true.
func drive(clients int, span time.Duration, one func(client int) bool) measured {
	took := make([][]time.Duration, clients)
	begun, spent := time.Now(), processTime()
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for time.Since(begun) < span {
				start := time.Now()
				if one(c) {
					took[c] = append(took[c], time.Since(start))
				}
			}
		})
	}
	all.Wait()
	elapsed, cpu := time.Since(begun), processTime()-spent
	every := slices.Concat(took...)
	if len(every) == 0 {
		return measured{}
	}
	slices.Sort(every)
	return measured{perSecond: float64(len(every)) / elapsed.Seconds(), p50: every[len(every)/2], p99: every[len(every)*99/100],
		cpu: cpu / time.Duration(len(every))}
}

// processTime is how long this process has used processors.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// contender can be measured with a number of clients.
type contender struct {
	name    string
	clients []int
	measure func(clients int, span time.Duration) measured
}

// TestBenchOrders measures orders side by side: the usual way, with row locks in PostgreSQL; ours, through the service and through
// HTTP, on both engines; and what bounds ours. Rounds are interleaved, so that what else the machine does falls on all alike.
func TestBenchOrders(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts PostgreSQL")
	}
	p := planned()
	cluster := pgtest.Start(t) // with its defaults: durable
	usual := sync.OnceValue(func() contender { return usualWay(t, p, cluster.Database(t)) })
	all := []contender{{usualName, p.usual, func(n int, d time.Duration) measured { return usual().measure(n, d) }}}
	limits := []contender{syncedLog(t, p)}
	for _, engine := range []string{"sqlite", "postgres"} {
		url := func() string { return cluster.Database(t) }
		if engine == "sqlite" {
			url = func() string { return sqliteFile(t) }
		}
		for _, w := range []workload{oneProduct(t), spread(t)} {
			s := sync.OnceValue(func() *stand { return openStand(t, p, url(), w) })
			bare := sync.OnceValue(func() *stand { return openStand(t, p, url(), w) })
			all = append(all,
				contender{engine + ", service, " + w.name, p.ours, func(n int, d time.Duration) measured { return s().viaService(n, d) }},
				contender{engine + ", HTTP, " + w.name, p.ours, func(n int, d time.Duration) measured { return s().viaHTTP(n, d) }})
			limits = append(limits,
				contender{engine + ", bare writer, " + w.name, []int{1},
					func(int, time.Duration) measured { return bare().bare(bare().group) }},
				contender{engine + ", bare, held and confirmed, " + w.name, []int{1},
					func(int, time.Duration) measured { return bare().bare(bare().groupHeld) }})
		}
	}
	all = append(limits, all...)
	only := regexp.MustCompile(*benchOnly)
	results := map[string]*series{}
	var order []*series
	for round := range p.rounds {
		for _, c := range all {
			for _, n := range c.clients {
				key := fmt.Sprint(c.name, " ", n)
				if !only.MatchString(key) {
					continue
				}
				if results[key] == nil {
					results[key] = &series{name: c.name, clients: n}
					order = append(order, results[key])
				}
				m := c.measure(n, p.span)
				require.Positive(t, m.perSecond, "%s with %d clients accepts nothing", c.name, n)
				results[key].rounds = append(results[key].rounds, m)
			}
		}
		t.Logf("round %d of %d", round+1, p.rounds)
	}
	report(t, order)
}

// report prints the medians and the ratios.
func report(t *testing.T, all []*series) {
	bare := map[string]float64{}
	var usual, usualMost float64
	for _, s := range all {
		m := s.median()
		if engine, of, ok := strings.Cut(s.name, ", bare writer,"); ok {
			bare[engine+of] = m.perSecond
		}
		if s.name == usualName {
			usual = max(usual, m.perSecond)
			usualMost = m.perSecond
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-42s %8s %10s %9s %9s %8s %8s %8s %8s\n", "medians", "clients", "orders/s", "p50 ms", "p99 ms", "cpu us", "/commit",
		"/ usual", "/ bare")
	for _, s := range all {
		m := s.median()
		ratio := ""
		if engine, rest, ok := strings.Cut(s.name, ", "); ok {
			if work := rest[strings.LastIndex(rest, ", ")+1:]; bare[engine+work] > 0 {
				ratio = fmt.Sprintf("%8.2f", m.perSecond/bare[engine+work])
			}
		}
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		fmt.Fprintf(&b, "%-42s %8d %10.0f %9.2f %9.2f %8d %8.0f %8.1f %8s\n", s.name, s.clients, m.perSecond, ms(m.p50), ms(m.p99), m.cpu.Microseconds(),
			m.commits, m.perSecond/usual, ratio)
	}
	fmt.Fprintf(&b, "the usual way: %.0f at its best client count, %.0f at its most clients; ours counts hold and confirm of each order\n", usual, usualMost)
	t.Log(b.String())
}

// within is a context that a hanging database cannot outlive.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
