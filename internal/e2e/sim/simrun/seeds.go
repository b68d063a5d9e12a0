package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// result is what came of one seed.
type result struct {
	Seed     uint64
	Hours    float64
	Faults   map[string]int
	Events   int
	Readings int
	Failures int
	Agreed   float64
}

// errHangs says that a run did not end in time.
var errHangs = errors.New("the run does not end")

// process runs seeds first, first+1, … in one process.
func process(ctx context.Context, program string, first, count uint64) (results []result, said string, err error) {
	const each = 4 * time.Minute // of a seed that takes 2 to 18 s on a machine with nothing else to do: then it hangs
	all := ctx
	ctx, cancel := context.WithTimeout(all, time.Duration(count)*each)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-test.run", "^TestSeed$", "-test.timeout", "0", fmt.Sprintf("-seed=%d", first), fmt.Sprintf("-seeds=%d", count))
	cmd.Env = append(os.Environ(), "SIM_DIR="+files())
	out, err := cmd.CombinedOutput()
	if err != nil && ctx.Err() != nil && all.Err() == nil {
		err = errHangs
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		text, ok := strings.CutPrefix(lines.Text(), "sim ")
		var r result
		if ok && json.Unmarshal([]byte(text), &r) == nil {
			results = append(results, r)
		}
	}
	return results, string(out), err
}

// atOnce is how many seeds a process runs: enough to pay for its start.
const atOnce = 5

func manySeeds(ctx context.Context, o options, work string) error {
	program, err := build(ctx, work, "sim", "")
	if err != nil {
		return err
	}
	begun := time.Now()
	starts := make(chan uint64)
	go func() {
		defer close(starts)
		for s := o.from; s < o.from+o.seeds; s += atOnce {
			select {
			case starts <- s:
			case <-ctx.Done():
				return
			}
		}
	}()
	var mu sync.Mutex
	var all []result
	var bad []string
	var jobs sync.WaitGroup
	for range o.jobs {
		jobs.Go(func() {
			for first := range starts {
				count := min(atOnce, o.from+o.seeds-first)
				results, said, err := process(ctx, program, first, count)
				mu.Lock()
				all = append(all, results...)
				if err != nil || uint64(len(results)) != count {
					bad = append(bad, said)
					fmt.Printf("%s\n", said)
				}
				mu.Unlock()
			}
		})
	}
	jobs.Wait()
	summary(all, time.Since(begun))
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(bad) > 0 {
		return errors.New("promises are broken")
	}
	return nil
}

func summary(all []result, took time.Duration) {
	hours, events, readings, agreed, broken := 0.0, 0, 0, 0.0, 0
	faults := map[string]int{}
	for _, r := range all {
		hours, events, readings, agreed = hours+r.Hours, events+r.Events, readings+r.Readings, max(agreed, r.Agreed)
		if r.Failures > 0 {
			broken++
		}
		for f, n := range r.Faults {
			faults[f] += n
		}
	}
	fmt.Printf("%d seeds in %s: %.0f virtual device-hours, %.0f a minute; %d events and %d readings recorded\n", len(all),
		took.Round(time.Second), hours, hours/took.Minutes(), events, readings)
	fmt.Printf("seeds with broken promises: %d; after the last fault all agreed within %.0f s\n", broken, agreed)
	fmt.Println("faults injected:")
	for _, f := range slices.Sorted(maps.Keys(faults)) {
		fmt.Printf("  %-12s %d\n", f, faults[f])
	}
}
