package pgtest

import (
	"context"
	"database/sql"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClusterAnswersAndIsGoneAfterTheTest(t *testing.T) {
	var c *Cluster
	var url string
	t.Run("while it runs", func(t *testing.T) {
		c = Start(t, "fsync=off")
		url = c.Database(t)
		db, err := sql.Open("pgx", url)
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		var fsync, addresses string
		require.NoError(t, db.QueryRow("SHOW fsync").Scan(&fsync))
		require.NoError(t, db.QueryRow("SHOW listen_addresses").Scan(&addresses))
		require.Equal(t, "off", fsync)
		require.Empty(t, addresses)
		require.NotEqual(t, url, c.Database(t))
	})
	_, err := os.Stat(c.dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.Error(t, db.PingContext(ctx))
}

func TestACrashKeepsWhatWasCommittedAndNothingElse(t *testing.T) {
	c := Start(t)
	db, err := sql.Open("pgx", c.Database(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.Exec("CREATE TABLE kept (n INT)")
	require.NoError(t, err)
	_, err = db.Exec("INSERT INTO kept VALUES (1)")
	require.NoError(t, err)
	open, err := db.Begin()
	require.NoError(t, err)
	_, err = open.Exec("INSERT INTO kept VALUES (2)")
	require.NoError(t, err)
	c.Crash(t)
	require.Error(t, open.Commit())
	var sum int
	require.NoError(t, db.QueryRow("SELECT SUM(n) FROM kept").Scan(&sum))
	require.Equal(t, 1, sum)
}
