package log

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/protocol"
)

// model is what a log must hold: all that was ever appended, what was deleted, and the state.
type model struct {
	log     *Log
	path    string
	numbers map[protocol.LogID][]int // what was appended, by number-1
	first   map[protocol.LogID]uint64
	state   map[string]string
	opened  uint64
}

// TestALogBehavesLikeItsModel mixes all operations, failed transactions and restarts by chance.
func TestALogBehavesLikeItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "log")
		require.NoError(t, err)
		defer func() { _ = os.RemoveAll(dir) }()
		m := &model{path: filepath.Join(dir, "edge.db"), numbers: map[protocol.LogID][]int{},
			first: map[protocol.LogID]uint64{protocol.Events: 1, protocol.Readings: 1}, state: map[string]string{}}
		m.open(t)
		defer func() { require.NoError(t, m.log.Close()) }()
		t.Repeat(map[string]func(*rapid.T){
			"update": m.update, "delete": m.delete, "renew": m.renew, "": m.check,
			"reopen": func(t *rapid.T) {
				require.NoError(t, m.log.Close())
				m.open(t)
			},
		})
	})
}

func (m *model) open(t *rapid.T) {
	var err error
	m.log, err = Open(m.path, Options{})
	require.NoError(t, err)
	m.log.db.NoSync = true // for speed; the crash test does sync
	m.opened++
	require.Equal(t, m.opened, m.log.Boot())
}

func (m *model) update(t *rapid.T) {
	fails := rapid.IntRange(0, 4).Draw(t, "fails") == 0
	var kept []func()
	boom := errors.New("boom")
	err := m.log.Update(Stamp{}, func(tx *Tx) error {
		next := map[protocol.LogID]int{protocol.Events: len(m.numbers[protocol.Events]), protocol.Readings: len(m.numbers[protocol.Readings])}
		for range rapid.IntRange(0, 6).Draw(t, "changes") {
			keep, err := m.change(t, tx, next)
			require.NoError(t, err)
			kept = append(kept, keep)
		}
		if fails {
			return boom
		}
		return nil
	})
	if fails {
		require.ErrorIs(t, err, boom)
		return
	}
	require.NoError(t, err)
	for _, keep := range kept {
		keep()
	}
}

// change makes one change in a transaction and gives the same change of the model.
func (m *model) change(t *rapid.T, tx *Tx, next map[protocol.LogID]int) (keep func(), err error) {
	value := rapid.IntRange(0, 1000).Draw(t, "value")
	key := fmt.Sprint("k", value%5)
	switch rapid.SampledFrom([]string{"event", "reading", "put", "delete"}).Draw(t, "what") {
	case "event":
		return m.append(t, tx, protocol.Alarm{MilliC: int64(value)}, value, next)
	case "reading":
		return m.append(t, tx, sample(int64(value)), value, next)
	case "put":
		text := string(make([]byte, value*5)) + key
		return func() { m.state[key] = text }, tx.Put(key, []byte(text))
	}
	return func() { delete(m.state, key) }, tx.Delete(key)
}

func (m *model) append(t *rapid.T, tx *Tx, b protocol.Body, value int, next map[protocol.LogID]int) (func(), error) {
	id := Of(b)
	next[id]++
	n, err := tx.Append(b)
	require.Equal(t, uint64(next[id]), n)
	return func() { m.numbers[id] = append(m.numbers[id], value) }, err
}

func (m *model) delete(t *rapid.T) {
	id := rapid.SampledFrom([]protocol.LogID{protocol.Events, protocol.Readings}).Draw(t, "log")
	upTo := rapid.Uint64Range(0, uint64(len(m.numbers[id]))+1).Draw(t, "up to")
	err := m.log.DeleteUpTo(id, upTo)
	if upTo > uint64(len(m.numbers[id])) {
		require.Error(t, err)
		return
	}
	require.NoError(t, err)
	m.first[id] = max(m.first[id], upTo+1)
}

func (m *model) renew(t *rapid.T) {
	old := m.log.Incarnation()
	require.NoError(t, m.log.Renew())
	require.Equal(t, &protocol.Parent{Incarnation: old, Events: m.first[protocol.Events], Readings: m.first[protocol.Readings]},
		m.log.Parent())
	for id, first := range m.first {
		m.numbers[id] = append([]int(nil), m.numbers[id][first-1:]...)
		m.first[id] = 1
	}
}

func (m *model) check(t *rapid.T) {
	positions, err := m.log.Positions()
	require.NoError(t, err)
	for _, p := range positions {
		require.Equal(t, m.first[p.Log], p.First)
		require.Equal(t, uint64(len(m.numbers[p.Log]))+1, p.Next)
		running := p.Before
		for from := p.First; from < p.Next; {
			b, err := m.log.Read(p.Log, from, 7, 1<<20)
			require.NoError(t, err)
			require.Equal(t, running, b.Before)
			for _, record := range b.Records {
				r, err := protocol.DecodeRecord(record)
				require.NoError(t, err)
				require.Equal(t, from, r.Number)
				require.Equal(t, m.numbers[p.Log][from-1], valueOf(t, r))
				running, from = running.Next(record), from+1
			}
		}
	}
	require.NoError(t, m.log.View(func(tx *Tx) error {
		keys, err := tx.Keys("")
		require.NoError(t, err)
		require.Len(t, keys, len(m.state))
		for key, want := range m.state {
			got, err := tx.Get(key)
			require.NoError(t, err)
			require.Equal(t, want, string(got))
		}
		return nil
	}))
	if p := m.log.committed(); len(m.state) == 0 {
		require.Zero(t, p.State, "what state takes is counted exactly")
	}
}

func valueOf(t *rapid.T, r protocol.Record) int {
	body, err := protocol.DecodeEvent(r.Kind, r.Body)
	require.NoError(t, err)
	if s, ok := body.(protocol.Samples); ok {
		return int(s.Samples[0].MilliC)
	}
	return int(body.(protocol.Alarm).MilliC)
}

func TestOneWritesWhileOthersReadDeleteAndRenew(t *testing.T) {
	l := openLog(t, path(t), Options{})
	const n = 200
	written := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		defer close(written)
		for i := range n {
			add(t, l, i, door(i), sample(int64(i)))
		}
	})
	work := func(f func(protocol.Position) error) {
		group.Go(func() {
			for {
				select {
				case <-written:
					return
				default:
				}
				positions, err := l.Positions()
				if err == nil {
					err = f(positions[0])
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	work(func(p protocol.Position) error {
		_, err := l.Read(protocol.Events, p.First, 50, 1<<20)
		return err
	})
	work(func(p protocol.Position) error {
		return l.View(func(tx *Tx) error {
			_, err := tx.Keys("")
			return err
		})
	})
	work(func(protocol.Position) error { return l.Renew() })
	group.Wait()
	require.Len(t, readAll(t, l, protocol.Events), n)
	require.Len(t, readAll(t, l, protocol.Readings), n)
}
