package log

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/internal/race"
	"meguri/protocol"
)

// commitOf runs a transaction and gives the file before and after its one commit.
func commitOf(t *testing.T, path string, act func(*Log) error) (before, after []byte, was, is truth) {
	taken := false
	l, err := Open(path, Options{MaxBytes: 1 << 20, Commit: func(commit func() error) (err error) {
		if taken {
			require.Nil(t, after, "one commit")
			before, err = os.ReadFile(path)
			require.NoError(t, err)
		}
		if err := commit(); err != nil {
			return err
		}
		if taken {
			after, err = os.ReadFile(path)
			require.NoError(t, err)
		}
		return nil
	}})
	require.NoError(t, err)
	require.Nil(t, l.Salvaged())
	was, taken = truthOf(t, l), true
	require.NoError(t, act(l))
	taken, is = false, truthOf(t, l)
	require.NoError(t, l.Close())
	require.NotNil(t, after)
	return before, after, was, is
}

// image is one state in which a power cut may leave the file.
type image struct {
	what  string
	bytes []byte
}

// images gives all states in which a disk may leave the file around one commit: a prefix of the changed pages in the order in
// which they are written, a single one missing, a single one torn between two sectors; the meta page, which is written after
// a sync of the others, there or not.
func images(before, after []byte) []image {
	const page, sector = 4096, 512
	old := make([]byte, len(after)) // growing comes first, and is synced
	copy(old, before)
	var changed []int
	meta := -1
	for at := 0; at < len(after); at += page {
		switch {
		case bytes.Equal(old[at:at+page], after[at:at+page]):
		case at < 2*page:
			meta = at
		default:
			changed = append(changed, at)
		}
	}
	var all []image
	add := func(what string, write func(to []byte)) {
		for _, m := range []bool{false, true} {
			b := append([]byte(nil), old...)
			write(b)
			if m {
				copy(b[meta:meta+page], after[meta:meta+page])
			}
			all = append(all, image{fmt.Sprintf("%s, meta %v", what, m), b})
		}
	}
	for k := range len(changed) + 1 {
		add(fmt.Sprintf("the first %d of %d pages", k, len(changed)), func(to []byte) {
			for _, at := range changed[:k] {
				copy(to[at:at+page], after[at:at+page])
			}
		})
	}
	for _, lost := range changed {
		without := func(to []byte) {
			for _, at := range changed {
				if at != lost {
					copy(to[at:at+page], after[at:at+page])
				}
			}
		}
		add(fmt.Sprintf("all but page %d", lost/page), without)
		for cut := sector; cut < page; cut += sector {
			add(fmt.Sprintf("page %d torn behind byte %d", lost/page, cut), func(to []byte) {
				without(to)
				copy(to[lost:lost+cut], after[lost:lost+cut])
			})
			add(fmt.Sprintf("page %d torn before byte %d", lost/page, cut), func(to []byte) {
				without(to)
				copy(to[lost+cut:lost+page], after[lost+cut:lost+page])
			})
		}
	}
	return all
}

// acts are the transactions whose commits are cut.
func acts() map[string]func(*Log) error {
	record := func(state map[string]string, bodies ...protocol.Body) func(*Log) error {
		return func(l *Log) error {
			return l.Update(stampAt(9), func(tx *Tx) error {
				for _, b := range bodies {
					if _, err := tx.Append(b); err != nil {
						return err
					}
				}
				for k, v := range state {
					if err := tx.Put(k, []byte(v)); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	large := string(bytes.Repeat([]byte("0123456789abcdef"), 300))
	return map[string]func(*Log) error{
		"scan": record(map[string]string{"state/scanner": large[:300]}, protocol.ContainerPlaced{GRAI: "urn:epc:id:grai:4012345.1.1", Slot: "L001-F1-S2"}),
		"unlock": record(map[string]string{"state/station": large[:900]},
			protocol.GrantUsed{Position: "L001-F2", Grant: "g1", Use: 1}, protocol.RelayFired{Position: "L001-F2"}),
		"pickup": record(map[string]string{"state/station": large[:600], "state/monitors": large[:2000]},
			protocol.DoorOpened{Position: "L001-F2"}, protocol.DoorClosed{Position: "L001-F2"}, protocol.PickupInferred{Position: "L001-F2"},
			protocol.Rounds{Sensors: []string{"F1/air"}, Values: [][]int64{{4000}}, Alarm: true}),
		"plan change": func(l *Log) error {
			return l.Update(stampAt(9), func(tx *Tx) error {
				_, err := tx.Append(protocol.PlanApplied{Plan: 7})
				return errors.Join(err, tx.Delete("plan/part/0"), tx.Put("plan/part/1", []byte(large)), tx.Put("plan/part/9", []byte(large+large)),
					tx.Put("plan/manifest", []byte("plan 7")), tx.Put("state/station", []byte(large[:500])))
			})
		},
		"sync": func(l *Log) error {
			p := l.committed().Events
			return l.DeleteUpTo(protocol.Events, (p.First+p.Next)/2)
		},
		"sync of all": func(l *Log) error { return l.DeleteUpTo(protocol.Events, l.committed().Events.Next-1) },
		"readings": func(l *Log) error {
			return l.Update(stampAt(9), func(tx *Tx) error {
				for i := range 40 {
					if _, err := tx.Append(protocol.Rounds{Sensors: []string{"F1/air", "F2/air"}, Values: [][]int64{{4000}, {int64(i)}}}); err != nil {
						return err
					}
				}
				return nil
			})
		},
		"thinning": func(l *Log) error {
			return l.Update(stampAt(9), func(tx *Tx) error {
				return tx.change(func() error { return tx.thin(tx.position.Readings.Bytes / 2) })
			})
		},
	}
}

// TestAPowerCutInACommitLeavesAllOrNothing opens all images of the commits of a device's acts.
func TestAPowerCutInACommitLeavesAllOrNothing(t *testing.T) {
	for name, act := range acts() {
		t.Run(name, func(t *testing.T) {
			dir := fastDir(t)
			path := filepath.Join(dir, "edge.db")
			used(t, path, 50)
			before, after, was, is := commitOf(t, path, act)
			n, counts := 0, map[string]int{}
			for i, image := range images(before, after) {
				if (testing.Short() || race.Enabled) && i%7 > 0 {
					continue
				}
				n++
				path := filepath.Join(dir, fmt.Sprintf("%d.db", n))
				require.NoError(t, os.WriteFile(path, image.bytes, 0o600))
				counts[openImage(t, path, was, is, image.what)]++
				all, err := filepath.Glob(path + "*")
				require.NoError(t, err)
				for _, f := range all {
					require.NoError(t, os.Remove(f))
				}
			}
			t.Logf("%d images: %v", n, counts)
		})
	}
}

// openImage holds that an image has all that was durable before its commit, and all or nothing of the commit.
func openImage(t *testing.T, path string, was, is truth, what string) string {
	l, err := Open(path, Options{MaxBytes: 1 << 20})
	require.NoError(t, err, what)
	defer func() { require.NoError(t, l.Close()) }()
	got, err := drain(l) // holds numbers and running hashes
	require.NoError(t, err, what)
	how := "as before"
	if s := l.Salvaged(); s != nil {
		how = "salvaged as before"
		what += fmt.Sprintf(": %s %v", s.Reason, s.Lost)
		got[protocol.Events] = got[protocol.Events][1:]
	}
	held := was
	if !same(t, was, got, l.Salvaged() != nil) {
		require.True(t, same(t, is, got, l.Salvaged() != nil), "part of the commit: %s: %v", what, got)
		held, how = is, how[:len(how)-len("before")]+"after"
	}
	if !stateHolds(t, l, held, what) {
		how += " without all state"
	}
	return how
}

// same says whether a log gives exactly what it held.
func same(t *testing.T, held truth, got map[protocol.LogID][]protocol.Record, renumbered bool) bool {
	for id, records := range held.records {
		p := held.position.of(id)
		if uint64(len(got[id])) != p.Next-p.First {
			return false
		}
		for i, r := range got[id] {
			want := records[p.First+uint64(i)]
			if renumbered {
				require.NoError(t, forgetNumbers(&want))
				r.Number = want.Number
			}
			if r.Number != want.Number || r.Boot != want.Boot || r.Mono != want.Mono || r.Wall != want.Wall || r.Kind != want.Kind ||
				!bytes.Equal(r.Body, want.Body) {
				return false
			}
		}
	}
	return true
}
