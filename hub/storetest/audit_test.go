package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"meguri/hub/audit"
	"meguri/hub/people"
	"meguri/hub/store"
)

func unsigned(audit.Hash) (certificate, signature []byte, err error) {
	return []byte("certificate"), []byte("signature"), nil
}

// record makes a change of which an act is kept, in texts that no database can hold.
func record(ctx context.Context, s *store.Store, subject string) error {
	return s.Change(ctx, func(tx *store.Tx) error {
		return tx.RecordAct(ctx, people.NewAct(before, "p-1", "thing.change", subject, "why\x00\xff").From("a", "b"))
	})
}

// trail is a database with an act from before the trail, five that a head has signed, and one that the next has.
func trail(t *testing.T, url string) *store.Store {
	s := Open(t, url)
	_, err := raw(t, url).ExecContext(t.Context(), "INSERT INTO acts (id, at, person_id, act, subject, detail) VALUES ('a-old', 1, 'p', 'old', 'x', '')")
	require.NoError(t, err)
	for i := range 5 {
		require.NoError(t, record(t.Context(), s, fmt.Sprint("thing-", i)))
	}
	head, err := s.SealAudit(t.Context(), unsigned, before)
	require.NoError(t, err)
	require.Equal(t, uint64(1), head.Older)
	again, err := s.SealAudit(t.Context(), unsigned, before)
	require.NoError(t, err)
	require.Zero(t, again.Number, "nothing is new")
	require.NoError(t, record(t.Context(), s, "thing-5"))
	second, err := s.SealAudit(t.Context(), unsigned, before)
	require.NoError(t, err)
	require.Equal(t, uint64(2), second.Number)
	return s
}

func TestWhatIsDoneToStoredActsIsFound(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		for what, do := range map[string]string{
			"":                     "UPDATE acts SET subject = subject",
			"was changed":          "UPDATE acts SET was_before = 'c' WHERE subject = 'thing-2'",
			"entry 3 of chain":     "DELETE FROM acts WHERE subject = 'thing-2'",
			"the tail was cut off": "DELETE FROM acts WHERE subject = 'thing-5'",
			"older than the trail": "INSERT INTO acts (id, at, person_id, act, subject, detail) VALUES ('a-new', 1, 'p', 'old', 'x', '')",
			"head 1 was changed":   "UPDATE audit_heads SET older = 2 WHERE number = 1",
			"head 2 comes after":   "DELETE FROM audit_heads WHERE number = 1",
		} {
			if strings.HasSuffix(t.Name(), "postgres") && what != "" && what != "was changed" {
				continue // what is made of the rows is the same, and a database of PostgreSQL's takes seconds
			}
			url := empty()
			s := trail(t, url)
			_, err := raw(t, url).ExecContext(t.Context(), do)
			require.NoError(t, err)
			r, err := s.VerifyAudit(t.Context(), &audit.Verifier{})
			if what == "" {
				require.NoError(t, err)
				require.Equal(t, []uint64{6, 1, 2}, []uint64{r.Entries, r.Older, uint64(r.Heads)})
				continue
			}
			require.ErrorIs(t, err, audit.ErrBroken, do)
			require.ErrorContains(t, err, what, do)
		}
	})
}

func TestAnActIsUndoneWithItsStepOrTransactionAndTheChainGoesOn(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s := Open(t, empty())
		fails := errors.New("fails")
		require.NoError(t, record(t.Context(), s, "kept-1"))
		require.ErrorIs(t, s.Change(t.Context(), func(tx *store.Tx) error {
			return errors.Join(tx.RecordAct(t.Context(), people.NewAct(before, "p", "x", "undone", "")), fails)
		}), fails)
		require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
			require.NoError(t, tx.RecordAct(t.Context(), people.NewAct(before, "p", "x", "kept-2", "")))
			require.ErrorIs(t, tx.Savepoint(t.Context(), func() error {
				return errors.Join(tx.RecordAct(t.Context(), people.NewAct(before, "p", "x", "undone", "")), fails)
			}), fails)
			return tx.RecordAct(t.Context(), people.NewAct(before, "p", "x", "kept-3", ""))
		}))
		twice := people.NewAct(before, "p", "x", "twice", "")
		require.Error(t, s.Change(t.Context(), func(tx *store.Tx) error {
			return errors.Join(tx.RecordAct(t.Context(), twice), tx.RecordAct(t.Context(), twice))
		}), "the statement that writes the acts fails")
		require.NoError(t, record(t.Context(), s, "kept-4"))
		r, err := s.VerifyAudit(t.Context(), &audit.Verifier{})
		require.NoError(t, err)
		require.Equal(t, uint64(4), r.Entries)
		require.Equal(t, 1, r.Chains, "no act was concurrent with another one")
	})
}

// Two hubs and their people at once: no act is lost, and no chain has a gap.
func TestManyWritersKeepTheirChainsWhole(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		url := empty()
		g, ctx := errgroup.WithContext(t.Context())
		var one *store.Store
		for hub := range 2 {
			s := Open(t, url)
			one = s
			for writer := range 8 {
				g.Go(func() error {
					for i := range 5 {
						if err := record(ctx, s, fmt.Sprint(hub, writer, i)); err != nil {
							return err
						}
					}
					return nil
				})
			}
		}
		require.NoError(t, g.Wait())
		_, err := one.SealAudit(t.Context(), unsigned, before)
		require.NoError(t, err)
		r, err := one.VerifyAudit(t.Context(), &audit.Verifier{})
		require.NoError(t, err)
		require.Equal(t, uint64(80), r.Entries)
	})
}
