package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/people"
	"meguri/hub/store"
)

// Both engines keep passkeys, challenges and companies' logins by the same rules; the answers themselves are judged in hub/passkey.
func TestPasskeysAreKeptByTheSameRulesOnBothEngines(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s := Open(t, empty())
		t.Run("a passkey", func(t *testing.T) { keptPasskeys(t, s) })
		t.Run("of many who answer a challenge at once one is first", func(t *testing.T) { challenges(t, s) })
		t.Run("a company's login leads to whom it was bound to", func(t *testing.T) { identities(t, s) })
	})
}

func keptPasskeys(t *testing.T, s *store.Store) {
	now, ctx := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC), t.Context()
	for _, id := range []string{"p-1", "p-2"} {
		p := people.Person{ID: id, Name: "N", Role: people.Support, Added: now, AddedBy: people.Console}
		require.NoError(t, s.Change(ctx, func(tx *store.Tx) error { return tx.AddPerson(ctx, p) }))
	}
	change := func(fn func(tx *store.Tx) error) error { return s.Change(ctx, fn) }
	add := func(k people.Passkey) error { return change(func(tx *store.Tx) error { return tx.AddPasskey(ctx, k) }) }
	of := func(person string) (all []people.Passkey) {
		require.NoError(t, s.Read(ctx, func(tx *store.Tx) (err error) {
			all, err = tx.Passkeys(ctx, person)
			return err
		}))
		return all
	}
	counts := people.Passkey{ID: "counts", Person: "p-1", Name: "phone", PublicKey: []byte{0, 0xff, 1}, Flags: 5, Transports: "internal hybrid", Count: 7, Added: now}
	silent := people.Passkey{ID: "silent", Person: "p-1", Name: "key", PublicKey: []byte{2}, Added: now.Add(-time.Hour)}
	require.NoError(t, add(counts))
	require.NoError(t, add(silent))
	require.ErrorIs(t, add(people.Passkey{ID: "counts", Person: "p-2", Name: "x", PublicKey: []byte{3}, Added: now}), people.ErrPasskey, "an id is one person's")
	require.Equal(t, []people.Passkey{silent, counts}, of("p-1"), "the oldest first, as they were added")
	require.Empty(t, of("p-2"))

	use := func(id string, count int64) (follows bool) {
		require.NoError(t, change(func(tx *store.Tx) (err error) {
			follows, err = tx.UsePasskey(ctx, id, count, 5, now.Add(time.Minute))
			return err
		}))
		return follows
	}
	require.True(t, use("counts", 8))
	require.False(t, use("counts", 8), "a count that does not rise is of a copy")
	require.False(t, use("counts", 0), "nor may one that counts stop counting")
	require.True(t, use("silent", 0))
	require.True(t, use("silent", 0), "one that has never counted need not")
	require.False(t, use("unknown", 1))
	require.Equal(t, now.Add(time.Minute), of("p-1")[1].Used)
	require.EqualValues(t, 8, of("p-1")[1].Count)

	require.ErrorIs(t, change(func(tx *store.Tx) error { return tx.RenamePasskey(ctx, "p-2", "counts", "mine") }), people.ErrPasskey)
	require.NoError(t, change(func(tx *store.Tx) error { return tx.RenamePasskey(ctx, "p-1", "counts", "new phone") }))
	require.Equal(t, "new phone", of("p-1")[1].Name)
	require.ErrorIs(t, change(func(tx *store.Tx) error { return tx.RemovePasskey(ctx, "p-2", "counts") }), people.ErrPasskey)
	require.NoError(t, change(func(tx *store.Tx) error { return tx.RemovePasskey(ctx, "p-1", "counts") }))
	require.ErrorIs(t, s.Read(ctx, func(tx *store.Tx) error {
		_, err := tx.Passkey(ctx, "counts")
		return err
	}), people.ErrPasskey)
	require.Len(t, of("p-1"), 1)
	for n := range people.MaxPasskeys + 1 {
		require.NoError(t, add(people.Passkey{ID: fmt.Sprintf("many-%02d", n), Person: "p-2", Name: "x", PublicKey: []byte{4}, Added: now}))
	}
	require.Len(t, of("p-2"), people.MaxPasskeys, "what is read is bounded, whatever is there")
}

func challenges(t *testing.T, s *store.Store) {
	now, ctx := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC), t.Context()
	answer := func(hash string, at time.Time) (first bool, err error) {
		err = s.Change(ctx, func(tx *store.Tx) (err error) {
			first, err = tx.UseChallenge(ctx, hash, at.Add(time.Minute), at)
			return err
		})
		return first, err
	}
	var firsts atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			first, err := answer("h", now)
			if err == nil && first {
				firsts.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, firsts.Load())
	first, err := answer("h", now)
	require.NoError(t, err)
	require.False(t, first)
	first, err = answer("other", now.Add(time.Hour))
	require.NoError(t, err)
	require.True(t, first)
	first, err = answer("h", now.Add(time.Hour)) // forgotten: it is too old to be taken
	require.NoError(t, err)
	require.True(t, first)
}

func identities(t *testing.T, s *store.Store) {
	now, ctx := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC), t.Context()
	p := people.Person{ID: "p-3", Name: "N", Role: people.Support, Added: now, AddedBy: people.Console}
	require.NoError(t, s.Change(ctx, func(tx *store.Tx) error {
		if err := tx.AddPerson(ctx, p); err != nil {
			return err
		}
		return tx.AddIdentity(ctx, "https://a", "s", "p-3", now)
	}))
	require.NoError(t, s.Read(ctx, func(tx *store.Tx) error {
		who, err := tx.Identity(ctx, "https://a", "s")
		require.NoError(t, err)
		require.Equal(t, "p-3", who)
		_, err = tx.Identity(ctx, "https://b", "s")
		require.ErrorIs(t, err, people.ErrNoPerson)
		return nil
	}))
	require.Error(t, s.Change(ctx, func(tx *store.Tx) error { return tx.AddIdentity(ctx, "https://a", "s", "p-3", now) }))
}
