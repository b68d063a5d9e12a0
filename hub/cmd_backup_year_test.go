package main

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/pgtest"
)

var benchBackup = flag.Bool("bench-backup", false, "back up and restore a year of the data set tokyo24 instead of the sample, and print times")

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// rewritten are the tables that a backup, a restore, or who writes meanwhile changes; all others have to come back as they were.
var rewritten = []string{"acts", "audit_tips", "backups", "backup_positions", "restores", "work_items"}

// TestABackupTakenWhileOthersWriteComesBackEqual builds a database by the import that people use, backs it up while acts are recorded,
// restores it into a fresh place, and compares each row.
func TestABackupTakenWhileOthersWriteComesBackEqual(t *testing.T) {
	dir := "../deploy/sample"
	if *benchBackup {
		dir = "../../shared/data/tokyo24"
	}
	storetest.Each(t, func(t *testing.T, empty func() string) {
		g := &Globals{Ctx: t.Context(), DataDir: t.TempDir(), Database: empty(), Logger: slog.New(slog.DiscardHandler), Stdout: io.Discard}
		clock := newStopwatch(t)
		require.NoError(t, (&ImportCmd{Dir: dir}).Run(g))
		clock.lap("import of the network")
		require.NoError(t, (&OrderImportCmd{Outcome: filepath.Join(t.TempDir(), "out.csv"), File: filepath.Join(dir, "orders.csv")}).Run(g))
		clock.lap("import of the orders")

		file := filepath.Join(t.TempDir(), "backup")
		stop := writeOn(t, g)
		clock.lap("")
		require.NoError(t, (&BackupCmd{File: file}).Run(g))
		clock.lap("backup, checked")
		written := stop()
		require.Positive(t, written, "nobody wrote meanwhile")

		fresh := &Globals{Ctx: t.Context(), DataDir: t.TempDir(), Database: bare(t, g.Database), Logger: g.Logger, Stdout: io.Discard}
		clock.lap("")
		require.NoError(t, (&RestoreCmd{File: file}).Run(fresh))
		clock.lap("restore, checked")
		was, is := contents(t, g.Database), contents(t, fresh.Database)
		clock.lap("comparison")
		rows, tables := 0, 0
		for table, of := range was {
			if !slices.Contains(rewritten, table) {
				require.Equal(t, of, is[table], table)
				rows, tables = rows+of.rows, tables+1
			}
		}
		require.Equal(t, len(was), len(is))
		require.Positive(t, was["order_items"].rows)
		storetest.Break(t, fresh.Database, "UPDATE products SET volume_ml = volume_ml + 1 WHERE id = (SELECT MIN(id) FROM products)")
		require.NotEqual(t, was["products"], contents(t, fresh.Database)["products"], "one value of one row is found")
		info, err := os.Stat(file)
		require.NoError(t, err)
		t.Logf("%d rows of %d tables are equal; %d acts meanwhile; backup %.1f MB, database %s", rows, tables, written,
			float64(info.Size())/1e6, size(t, g.Database))
	})
}

// stopwatch prints how long steps take.
type stopwatch struct {
	t    *testing.T
	last time.Time
}

func newStopwatch(t *testing.T) *stopwatch { return &stopwatch{t, time.Now()} }

// lap prints what took how long since the last; nothing without a name.
func (w *stopwatch) lap(what string) {
	if what != "" {
		w.t.Logf("%-22s %6.2f s", what, time.Since(w.last).Seconds())
	}
	w.last = time.Now()
}

// writeOn records acts until it is stopped, and then says how many. The first is recorded when it returns.
func writeOn(t *testing.T, g *Globals) (stop func() int) {
	t.Helper()
	s, err := store.Open(g.Ctx, g.Database)
	require.NoError(t, err)
	over, done, first := make(chan struct{}), make(chan error, 1), make(chan struct{})
	n := 0
	go func() {
		for {
			err := s.Change(g.Ctx, func(tx *store.Tx) error {
				return tx.RecordAct(g.Ctx, people.NewAct(time.Now(), people.Console, "alarm.shelve", fmt.Sprint("alarm-", n), "a test"))
			})
			if err != nil {
				done <- err
				return
			}
			if n++; n == 1 {
				close(first)
			}
			select {
			case <-over:
				done <- nil
				return
			default:
			}
		}
	}()
	<-first
	return func() int {
		close(over)
		require.NoError(t, <-done)
		require.NoError(t, s.Close())
		return n
	}
}

// bare gives a place of the same engine where no database is.
func bare(t *testing.T, like string) string {
	if strings.HasPrefix(like, "sqlite:") {
		return "sqlite:" + filepath.Join(t.TempDir(), "fresh.db")
	}
	return pgtest.Copy(t, "bare", func(string) {})
}

func dial(t *testing.T, address string) (db *sql.DB, tables string) {
	t.Helper()
	driver, tables := "pgx", "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
	if file, ok := strings.CutPrefix(address, "sqlite:"); ok {
		driver, address, tables = "sqlite", file, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	}
	db, err := sql.Open(driver, address)
	require.NoError(t, err)
	return db, tables
}

// contentsOf a table is how many rows one has, and a sum of them that does not depend on their order.
type contentsOf struct {
	rows int
	sum  [sha256.Size]byte
}

// contents reads all tables of a database.
func contents(t *testing.T, address string) map[string]contentsOf {
	t.Helper()
	db, names := dial(t, address)
	defer func() { require.NoError(t, db.Close()) }()
	rows, err := db.QueryContext(t.Context(), names)
	require.NoError(t, err)
	all := map[string]contentsOf{}
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		all[name] = contentsOf{}
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	for name := range all {
		all[name] = tableOf(t, db, name)
	}
	return all
}

func tableOf(t *testing.T, db *sql.DB, name string) (out contentsOf) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT * FROM "`+name+`"`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		require.NoError(t, rows.Scan(into...))
		var line bytes.Buffer
		for i, column := range columns {
			fmt.Fprintf(&line, "%s=%#v;", column, values[i])
		}
		out.rows++
		for i, b := range sha256.Sum256(line.Bytes()) {
			out.sum[i] ^= b
		}
	}
	require.NoError(t, rows.Err())
	return out
}

func size(t *testing.T, address string) string {
	t.Helper()
	db, _ := dial(t, address)
	defer func() { require.NoError(t, db.Close()) }()
	query := "SELECT pg_database_size(current_database())"
	if strings.HasPrefix(address, "sqlite:") {
		query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
	}
	var bytes int64
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&bytes))
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
