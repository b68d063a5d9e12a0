package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestADatabaseIsForItsOwnerAloneAlsoBehindALinkThatLedNowhere(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "elsewhere.db"), filepath.Join(dir, "hub.db")
	require.NoError(t, os.Symlink(file, link))
	s, err := Open(t.Context(), "sqlite:"+link)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for _, name := range []string{file, file + "-wal"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
}
