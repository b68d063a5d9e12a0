package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
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

// open gives one writing connection, which begins every transaction as a writer, and a few reading ones. FULL makes a
// commit durable before it returns; with NORMAL a power cut loses the newest.
func (sqliteEngine) open(ctx context.Context, address string) (database, error) {
	file := strings.TrimPrefix(address, "sqlite:")
	if file == "" || strings.ContainsAny(file, "?#") {
		return nil, fmt.Errorf("sqlite:%s: want the path of a file", file)
	}
	if _, err := os.Lstat(file + Partial); err == nil {
		return nil, fmt.Errorf("%s: %w, or remove %s", file, ErrHalfRestored, file+Partial)
	}
	if err := private(file); err != nil {
		return nil, err
	}
	// What savepoints and sorting keep aside need not be on the disk.
	pragmas := []string{"journal_mode(wal)", "synchronous(full)", "busy_timeout(10000)", "foreign_keys(1)", "temp_store(memory)",
		fmt.Sprintf("wal_autocheckpoint(%d)", logPages)}
	dsn := func(lock string, more ...string) string {
		q := url.Values{"_txlock": {lock}, "_pragma": append(slices.Clone(pragmas), more...)}
		return sqliteFile(file) + "?" + q.Encode()
	}
	// What is deleted is overwritten with zeros: a page that is left keeps the keys of who was erased otherwise.
	writer, err := sql.Open("sqlite", dsn("immediate", fmt.Sprintf("cache_size(-%d)", cacheKiB), "secure_delete(1)"))
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	if err := writer.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", file, err), writer.Close())
	}
	reader, err := sql.Open("sqlite", dsn("deferred", "query_only(1)"))
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	reader.SetMaxOpenConns(readers)
	return &sqliteDatabase{file: file, writer: writer, reader: reader, written: newStatements(writer), read: newStatements(reader)}, nil
}

// private makes the file if there is none. SQLite would make it readable for everybody; its other files get the permissions of
// this one. One that is there is not touched: closing it would give up the locks that this process has on it.
func private(file string) error {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600) // not O_EXCL: a link may lead to where it is to be
	if err != nil {
		return err
	}
	return f.Close()
}

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

func (sqliteEngine) remote() bool { return false }

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

// base: a common table expression that reads a table of its own name would be a circle to SQLite.
func (sqliteEngine) base(table string) string { return "main." + table }

func (sqliteEngine) segment(column string, n int) string {
	if n == 2 {
		column = "substr(" + column + ", instr(" + column + ", '/') + 1)"
	}
	return "substr(" + column + ", 1, instr(" + column + " || '/', '/') - 1)"
}
