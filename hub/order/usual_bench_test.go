package order_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

const usualName = "the usual way: row locks in PostgreSQL"

// usualSchema is what a shop system has that sells from a database: limits are counters in rows.
const usualSchema = `
	CREATE TABLE deliveries (id BIGSERIAL PRIMARY KEY, location_id TEXT NOT NULL, delivery_date DATE NOT NULL);
	CREATE TABLE products (id BIGSERIAL PRIMARY KEY, shop_id BIGINT NOT NULL, volume_ml BIGINT NOT NULL, sales_limit BIGINT NOT NULL,
		sold BIGINT NOT NULL DEFAULT 0);
	CREATE TABLE containers (id BIGSERIAL PRIMARY KEY, delivery_id BIGINT NOT NULL REFERENCES deliveries (id), shop_id BIGINT NOT NULL,
		capacity_ml BIGINT NOT NULL, used_ml BIGINT NOT NULL DEFAULT 0);
	CREATE INDEX containers_by_delivery ON containers (delivery_id, shop_id, id);
	CREATE TABLE orders (id BIGSERIAL PRIMARY KEY, delivery_id BIGINT NOT NULL REFERENCES deliveries (id), customer_id TEXT NOT NULL,
		state TEXT NOT NULL, placed_at TIMESTAMPTZ NOT NULL DEFAULT now());
	CREATE INDEX orders_by_delivery ON orders (delivery_id);
	CREATE TABLE order_items (order_id BIGINT NOT NULL REFERENCES orders (id), unit BIGINT NOT NULL, product_id BIGINT NOT NULL
		REFERENCES products (id), container_id BIGINT NOT NULL REFERENCES containers (id), PRIMARY KEY (order_id, unit));
	CREATE INDEX order_items_by_container ON order_items (container_id);`

const benchLocations = 24

// usualWay is the usual way on one product, at 24 locations.
func usualWay(t *testing.T, p plan, url string) contender {
	ctx := within(t)
	cfg, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	cfg.MaxConns = 128
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = pool.Exec(ctx, usualSchema)
	require.NoError(t, err)
	for _, fill := range []string{
		fmt.Sprintf("INSERT INTO deliveries (location_id, delivery_date) SELECT 'loc-' || n, '2026-12-01' FROM generate_series(1, %d) n", benchLocations),
		"INSERT INTO products (shop_id, volume_ml, sales_limit) SELECT 1 + n % 10, 400, 1000000000 FROM generate_series(1, 160) n",
		"INSERT INTO containers (delivery_id, shop_id, capacity_ml) SELECT d.id, s, 1000000000 FROM deliveries d, generate_series(1, 10) s",
		fmt.Sprintf("INSERT INTO orders (delivery_id, customer_id, state) SELECT 1 + n %% %d, 'member-' || n, 'accepted' FROM generate_series(1, %d) n",
			benchLocations, p.filled),
		`INSERT INTO order_items SELECT o.id, 1, 1 + o.id % 160, 1 + o.id % 240 FROM orders o`,
		"ANALYZE",
	} {
		_, err = pool.Exec(ctx, fill)
		require.NoError(t, err)
	}
	return contender{usualName, p.usual, func(clients int, span time.Duration) measured {
		conns := make([]*pgxpool.Conn, clients)
		for i := range conns {
			conns[i], err = pool.Acquire(ctx)
			require.NoError(t, err)
			defer conns[i].Release()
		}
		return drive(clients, span, func(c int) bool {
			if err := usualOrder(ctx, conns[c].Conn()); err != nil {
				t.Error(err)
				return false
			}
			return true
		})
	}}
}

// usualOrder sells one unit of product 1, of shop 2, at one of the locations.
func usualOrder(ctx context.Context, c *pgx.Conn) error {
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	var limit, sold, volume, container, order int64
	delivery := 1 + rand.Int64N(benchLocations)
	if err := tx.QueryRow(ctx, "SELECT sales_limit, sold, volume_ml FROM products WHERE id = 1 FOR UPDATE").Scan(&limit, &sold, &volume); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, `SELECT id FROM containers WHERE delivery_id = $1 AND shop_id = 2 AND used_ml + $2 <= capacity_ml
		ORDER BY id LIMIT 1 FOR UPDATE`, delivery, volume).Scan(&container); err != nil {
		return err
	}
	if sold >= limit {
		return fmt.Errorf("sold out at %d", sold)
	}
	if _, err := tx.Exec(ctx, "UPDATE products SET sold = sold + 1 WHERE id = 1"); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE containers SET used_ml = used_ml + $2 WHERE id = $1", container, volume); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, "INSERT INTO orders (delivery_id, customer_id, state) VALUES ($1, 'member-1', 'accepted') RETURNING id",
		delivery).Scan(&order); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO order_items (order_id, unit, product_id, container_id) VALUES ($1, 1, 1, $2)", order, container); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
