package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/password"
	"meguri/hub/people"
	"meguri/hub/register"
	"meguri/hub/register/erased"
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

// What a restore sets aside is told, listed with its end, told again to who erases somebody, and dropped when it is asked for.
func TestWhatARestoreSetsAsideIsToldAndCanBeDropped(t *testing.T) {
	g, out := globals(t)
	s, err := g.MakeStore()
	require.NoError(t, err)
	vault, err := g.names(s)
	require.NoError(t, err)
	require.NotNil(t, vault)
	gone, _, err := people.New(s.People()).Add(g.Ctx, people.Console, people.Person{Name: "Sato Hanako", Role: people.Support}, time.Now())
	require.NoError(t, err)
	require.NoError(t, people.New(s.People()).Remove(g.Ctx, people.Console, gone.ID, time.Now()))
	require.NoError(t, s.Close())
	file := filepath.Join(t.TempDir(), "hub.backup")
	require.NoError(t, (&BackupCmd{File: file}).Run(g))
	require.NoError(t, (&RestoreCmd{File: file, Overwrite: true}).Run(g))
	require.Contains(t, out.String(), "hub aside drop")
	out.Reset()
	require.NoError(t, (&AsideListCmd{}).Run(g))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	name := lines[1][strings.LastIndex(lines[1], " ")+1:]
	require.FileExists(t, name)
	out.Reset()
	require.NoError(t, (&PersonEraseCmd{ID: gone.ID, OrderedBy: "person", Reason: "has left"}).Run(g))
	require.Contains(t, out.String(), name+", which still holds who it was")
	require.Error(t, (&AsideDropCmd{Name: file}).Run(g), "nothing else is dropped")
	require.FileExists(t, file)
	require.NoError(t, (&AsideDropCmd{Name: name}).Run(g))
	_, err = os.Stat(name)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A backup that is sealed with a key that is not here is told of before the database is in place, by the key's id; who was erased is erased
// again by the hub's start, which has the key.
func TestRestoringABackupThatIsSealedWithAnotherKeyNamesTheKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		g, _ := globals(t)
		g.Database = empty()
		s, err := g.OpenStore()
		require.NoError(t, err)
		vault, err := g.names(s)
		require.NoError(t, err)
		svc := people.New(s.People())
		gone, _, err := svc.Add(g.Ctx, people.Console, people.Person{Name: "Sato Hanako", Role: people.Support}, time.Now())
		require.NoError(t, err)
		require.NoError(t, svc.Remove(g.Ctx, people.Console, gone.ID, time.Now()))
		require.NoError(t, s.Close())
		file := filepath.Join(t.TempDir(), "hub.backup")
		require.NoError(t, (&BackupCmd{File: file}).Run(g))

		fresh, out := globals(t)
		fresh.Database = g.Database
		_, err = password.Vault("", fresh.pkiDir(), false) // makes a key
		require.NoError(t, err)
		require.NoError(t, erased.Note(fresh.pkiDir(), register.Erasure{ID: gone.ID, Kind: register.Staff, At: time.Now(), OrderedBy: "person", By: people.Console}))
		require.NoError(t, (&RestoreCmd{File: file, Overwrite: true}).Run(fresh))
		told, place := strings.Index(out.String(), "sealed with another key than this hub's ("+vault.KeyID()), strings.Index(out.String(), "what was there is now")
		require.True(t, told >= 0 && told < place, out)
		require.Contains(t, out.String(), "erased again when the hub starts with its key")
		require.NotContains(t, out.String(), "erased since this backup, erased again")

		out.Reset()
		g.Stdout = out
		require.NoError(t, (&RestoreCmd{File: file, Overwrite: true}).Run(g))
		require.NotContains(t, out.String(), "another key")
	})
}
