// Package store keeps the hub's data in SQLite or PostgreSQL, with one SQL text for both. Packages of rules declare the
// store that they need; the files of this package, one a subject, implement them on Tx.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is an open database.
type Store struct {
	writer *sql.DB
	reader *sql.DB // the same as writer on PostgreSQL
	engine engine
	turn   sync.RWMutex  // held to write by a transaction that has to be alone
	queue  chan struct{} // held by the one that writes, where the database lets one in after the other

	written, read *statements // prepared on writer and reader; nil where the driver keeps them itself
}

// engine is what differs between the databases.
type engine interface {
	open(ctx context.Context, url string) (writer, reader *sql.DB, err error)
	dialect() goose.Dialect
	isolation() sql.IsolationLevel
	readIsolation() sql.IsolationLevel
	// transient says whether the transaction may succeed if it is run again.
	transient(err error) bool
	duplicate(err error) bool
	// prepares says whether the driver keeps statements prepared by itself.
	prepares() bool
	// writers is how many transactions can write side by side.
	writers() int
	// readsFailAlone says whether a statement that fails leaves the transaction as it was.
	readsFailAlone() bool
	// inUse says whether a row was refused because another one needs it, or lacks one that it needs.
	inUse(err error) bool
	// rowsAtOnce is how many of so many rows one statement takes, and distinct how many of them its text is for.
	rowsAtOnce(n int) int
	distinct(rows int) int
	// rowsText is a table of parameters, with columns column1, column2 and so on; rowsArgs are their values.
	rowsText(kinds []string, rows int) string
	rowsArgs(kinds []string, values []any) []any
	// refused says whether the database cannot take these values, however often they are tried.
	refused(err error) bool
}

// ErrNewerSchema is a database that a newer hub has migrated. Nothing in it is touched.
var ErrNewerSchema = errors.New("the database belongs to a newer hub")

// Open opens the database at url, "sqlite:FILE" or "postgres://…", and brings its schema up to date.
func Open(ctx context.Context, url string) (*Store, error) {
	e, err := engineOf(url)
	if err != nil {
		return nil, err
	}
	writer, reader, err := e.open(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &Store{writer: writer, reader: reader, engine: e, queue: make(chan struct{}, 1)}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("migrate database: %w", err), s.Close())
	}
	if !e.prepares() {
		s.written, s.read = newStatements(writer), newStatements(reader)
	}
	return s, nil
}

// CheckURL says what is wrong with the text that names a database.
func CheckURL(url string) error {
	_, err := engineOf(url)
	return err
}

func engineOf(url string) (engine, error) {
	switch {
	case strings.HasPrefix(url, "sqlite:"):
		return sqliteEngine{}, nil
	case strings.HasPrefix(url, "postgres:"), strings.HasPrefix(url, "postgresql:"):
		return postgresEngine{}, nil
	}
	return nil, errors.New("database: want sqlite:FILE or postgres://…") // without the text: it may hold a password
}

// Writers is how many transactions the database lets write side by side.
func (s *Store) Writers() int { return s.engine.writers() }

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(s.engine.dialect(), s.writer, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if has > knows {
		return fmt.Errorf("%w: it has version %d, this one knows versions up to %d", ErrNewerSchema, has, knows)
	}
	_, err = p.Up(ctx)
	return err
}

// Close closes the database.
func (s *Store) Close() error {
	if s.reader == s.writer {
		return s.writer.Close()
	}
	return errors.Join(s.read.close(), s.written.close(), s.reader.Close(), s.writer.Close())
}

// Tx is one transaction, or one consistent view for reading.
type Tx struct {
	tx    *sql.Tx
	e     engine
	after []func() // to be run once it is committed

	pending []EventRow // that are not written yet

	depth, marked int // savepoints that have begun, and those of them that the database knows

	writes     bool
	statements *statements          // nil where the driver keeps them
	own        map[string]*sql.Stmt // prepared in this transaction
	met        []string             // to be prepared when it has ended
}

// OnCommit has fn run after the transaction is committed, and not at all when it, or the savepoint that it is in, is undone.
// fn must not wait. What is told to others inside the transaction would send them looking at what is not there yet.
func (tx *Tx) OnCommit(fn func()) { tx.after = append(tx.after, fn) }

const (
	attempts   = 10
	together   = 3 // attempts of a transaction beside others
	firstPause = 2 * time.Millisecond
)

// Change runs fn in a transaction and commits it when fn returns nil. On a passing conflict it runs fn again, so fn only
// reads, decides and writes; what is to be sent or shown comes after Change has returned nil.
//
// A transaction that reads much, such as one that dates a boot's records again, conflicts with every other one that writes
// there, and among many short ones it would lose for ever: after a few tries it runs while no other of this hub does.
func (s *Store) Change(ctx context.Context, fn func(*Tx) error) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := s.change(ctx, attempt > together, fn)
		if err == nil || attempt == attempts || !s.engine.transient(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
			pause *= 2
		}
	}
}

// change is one attempt, alone or together with others.
func (s *Store) change(ctx context.Context, alone bool, fn func(*Tx) error) error {
	switch {
	case s.Writers() == 1:
		// In order of arrival: of those that wait for its only connection, database/sql lets in any, so that one may wait long.
		select {
		case s.queue <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("begin: %w", ctx.Err())
		}
		defer func() { <-s.queue }()
	case alone:
		s.turn.Lock()
		defer s.turn.Unlock()
	default:
		s.turn.RLock()
		defer s.turn.RUnlock()
	}
	return s.once(ctx, s.writer, s.written, &sql.TxOptions{Isolation: s.engine.isolation()}, fn)
}

// Read runs fn on one consistent view of the data.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	return s.once(ctx, s.reader, s.read, &sql.TxOptions{Isolation: s.engine.readIsolation(), ReadOnly: true}, fn)
}

func (s *Store) once(ctx context.Context, db *sql.DB, kept *statements, opts *sql.TxOptions, fn func(*Tx) error) error {
	t := &Tx{e: s.engine, writes: !opts.ReadOnly, statements: kept}
	if err := s.transact(ctx, db, opts, t, fn); err != nil {
		return err
	}
	for _, after := range t.after {
		after()
	}
	if len(t.met) > 0 {
		kept.prepare(ctx, t.met)
	}
	return nil
}

func (s *Store) transact(ctx context.Context, db *sql.DB, opts *sql.TxOptions, t *Tx, fn func(*Tx) error) error {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing to do after a commit; after a panic the connection must come back
	t.tx = tx
	if err := fn(t); err != nil {
		return err
	}
	if err := t.Flush(ctx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// errLost is wrapped when the transaction itself has ended, as the databases do on some failures.
var errLost = errors.New("the transaction is lost")

// Lost says whether err has ended the transaction, so that it can only be run again as a whole: a conflict with another one, or
// a failed step that could not be undone.
func (tx *Tx) Lost(err error) bool { return errors.Is(err, errLost) || tx.e.transient(err) }

// Savepoint runs fn; when it fails, what it wrote is undone and the transaction goes on, unless Lost says otherwise.
func (tx *Tx) Savepoint(ctx context.Context, fn func() error) error {
	tx.depth++
	level := tx.depth
	before, pending := len(tx.after), tx.pending
	err := fn()
	tx.depth = level - 1
	if err != nil {
		tx.after = tx.after[:before]
		// Those of the step are no more, and those from before that were written in it are undone with it.
		tx.pending = pending
	}
	if tx.marked < level {
		return err // nothing was written
	}
	tx.marked = level - 1
	if err != nil {
		if back := tx.command(ctx, "ROLLBACK TO SAVEPOINT step"); back != nil {
			return fmt.Errorf("undo a step: %w", errors.Join(errLost, back, err))
		}
	}
	if release := tx.command(ctx, "RELEASE SAVEPOINT step"); release != nil {
		return fmt.Errorf("release a savepoint: %w", errors.Join(errLost, release, err))
	}
	return err
}

// mark tells the database of the savepoints that it has not heard of: with many small steps, of which most only read, they are a
// tenth of the work.
func (tx *Tx) mark(ctx context.Context) error {
	for ; tx.marked < tx.depth; tx.marked++ {
		if err := tx.command(ctx, "SAVEPOINT step"); err != nil {
			return fmt.Errorf("savepoint: %w", errors.Join(errLost, err))
		}
	}
	return nil
}

func (tx *Tx) command(ctx context.Context, text string) error {
	stmt, ctx := tx.run(ctx, text)
	_, err := stmt.ExecContext(ctx)
	return err
}

// Duplicate says whether err is the database's refusal of a second row with the same key.
func (tx *Tx) Duplicate(err error) bool { return tx.e.duplicate(err) }

// Refused says whether err is the database's refusal of the values themselves: a constraint, or text that it cannot hold.
// Trying again changes nothing.
func (tx *Tx) Refused(err error) bool { return tx.e.refused(err) }

// exec runs a statement that writes. What writes inside a savepoint goes through here: row and list are for what only reads.
func (tx *Tx) exec(ctx context.Context, query string, args ...any) (rows int64, err error) {
	if err := tx.settle(ctx, query, args); err != nil {
		return 0, err
	}
	if err := tx.mark(ctx); err != nil {
		return 0, err
	}
	stmt, ctx := tx.run(ctx, query)
	r, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (tx *Tx) row(ctx context.Context, query string, args ...any) scanner {
	if err := tx.beforeRead(ctx, query, args); err != nil {
		return noRow{err}
	}
	stmt, ctx := tx.run(ctx, query)
	return stmt.QueryRowContext(ctx, args...)
}

// beforeRead prepares for a statement that only reads. Where one that fails would end the transaction, the savepoint that it is in
// has to be known before it; a step that asks nothing, as most events are that are only kept, costs none.
func (tx *Tx) beforeRead(ctx context.Context, query string, args []any) error {
	if err := tx.settle(ctx, query, args); err != nil || tx.e.readsFailAlone() {
		return err
	}
	return tx.mark(ctx)
}

// noRow is a row that could not be asked for.
type noRow struct{ err error }

func (n noRow) Scan(...any) error { return n.err }

// list reads all rows of a query, each by scan.
func list[T any](ctx context.Context, tx *Tx, scan func(scanner) (T, error), query string, args ...any) (_ []T, err error) {
	if err := tx.beforeRead(ctx, query, args); err != nil {
		return nil, err
	}
	stmt, ctx := tx.run(ctx, query)
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// scanner is one row, of a *sql.Row or *sql.Rows.
type scanner interface{ Scan(into ...any) error }

// millis is a time as stored: Unix milliseconds.
func millis(t time.Time) int64 { return t.UnixMilli() }

// fromMillis is the time of a stored number.
func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// optionalMillis stores the zero time as NULL.
func optionalMillis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: millis(t), Valid: !t.IsZero()}
}

// fromOptionalMillis reads NULL as the zero time.
func fromOptionalMillis(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return fromMillis(ms.Int64)
}
