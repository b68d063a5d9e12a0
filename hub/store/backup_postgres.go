package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// EmptyPostgres looks whether the schema public of a PostgreSQL database is empty and nobody else uses the database. With
// overwrite one that is not empty gets the name aside, and a new one is made; set says so.
func EmptyPostgres(ctx context.Context, url string, overwrite bool, aside string) (set bool, err error) {
	err = alone(ctx, url, func(db *sql.DB) error {
		var tables int
		if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables); err != nil {
			return err
		}
		if tables == 0 {
			return nil
		}
		if !overwrite {
			return fmt.Errorf("the database has %d tables already: --overwrite sets them aside", tables)
		}
		set = true
		_, err := db.ExecContext(ctx, "BEGIN; ALTER SCHEMA public RENAME TO "+aside+"; CREATE SCHEMA public; COMMIT")
		return err
	})
	return set, err
}

// UndoEmptyPostgres gives what EmptyPostgres has set aside its name back. What was put into the schema public, which
// EmptyPostgres has made, is dropped.
func UndoEmptyPostgres(ctx context.Context, url, aside string) error {
	return alone(ctx, url, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "BEGIN; DROP SCHEMA public CASCADE; ALTER SCHEMA "+aside+" RENAME TO public; COMMIT")
		return err
	})
}

// LeavePostgres takes what was put into a schema public that was empty of tables out of the way, under the name aside: what else
// stood there nobody knows.
func LeavePostgres(ctx context.Context, url, aside string) error {
	return alone(ctx, url, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "BEGIN; ALTER SCHEMA public RENAME TO "+aside+"; CREATE SCHEMA public; COMMIT")
		return err
	})
}

// aloneWithin is how long connections that were just closed may take to be gone on the server's side.
const aloneWithin = 3 * time.Second

// alone runs fn when nobody else uses the database.
func alone(ctx context.Context, url string, fn func(*sql.DB) error) (err error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	for until := time.Now().Add(aloneWithin); ; {
		var others int
		err = db.QueryRowContext(ctx, `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
			AND backend_type = 'client backend'`).Scan(&others)
		switch {
		case err != nil:
			return fmt.Errorf("database: %w", err)
		case others == 0:
			return fn(db)
		case time.Now().After(until):
			return fmt.Errorf("%w: %d connections are open: stop every hub first", ErrInUse, others)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
