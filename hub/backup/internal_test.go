package backup

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/store"
	"meguri/hub/storetest"
)

// A copy holds codes that open doors. Whoever looks into the directory while it is made must not read them.
func TestACopyIsItsOwnersAloneFromTheFirstByte(t *testing.T) {
	storetest.EachBare(t, func(t *testing.T, empty func() string) {
		url := empty()
		s := storetest.Open(t, url)
		made := filepath.Join(t.TempDir(), "one"+store.Partial)
		release, err := reserve(made)
		require.NoError(t, err)
		_, err = copyOf(url).make(t.Context(), Target{Store: s, URL: url, Now: time.Now}, made)
		require.NoError(t, err)
		info, err := os.Stat(made)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
		require.NoError(t, release())
	})
}

// Two hubs on one database may begin in the same second, in the same directory.
func TestTwoBackupsDoNotWriteTheSameFile(t *testing.T) {
	made := filepath.Join(t.TempDir(), "one"+store.Partial)
	require.NoError(t, os.WriteFile(made, []byte("left by a process that was killed"), 0o644))
	release, err := reserve(made)
	require.NoError(t, err)
	info, err := os.Stat(made)
	require.NoError(t, err)
	require.Zero(t, info.Size())
	require.Equal(t, os.FileMode(0o600), info.Mode())
	_, err = reserve(made)
	require.ErrorContains(t, err, "another backup")
	require.NoError(t, release())
	release, err = reserve(made)
	require.NoError(t, err)
	require.NoError(t, release())
}

// A clock that is set back gives the newest backup the oldest name. It is the one by which devices have deleted.
func TestTheBackupThatWasJustMadeIsKeptWhateverItsName(t *testing.T) {
	dir := t.TempDir()
	name := func(day int) string { return fmt.Sprintf("hub-202612%02dT000000Z.db", day) }
	for _, day := range []int{10, 11, 12, 1} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name(day)), nil, 0o600))
	}
	require.NoError(t, Schedule{Dir: dir, Keep: 2}.prune(filepath.Join(dir, name(1))))
	require.FileExists(t, filepath.Join(dir, name(1)))
	require.FileExists(t, filepath.Join(dir, name(12)))
	require.NoFileExists(t, filepath.Join(dir, name(10)))
	require.NoFileExists(t, filepath.Join(dir, name(11)))
}

func TestThePasswordIsWhereTheHubItselfFindsIt(t *testing.T) {
	for name, value := range map[string]string{"PGHOST": "elsewhere", "PGDATABASE": "another", "PGPASSWORD": "s3cret", "PGPASSFILE": "/run/pgpass"} {
		t.Setenv(name, value)
	}
	all := cleanEnvironment()
	require.Contains(t, all, "PGPASSWORD=s3cret")
	require.Contains(t, all, "PGPASSFILE=/run/pgpass")
	require.NotContains(t, all, "PGHOST=elsewhere")
	require.NotContains(t, all, "PGDATABASE=another")
	of, _, err := environment("postgres://hub@db/meguri?passfile=/etc/meguri/pgpass")
	require.NoError(t, err)
	require.Contains(t, of, "PGPASSFILE=/etc/meguri/pgpass")
}
