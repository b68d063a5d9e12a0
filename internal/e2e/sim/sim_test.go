package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/internal/race"
)

var (
	seed    = flag.Uint64("seed", 0, "run this seed only")
	seeds   = flag.Uint64("seeds", 1, "how many seeds to run, from -seed on")
	hours   = flag.Float64("hours", 0, "of faults, in place of what the seed has drawn")
	crowds  = flag.Int("crowds", 1, "how many days of a crowd to play, from -seed on")
	verbose = flag.Bool("story", false, "print everything that happens")
)

// play runs one seed in a bubble.
func play(t *testing.T, p Params) (r Report) {
	t.Helper()
	dir, err := os.MkdirTemp(os.Getenv("SIM_DIR"), "meguri-sim-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // of the system's temporary directory
	// Single-stepped: one thing at a time, and what is random is drawn from the seed.
	cryptotest.SetGlobalRandom(t, p.Seed)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // much is made and little is kept: collecting costs a quarter of a run
	var story io.Writer
	if *verbose {
		story = os.Stdout // as it happens, for a run that never ends
	}
	synctest.Test(t, func(t *testing.T) { r, err = Run(t.Context(), p, dir, story) })
	if err != nil {
		t.Error(err)
	}
	for _, f := range r.Failures {
		t.Errorf("broken: %s", f)
	}
	if t.Failed() {
		t.Logf("faults: %s", p.FaultNames())
		test := "TestSeed$"
		if p.Crowd {
			test = "OfACrowd"
		}
		t.Logf("again: go test ./internal/e2e/sim -run '%s' -seed=%d -story -v", test, p.Seed)
	}
	return r
}

// The first seeds. The many are run by "make sim".
func TestNoPromiseIsBroken(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	first := uint64(3)
	if race.Enabled {
		first = 1
	}
	for n := range first {
		t.Run(fmt.Sprint(n+1), func(t *testing.T) { play(t, Draw(n+1)) })
	}
}

// The real client and the real broker, over connections of our own.
func TestNoPromiseIsBrokenOverMQTT(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	for n, played := uint64(1), 0; played < 1; n++ {
		if p := Draw(n); p.MQTT {
			played++
			t.Run(fmt.Sprint(n), func(t *testing.T) { play(t, p) })
		}
	}
}

// Seeds 2, 6 and 8 had two traces: writers of the database came in at random, and so did people when the faults ended.
func TestTheSameSeedIsTheSameRun(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	traces := map[string]bool{}
	compared := []uint64{2, 6, 8}
	if race.Enabled {
		compared = compared[:1]
	}
	for _, seed := range compared {
		p := Draw(seed)
		require.False(t, p.MQTT, "what paho and the broker do is not single-stepped")
		p.Phase1 = 5 * time.Hour
		first, second := play(t, p), play(t, p)
		require.Equal(t, first.Trace, second.Trace, "seed %d", seed)
		traces[first.Trace] = true
	}
	require.Len(t, traces, len(compared), "other seeds are other runs")
}

func TestSeed(t *testing.T) {
	if *seed == 0 {
		t.Skip("replays one seed: -seed=N")
	}
	for n := *seed; n < *seed+*seeds; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			p := Draw(n)
			if *hours > 0 {
				p.Phase1 = time.Duration(*hours * float64(time.Hour))
			}
			begun := time.Now()
			r := play(t, p)
			report, err := json.Marshal(map[string]any{"seed": n, "hours": r.Hours, "took": time.Since(begun).Seconds(), "faults": r.Faults,
				"events": r.Events, "readings": r.Readings, "failures": len(r.Failures), "agreed": r.Agreed.Seconds(), "trace": r.Trace})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Printf("sim %s\n", report)
		})
	}
}

// TestNobodyOfACrowdGetsInWithoutARight, no counted code is used more often than it allows, and nobody with a right to it is turned away but
// by what was broken on purpose. "make sim-pickups" plays 10,000 pickups.
func TestNobodyOfACrowdGetsInWithoutARight(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	if race.Enabled {
		t.Skip("the seeds of every day are enough for the race detector")
	}
	total := map[string]int{}
	for n := range *crowds {
		r := play(t, DrawCrowd(max(*seed, 1)+uint64(n)))
		for what, times := range r.Crowd {
			total[what] += times
		}
		if t.Failed() {
			t.Logf("seed %d, faults %s", r.Params.Seed, r.Params.FaultNames())
			break
		}
	}
	for _, what := range slices.Sorted(maps.Keys(total)) {
		t.Logf("%6d %s", total[what], what)
	}
	require.Positive(t, total["got in"])
}
