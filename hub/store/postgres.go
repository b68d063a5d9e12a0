package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver "pgx"
	"github.com/pressly/goose/v3"
)

type postgresEngine struct{}

const connections = 8

// open gives one pool. Transactions are serializable: the rules read, decide and write as if they were alone, and a
// conflict is run again.
func (postgresEngine) open(ctx context.Context, url string) (writer, reader *sql.DB, err error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(connections)
	if err := db.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, db, nil
}

func (postgresEngine) dialect() goose.Dialect { return goose.DialectPostgres }

func (postgresEngine) isolation() sql.IsolationLevel { return sql.LevelSerializable }

// readIsolation is one snapshot. Unlike a serializable transaction, one that only reads it can never be refused, so reads need
// no second try.
func (postgresEngine) readIsolation() sql.IsolationLevel { return sql.LevelRepeatableRead }

// prepares: the driver keeps the statements of each connection.
func (postgresEngine) prepares() bool { return true }

func (postgresEngine) readsFailAlone() bool { return false }

// writers: half of the connections, so that people find one.
func (postgresEngine) writers() int { return connections / 2 }

// transient: serialization failure, deadlock.
func (postgresEngine) transient(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}

func (postgresEngine) duplicate(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "23505"
}

func (postgresEngine) inUse(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "23503"
}

// refused: class 22 is a data exception, class 23 an integrity constraint.
func (postgresEngine) refused(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (strings.HasPrefix(e.Code, "22") || strings.HasPrefix(e.Code, "23"))
}
