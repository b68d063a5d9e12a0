package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPasswordOnTheCommandLineIsRefusedAndAFileIsNot(t *testing.T) {
	for _, given := range []string{"postgres://hub:s3cret@db/meguri", "postgresql://db/meguri?password=s3cret", "postgres://hub:s3%ret@db/meguri", "postgres://hub:@db/x"} {
		for _, args := range [][]string{{"serve", "--database", given}, {"--database=" + given, "serve"}} {
			_, err := databaseURL(given, "", args)
			require.ErrorContains(t, err, "--database-file", given)
			require.ErrorContains(t, err, "PGPASSFILE")
			require.NotContains(t, err.Error(), "s3", "an error is no place for it either")
		}
		got, err := databaseURL(given, "", []string{"serve"}) // of the environment, or of a configuration file
		require.NoError(t, err)
		require.Equal(t, given, got)
	}
	for _, given := range []string{"postgres://hub@db/meguri", "sqlite:/a:b@c/hub.db", ""} {
		got, err := databaseURL(given, "", []string{"--database", given})
		require.NoError(t, err)
		require.Equal(t, given, got)
	}
	file := filepath.Join(t.TempDir(), "url")
	for text, want := range map[string]string{"postgres://hub:s3cret@db/x\n": "", "": "want one line", "a\nb\n": "want one line"} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		got, err := databaseURL("", file, nil)
		if want == "" {
			require.NoError(t, err)
			require.Equal(t, "postgres://hub:s3cret@db/x", got)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
	_, err := databaseURL("sqlite:x", file, nil)
	require.ErrorContains(t, err, "want one of them")
}
