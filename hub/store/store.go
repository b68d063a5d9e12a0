// Package store keeps the hub's data in SQLite or PostgreSQL, with one SQL text for both. Packages of rules declare the
// store that they need; the files of this package, one a subject, implement them on Tx.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"golang.org/x/sync/semaphore"

	"meguri/hub/audit"
	"meguri/hub/people"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is an open database.
type Store struct {
	engine   engine
	database database
	turns    *semaphore.Weighted // one for a transaction that writes, all for one that has to be alone
	queue    chan struct{}       // held by the one that writes, where the database lets one in after the other
	chains   chains
	within   within
	vault    *people.Vault // by which names are sealed; nil: see SealNames
}

// engine is what differs between the databases.
type engine interface {
	open(ctx context.Context, url string) (database, error)
	dialect() goose.Dialect
	// transient says whether the transaction may succeed if it is run again.
	transient(err error) bool
	duplicate(err error) bool
	// remote says whether a statement is a journey to another process and back.
	remote() bool
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
	// base names a table itself, where a common table expression of the statement has its name, too.
	base(table string) string
	// segment is the first or the second part of a column's text, which slashes divide.
	segment(column string, n int) string
	// refused says whether the database cannot take these values, however often they are tried.
	refused(err error) bool
}

// database is an open database of an engine.
type database interface {
	begin(ctx context.Context, write bool) (session, error)
	// migrates gives the connection that migrations go over.
	migrates() *sql.DB
	// asides gives what restores have set aside; dropAside drops one of them.
	asides(ctx context.Context) ([]Aside, error)
	dropAside(ctx context.Context, name string) error
	close() error
}

// session is one transaction of a database.
type session interface {
	exec(ctx context.Context, query string, args []any) (changed int64, err error)
	// later runs a statement at once, or with the next one whose result is asked for. Its error may come with that.
	later(ctx context.Context, query string, args []any) error
	// settled runs what waits.
	settled(ctx context.Context) error
	query(ctx context.Context, query string, args []any) (rows, error)
	// aborted says whether a statement that has failed took the transaction along.
	aborted() bool
	commit(ctx context.Context) error // when nothing waits
	rollback()
}

// rows is what a query gives, to be read before the next statement.
type rows interface {
	scanner
	Next() bool
	Err() error
	Close() error
}

// ErrNewerSchema is a database that a newer hub has migrated. Nothing in it is touched.
var ErrNewerSchema = errors.New("the database belongs to a newer hub")

// Open opens the database at url, "sqlite:FILE" or "postgres://…", and brings its schema up to date.
func Open(ctx context.Context, url string) (*Store, error) {
	e, err := engineOf(url)
	if err != nil {
		return nil, err
	}
	db, err := e.open(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &Store{engine: e, database: db, queue: make(chan struct{}, 1),
		turns: semaphore.NewWeighted(allTurns)}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("migrate database: %w", err), s.Close())
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
	p, err := goose.NewProvider(s.engine.dialect(), s.database.migrates(), files, goose.WithDisableGlobalRegistry(true))
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
func (s *Store) Close() error { return s.database.close() }

// Tx is one transaction, or one consistent view for reading.
type Tx struct {
	session session
	e       engine
	// business is the one whose rows are seen, and warehouse the only one of its warehouses; empty for all. within writes statements for them.
	business, warehouse string
	within              *within
	vault               *people.Vault

	after []func() // to be run once it is committed

	pending   []EventRow    // that are not written yet
	acts      []audit.Entry // to be chained at the end
	positions positions
	rentals   rentals
	places    map[string]string // of fridges that were asked for; they do not move while a transaction lasts

	quiet map[string]bool // subjects without an open alarm

	depth, marked int // savepoints that have begun, and those of them that the database knows

	bold    bool // savepoints are not told to the database
	written int  // statements that write
	redo    bool // a step has failed that cannot be undone without: run it again, not bold
}

// OnCommit has fn run after the transaction is committed, and not at all when it, or the savepoint that it is in, is undone.
// fn must not wait. What is told to others inside the transaction would send them looking at what is not there yet.
func (tx *Tx) OnCommit(fn func()) { tx.after = append(tx.after, fn) }

// allTurns is more than there are connections. Turns are taken in the order in which they were asked for.
const allTurns = 1 << 20

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
	return s.retried(ctx, together, false, fn)
}

// ChangeInSteps is Change for many steps (Savepoint) that seldom fail. So much would conflict with all else, so that it runs
// while no other transaction of this hub does. Where a savepoint costs two journeys to the database the first attempt does without
// them, and when a step fails that has written, all is undone and run again with them.
func (s *Store) ChangeInSteps(ctx context.Context, fn func(*Tx) error) error {
	return s.retried(ctx, 0, s.engine.remote(), fn)
}

// retried is so many attempts beside others, then more alone.
func (s *Store) retried(ctx context.Context, beside int, bold bool, fn func(*Tx) error) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := s.change(ctx, attempt > beside, bold, fn)
		if bold && errors.Is(err, errRedo) {
			bold = false
			continue
		}
		if err == nil || attempt >= attempts || !s.engine.transient(err) {
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
func (s *Store) change(ctx context.Context, alone, bold bool, fn func(*Tx) error) error {
	switch {
	case s.Writers() == 1:
		// In order of arrival: of those that wait for its only connection, database/sql lets in any, so that one may wait long.
		select {
		case s.queue <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("begin: %w", ctx.Err())
		}
		defer func() { <-s.queue }()
	default:
		weight := int64(1)
		if alone {
			weight = allTurns
		}
		if err := s.turns.Acquire(ctx, weight); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		defer s.turns.Release(weight)
	}
	return s.once(ctx, true, s.newTx(ctx, bold), fn)
}

// Read runs fn on one consistent view of the data.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	return s.once(ctx, false, s.newTx(ctx, false), fn)
}

func (s *Store) once(ctx context.Context, write bool, t *Tx, fn func(*Tx) error) error {
	if err := s.transact(ctx, write, t, fn); err != nil {
		return err
	}
	for _, after := range t.after {
		after()
	}
	return nil
}

func (s *Store) transact(ctx context.Context, write bool, t *Tx, fn func(*Tx) error) (err error) {
	if t.session, err = s.database.begin(ctx, write); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer t.session.rollback() // nothing to do after a commit; after a panic the connection must come back
	if err = fn(t); err == nil {
		err = t.Flush(ctx)
	}
	if err == nil && !t.redo {
		err = t.session.settled(ctx)
	}
	if t.redo || t.bold && t.session.aborted() && !s.engine.transient(err) {
		return errors.Join(errRedo, err)
	}
	if err != nil {
		return err
	}
	return s.commit(ctx, t)
}

// errRedo is a bold transaction in which a step has failed.
var errRedo = fmt.Errorf("a step without a savepoint has failed: %w", errLost)

// errLost is wrapped when the transaction itself has ended, as the databases do on some failures.
var errLost = errors.New("the transaction is lost")

// Lost says whether err has ended the transaction, so that it can only be run again as a whole: a conflict with another one, or
// a failed step that could not be undone.
func (tx *Tx) Lost(err error) bool { return errors.Is(err, errLost) || tx.e.transient(err) }

// Savepoint runs fn; when it fails, what it wrote is undone and the transaction goes on, unless Lost says otherwise. So it is when fn
// panics.
func (tx *Tx) Savepoint(ctx context.Context, fn func() error) error {
	tx.depth++
	step := step{level: tx.depth, after: len(tx.after), pending: tx.pending, acts: tx.acts, positions: len(tx.positions.undo),
		rentals: len(tx.rentals.undo), history: tx.rentals.history, strides: tx.rentals.strides, written: tx.written}
	defer func() {
		if p := recover(); p != nil {
			_ = tx.leave(ctx, step, errPanicked)
			panic(p)
		}
	}()
	return tx.leave(ctx, step, fn())
}

var errPanicked = errors.New("a step has panicked")

// step is a savepoint, and what there was when it began.
type step struct {
	level, after, positions, rentals, written int
	pending                                   []EventRow
	history                                   []RentalEvent
	strides                                   []Stride
	acts                                      []audit.Entry
}

// leave ends a step, which has failed with err when that is not nil.
func (tx *Tx) leave(ctx context.Context, s step, err error) error {
	if tx.marked >= s.level {
		if late := tx.session.settled(ctx); err == nil { // what fails of the step fails here; a rollback must not wait behind it
			err = late
		}
	}
	tx.depth = s.level - 1
	if err != nil {
		tx.after = tx.after[:s.after]
		// Those of the step are no more, and those from before that were written in it are undone with it.
		tx.pending = s.pending
		tx.acts = s.acts
		tx.positions.back(s.positions)
		tx.rentals.back(s.rentals)
		tx.rentals.history, tx.rentals.strides = s.history, s.strides
		clear(tx.quiet) // what was cleared is not
	}
	if tx.bold {
		if err != nil && !tx.e.transient(err) && (tx.written > s.written || tx.session.aborted()) {
			tx.redo = true
		}
		if tx.redo {
			return errors.Join(errRedo, err)
		}
		return err
	}
	if tx.marked < s.level {
		return err // nothing was written
	}
	tx.marked = s.level - 1
	if err != nil {
		if _, back := tx.session.exec(ctx, "ROLLBACK TO SAVEPOINT "+stepName(s.level), nil); back != nil {
			return fmt.Errorf("undo a step: %w", errors.Join(errLost, back, err))
		}
	}
	if release := tx.session.later(ctx, "RELEASE SAVEPOINT "+stepName(s.level), nil); release != nil {
		return fmt.Errorf("release a savepoint: %w", errors.Join(errLost, release, err))
	}
	return err
}

// stepName: each level has its own, so that none is taken for another.
func stepName(level int) string { return "step" + strconv.Itoa(level) }

// mark tells the database of the savepoints that it has not heard of: with many small steps, of which most only read, they are a
// tenth of the work. What waits was said before them, and fails before them.
func (tx *Tx) mark(ctx context.Context) error {
	if tx.bold || tx.marked == tx.depth {
		return nil
	}
	if err := tx.session.settled(ctx); err != nil {
		return err
	}
	for ; tx.marked < tx.depth; tx.marked++ {
		if err := tx.session.later(ctx, "SAVEPOINT "+stepName(tx.marked+1), nil); err != nil {
			return fmt.Errorf("savepoint: %w", errors.Join(errLost, err))
		}
	}
	return nil
}

// Settle has what was written succeed or fail by now, where savepoints are told: a caller then knows what it was.
func (tx *Tx) Settle(ctx context.Context) error {
	if tx.bold {
		return nil
	}
	return tx.session.settled(ctx)
}

// Duplicate says whether err is the database's refusal of a second row with the same key.
func (tx *Tx) Duplicate(err error) bool { return tx.e.duplicate(err) }

// Refused says whether err is the database's refusal of the values themselves: a constraint, or text that it cannot hold.
// Trying again changes nothing.
func (tx *Tx) Refused(err error) bool { return tx.e.refused(err) }

// exec runs a statement that writes, and says how many rows it changed. What writes inside a savepoint goes through here or
// through write: row and list are for what only reads.
func (tx *Tx) exec(ctx context.Context, query string, args ...any) (changed int64, err error) {
	if err := tx.beforeWrite(ctx, query, args); err != nil {
		return 0, err
	}
	return tx.session.exec(ctx, query, args)
}

// write is exec for a statement of which nobody asks how many rows it has changed, or whether it was the one to fail: it may wait
// for the next one, and its error with it.
func (tx *Tx) write(ctx context.Context, query string, args ...any) error {
	if err := tx.beforeWrite(ctx, query, args); err != nil {
		return err
	}
	return tx.session.later(ctx, query, args)
}

func (tx *Tx) beforeWrite(ctx context.Context, query string, args []any) error {
	if tx.redo {
		return errRedo
	}
	if err := tx.settle(ctx, query, args); err != nil {
		return err
	}
	tx.written++
	return tx.mark(ctx)
}

// returning is list for a statement that writes.
func returning[T any](ctx context.Context, tx *Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	if err := tx.beforeWrite(ctx, query, args); err != nil {
		return nil, err
	}
	return list(ctx, tx, scan, query, args...)
}

// beforeRead prepares for a statement that only reads. Where one that fails would end the transaction, the savepoint that it is in
// has to be known before it; a step that asks nothing, as most events are that are only kept, costs none.
func (tx *Tx) beforeRead(ctx context.Context, query string, args []any) error {
	if tx.redo {
		return errRedo
	}
	if err := tx.settle(ctx, query, args); err != nil || tx.e.readsFailAlone() {
		return err
	}
	return tx.mark(ctx)
}

// row reads the first row of a query. Scan of the result gives sql.ErrNoRows when there is none.
func (tx *Tx) row(ctx context.Context, query string, args ...any) scanner {
	all, err := tx.query(ctx, query, args)
	return firstRow{all, err}
}

func (tx *Tx) query(ctx context.Context, query string, args []any) (rows, error) {
	if err := tx.beforeRead(ctx, query, args); err != nil {
		return nil, err
	}
	if tx.business != "" {
		query = tx.within.of(tx.e, tx.business, tx.warehouse, query)
	}
	return tx.session.query(ctx, query, args)
}

// firstRow is the first row of a query, or why there is none.
type firstRow struct {
	rows rows
	err  error
}

func (f firstRow) Scan(into ...any) error {
	if f.err != nil {
		return f.err
	}
	var err error
	if f.rows.Next() {
		err = f.rows.Scan(into...)
	} else {
		err = cmp.Or(f.rows.Err(), sql.ErrNoRows)
	}
	if closed := f.rows.Close(); err == nil {
		err = closed
	}
	return err
}

// list reads all rows of a query, each by scan.
func list[T any](ctx context.Context, tx *Tx, scan func(scanner) (T, error), query string, args ...any) (_ []T, err error) {
	rows, err := tx.query(ctx, query, args)
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

// scanner is one row.
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
