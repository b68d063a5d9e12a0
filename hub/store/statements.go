package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
)

// maxStatements bounds how many statements are kept prepared: there are about two hundred different ones.
const maxStatements = 500

// statements keeps a database's statements prepared, by their text. A transaction that meets a new one runs it as it is, and it
// is prepared after its end: before, the only connection may be the transaction's own.
type statements struct {
	db *sql.DB

	mu       sync.Mutex
	prepared map[string]*sql.Stmt
}

func newStatements(db *sql.DB) *statements {
	return &statements{db: db, prepared: map[string]*sql.Stmt{}}
}

// get gives a prepared statement, nil when there is none.
func (s *statements) get(query string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prepared[query]
}

// prepare keeps statements for the transactions to come, as far as there is room. One that cannot be prepared is run as it is.
func (s *statements) prepare(ctx context.Context, queries []string) {
	for _, query := range queries {
		s.mu.Lock()
		_, has := s.prepared[query]
		full := len(s.prepared) >= maxStatements
		s.mu.Unlock()
		if has || full {
			continue
		}
		stmt, err := s.db.PrepareContext(ctx, query)
		if err != nil {
			return
		}
		s.mu.Lock()
		if _, has = s.prepared[query]; !has {
			s.prepared[query] = stmt
		}
		s.mu.Unlock()
		if has {
			_ = stmt.Close() // another was faster
		}
	}
}

func (s *statements) close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all error
	for _, stmt := range s.prepared {
		all = errors.Join(all, stmt.Close())
	}
	clear(s.prepared)
	return all
}

// runner runs statements: a transaction, or a statement prepared in it.
type runner interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
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

func (u unprepared) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	return u.tx.QueryRowContext(ctx, u.query, args...)
}

// run gives the way to run a statement in this transaction, and the context for it.
func (tx *Tx) run(ctx context.Context, query string) (runner, context.Context) {
	if tx.writes && tx.statements != nil {
		// SQLite's driver starts a goroutine for each statement that may be interrupted, and an interrupted one loses the whole
		// transaction. Statements that write are short; between them ctx still counts.
		ctx = context.WithoutCancel(ctx)
	}
	if tx.statements == nil {
		return unprepared{tx.tx, query}, ctx
	}
	if stmt := tx.own[query]; stmt != nil {
		return stmt, ctx
	}
	stmt := tx.statements.get(query)
	if stmt == nil {
		if !slices.Contains(tx.met, query) {
			tx.met = append(tx.met, query)
		}
		return unprepared{tx.tx, query}, ctx
	}
	own := tx.tx.StmtContext(ctx, stmt)
	if tx.own == nil {
		tx.own = map[string]*sql.Stmt{}
	}
	tx.own[query] = own
	return own, ctx
}
