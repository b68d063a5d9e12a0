package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func openTest(t *testing.T) *Store {
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestStatementsStayPreparedInBounds(t *testing.T) {
	s := openTest(t)
	const text = "INSERT INTO sessions (token_hash, person_id, made_at, seen_at, expires_at) VALUES ($1, 'p', 0, 0, 0)"
	require.NoError(t, s.Change(t.Context(), func(tx *Tx) error {
		_, err := tx.exec(t.Context(), "INSERT INTO persons (id, name, role, place, added_at, added_by) VALUES ('p', '', '', '', 0, '')")
		return err
	}))
	for n := range 3 {
		require.NoError(t, s.Change(t.Context(), func(tx *Tx) error {
			for i := range 2 {
				_, err := tx.exec(t.Context(), text, fmt.Sprint(n, i))
				require.NoError(t, err)
			}
			require.Equal(t, n > 0, tx.session.(*sqliteSession).own[text] != nil, "the first transaction cannot have it")
			return nil
		}))
	}
	require.NotNil(t, s.database.(*sqliteDatabase).written.get(text))
	for n := range maxStatements + 50 {
		require.NoError(t, s.Read(t.Context(), func(tx *Tx) error {
			var got int
			return tx.row(t.Context(), fmt.Sprint("SELECT COUNT(*) FROM sessions WHERE made_at >= -", n)).Scan(&got)
		}))
	}
	require.Len(t, s.database.(*sqliteDatabase).read.prepared, maxStatements)
}

func TestAPreparedStatementRunsAgainAndAgain(t *testing.T) {
	s := openTest(t)
	const text = "SELECT column1 FROM (VALUES (1), (2), (3))"
	for range 3 { // prepared from the second time on
		require.NoError(t, s.Read(t.Context(), func(tx *Tx) error {
			scan := func(row scanner) (n int, err error) { return n, row.Scan(&n) }
			first, err := list(t.Context(), tx, scan, text)
			require.NoError(t, err)
			second, err := list(t.Context(), tx, scan, text)
			require.NoError(t, err)
			require.Equal(t, []int{1, 2, 3}, first)
			require.Equal(t, first, second)
			return nil
		}))
	}
}

func TestACanceledContextEndsATransactionAndNotTheStore(t *testing.T) {
	s := openTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Change(ctx, func(tx *Tx) error {
		require.NoError(t, tx.OpenWork(ctx, "w-1", "k", "s", "d", time.UnixMilli(0)))
		cancel()
		return ctx.Err()
	})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, s.Change(t.Context(), func(tx *Tx) error {
		work, err := tx.Work(t.Context(), true, 10)
		require.Empty(t, work)
		return err
	}))
}

func TestAnErrorThatEndedTheTransactionIsKnown(t *testing.T) {
	s := openTest(t)
	broken := errors.New("the disk is full, perhaps")
	err := s.Change(t.Context(), func(tx *Tx) error {
		err := tx.Savepoint(t.Context(), func() error {
			require.NoError(t, tx.OpenWork(t.Context(), "w-1", "k", "s", "d", time.UnixMilli(0)))
			return broken
		})
		require.ErrorIs(t, err, broken)
		require.False(t, tx.Lost(err), "it was undone, and the transaction goes on")
		err = tx.Savepoint(t.Context(), func() error {
			require.NoError(t, tx.OpenWork(t.Context(), "w-2", "k", "s", "d", time.UnixMilli(0)))
			_, err := tx.session.(*sqliteSession).tx.ExecContext(t.Context(), "ROLLBACK") // as SQLite does by itself on some failures
			require.NoError(t, err)
			return broken
		})
		require.True(t, tx.Lost(err))
		return err
	})
	require.ErrorIs(t, err, broken)
}
