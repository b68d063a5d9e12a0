package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
)

// sqliteDatabase has one connection that writes, and others that read. The driver reads a statement's text anew each time; with
// small transactions that is a quarter of all work, so that statements are kept prepared here.
type sqliteDatabase struct {
	file           string
	writer, reader *sql.DB
	written, read  *statements
}

// begin: SQLite has one writer at a time, and its transactions are serializable as they are.
func (d *sqliteDatabase) begin(ctx context.Context, write bool) (session, error) {
	db, kept := d.reader, d.read
	if write {
		db, kept = d.writer, d.written
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: !write})
	if err != nil {
		return nil, err
	}
	return &sqliteSession{tx: tx, writes: write, statements: kept}, nil
}

func (d *sqliteDatabase) migrates() *sql.DB { return d.writer }

func (d *sqliteDatabase) close() error {
	return errors.Join(d.read.close(), d.written.close(), d.reader.Close(), d.writer.Close())
}

// scrub takes out of SQLite's log what was deleted from the database. While somebody reads what was there before, some of it stays until
// the next time.
func (d *sqliteDatabase) scrub(ctx context.Context) error {
	_, err := d.writer.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

// sqliteSession is one transaction of SQLite.
type sqliteSession struct {
	tx         *sql.Tx
	writes     bool
	statements *statements          // nil: none are kept
	own        map[string]*sql.Stmt // prepared in this transaction
	met        []string             // to be prepared when it has ended
}

func (s *sqliteSession) exec(ctx context.Context, query string, args []any) (int64, error) {
	stmt, ctx := s.run(ctx, query)
	r, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// later is at once: the database is in this process.
func (s *sqliteSession) later(ctx context.Context, query string, args []any) error {
	stmt, ctx := s.run(ctx, query)
	_, err := stmt.ExecContext(ctx, args...)
	return err
}

func (s *sqliteSession) settled(context.Context) error { return nil }

func (s *sqliteSession) query(ctx context.Context, query string, args []any) (rows, error) {
	stmt, ctx := s.run(ctx, query)
	found, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, err // not found, which would be a nil in an interface
	}
	return found, nil
}

func (s *sqliteSession) aborted() bool { return false }

func (s *sqliteSession) commit(ctx context.Context) error {
	if err := s.tx.Commit(); err != nil {
		return err
	}
	if len(s.met) > 0 {
		s.statements.prepare(ctx, s.met)
	}
	return nil
}

func (s *sqliteSession) rollback() { _ = s.tx.Rollback() } // nothing to do after a commit

// runner runs statements: a transaction, or a statement prepared in it.
type runner interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
}

// unprepared is a statement that the database reads anew.
type unprepared struct {
	tx    *sql.Tx
	query string
}

func (u unprepared) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return u.tx.ExecContext(ctx, u.query, args...)
}

func (u unprepared) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	return u.tx.QueryContext(ctx, u.query, args...)
}

// run gives the way to run a statement in this transaction, and the context for it.
func (s *sqliteSession) run(ctx context.Context, query string) (runner, context.Context) {
	if s.writes {
		// The driver starts a goroutine for each statement that may be interrupted, and an interrupted one loses the whole
		// transaction. Statements that write are short; between them ctx still counts.
		ctx = context.WithoutCancel(ctx)
	}
	if s.statements == nil {
		return unprepared{s.tx, query}, ctx
	}
	if stmt := s.own[query]; stmt != nil {
		return stmt, ctx
	}
	stmt := s.statements.get(query)
	if stmt == nil {
		if !slices.Contains(s.met, query) {
			s.met = append(s.met, query)
		}
		return unprepared{s.tx, query}, ctx
	}
	own := s.tx.StmtContext(ctx, stmt)
	if s.own == nil {
		s.own = map[string]*sql.Stmt{}
	}
	s.own[query] = own
	return own, ctx
}
