package main

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

func TestPositionsAreTakenOutOfServiceAndPutBackFromTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db"), Clock: clock.Real(), Logger: slog.New(slog.DiscardHandler)}
	s := storetest.Open(t, g.Database)
	storetest.Import(t, s, storetest.Network(t))
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		return tx.RaiseAlarm(t.Context(), "door/1", "door_ajar", "loc-1-f1", "door ajar", time.Now())
	}))
	_, err := runAlarms(t, g, "maintenance", "begin", "loc-9", "--reason", "new hinge")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = runAlarms(t, g, "maintenance", "begin", "loc-1-f1", "--reason", "new hinge", "--for", "337h")
	require.ErrorContains(t, err, "until: want a time between a minute and 14 days")
	_, err = runAlarms(t, g, "maintenance", "begin", "loc-1-f1", "--reason", "new hinge")
	require.NoError(t, err)
	out, err := runAlarms(t, g, "maintenance", "list")
	require.NoError(t, err)
	require.Regexp(t, `loc-1-f1 +20\S+ +console +new hinge`, out)
	out, err = runAlarms(t, g, "list")
	require.NoError(t, err)
	require.Contains(t, out, "out_of_service")
	_, err = runAlarms(t, g, "maintenance", "end", "loc-1-f1")
	require.NoError(t, err)
	_, err = runAlarms(t, g, "maintenance", "end", "loc-1-f1")
	require.ErrorIs(t, err, store.ErrNotFound)
	out, err = runAlarms(t, g, "list")
	require.NoError(t, err)
	require.Contains(t, out, "unacknowledged")
}
