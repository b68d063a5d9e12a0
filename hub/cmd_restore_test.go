package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/storetest"
)

// TestRestoringIntoAnEmptyPlaceNamesTheKeysThatAreToBeBroughtAlong: a backup of the database has none of them.
func TestRestoringIntoAnEmptyPlaceNamesTheKeysThatAreToBeBroughtAlong(t *testing.T) {
	g, _ := globals(t)
	storetest.Open(t, g.Database)
	file := filepath.Join(t.TempDir(), "hub.backup")
	require.NoError(t, (&BackupCmd{File: file}).Run(g))
	fresh, out := globals(t)
	require.NoError(t, (&RestoreCmd{File: file}).Run(fresh))
	require.Contains(t, out.String(), "there is no certificate authority in "+fresh.pkiDir())
	require.Contains(t, out.String(), "there is no "+filepath.Join(fresh.pkiDir(), "people.key"))
	require.Contains(t, out.String(), "restored: start the hub")
}
