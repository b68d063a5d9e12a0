package store

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChecksAreWrittenWithoutListsAndStillHold(t *testing.T) {
	s := openTest(t)
	rows, err := s.reader.QueryContext(t.Context(), "SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
	require.NoError(t, err)
	tables := 0
	for rows.Next() {
		var name, text string
		require.NoError(t, rows.Scan(&name, &text))
		require.NotRegexp(t, oneOf, text)
		tables += strings.Count(text, " OR state = 'called_off' OR")
	}
	require.NoError(t, rows.Close())
	require.Equal(t, 1, tables)
	_, err = s.writer.ExecContext(t.Context(), `INSERT INTO events (device_id, incarnation, number, boot, kind, name, subject, body, mono,
		claimed_at, wall_quality, event_at, uncertainty_ms, received_at, outcome, reason) VALUES ('', '', 1, 1, 1, '', '', '', 1, 1, 1, 1, 1, 1, 'lost', '')`)
	require.ErrorContains(t, err, "CHECK")
	var verdict string
	require.NoError(t, s.reader.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict))
	require.Equal(t, "ok", verdict)
	var on bool
	require.NoError(t, s.writer.QueryRowContext(t.Context(), "PRAGMA writable_schema").Scan(&on))
	require.False(t, on)
	again, err := lists(t.Context(), s.writer)
	require.NoError(t, err)
	require.Empty(t, again)
}

func TestOnlyChecksOfWordsAreRewritten(t *testing.T) {
	for given, want := range map[string]string{
		"CHECK (a IN ('', 'x',\n 'y_z'))":     "CHECK (a = '' OR a = 'x' OR a = 'y_z')",
		"CHECK (a IN ('x', 'y'))":             "CHECK (a IN ('x', 'y'))",
		"CHECK (a > 0)":                       "CHECK (a > 0)",
		"CHECK (a IN (SELECT 'x'))":           "CHECK (a IN (SELECT 'x'))",
		"CHECK (a IN ('x', 'y', 'z') OR b)":   "CHECK (a IN ('x', 'y', 'z') OR b)",
		"CHECK (a IN ('x, y', 'b', 'c d'))":   "CHECK (a IN ('x, y', 'b', 'c d'))",
		"CHECK (a NOT IN ('x', 'y', 'last'))": "CHECK (a NOT IN ('x', 'y', 'last'))",
	} {
		require.Equal(t, want, plainChecks(given))
	}
}
