-- Versions of sheets and packing lists, who has confirmed them, what must not be loaded, and what customers are to be told.

-- +goose Up

-- The first version of a date is made when its numbering is frozen, each further one by a recorded exception.
CREATE TABLE sheet_versions (
    kind          TEXT   NOT NULL CHECK (kind IN ('run', 'shop')),
    thing_id      TEXT   NOT NULL, -- the run or the shop
    delivery_date TEXT   NOT NULL REFERENCES delivery_dates (delivery_date),
    version       BIGINT NOT NULL, -- of a run: runs.version
    made_at       BIGINT NOT NULL,
    made_by       TEXT   NOT NULL, -- person
    reason        TEXT   NOT NULL,
    content_hash  TEXT   NOT NULL, -- SHA-256 of content, hexadecimal
    content       TEXT   NOT NULL, -- JSON, without codes
    PRIMARY KEY (kind, thing_id, delivery_date, version)
);

CREATE TABLE sheet_confirmations (
    run_id       TEXT   NOT NULL REFERENCES runs (id),
    version      BIGINT NOT NULL,
    confirmed_by TEXT   NOT NULL, -- person
    confirmed_at BIGINT NOT NULL,
    PRIMARY KEY (run_id, version)
);

-- A person's word that a container stays behind. The container may be gone by then.
CREATE TABLE do_not_load (
    container_id  TEXT   PRIMARY KEY,
    delivery_date TEXT   NOT NULL REFERENCES delivery_dates (delivery_date),
    reason        TEXT   NOT NULL,
    set_by        TEXT   NOT NULL, -- person
    set_at        BIGINT NOT NULL
);

CREATE INDEX do_not_load_by_date ON do_not_load (delivery_date);

-- What a customer has to be told, written with what it tells of. They are read in the order of their number, which is given under
-- the lock of the counter's row: no reader passes a number that comes later.
CREATE TABLE notice_counter (
    id   BIGINT PRIMARY KEY CHECK (id = 1),
    last BIGINT NOT NULL
);

INSERT INTO notice_counter (id, last) VALUES (1, 0);

CREATE TABLE customer_notices (
    number      BIGINT PRIMARY KEY,
    order_id    TEXT   NOT NULL REFERENCES orders (id),
    customer_id TEXT   NOT NULL, -- a pseudonym
    kind        TEXT   NOT NULL CHECK (kind IN ('called_off', 'withdrawn')),
    parameters  TEXT   NOT NULL, -- JSON
    made_at     BIGINT NOT NULL
);

CREATE INDEX customer_notices_by_order ON customer_notices (order_id);
CREATE INDEX customer_notices_by_customer ON customer_notices (customer_id, number);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
