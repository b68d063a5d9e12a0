package store

import (
	"context"
	"slices"
	"strconv"
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

// codes are those of all that PostgreSQL says in an error: one failure may bring about others.
func codes(err error) (all []string) {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case nil:
	case *pgconn.PgError:
		all = []string{e.Code}
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			all = append(all, codes(one)...)
		}
	case interface{ Unwrap() error }:
		all = codes(e.Unwrap())
	}
	return all
}

// transient: serialization failure, deadlock.
func (postgresEngine) transient(err error) bool {
	return slices.ContainsFunc(codes(err), func(code string) bool { return code == "40001" || code == "40P01" })
}

func (postgresEngine) duplicate(err error) bool { return slices.Contains(codes(err), "23505") }

func (postgresEngine) inUse(err error) bool { return slices.Contains(codes(err), "23503") }

// refused: class 22 is a data exception, class 23 an integrity constraint.
func (postgresEngine) refused(err error) bool {
	return slices.ContainsFunc(codes(err), func(code string) bool { return strings.HasPrefix(code, "22") || strings.HasPrefix(code, "23") })
}

// base: the hub's tables are in the schema public, where migrations make them.
func (postgresEngine) base(table string) string { return "public." + table }

func (postgresEngine) segment(column string, n int) string {
	return "split_part(" + column + ", '/', " + strconv.Itoa(n) + ")"
}
