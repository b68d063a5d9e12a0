package store

import (
	"context"
	"database/sql"
	"errors"
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
