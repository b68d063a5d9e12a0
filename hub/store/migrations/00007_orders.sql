-- Orders that are held, paid, cancelled, called off; limits beyond volume; what is out of service; and the numbering's history.

-- +goose Up

-- Limits that are neutral when nobody sets them ---------------------------------------------------------------------------

ALTER TABLE products ADD COLUMN price_yen BIGINT NOT NULL DEFAULT 0 CHECK (price_yen >= 0); -- of a unit, tax included; 0: not charged here
ALTER TABLE products ADD COLUMN weight_g BIGINT NOT NULL DEFAULT 0 CHECK (weight_g >= 0);
ALTER TABLE products ADD COLUMN length_mm BIGINT NOT NULL DEFAULT 0 CHECK (length_mm >= 0);
ALTER TABLE products ADD COLUMN width_mm BIGINT NOT NULL DEFAULT 0 CHECK (width_mm >= 0);
ALTER TABLE products ADD COLUMN height_mm BIGINT NOT NULL DEFAULT 0 CHECK (height_mm >= 0);
ALTER TABLE products ADD COLUMN no_stacking BOOLEAN NOT NULL DEFAULT FALSE;

-- Of the container that stands in the slot.
ALTER TABLE slots ADD COLUMN max_weight_g BIGINT NOT NULL DEFAULT 0 CHECK (max_weight_g >= 0);
ALTER TABLE slots ADD COLUMN fill_percent BIGINT NOT NULL DEFAULT 0 CHECK (fill_percent BETWEEN 0 AND 100); -- 0: all of it
ALTER TABLE slots ADD COLUMN length_mm BIGINT NOT NULL DEFAULT 0 CHECK (length_mm >= 0);
ALTER TABLE slots ADD COLUMN width_mm BIGINT NOT NULL DEFAULT 0 CHECK (width_mm >= 0);
ALTER TABLE slots ADD COLUMN height_mm BIGINT NOT NULL DEFAULT 0 CHECK (height_mm >= 0);

-- A product's limit on one date in the place of its standing one. It may be lower than what is sold: then nothing more is.
CREATE TABLE product_limits (
    product_id    TEXT   NOT NULL REFERENCES products (id),
    delivery_date TEXT   NOT NULL REFERENCES delivery_dates (delivery_date),
    sales_limit   BIGINT NOT NULL CHECK (sales_limit >= 0),
    set_by        TEXT   NOT NULL, -- person
    set_at        BIGINT NOT NULL,
    PRIMARY KEY (product_id, delivery_date)
);

-- What cannot be used on a date: it broke, or the delivery or run was called off. No key: what is out may leave the network.
CREATE TABLE out_of_service (
    kind          TEXT   NOT NULL CHECK (kind IN ('slot', 'fridge', 'address', 'shipper', 'run', 'location')),
    thing_id      TEXT   NOT NULL,
    delivery_date TEXT   NOT NULL REFERENCES delivery_dates (delivery_date),
    reason        TEXT   NOT NULL,
    set_by        TEXT   NOT NULL, -- person
    set_at        BIGINT NOT NULL,
    PRIMARY KEY (delivery_date, kind, thing_id)
);

-- The owner of a date that commits raises the revision; one that loads it anew takes the next epoch.
ALTER TABLE delivery_dates ADD COLUMN owner_epoch BIGINT NOT NULL DEFAULT 0;

-- Orders, with more states: SQLite changes no CHECK, so the table and those that refer to it are made anew ----------------------

DROP INDEX orders_by_date;
DROP INDEX order_items_by_container;
DROP INDEX order_items_by_product;
DROP INDEX grants_by_order;
ALTER TABLE order_pickups RENAME TO order_pickups_before;
ALTER TABLE grants RENAME TO grants_before;
ALTER TABLE order_items RENAME TO order_items_before;
ALTER TABLE order_lines RENAME TO order_lines_before;
ALTER TABLE orders RENAME TO orders_before;

-- No IN in checks of rows that come by the thousand: SQLite fills a table with the words of a list of three and more for each row.
CREATE TABLE orders (
    id            TEXT PRIMARY KEY,
    sequence      BIGINT NOT NULL, -- in order of decision within the date
    delivery_date TEXT   NOT NULL,
    location_id   TEXT   NOT NULL,
    customer_id   TEXT   NOT NULL, -- a pseudonym
    state         TEXT   NOT NULL CHECK (state = 'held' OR state = 'accepted' OR state = 'refused' OR state = 'expired' OR state = 'cancelled'
        OR state = 'called_off' OR state = 'ready' OR state = 'picked_up' OR state = 'left_over' OR state = 'undelivered'),
    hold_until    BIGINT, -- of an order that is or was held
    refused_limit TEXT   NOT NULL CHECK (refused_limit = '' OR refused_limit = 'sales_limit' OR refused_limit = 'container'
        OR refused_limit = 'shipper' OR refused_limit = 'address' OR refused_limit = 'search_bound'),
    refused_what  TEXT   NOT NULL, -- the product, shop or spot at which it was refused
    placed_by     TEXT   NOT NULL, -- person
    placed_at     BIGINT NOT NULL,
    ready_at      BIGINT,
    ended_at      BIGINT, -- picked up, left over, expired, cancelled or called off
    end_reason    TEXT   NOT NULL DEFAULT '', -- why it expired, was cancelled or called off
    CHECK (state <> 'held' OR hold_until IS NOT NULL),
    FOREIGN KEY (location_id, delivery_date) REFERENCES deliveries (location_id, delivery_date)
);

INSERT INTO orders (id, sequence, delivery_date, location_id, customer_id, state, refused_limit, refused_what, placed_by, placed_at,
        ready_at, ended_at)
    SELECT id, sequence, delivery_date, location_id, customer_id, state, refused_limit, refused_what, placed_by, placed_at,
        ready_at, ended_at FROM orders_before;

CREATE INDEX orders_by_date ON orders (delivery_date, location_id); -- without the state, which changes
CREATE INDEX orders_held ON orders (hold_until) WHERE state = 'held';

CREATE TABLE order_lines (
    order_id       TEXT   NOT NULL REFERENCES orders (id),
    line           BIGINT NOT NULL,
    product_id     TEXT   NOT NULL REFERENCES products (id),
    quantity       BIGINT NOT NULL CHECK (quantity > 0), -- as asked for
    withdrawn      BIGINT NOT NULL DEFAULT 0, -- of quantity: units that were taken off, since they cannot be delivered
    unit_price_yen BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, line),
    CHECK (withdrawn BETWEEN 0 AND quantity)
);

INSERT INTO order_lines (order_id, line, product_id, quantity) SELECT order_id, line, product_id, quantity FROM order_lines_before;

-- An order item is one unit that holds capacity. Its dated container is of its product's shop and category.
CREATE TABLE order_items (
    order_id           TEXT   NOT NULL,
    line               BIGINT NOT NULL,
    unit               BIGINT NOT NULL,
    delivery_date      TEXT   NOT NULL,
    product_id         TEXT   NOT NULL,
    shop_id            TEXT   NOT NULL,
    category           TEXT   NOT NULL,
    dated_container_id TEXT   NOT NULL,
    short              BOOLEAN NOT NULL, -- the shop could not deliver it
    valid_from         BIGINT NOT NULL DEFAULT 0, -- since when it is numbered so
    known_from         BIGINT NOT NULL DEFAULT 0, -- when this was stored
    PRIMARY KEY (order_id, line, unit),
    FOREIGN KEY (order_id, line) REFERENCES order_lines (order_id, line),
    FOREIGN KEY (product_id, shop_id, category) REFERENCES products (id, shop_id, category),
    FOREIGN KEY (dated_container_id, shop_id, category) REFERENCES dated_containers (id, shop_id, category)
);

INSERT INTO order_items (order_id, line, unit, delivery_date, product_id, shop_id, category, dated_container_id, short, valid_from, known_from)
    SELECT i.order_id, i.line, i.unit, i.delivery_date, i.product_id, i.shop_id, i.category, i.dated_container_id, i.short,
        o.placed_at, o.placed_at FROM order_items_before i JOIN orders o ON o.id = i.order_id;

CREATE INDEX order_items_by_container ON order_items (dated_container_id);
CREATE INDEX order_items_by_product ON order_items (delivery_date, product_id);

CREATE TABLE grants (
    id            TEXT PRIMARY KEY,
    delivery_date TEXT   NOT NULL,
    location_id   TEXT   NOT NULL REFERENCES locations (id),
    holder        TEXT   NOT NULL CHECK (holder IN ('customer', 'courier')),
    order_id      TEXT REFERENCES orders (id),
    run_id        TEXT REFERENCES runs (id),
    pin           TEXT   NOT NULL,
    valid_from    BIGINT NOT NULL,
    valid_until   BIGINT NOT NULL,
    revoked_at    BIGINT, -- a grant that was issued anew, or whose order ended, is never valid again
    UNIQUE (delivery_date, location_id, pin)
);

INSERT INTO grants (id, delivery_date, location_id, holder, order_id, run_id, pin, valid_from, valid_until, revoked_at)
    SELECT id, delivery_date, location_id, holder, order_id, run_id, pin, valid_from, valid_until, revoked_at FROM grants_before;

CREATE UNIQUE INDEX grants_by_order ON grants (order_id);

CREATE TABLE order_pickups (
    order_id  TEXT   NOT NULL REFERENCES orders (id),
    fridge_id TEXT   NOT NULL REFERENCES fridges (id),
    at        BIGINT NOT NULL,
    basis     TEXT   NOT NULL,
    PRIMARY KEY (order_id, fridge_id)
);

INSERT INTO order_pickups (order_id, fridge_id, at, basis) SELECT order_id, fridge_id, at, basis FROM order_pickups_before;

DROP TABLE order_pickups_before;
DROP TABLE grants_before;
DROP TABLE order_items_before;
DROP TABLE order_lines_before;
DROP TABLE orders_before;

-- History of the numbering --------------------------------------------------------------------------------------------------
-- A version of a row has two intervals: when it was so (valid), and when we knew it so (known). The tables above hold what is
-- so as we know it now; the tables below what was so or was believed before. A version is open where until is the last moment.

ALTER TABLE dated_containers ADD COLUMN valid_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE dated_containers ADD COLUMN known_from BIGINT NOT NULL DEFAULT 0;

UPDATE dated_containers SET
    valid_from = COALESCE((SELECT MIN(i.valid_from) FROM order_items i WHERE i.dated_container_id = dated_containers.id), 0),
    known_from = COALESCE((SELECT MIN(i.known_from) FROM order_items i WHERE i.dated_container_id = dated_containers.id), 0);

CREATE TABLE dated_container_history (
    id            TEXT   NOT NULL,
    sequence      BIGINT NOT NULL,
    delivery_date TEXT   NOT NULL,
    location_id   TEXT   NOT NULL,
    fridge_id     TEXT   NOT NULL,
    slot_id       TEXT   NOT NULL,
    shop_id       TEXT   NOT NULL,
    category      TEXT   NOT NULL,
    run_id        TEXT   NOT NULL,
    shipper_id    TEXT   NOT NULL,
    shipper_place BIGINT NOT NULL,
    address_id    TEXT   NOT NULL,
    valid_from    BIGINT NOT NULL,
    valid_until   BIGINT NOT NULL,
    known_from    BIGINT NOT NULL,
    known_until   BIGINT NOT NULL,
    cause         TEXT   NOT NULL -- what ended this version: move, cancel, expire, change, outage, repair
);

CREATE INDEX dated_container_history_by_location ON dated_container_history (location_id, delivery_date);
CREATE INDEX dated_container_history_by_date ON dated_container_history (delivery_date, sequence);

CREATE TABLE order_item_history (
    order_id           TEXT   NOT NULL,
    line               BIGINT NOT NULL,
    unit               BIGINT NOT NULL,
    delivery_date      TEXT   NOT NULL,
    product_id         TEXT   NOT NULL,
    dated_container_id TEXT   NOT NULL,
    valid_from         BIGINT NOT NULL,
    valid_until        BIGINT NOT NULL,
    known_from         BIGINT NOT NULL,
    known_until        BIGINT NOT NULL,
    cause              TEXT   NOT NULL
);

CREATE INDEX order_item_history_by_container ON order_item_history (dated_container_id);
CREATE INDEX order_item_history_by_order ON order_item_history (order_id);

CREATE VIEW container_timeline AS
    SELECT id, sequence, delivery_date, location_id, fridge_id, slot_id, shop_id, category, run_id, shipper_id, shipper_place, address_id,
        valid_from, 9223372036854775807 AS valid_until, known_from, 9223372036854775807 AS known_until, '' AS cause FROM dated_containers
    UNION ALL
    SELECT id, sequence, delivery_date, location_id, fridge_id, slot_id, shop_id, category, run_id, shipper_id, shipper_place, address_id,
        valid_from, valid_until, known_from, known_until, cause FROM dated_container_history;

CREATE VIEW item_timeline AS
    SELECT order_id, line, unit, delivery_date, product_id, dated_container_id,
        valid_from, 9223372036854775807 AS valid_until, known_from, 9223372036854775807 AS known_until, '' AS cause FROM order_items
    UNION ALL
    SELECT order_id, line, unit, delivery_date, product_id, dated_container_id,
        valid_from, valid_until, known_from, known_until, cause FROM order_item_history;

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
