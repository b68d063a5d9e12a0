// Package rewind holds tests of storages that go back in time or live twice: real edge logs and links against the hub's real
// receiver and database, over a wire that a test can cut, hold up and listen in on.
package rewind

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/link"
	edgelog "meguri/edge/log"
	"meguri/hub/backup"
	"meguri/hub/fleet"
	hublink "meguri/hub/link"
	"meguri/hub/store"
	"meguri/internal/clock"
	"meguri/protocol"
)

const device = "station-1"

// site is a hub and the boards that speak to it as one device.
type site struct {
	t        *testing.T
	dir, url string
	store    *store.Store
	hub      *hublink.Receiver
	safe     *backup.Safe // nil: what is committed is safe
	mu       sync.Mutex
	wires    []*wire
	shared   bool                               // every wire hears every answer, as with a broker that lets two in under one name
	lose     func(up bool, payload []byte) bool // nil loses nothing
}

var bubbleStart = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func newSite(t *testing.T, safeAfterBackup bool) *site {
	dir := t.TempDir()
	s := &site{t: t, dir: dir, url: "sqlite:" + filepath.Join(dir, "hub.db")}
	s.open(safeAfterBackup)
	s.change(func(tx *store.Tx) error {
		return tx.AddDevice(t.Context(), fleet.Device{ID: device, Place: "loc-1", Role: fleet.Station, AddedAt: bubbleStart, AddedBy: "test"})
	})
	t.Cleanup(func() { require.NoError(t, s.store.Close()) })
	return s
}

// open starts the hub: a new epoch on the data that is there.
func (s *site) open(safeAfterBackup bool) {
	var err error
	s.store, err = store.Open(s.t.Context(), s.url)
	require.NoError(s.t, err)
	c := hublink.Config{Store: s.store, Effects: effects{}, Clock: clock.New(time.Now(), bubbleStart, 1), Logger: quiet}
	if safeAfterBackup {
		s.safe = backup.NewSafe(s.store, quiet)
		require.NoError(s.t, s.safe.Load(s.t.Context()))
		c.Safe = s.safe.Upto
	}
	s.hub = hublink.NewReceiver(c)
	require.NoError(s.t, s.hub.Listen(s.t.Context()))
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// effects notes each event that takes effect, so that twice is seen.
type effects struct{}

func (effects) Apply(ctx context.Context, tx *store.Tx, e hublink.Event) error {
	scan, ok := e.Body.(protocol.ScanRefused)
	if !ok {
		return nil
	}
	return tx.RaiseAlarm(ctx, fmt.Sprintf("%s/%s/%d", e.Device, e.Incarnation, e.Number), "effect", scan.Scan, "", e.At)
}

func (s *site) change(fn func(*store.Tx) error) {
	s.t.Helper()
	require.NoError(s.t, s.store.Change(s.t.Context(), fn))
}

// effects gives what took effect, sorted; what did so twice is there twice.
func (s *site) effects() (all []string) {
	s.change(func(tx *store.Tx) error {
		alarms, err := tx.Alarms(s.t.Context(), 100_000)
		all = nil
		for _, a := range alarms {
			all = append(all, a.Subject)
		}
		return err
	})
	slices.Sort(all)
	return all
}

func (s *site) work(kind string) (n int) {
	s.change(func(tx *store.Tx) error {
		all, err := tx.Work(s.t.Context(), true, 1000)
		n = 0
		for _, w := range all {
			if w.Kind == kind {
				n++
			}
		}
		return err
	})
	return n
}

func (s *site) gaps(i protocol.Incarnation, id protocol.LogID) (gaps []fleet.Gap) {
	s.change(func(tx *store.Tx) (err error) {
		gaps, err = tx.Gaps(s.t.Context(), device, i.String(), uint8(id))
		return err
	})
	for n := range gaps {
		gaps[n].Reason = ""
	}
	return gaps
}

func (s *site) device() (d fleet.Device) {
	s.change(func(tx *store.Tx) (err error) {
		d, err = tx.Device(s.t.Context(), device)
		return err
	})
	return d
}

func (s *site) backup(name string) string {
	file := filepath.Join(s.dir, name)
	_, err := backup.Take(s.t.Context(), backup.Target{Store: s.store, URL: s.url, Now: time.Now}, file)
	require.NoError(s.t, err)
	if s.safe != nil {
		require.NoError(s.t, s.safe.Load(s.t.Context()))
	}
	return file
}

func (s *site) restore(file string) {
	require.NoError(s.t, s.store.Close())
	_, err := backup.Restore(s.t.Context(), s.url, file, true, time.Now())
	require.NoError(s.t, err)
	s.open(s.safe != nil)
}

// wire is one connection.
type wire struct {
	site *site
	down chan []byte
	lost chan struct{}
	once sync.Once
}

func (w *wire) Send(payload []byte) error {
	s := w.site
	if s.lose != nil && s.lose(true, payload) {
		return nil
	}
	answers, err := s.hub.Payload(s.t.Context(), device, payload)
	if err != nil {
		return nil // the device says it again
	}
	for _, a := range answers {
		s.answer(w, a)
	}
	return nil
}

func (s *site) answer(to *wire, m protocol.Message) {
	payload, err := protocol.Encode(m)
	require.NoError(s.t, err)
	if s.lose != nil && s.lose(false, payload) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wires {
		if w == to || s.shared {
			select {
			case w.down <- payload:
			default: // as a broker does with a slow one
			}
		}
	}
}

func (w *wire) Received() <-chan []byte { return w.down }
func (w *wire) Lost() <-chan struct{}   { return w.lost }
func (w *wire) Close() {
	w.once.Do(func() {
		w.site.mu.Lock()
		defer w.site.mu.Unlock()
		w.site.wires = slices.DeleteFunc(w.site.wires, func(o *wire) bool { return o == w })
	})
}

// board is one storage and the agent on it.
type board struct {
	*site
	log      *edgelog.Log
	link     *link.Link
	stop     context.CancelFunc
	done     chan error
	mu       sync.Mutex
	plan     uint64
	counter  uint64
	commands []protocol.Command
}

func (s *site) board(file string) *board {
	l, err := edgelog.Open(filepath.Join(s.dir, file), edgelog.Options{})
	require.NoError(s.t, err)
	b := &board{site: s, log: l}
	b.link = link.New(link.Config{Device: device, Software: "test", Log: l, Agent: b, Clock: clock.Real(), Logger: quiet,
		PlanVersion:    func() uint64 { b.mu.Lock(); defer b.mu.Unlock(); return b.plan },
		CommandCounter: func() uint64 { b.mu.Lock(); defer b.mu.Unlock(); return b.counter },
		Connect:        s.connect})
	return b
}

func (s *site) connect(context.Context, protocol.Gone) (link.Wire, error) {
	w := &wire{site: s, down: make(chan []byte, 1000), lost: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wires = append(s.wires, w)
	return w, nil
}

// scan records events that nobody else records.
func (b *board) scan(names ...string) {
	b.t.Helper()
	for _, name := range names {
		mono := time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Milliseconds()
		stamp := edgelog.Stamp{Mono: mono, Wall: bubbleStart.UnixMilli() + mono, Quality: protocol.WallBattery}
		require.NoError(b.t, b.log.Update(stamp, func(tx *edgelog.Tx) error {
			_, err := tx.Append(protocol.ScanRefused{Step: "load", Scan: name})
			return err
		}))
		time.Sleep(time.Millisecond)
	}
}

// online runs the link until offline is called.
func (b *board) online() {
	ctx, cancel := context.WithCancel(b.t.Context())
	b.stop, b.done = cancel, make(chan error, 1)
	go func() { b.done <- b.link.Run(ctx) }()
}

func (b *board) offline() {
	b.stop()
	require.NoError(b.t, <-b.done)
}

// visit is online for a while, then not.
func (b *board) visit(d time.Duration) {
	b.online()
	wait(d)
	b.offline()
}

func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *board) close() { require.NoError(b.t, b.log.Close()) }

func (b *board) first() uint64 {
	p, err := b.log.Positions()
	require.NoError(b.t, err)
	return p[0].First
}

// Agent.

func (b *board) Part(protocol.Hash) ([]byte, bool) { return nil, false }

func (b *board) Activate(m protocol.Manifest, _ map[string][]byte) error {
	b.mu.Lock()
	b.plan = m.Plan
	b.mu.Unlock()
	return b.log.Update(edgelog.Stamp{}, func(tx *edgelog.Tx) error {
		_, err := tx.Append(protocol.PlanApplied{Plan: m.Plan})
		return err
	})
}

// Command does what edge/app does with one: by counter, never twice.
func (b *board) Command(c protocol.Command) {
	b.mu.Lock()
	if c.Counter <= b.counter {
		b.mu.Unlock()
		return
	}
	b.counter = c.Counter
	b.commands = append(b.commands, c)
	b.mu.Unlock()
	require.NoError(b.t, b.log.Update(edgelog.Stamp{}, func(tx *edgelog.Tx) error {
		_, err := tx.Append(protocol.CommandAnswered{ID: c.ID, Counter: c.Counter, Outcome: protocol.CommandDone})
		return err
	}))
}

func (b *board) Planned(uint64, time.Time) {}

func (b *board) HubTime(time.Time, func() time.Duration) {}

func (b *board) did() (ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.commands {
		ids = append(ids, c.ID)
	}
	return ids
}

func copyFile(t *testing.T, from, to string) {
	content, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, content, 0o600))
}

// names gives prefix1, prefix2, … up to prefixN, which sort as they count up to 9.
func names(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%s%d", prefix, i+1))
	}
	return all
}

func sorted(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return all
}

func is[M protocol.Message](payload []byte) bool {
	m, err := protocol.Decode(payload)
	_, ok := m.(M)
	return err == nil && ok
}

func bubble(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) }
