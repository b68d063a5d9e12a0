package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgresDatabase is a pool of connections; the driver keeps the statements of each prepared.
type postgresDatabase struct {
	pool    *pgxpool.Pool
	migrate *sql.DB // over the pool
}

// begin: what writes is serializable, so that the rules read, decide and write as if they were alone, and a conflict is run again.
// What only reads has one snapshot: unlike a serializable transaction it can never be refused, so that reads need no second try.
func (d *postgresDatabase) begin(ctx context.Context, write bool) (session, error) {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	if write {
		options = pgx.TxOptions{IsoLevel: pgx.Serializable}
	}
	tx, err := d.pool.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return &postgresSession{tx: tx, waiting: &pgx.Batch{}}, nil
}

func (d *postgresDatabase) migrates() *sql.DB { return d.migrate }

// close waits for transactions, which whoever stops the hub has ended, but not for ever.
func (d *postgresDatabase) close() error {
	err := d.migrate.Close()
	closed := make(chan struct{})
	go func() {
		d.pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
		return err
	case <-time.After(closeWithin):
		return errors.Join(err, errors.New("transactions are still open"))
	}
}

// postgresSession is one transaction of PostgreSQL. A statement costs less than the journey there and back, so that those that
// nobody asks about wait for the next one, and go along with it.
type postgresSession struct {
	tx      pgx.Tx
	waiting *pgx.Batch
	dropped error // what waited was not sent, and the server does not know
}

// mostWaiting bounds the statements that wait.
const mostWaiting = 64

// Bounds of how long a connection is waited for.
const (
	rollbackWithin = 5 * time.Second // that has to be given back
	closeWithin    = 5 * time.Second // whose transaction somebody still has
)

func (s *postgresSession) exec(ctx context.Context, query string, args []any) (int64, error) {
	if s.waiting.Len() == 0 {
		tag, err := s.tx.Exec(ctx, query, args...)
		return tag.RowsAffected(), err
	}
	s.waiting.Queue(query, args...)
	sent, err := s.send(ctx)
	if err != nil {
		return 0, err
	}
	tag, err := sent.Exec()
	if closed := sent.Close(); err == nil {
		err = closed
	}
	return tag.RowsAffected(), err
}

func (s *postgresSession) later(ctx context.Context, query string, args []any) error {
	s.waiting.Queue(query, args...)
	if s.waiting.Len() < mostWaiting {
		return nil
	}
	return s.settled(ctx)
}

func (s *postgresSession) settled(ctx context.Context) error {
	if s.waiting.Len() == 0 {
		return nil
	}
	last := s.waiting.QueuedQueries[s.waiting.Len()-1].SQL
	sent, err := s.send(ctx)
	if err != nil {
		return err
	}
	_, err = sent.Exec()
	if closed := sent.Close(); err == nil {
		err = closed
	}
	return naming(last, err)
}

// send sends what waits and reads the results of all but the last.
func (s *postgresSession) send(ctx context.Context) (pgx.BatchResults, error) {
	batch := s.waiting
	s.waiting = &pgx.Batch{}
	sent := s.tx.SendBatch(ctx, batch)
	for _, q := range batch.QueuedQueries[:batch.Len()-1] {
		if _, err := sent.Exec(); err != nil {
			_ = sent.Close() // says the same
			if !s.aborted() {
				s.dropped = err
			}
			return nil, naming(q.SQL, err)
		}
	}
	return sent, nil
}

// naming says which statement it was: the error comes with another one.
func naming(query string, err error) error {
	if err == nil {
		return nil
	}
	words := strings.Fields(query)
	return fmt.Errorf("%s: %w", strings.ToLower(strings.Join(words[:min(3, len(words))], " ")), err)
}

func (s *postgresSession) query(ctx context.Context, query string, args []any) (rows, error) {
	if s.waiting.Len() == 0 {
		found, err := s.tx.Query(ctx, query, args...)
		return postgresRows{found, nil}, err
	}
	s.waiting.Queue(query, args...)
	sent, err := s.send(ctx)
	if err != nil {
		return nil, err
	}
	found, err := sent.Query()
	if err != nil {
		_ = sent.Close() // says the same
		return nil, err
	}
	return postgresRows{found, sent}, nil
}

// postgresRows are rows that came by themselves, or at the end of what was sent.
type postgresRows struct {
	pgx.Rows
	sent pgx.BatchResults
}

func (r postgresRows) Close() error {
	r.Rows.Close()
	err := r.Rows.Err()
	if r.sent != nil {
		err = errors.Join(err, r.sent.Close())
	}
	return err
}

// aborted: the server answers nothing but the end of such a transaction.
func (s *postgresSession) aborted() bool {
	const failed = 'E'
	return s.dropped != nil || s.tx.Conn().PgConn().TxStatus() == failed
}

func (s *postgresSession) commit(ctx context.Context) error {
	if s.dropped != nil {
		return s.dropped
	}
	return s.tx.Commit(ctx)
}

// rollback does nothing after a commit. One that fails closes the connection.
func (s *postgresSession) rollback() {
	ctx, cancel := context.WithTimeout(context.Background(), rollbackWithin)
	defer cancel()
	_ = s.tx.Rollback(ctx)
}
