package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"meguri/internal/e2e/sim"
)

// bite is a deliberate break: texts of sources that are replaced by others.
type bite struct {
	name  string
	what  string
	needs []sim.Fault // kinds of fault without which it does not show; only seeds with all of them are run
	edits []edit
}

type edit struct{ file, old, new string }

// readBites reads the breaks. Each file has a first line that says what is broken, maybe a line "needs: loss power-cut", and
// then edits:
//
//	=== path/of/source.go
//	text that is there
//	===>
//	text in its place
//	===
func readBites(dir string) ([]bite, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	var all []bite
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		b := bite{name: strings.TrimSuffix(filepath.Base(name), ".txt")}
		if err := b.read(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, b)
	}
	return all, nil
}

func (b *bite) read(text string) error {
	head, rest, ok := strings.Cut(text, "\n=== ")
	if !ok {
		return errors.New(`no edit: want "=== FILE"`)
	}
	b.what, _, _ = strings.Cut(head, "\n")
	if _, needs, ok := strings.Cut(head, "needs: "); ok {
		for _, f := range strings.Fields(needs) {
			b.needs = append(b.needs, sim.Fault(f))
		}
	}
	for _, part := range strings.Split(rest, "\n=== ") {
		file, body, _ := strings.Cut(part, "\n")
		was, becomes, ok := strings.Cut(body, "\n===>\n")
		becomes, _, closed := strings.Cut(becomes, "\n===")
		if strings.HasPrefix(becomes, "===") {
			becomes, closed = "", true
		}
		if !ok || !closed {
			return fmt.Errorf(`edit of %s: want the old text, "===>", the new text, "==="`, file)
		}
		b.edits = append(b.edits, edit{strings.TrimSpace(file), was, becomes})
	}
	return nil
}

// overlay writes the changed sources and gives the file that tells the go command of them.
func (b bite) overlay(work string) (string, error) {
	root, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	changed := map[string]string{}
	for _, e := range b.edits {
		path := filepath.Join(root, e.file)
		if changed[path] == "" {
			text, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			changed[path] = string(text)
		}
		if n := strings.Count(changed[path], e.old); n != 1 {
			return "", fmt.Errorf("%s: the text to break is there %d times, want once:\n%s", e.file, n, e.old)
		}
		changed[path] = strings.Replace(changed[path], e.old, e.new, 1)
	}
	replace := map[string]string{}
	for path, text := range changed {
		to := filepath.Join(work, b.name+"-"+filepath.Base(path))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[path] = to
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(work, b.name+".json")
	return file, os.WriteFile(file, list, 0o600)
}

// seeds gives the first seeds that have the faults which the break needs.
func (b bite) seeds(from, n uint64) []uint64 {
	var all []uint64
	for s := from; uint64(len(all)) < n && s < from+100_000; s++ {
		p := sim.Draw(s)
		if !slices.ContainsFunc(b.needs, func(f sim.Fault) bool { return !p.Has(f) }) {
			all = append(all, s)
		}
	}
	return all
}

// found is what came of a break.
type found struct {
	seeds int // that it took; 0: not found
	why   string
	err   error
}

// try runs a break. A seed that fails for another reason, as it does in the whole program, has found nothing.
func (b bite) try(ctx context.Context, o options, work, whole string) (f found) {
	overlay, err := b.overlay(work)
	if err != nil {
		return found{err: err}
	}
	program, err := build(ctx, work, b.name, overlay)
	if err != nil {
		return found{err: err}
	}
	defer func() { _ = os.Remove(program) }() // with the rest at the latest
	for i, seed := range b.seeds(o.from, o.seeds) {
		said, err := judged(ctx, program, seed)
		switch {
		case ctx.Err() != nil:
			return found{err: ctx.Err()}
		case err == nil:
			continue
		case said == "":
			return found{err: err}
		}
		if _, unbroken, err := process(ctx, whole, seed, 1); err != nil {
			fmt.Printf("seed %d fails without the break, too: %s\n", seed, reason(unbroken))
			continue
		}
		return found{seeds: i + 1, why: fmt.Sprintf("seed %d: %s", seed, reason(said))}
	}
	return found{}
}

// judged runs a seed until it has come to an end of its own: a process that somebody has killed says nothing. What it said is
// empty when it never did.
func judged(ctx context.Context, program string, seed uint64) (said string, err error) {
	for range 3 {
		_, said, err = process(ctx, program, seed, 1)
		if errors.Is(err, errHangs) {
			return "broken: " + err.Error(), err
		}
		if err == nil || strings.Contains(said, "--- FAIL") || strings.Contains(said, "panic:") || strings.Contains(said, "fatal error:") {
			return said, err
		}
	}
	return "", fmt.Errorf("seed %d does not end: %w", seed, err)
}

// reason is the first promise that a run says is broken.
func reason(said string) string {
	for line := range strings.Lines(said) {
		if _, why, ok := strings.Cut(line, "broken: "); ok {
			return strings.TrimSpace(why)
		}
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			return strings.TrimSpace(line)
		}
	}
	return "the run fails"
}

func allBites(ctx context.Context, o options, work string) error {
	all, err := readBites(filepath.Join(pkg, "bites"))
	if err != nil {
		return err
	}
	if len(o.names) > 0 {
		all = slices.DeleteFunc(all, func(b bite) bool { return !slices.Contains(o.names, b.name) })
	}
	whole, err := build(ctx, work, "whole", "")
	if err != nil {
		return err
	}
	results := make([]found, len(all))
	next := make(chan int)
	var jobs sync.WaitGroup
	for range o.jobs {
		jobs.Go(func() {
			for i := range next {
				results[i] = all[i].try(ctx, o, work, whole)
				fmt.Println(line(all[i], results[i]))
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	jobs.Wait()
	missed := 0
	for _, r := range results {
		if r.seeds == 0 {
			missed++
		}
	}
	fmt.Printf("%d breaks, %d found\n", len(all), len(all)-missed)
	if missed > 0 {
		return fmt.Errorf("%d breaks are not found", missed)
	}
	return ctx.Err()
}

func line(b bite, f found) string {
	switch {
	case f.err != nil:
		return fmt.Sprintf("ERROR  %-28s %s: %v", b.name, b.what, f.err)
	case f.seeds == 0:
		return fmt.Sprintf("MISSED %-28s %s", b.name, b.what)
	}
	return fmt.Sprintf("found  %-28s after %d seeds: %s\n       %s", b.name, f.seeds, b.what, f.why)
}
