package store

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

type postgresEngine struct{}

const connections = 8

func (postgresEngine) open(ctx context.Context, url string) (database, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return &postgresDatabase{pool: pool, migrate: stdlib.OpenDBFromPool(pool)}, nil
}

func (postgresEngine) dialect() goose.Dialect { return goose.DialectPostgres }

func (postgresEngine) remote() bool { return true }

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
