package store

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// heldDisk lets each sync go on only when it is told to.
func heldDisk(t *testing.T, s *Store) (syncs chan chan error) {
	syncs = make(chan chan error)
	s.synced.sync = func() error {
		answer := make(chan error)
		syncs <- answer
		return <-answer
	}
	return syncs
}

func addPerson(t *testing.T, s *Store, id string) error {
	return s.Change(t.Context(), func(tx *Tx) error {
		_, err := tx.exec(t.Context(), "INSERT INTO persons (id, name, role, place, added_at, added_by) VALUES ($1, '', '', '', 0, '')", id)
		return err
	})
}

func countPersons(t *testing.T, s *Store) (n int, err error) {
	err = s.Read(t.Context(), func(tx *Tx) error { return tx.row(t.Context(), "SELECT COUNT(*) FROM persons").Scan(&n) })
	return n, err
}

func openHeld(t *testing.T) (*Store, chan chan error) {
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	return s, heldDisk(t, s)
}

func TestNobodyHearsOfACommitThatIsNotSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, syncs := openHeld(t)
		defer func() { require.NoError(t, s.Close()) }()
		var mu sync.Mutex
		heard := map[string]bool{}
		hear := func(who string, err error) {
			mu.Lock()
			defer mu.Unlock()
			heard[who] = true
			if err != nil {
				t.Error(who, err)
			}
		}
		go func() { hear("first", addPerson(t, s, "first")) }()
		first := <-syncs
		for _, id := range []string{"second", "third"} {
			go func() { hear(id, addPerson(t, s, id)) }()
			synctest.Wait()
		}
		go func() {
			n, err := countPersons(t, s)
			if n != 3 {
				t.Errorf("%d persons, want 3: the next are not kept from writing meanwhile", n)
			}
			hear("reader", err)
		}()
		synctest.Wait()
		require.Empty(t, heard)
		first <- nil
		second := <-syncs
		synctest.Wait()
		require.Equal(t, map[string]bool{"first": true}, heard, "a sync makes durable what was there when it began")
		second <- nil
		synctest.Wait()
		require.Len(t, heard, 4, "and one serves all")
	})
}

func TestAfterAFailedSyncNothingMoreIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, syncs := openHeld(t)
		defer func() { require.NoError(t, s.Close()) }()
		errDisk := errors.New("input/output error")
		failed := make(chan error)
		for _, id := range []string{"first", "second"} {
			go func() { failed <- addPerson(t, s, id) }()
			synctest.Wait()
		}
		first := <-syncs
		first <- errDisk
		for range 2 {
			err := <-failed
			require.ErrorIs(t, err, ErrNotSynced)
			require.ErrorIs(t, err, errDisk)
		}
		require.ErrorIs(t, addPerson(t, s, "third"), ErrNotSynced)
		_, err := countPersons(t, s)
		require.ErrorIs(t, err, ErrNotSynced, "what may be gone after a power cut is not told either")
	})
}

func TestALogThatWasMadeAnewIsTheOneThatIsSynced(t *testing.T) {
	s := openTest(t)
	require.NoError(t, addPerson(t, s, "first"))
	before, err := s.synced.file.Stat()
	require.NoError(t, err)
	require.NoError(t, os.Rename(s.synced.path, s.synced.path+".old"))
	require.NoError(t, s.synced.wait(s.synced.apply()), "SQLite removes the log when all of it is in the database")
	require.NoError(t, os.WriteFile(s.synced.path, nil, 0o600))
	require.NoError(t, s.synced.wait(s.synced.apply()))
	after, err := s.synced.file.Stat()
	require.NoError(t, err)
	require.False(t, os.SameFile(before, after))
	require.NoError(t, os.Rename(s.synced.path+".old", s.synced.path))
}
