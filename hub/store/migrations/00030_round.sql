-- The round of a garment, closed: what money an order leaves to settle, and what the round did on each day. See hub/rental.

-- +goose Up

-- What a customer owes for a piece that they keep, or that was lost with them. An order is closed when all of them are settled.
CREATE TABLE rental_charges (
    order_id   TEXT   NOT NULL REFERENCES rental_orders (id),
    item_id    TEXT   NOT NULL REFERENCES rental_items (id),
    kind       TEXT   NOT NULL CHECK (kind IN ('purchase', 'loss')),
    yen        BIGINT NOT NULL CHECK (yen > 0),
    made_at    BIGINT NOT NULL,
    made_by    TEXT   NOT NULL,
    settled_at BIGINT,
    settled_by TEXT   NOT NULL, -- empty before
    note       TEXT   NOT NULL, -- how it was settled
    PRIMARY KEY (order_id, item_id)
);

CREATE INDEX rental_charges_open ON rental_charges (made_at) WHERE settled_at IS NULL;

ALTER TABLE rental_orders ADD COLUMN closed_at BIGINT;

CREATE INDEX commitments_order ON commitments (order_id, line);

-- What the round of a warehouse did on each day in Japan, a row a state of custody: told by each piece's history as it is folded.
CREATE TABLE rental_days (
    warehouse_id TEXT   NOT NULL,
    day          BIGINT NOT NULL, -- days since 1970 in Japan
    custody      BIGINT NOT NULL,
    entered      BIGINT NOT NULL, -- pieces that came into it
    damaged      BIGINT NOT NULL, -- of them, with a damage
    gone_on      BIGINT NOT NULL, -- pieces that left it
    stayed_ms    BIGINT NOT NULL, -- in it, all of those together
    longest_ms   BIGINT NOT NULL, -- the longest of those; what a late scan has shortened stays
    PRIMARY KEY (warehouse_id, day, custody)
);

ALTER TABLE cleaning_batches ADD COLUMN sent_at BIGINT; -- to who cleans it
ALTER TABLE repair_orders ADD COLUMN repairer TEXT NOT NULL DEFAULT ''; -- badge of who has repaired it; empty before

-- The sums of days have taken its place, and each scan had to write it.
DROP INDEX rental_history_time;

-- Cleaning batches and repair work are asked for by their pieces.
CREATE INDEX rental_items_batch ON rental_items (batch) WHERE batch <> '';

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
