package log

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/internal/race"
	"meguri/protocol"
)

// breakMeta makes a file one that has to be salvaged, and loses nothing of it.
func breakMeta(t testing.TB, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{0xff, 0xff}, 20)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestASalvageTellsWhatItDidAndLosesNothingThatCanBeRead(t *testing.T) {
	path := path(t)
	was := used(t, path, 60)
	breakMeta(t, path)
	l := openLog(t, path, Options{MaxBytes: 1 << 20})
	s := l.Salvaged()
	require.NotNil(t, s)
	require.Equal(t, was.position.Incarnation, s.Parent)
	require.Equal(t, &protocol.Parent{Incarnation: s.Parent, Events: was.position.Events.First, Readings: was.position.Readings.First,
		State: true}, l.Parent())
	require.NotEqual(t, s.Parent, l.Incarnation())
	require.Equal(t, was.position.Boot+1, l.Boot())
	require.Empty(t, s.Lost)
	require.Equal(t, fmt.Sprintf("damaged: meta page 0; %d of %d values of local state are kept", len(was.state), len(was.state)), s.Reason)
	got, err := drain(l)
	require.NoError(t, err)
	first := got[protocol.Events][0]
	require.Equal(t, protocol.KindSalvaged, first.Kind)
	require.Equal(t, l.Boot(), first.Boot)
	got[protocol.Events] = got[protocol.Events][1:]
	require.True(t, same(t, was, got, true))
	require.True(t, stateHolds(t, l, was, ""))
	require.Equal(t, was.position.State, l.committed().State)
	kept, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Equal(t, []string{path, path + ".broken-1"}, kept)
}

func TestTheOldestBrokenFilesAreKeptAndTheLogStillOpens(t *testing.T) {
	path := path(t)
	require.NoError(t, openLog(t, path, Options{}).Close())
	for n := range maxBroken + 2 {
		breakMeta(t, path)
		l, err := Open(path, Options{})
		require.NoError(t, err)
		require.NotNil(t, l.Salvaged())
		require.Equal(t, n >= maxBroken, strings.Contains(l.Salvaged().Reason, "the file is not kept: there are 5"), l.Salvaged().Reason)
		require.Len(t, readAll(t, l, protocol.Events), n+1, "each salvage is told")
		require.NoError(t, l.Close())
	}
	kept, err := filepath.Glob(path + ".broken-*")
	require.NoError(t, err)
	require.Len(t, kept, maxBroken)
}

func TestAnotherProcessMaySalvage(t *testing.T) {
	for name, child := range map[string]func(from, into string) error{
		"does":             func(from, into string) error { return Salvage(from, into, Options{}) },
		"fails":            func(string, string) error { return errors.New("killed") },
		"makes nothing":    func(string, string) error { return nil },
		"leaves a ruin":    func(_, into string) error { return os.WriteFile(into, make([]byte, 10_000), 0o600) },
		"makes another up": func(_, into string) error { return errors.Join(makeFile(into, 1<<20), errors.New("and fails")) },
	} {
		t.Run(name, func(t *testing.T) {
			path := path(t)
			l := openLog(t, path, Options{})
			add(t, l, 1, door(1))
			require.NoError(t, l.Close())
			breakMeta(t, path)
			calls := 0
			l = openLog(t, path, Options{Salvage: func(from, into string) error {
				calls++
				require.Equal(t, path, from)
				return child(from, into)
			}})
			require.Equal(t, 1, calls)
			require.NotNil(t, l.Salvaged())
			require.Len(t, readAll(t, l, protocol.Events), 2)
		})
	}
}

func TestAPowerCutWhileItIsSalvagedIsMadeGood(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{})
	add(t, l, 1, door(1))
	require.NoError(t, l.Close())
	breakMeta(t, path)
	// Half a file of what was salvaged; then a whole one, and the broken one is set aside.
	require.NoError(t, os.WriteFile(path+salvagedSuffix, make([]byte, 5000), 0o600))
	again, err := os.ReadFile(path)
	require.NoError(t, err)
	l = openLog(t, path, Options{})
	require.NotNil(t, l.Salvaged())
	require.NoError(t, l.Close())

	require.NoError(t, os.WriteFile(path, again, 0o600))
	require.NoError(t, Salvage(path, path+salvagedSuffix, Options{}))
	require.NoError(t, os.Rename(path, path+".broken-2"))
	require.NoError(t, os.WriteFile(path+suspectSuffix, nil, 0o600)) // bbolt had panicked over it, and the mark stands still
	l = openLog(t, path, Options{})
	require.Nil(t, l.Salvaged(), "it is salvaged once")
	require.Len(t, readAll(t, l, protocol.Events), 2)
	_, err = os.Stat(path + salvagedSuffix)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestAFileOverWhichBboltHasPanickedIsSalvagedAtTheNextOpen(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{})
	for i := range 200 {
		add(t, l, i, protocol.Booted{Software: string(make([]byte, 300))})
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	l = openLog(t, path, Options{}) // so that the last transaction is another one
	require.NoError(t, l.Close())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	lost := 0
	for page := 2; int64(page) < info.Size()/4096 && lost == 0; page++ {
		bad := append([]byte(nil), b...)
		clear(bad[page*4096 : page*4096+4096])
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		l, err := Open(path, Options{})
		require.NoError(t, err)
		if l.Salvaged() == nil {
			if _, err = drain(l); err != nil {
				require.ErrorIs(t, err, ErrDamaged)
				require.ErrorIs(t, l.Update(Stamp{}, func(*Tx) error { return nil }), ErrDamaged, "it stays unusable")
				require.NoError(t, l.Close())
				l, err = Open(path, Options{})
				require.NoError(t, err)
				require.NotNil(t, l.Salvaged())
				require.NotEmpty(t, l.Salvaged().Lost)
				lost = len(readAll(t, l, protocol.Events))
				require.Greater(t, lost, 150)
			}
		}
		require.NoError(t, l.Close())
	}
	require.NotZero(t, lost, "some page is only read when its records are")
	_, err = os.Stat(path + suspectSuffix)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestWhatWasNeverCommittedIsNotSalvaged leaves the pages of a commit that the power cut on the disk, writes other records with
// the same numbers, and then loses one page after another of what counts.
func TestWhatWasNeverCommittedIsNotSalvaged(t *testing.T) {
	dir := fastDir(t)
	path := filepath.Join(dir, "edge.db")
	used(t, path, 40)
	before, after, _, _ := commitOf(t, path, func(l *Log) error {
		return l.Update(stampAt(5), func(tx *Tx) error {
			for range 100 {
				if _, err := tx.Append(protocol.ScanRefused{Step: "never", Scan: "committed", Reason: strings.Repeat("never", 60)}); err != nil {
					return err
				}
			}
			return tx.Put("state/station", []byte("never committed"))
		})
	})
	copy(after, before[:8192]) // all but the meta page
	require.NoError(t, os.WriteFile(path, after, 0o600))
	l, err := Open(path, Options{MaxBytes: 1 << 20})
	require.NoError(t, err)
	require.Nil(t, l.Salvaged())
	var bodies []protocol.Body
	for i := range 40 {
		bodies = append(bodies, protocol.ScanRefused{Step: "this", Scan: "was", Reason: fmt.Sprint(i)})
	}
	add(t, l, 1, bodies...)
	add(t, l, 2, door(1))
	was := truthOf(t, l)
	require.NoError(t, l.Close())
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Contains(good, []byte("never")), "some of it is still there")
	for at := 0; at < len(good); at += 4096 {
		bad := append([]byte(nil), good...)
		clear(bad[at : at+4096])
		path := filepath.Join(dir, fmt.Sprint(at))
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		openBroken(t, path, was, fmt.Sprintf("page %d zeroed", at/4096))
	}
}

func TestFarBehindARecordTheLogIsCopiedToSetItAside(t *testing.T) {
	l := openLog(t, path(t), Options{})
	require.NoError(t, l.Update(stampAt(1), func(tx *Tx) error {
		for i := range rechainMost + 500 {
			if _, err := tx.Append(door(i)); err != nil {
				return err
			}
		}
		return tx.Put("state/station", []byte("used"))
	}))
	require.NoError(t, l.DeleteUpTo(protocol.Events, 10))
	flip(t, l, bucketEvents, numberKey(20), 50)
	flip(t, l, bucketEvents, numberKey(4000), 50)
	incarnation, before := l.Incarnation(), position1(t, l, protocol.Events)
	require.ErrorContains(t, l.SetAside(protocol.Events, 21), "not damaged")
	require.NoError(t, l.SetAside(protocol.Events, 20))
	require.Equal(t, incarnation, l.Incarnation())
	now := position1(t, l, protocol.Events)
	require.Equal(t, before, now)
	all := readAll(t, l, protocol.Events)
	require.Equal(t, protocol.KindDamaged, all[20-11].Kind)
	require.Equal(t, protocol.KindDamaged, all[4000-11].Kind, "all of them at once")
	require.Equal(t, uint64(11), all[0].Number)
	require.NoError(t, l.Close())
	l = openLog(t, l.path, Options{})
	require.Nil(t, l.Salvaged())
	require.Len(t, readAll(t, l, protocol.Events), rechainMost+490)
	require.NoError(t, l.View(func(tx *Tx) error {
		v, err := tx.Get("state/station")
		require.Equal(t, "used", string(v))
		return err
	}))
}

// anonymousNow is how many bytes of memory this process has that no file backs, -1 when the kernel does not say.
func anonymousNow() int64 {
	b, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(b)) {
		var kb int64
		if n, _ := fmt.Sscanf(line, "Anonymous: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	return -1
}

// fill fills a file of so many bytes with readings and events, as full as it gets.
func fill(t testing.TB, path string, maxBytes int64) (records int) {
	t.Helper()
	l, err := Open(path, Options{MaxBytes: maxBytes})
	require.NoError(t, err)
	l.db.NoSync = true
	for i := 0; l.committed().Readings.First == 1; i++ {
		require.NoError(t, l.Update(stampAt(i), func(tx *Tx) error {
			for j := range 500 {
				if _, err := tx.Append(sample(int64(i * j))); err != nil {
					return err
				}
			}
			_, err := tx.Append(door(i))
			return err
		}))
	}
	p := l.committed()
	require.NoError(t, l.Close())
	return int(p.Events.Next - p.Events.First + p.Readings.Next - p.Readings.First)
}

// TestASalvageOfAFullFileTakesLittleMemory runs it in a process of its own, as the agent does.
func TestASalvageOfAFullFileTakesLittleMemory(t *testing.T) {
	if into := os.Getenv("MEGURI_SALVAGE_INTO"); into != "" {
		done := make(chan error)
		go func() { done <- Salvage(os.Getenv("MEGURI_SALVAGE_FROM"), into, Options{}) }()
		most := int64(0)
		for {
			select {
			case err := <-done:
				require.NoError(t, err)
				fmt.Printf("most %d\n", most)
				return
			case <-time.After(2 * time.Millisecond):
				most = max(most, anonymousNow())
			}
		}
	}
	if testing.Short() || race.Enabled || os.Getenv("MEGURI_EMULATOR") != "" {
		t.Skip("fills a file of 64 MiB; the memory of an emulator or a race detector is its own")
	}
	dir := fastDir(t)
	from, into := filepath.Join(dir, "edge.db"), filepath.Join(dir, "into.db")
	records := fill(t, from, 64<<20)
	breakMeta(t, from)
	child := self("-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), "MEGURI_SALVAGE_FROM="+from, "MEGURI_SALVAGE_INTO="+into)
	start := time.Now()
	out, err := child.CombinedOutput()
	require.NoError(t, err, string(out))
	var most int64
	_, err = fmt.Sscanf(string(out), "most %d", &most)
	require.NoError(t, err, string(out))
	t.Logf("%d records in %s with %.1f MB of anonymous memory", records, time.Since(start).Round(time.Millisecond), float64(most)/1e6)
	require.Less(t, most, int64(25_000_000))
	l := openLog(t, into, Options{})
	p := l.committed()
	require.Equal(t, records+1, int(p.Events.Next-1+p.Readings.Next-1))
}
