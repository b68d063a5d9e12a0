package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

type sqliteEngine struct{}

const readers = 4

// Partial is behind the name of a file that is not complete yet: of a backup, or of a database that is being put back.
const Partial = ".partial"

// ErrHalfRestored is a SQLite database whose restore was cut off: the old one may be set aside already, and the new one is not
// in its place.
var ErrHalfRestored = errors.New("a restore of this database was cut off: run hub restore again")

// logPages is how long SQLite's log grows before it is copied into the database: the pages that each batch changes anew are copied
// once. It is 16 MiB.
const logPages = 4096

// cacheKiB is what the connection that writes keeps in memory: of a busy date's tables and indexes each batch changes pages all over.
const cacheKiB = 32 << 10

// open gives one writing connection, which begins every transaction as a writer, and a few reading ones. With NORMAL a power cut
// loses the newest commits: what is stored counts when the log is synced after them, which FULL would do inside each (see synced).
func (sqliteEngine) open(ctx context.Context, address string) (writer, reader *sql.DB, err error) {
	file := strings.TrimPrefix(address, "sqlite:")
	if file == "" || strings.ContainsAny(file, "?#") {
		return nil, nil, fmt.Errorf("sqlite:%s: want the path of a file", file)
	}
	if _, err := os.Lstat(file + Partial); err == nil {
		return nil, nil, fmt.Errorf("%s: %w, or remove %s", file, ErrHalfRestored, file+Partial)
	}
	// SQLite would make it readable for everybody; its other files get the permissions of this one.
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	if err := f.Close(); err != nil {
		return nil, nil, err
	}
	// What savepoints and sorting keep aside need not be on the disk.
	query := url.Values{"_pragma": {"journal_mode(wal)", "synchronous(normal)", "busy_timeout(10000)", "foreign_keys(1)",
		"temp_store(memory)", fmt.Sprintf("wal_autocheckpoint(%d)", logPages)}}
	dsn := func(q url.Values) string { return sqliteFile(file) + "?" + q.Encode() }
	query.Set("_txlock", "immediate")
	query.Add("_pragma", fmt.Sprintf("cache_size(-%d)", cacheKiB))
	if writer, err = sql.Open("sqlite", dsn(query)); err != nil {
		return nil, nil, err
	}
	writer.SetMaxOpenConns(1)
	if err := writer.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", file, err), writer.Close())
	}
	var mode string
	if err := writer.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		return nil, nil, errors.Join(fmt.Errorf("%s: SQLite cannot keep a log beside it (journal mode %q, want wal): is the file on another machine?",
			file, mode), err, writer.Close())
	}
	query.Set("_txlock", "deferred")
	query.Add("_pragma", "cache_size(-2000)") // as it is by itself
	query.Add("_pragma", "query_only(1)")
	if reader, err = sql.Open("sqlite", dsn(query)); err != nil {
		return nil, nil, errors.Join(err, writer.Close())
	}
	reader.SetMaxOpenConns(readers)
	return writer, reader, nil
}

func (sqliteEngine) syncs(url string) *synced { return newSynced(strings.TrimPrefix(url, "sqlite:")) }

func sqliteFile(file string) string { return "file:" + (&url.URL{Path: file}).EscapedPath() }

// sqliteURL is a file with pairs of parameters for the driver.
func sqliteURL(file string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return sqliteFile(file) + "?" + q.Encode()
}

func (sqliteEngine) dialect() goose.Dialect { return goose.DialectSQLite3 }

// isolation: SQLite has one writer at a time, and its transactions are serializable as they are.
func (sqliteEngine) isolation() sql.IsolationLevel { return sql.LevelDefault }

func (sqliteEngine) readIsolation() sql.IsolationLevel { return sql.LevelDefault }

// prepares: the driver reads a statement's text anew each time; with small transactions that is a quarter of all work.
func (sqliteEngine) prepares() bool { return false }

func (sqliteEngine) readsFailAlone() bool { return true }

func (sqliteEngine) writers() int { return 1 }

func (sqliteEngine) transient(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlitelib.SQLITE_BUSY || e.Code()&0xff == sqlitelib.SQLITE_LOCKED)
}

func (sqliteEngine) duplicate(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) &&
		(e.Code() == sqlitelib.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY)
}

func (sqliteEngine) inUse(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code() == sqlitelib.SQLITE_CONSTRAINT_FOREIGNKEY
}

func (sqliteEngine) refused(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlitelib.SQLITE_CONSTRAINT || e.Code()&0xff == sqlitelib.SQLITE_TOOBIG ||
		e.Code()&0xff == sqlitelib.SQLITE_MISMATCH)
}
