package log

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/internal/race"
	"meguri/protocol"
)

// truth is what a log held before its file was broken.
type truth struct {
	position position
	records  map[protocol.LogID]map[uint64]protocol.Record
	state    map[string][]byte
}

func truthOf(t testing.TB, l *Log) truth {
	now := truth{position: l.committed(), records: map[protocol.LogID]map[uint64]protocol.Record{}, state: map[string][]byte{}}
	for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
		now.records[id] = map[uint64]protocol.Record{}
		for _, r := range readAll(t, l, id) {
			now.records[id][r.Number] = r
		}
	}
	require.NoError(t, l.View(func(tx *Tx) error {
		keys, err := tx.Keys("")
		for _, k := range keys {
			v, err := tx.Get(k)
			require.NoError(t, err)
			now.state[k] = v
		}
		return err
	}))
	return now
}

// fastDir is a directory in memory, when there is one.
func fastDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "log")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// used makes a log as a device has it after a while: several boots, records delivered, replaced plan parts, free pages.
func used(t testing.TB, path string, records int) truth {
	o := Options{MaxBytes: 1 << 20}
	random := rand.New(rand.NewPCG(8, 9))
	for range 3 {
		l, err := Open(path, o)
		require.NoError(t, err)
		l.db.NoSync = true
		for i := range records {
			require.NoError(t, l.Update(stampAt(i), func(tx *Tx) error { return act(tx, i, random.IntN(4), random) }))
		}
		for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
			p := position1(t, l, id)
			require.NoError(t, l.DeleteUpTo(id, p.First+(p.Next-p.First)/3))
		}
		require.NoError(t, l.Close())
	}
	l, err := Open(path, o)
	require.NoError(t, err)
	require.Nil(t, l.Salvaged())
	require.NoError(t, l.Update(stampAt(1), func(tx *Tx) error { return act(tx, 1, 0, random) }))
	now := truthOf(t, l)
	require.NoError(t, l.Close())
	return now
}

// act is one transaction of a device.
func act(tx *Tx, i, kind int, random *rand.Rand) error {
	event := func(b protocol.Body) error {
		_, err := tx.Append(b)
		return err
	}
	switch kind {
	case 0:
		return errors.Join(event(protocol.GrantUsed{Position: "L001-F2", Grant: fmt.Sprintf("%016x", i), Use: 1}),
			event(protocol.RelayFired{Position: "L001-F2"}), tx.Put("state/station", fmt.Appendf(nil, "%0200d", i)))
	case 1:
		return event(protocol.Rounds{Sensors: []string{"F1/air", "F1/door"}, Gaps: []int64{60_000},
			Values: [][]int64{{random.Int64N(9000), 20}, {4000, int64(i)}}, Alarm: i%7 == 0})
	case 2:
		return errors.Join(event(door(i)), event(sample(int64(i))))
	}
	return errors.Join(tx.Put("plan/manifest", fmt.Appendf(nil, "plan %d", i)), event(protocol.PlanApplied{Plan: uint64(i)}),
		tx.Put(fmt.Sprint("plan/part/", i%3), bytes.Repeat([]byte{byte(i)}, 500+random.IntN(3000))))
}

// fault breaks a copy of a file in one way.
func fault(good []byte, random *rand.Rand) (bad []byte, what string) {
	bad = append([]byte(nil), good...)
	at := random.IntN(len(bad))
	page := at / 4096 * 4096
	switch kind := random.IntN(20); {
	case kind < 10:
		bad[at] ^= 1 << random.IntN(8)
		return bad, fmt.Sprintf("bit of byte %d (page %d + %d) flipped", at, page/4096, at-page)
	case kind < 14:
		clear(bad[page : page+4096])
		return bad, fmt.Sprintf("page %d zeroed", page/4096)
	case kind < 18:
		return bad[:at], fmt.Sprintf("cut to %d bytes", at)
	case kind < 19:
		for i := range 64 {
			bad[page+i] = byte(random.IntN(256))
		}
		return bad, fmt.Sprintf("garbage on page %d", page/4096)
	}
	other := random.IntN(len(bad)/4096) * 4096
	copy(bad[page:page+4096], good[other:other+4096])
	return bad, fmt.Sprintf("page %d on page %d", other/4096, page/4096)
}

// TestWhateverIsBrokenIsFoundBeforeItIsUsed breaks a file in ten thousand ways. Each time the log must open by itself, and every
// record be delivered as it was or be named lost; state is what it was, or none.
func TestWhateverIsBrokenIsFoundBeforeItIsUsed(t *testing.T) {
	dir := fastDir(t)
	path := filepath.Join(dir, "edge.db")
	was := used(t, path, 60)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	n := 10_000
	if testing.Short() || race.Enabled {
		n = 500
	}
	random := rand.New(rand.NewPCG(5, 6))
	counts := map[string]int{}
	for i := range n {
		bad, what := fault(good, random)
		path := filepath.Join(dir, fmt.Sprintf("%d.db", i))
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		kept := path + ".bad"
		if t.Failed() {
			return
		}
		outcome := func() outcome {
			defer func() {
				if t.Failed() {
					_ = os.WriteFile(filepath.Join(os.TempDir(), filepath.Base(kept)), bad, 0o600)
				}
			}()
			return openBroken(t, path, was, what)
		}()
		counts[outcome.String()]++
		all, err := filepath.Glob(path + "*")
		require.NoError(t, err)
		for _, f := range all {
			require.NoError(t, os.Remove(f))
		}
	}
	t.Logf("%d faults: %v", n, counts)
}

// outcome is what became of a broken file.
type outcome struct{ salvaged, stateless, lost, open bool }

func (o outcome) String() string {
	switch {
	case o.open:
		return "salvaged with an open end"
	case o.salvaged && o.stateless:
		return "salvaged with part of the state"
	case o.salvaged:
		return "salvaged with state"
	case o.stateless:
		return "state named as damaged"
	case o.lost:
		return "records set aside"
	}
	return "nothing that matters"
}

// openBroken opens a broken file, drains it as the link does, and holds what comes out against the truth.
func openBroken(t testing.TB, path string, was truth, what string) (o outcome) {
	var l *Log
	var got map[protocol.LogID][]protocol.Record
	for try := 0; ; try++ {
		var err error
		l, err = Open(path, Options{MaxBytes: 1 << 20})
		require.NoError(t, err, what)
		if got, err = drain(l); err == nil {
			err = readState(l)
		}
		if err == nil {
			break
		}
		require.ErrorIs(t, err, ErrDamaged, what)
		require.Zero(t, try, "it opens again by itself: %s: %v", what, err)
		require.NoError(t, l.Close())
	}
	defer func() { require.NoError(t, l.Close()) }()
	lost := map[protocol.LogID]map[uint64]bool{protocol.Events: {}, protocol.Readings: {}}
	if s := l.Salvaged(); s != nil {
		o.salvaged = true
		what += fmt.Sprintf(": %s %v; was %v %v", s.Reason, s.Lost, was.position.Events, was.position.Readings)
		require.Equal(t, protocol.KindSalvaged, got[protocol.Events][0].Kind, what)
		got[protocol.Events] = got[protocol.Events][1:]
		for _, span := range s.Lost {
			for n := span.From; n <= span.To; n++ {
				lost[span.Log][n] = true
			}
		}
	}
	for id, records := range was.records {
		p := *was.position.of(id)
		if s := l.Salvaged(); s != nil {
			o.open = p.narrow(t, s.Reason, id) || o.open
		}
		o.lost = holds(t, records, &p, got[id], lost[id], o.salvaged, what) > 0 || o.lost
	}
	o.stateless = !stateHolds(t, l, was, what)
	require.NoError(t, l.Update(stampAt(1), func(tx *Tx) error {
		_, err := tx.Append(door(1))
		return errors.Join(err, tx.Put("state/station", []byte("new")))
	}), what)
	if err := deleteAll(l); err != nil { // finds what nobody has read
		require.ErrorIs(t, err, ErrDamaged, what)
		require.NoError(t, l.Close())
		l, err = Open(path, Options{MaxBytes: 1 << 20})
		require.NoError(t, err)
		require.NotNil(t, l.Salvaged())
		require.NoError(t, deleteAll(l), what)
	}
	return o
}

func deleteAll(l *Log) error {
	p := l.committed()
	return errors.Join(l.DeleteUpTo(protocol.Events, p.Events.Next-1), l.DeleteUpTo(protocol.Readings, p.Readings.Next-1))
}

// narrow leaves out of what a log held the numbers of which the reason says that they are not known.
func (s *span) narrow(t testing.TB, reason string, id protocol.LogID) bool {
	find := func(form string) (uint64, bool) {
		var numbers [2]uint64
		begin, _, _ := strings.Cut(form, "%")
		_, text, found := strings.Cut(reason, begin)
		if !found {
			return 0, false
		}
		_, err := fmt.Sscanf(begin+text, form, &numbers[0], &numbers[1])
		require.NoError(t, err, reason)
		return numbers[id-protocol.Events], true
	}
	if first, ok := find("what came before event %d and reading %d is"); ok {
		s.First = min(max(s.First, first), s.Next)
	}
	last, ok := find("what came after event %d and reading %d is")
	if ok {
		s.Next = max(s.First, min(s.Next, last+1))
	}
	return ok
}

// drain reads both logs from end to end, setting aside what is damaged.
func drain(l *Log) (map[protocol.LogID][]protocol.Record, error) {
	got := map[protocol.LogID][]protocol.Record{}
	positions, err := l.Positions()
	if err != nil {
		return nil, err
	}
	for _, p := range positions {
		running := p.Before
		for from := p.First; from < p.Next; {
			b, err := l.Read(p.Log, from, 50, 64<<10)
			var damaged *DamagedError
			if errors.As(err, &damaged) {
				if err := l.SetAside(damaged.Log, damaged.Number); err != nil {
					return nil, err
				}
				continue
			}
			if err != nil {
				return nil, err
			}
			for _, record := range b.Records {
				r, err := protocol.DecodeRecord(record)
				if err != nil {
					return nil, err
				}
				got[p.Log] = append(got[p.Log], r)
				running, from = running.Next(record), from+1
			}
		}
	}
	return got, nil
}

// readState reads all local state. A value that is damaged is no error.
func readState(l *Log) error {
	return l.View(func(tx *Tx) error {
		keys, err := tx.Keys("")
		for _, k := range keys {
			if _, bad := tx.Get(k); !errors.As(bad, new(*DamagedError)) {
				err = errors.Join(err, bad)
			}
		}
		return err
	})
}

// holds compares what a log gives with the truth, and gives how many records are named lost.
func holds(t testing.TB, was map[uint64]protocol.Record, p *span, got []protocol.Record, lost map[uint64]bool, salvaged bool, what string) (n int) {
	next := 0
	for number := p.First; number < p.Next; number++ {
		if lost[number] {
			n++
			continue
		}
		require.Less(t, next, len(got), "record %d is neither here nor named lost: %s", number, what)
		r, want := got[next], was[number]
		next++
		if r.Kind == protocol.KindDamaged || r.Kind == protocol.KindThinned && want.Kind != protocol.KindThinned {
			n++
			continue
		}
		if salvaged {
			require.NoError(t, forgetNumbers(&want))
			r.Number = want.Number
		}
		require.Equal(t, want, r, what)
	}
	require.Len(t, got, next, "nothing else: %s", what)
	return n
}

// stateHolds holds that each value of state is what it was, or is named as damaged, or was left out by a salvage. It says
// whether all are there.
func stateHolds(t testing.TB, l *Log, was truth, what string) (whole bool) {
	whole = true
	require.NoError(t, l.View(func(tx *Tx) error {
		keys, err := tx.Keys("")
		require.NoError(t, err, what)
		for _, k := range keys {
			require.Contains(t, was.state, k, what)
		}
		for k, want := range was.state {
			v, err := tx.Get(k)
			var damaged *DamagedError
			switch {
			case errors.As(err, &damaged), err == nil && v == nil && l.Salvaged() != nil:
				whole = false
			default:
				require.NoError(t, err, what)
				require.True(t, bytes.Equal(want, v), "%s: %s: %q for %q", k, what, v, want)
			}
		}
		return nil
	}))
	return whole
}
