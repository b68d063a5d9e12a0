-- The round of a garment: what a rental warehouse has, what happened to each single piece, and what is promised. See hub/rental.

-- +goose Up

CREATE TABLE warehouses (
    id   TEXT PRIMARY KEY,
    gln  TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Another piece than the one that was allocated may be picked.
    swap_garment BOOLEAN NOT NULL,
    swap_worst   BIGINT  NOT NULL CHECK (swap_worst BETWEEN 0 AND 4) -- grade; 0: as good as the one that was allocated
);

CREATE TABLE warehouse_shelves (
    id           TEXT   PRIMARY KEY, -- as its label says
    warehouse_id TEXT   NOT NULL REFERENCES warehouses (id),
    walk         BIGINT NOT NULL, -- place in the order in which shelves are walked
    room         BIGINT NOT NULL CHECK (room >= 0) -- pieces; 0: no limit
);

CREATE INDEX warehouse_shelves_walk ON warehouse_shelves (warehouse_id, walk, id);

CREATE TABLE warehouse_operators (
    badge        TEXT  PRIMARY KEY, -- a pseudonym
    warehouse_id TEXT  NOT NULL REFERENCES warehouses (id),
    salt         BYTEA NOT NULL,
    pin_check    BYTEA NOT NULL, -- empty: the badge is enough
    steps        TEXT  NOT NULL  -- numbers of protocol.Step separated by |; empty: all
);

CREATE TABLE garments (
    gtin      TEXT   PRIMARY KEY, -- 14 digits
    name      TEXT   NOT NULL,
    size      TEXT   NOT NULL,
    colour    TEXT   NOT NULL,
    price_yen BIGINT NOT NULL CHECK (price_yen >= 0) -- of a replacement
);

-- One row a piece: what its history comes to. Its history is the truth, this is folded from it.
CREATE TABLE rental_items (
    id             TEXT    PRIMARY KEY, -- (01)GTIN(21)serial
    gtin           TEXT    NOT NULL REFERENCES garments (gtin),
    warehouse_id   TEXT    NOT NULL REFERENCES warehouses (id),
    custody        BIGINT  NOT NULL CHECK (custody BETWEEN 0 AND 22), -- protocol.Custody; 0: never registered, by what is known now
    since          BIGINT  NOT NULL, -- when that began
    place          TEXT    NOT NULL,
    bag            TEXT    NOT NULL,
    order_id       TEXT    NOT NULL, -- that it is picked, packed or out for
    batch          TEXT    NOT NULL, -- cleaning batch or repair order, the last one
    in_work        BOOLEAN NOT NULL, -- it is in that, not back from it
    promise        BIGINT  NOT NULL CHECK (promise BETWEEN 0 AND 3), -- free, allocated, off the shelf, with the customer
    promised_to    TEXT    NOT NULL,
    promised_until BIGINT  NOT NULL, -- 0: nothing runs out
    grade          BIGINT  NOT NULL,
    fit            BOOLEAN NOT NULL, -- its last qualifying inspection is passed, and newer than its last return
    turns          BIGINT  NOT NULL, -- returns so far
    state          TEXT    NOT NULL, -- all of it as the rules have it, JSON
    acts           BIGINT  NOT NULL, -- of the hub on this piece, which are numbered
    breaches       BIGINT  NOT NULL, -- in its history: what broke a rule, or is in doubt
    -- The last occurrence that it is folded up to, and how far off its time may be.
    folded_at      BIGINT  NOT NULL,
    folded_within  BIGINT  NOT NULL,
    folded_device  TEXT    NOT NULL,
    folded_number  BIGINT  NOT NULL
);

CREATE INDEX rental_items_custody ON rental_items (warehouse_id, custody, since);
CREATE INDEX rental_items_garment ON rental_items (gtin, custody);
CREATE INDEX rental_items_place ON rental_items (place, custody);
CREATE INDEX rental_items_promise ON rental_items (promised_until) WHERE promise = 1;

-- Everything that was done to a piece, in the terms of EPCIS 2.0: what (item), when (happened, recorded), where (place, bag), why (step,
-- order, outcome), and who. Nothing in it is ever changed but what it is taken for, and its time when that becomes better known.
CREATE TABLE rental_history (
    item_id      TEXT    NOT NULL,
    device_id    TEXT    NOT NULL, -- empty: an act of the hub
    life         TEXT    NOT NULL, -- the device's incarnation
    number       BIGINT  NOT NULL, -- of the record in the device's log; of the hub's acts on this piece
    step         BIGINT  NOT NULL, -- protocol.Step; 0: an act on what is promised
    act          BIGINT  NOT NULL, -- allocate 1, release 2; 0: a step
    until_at     BIGINT  NOT NULL, -- of allocate
    happened_at  BIGINT  NOT NULL,
    within_ms    BIGINT  NOT NULL, -- happened_at may be off so much, either way
    recorded_at  BIGINT  NOT NULL,
    who          TEXT    NOT NULL, -- badge, or who acted
    place        TEXT    NOT NULL,
    bag          TEXT    NOT NULL,
    by_bag       BOOLEAN NOT NULL, -- the bag was scanned, not the piece
    order_id     TEXT    NOT NULL,
    batch        TEXT    NOT NULL,
    conformant   BOOLEAN NOT NULL,
    grade        BIGINT  NOT NULL,
    dirty        BOOLEAN NOT NULL,
    damages      TEXT    NOT NULL, -- JSON, empty for none
    reason       TEXT    NOT NULL,
    verdict      BIGINT  NOT NULL, -- what the scanner told the person
    rule         TEXT    NOT NULL, -- that a warning or refusal of the scanner came from
    breach       TEXT    NOT NULL, -- rule that this broke, by all that is known now; empty for none
    why          TEXT    NOT NULL, -- of the breach, with what would have been legal
    PRIMARY KEY (item_id, device_id, life, number)
);

CREATE INDEX rental_history_record ON rental_history (device_id, life, number);
CREATE INDEX rental_history_time ON rental_history (happened_at);

-- A customer's order: the pieces that a stylist chose. The customer is a pseudonym.
CREATE TABLE rental_orders (
    id           TEXT   PRIMARY KEY,
    customer_id  TEXT   NOT NULL,
    warehouse_id TEXT   NOT NULL REFERENCES warehouses (id),
    ship_date    TEXT   NOT NULL,
    state        TEXT   NOT NULL CHECK (state IN ('open', 'shipped', 'returned', 'closed', 'cancelled')),
    tote         TEXT   NOT NULL, -- number of the tote that it is picked into; empty before
    bag          TEXT   NOT NULL, -- SSCC of its bag, where that is printed beforehand
    made_at      BIGINT NOT NULL,
    made_by      TEXT   NOT NULL,
    shipped_at   BIGINT,
    returned_at  BIGINT
);

CREATE INDEX rental_orders_due ON rental_orders (warehouse_id, state, ship_date);

CREATE TABLE rental_order_lines (
    order_id TEXT   NOT NULL REFERENCES rental_orders (id),
    line     BIGINT NOT NULL,
    gtin     TEXT   NOT NULL REFERENCES garments (gtin),
    item_id  TEXT   NOT NULL, -- that the stylist chose; empty: any piece of the garment
    PRIMARY KEY (order_id, line)
);

-- Which piece stands for which line of which order. A piece has at most one order that lives, and a line one piece, whatever a program
-- does wrong.
CREATE TABLE commitments (
    item_id    TEXT   NOT NULL REFERENCES rental_items (id),
    order_id   TEXT   NOT NULL REFERENCES rental_orders (id),
    line       BIGINT NOT NULL,
    made_at    BIGINT NOT NULL,
    ended_at   BIGINT,
    how        TEXT   NOT NULL, -- it ended: released, expired, returned, sold, lost, swapped
    PRIMARY KEY (item_id, order_id, line, made_at)
);

CREATE UNIQUE INDEX commitments_one_an_item ON commitments (item_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX commitments_one_a_line ON commitments (order_id, line) WHERE ended_at IS NULL;

-- Bags by SSCC, or by the name that a device gave to one without a label.
CREATE TABLE rental_bags (
    id           TEXT   PRIMARY KEY,
    warehouse_id TEXT   NOT NULL,
    order_id     TEXT   NOT NULL,
    state        TEXT   NOT NULL CHECK (state IN ('packing', 'shipped', 'received', 'emptied')),
    waybill      TEXT   NOT NULL,
    changed_at   BIGINT NOT NULL
);

-- What a bag was packed with, and what came out of it.
CREATE TABLE rental_bag_items (
    bag_id      TEXT   NOT NULL,
    item_id     TEXT   NOT NULL,
    packed_at   BIGINT,
    unpacked_at BIGINT,
    exception   TEXT   NOT NULL, -- why a piece that was packed need not come out of it
    PRIMARY KEY (bag_id, item_id)
);

CREATE INDEX rental_bag_items_item ON rental_bag_items (item_id);

-- What was done to a bag as a whole, so that a piece whose packing is heard of later goes where its bag went.
CREATE TABLE rental_bag_history (
    bag_id      TEXT   NOT NULL,
    device_id   TEXT   NOT NULL,
    life        TEXT   NOT NULL,
    number      BIGINT NOT NULL,
    step        BIGINT NOT NULL,
    happened_at BIGINT NOT NULL,
    within_ms   BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    who         TEXT   NOT NULL,
    place       TEXT   NOT NULL,
    order_id    TEXT   NOT NULL,
    verdict     BIGINT NOT NULL,
    rule        TEXT   NOT NULL,
    PRIMARY KEY (bag_id, device_id, life, number)
);

CREATE TABLE cleaning_batches (
    id           TEXT   PRIMARY KEY,
    warehouse_id TEXT   NOT NULL REFERENCES warehouses (id),
    vendor       TEXT   NOT NULL, -- empty: the own laundry
    made_at      BIGINT NOT NULL,
    made_by      TEXT   NOT NULL,
    due_at       BIGINT NOT NULL,
    closed_at    BIGINT
);

CREATE TABLE repair_orders (
    id        TEXT   PRIMARY KEY,
    item_id   TEXT   NOT NULL REFERENCES rental_items (id),
    what      TEXT   NOT NULL,
    made_at   BIGINT NOT NULL,
    made_by   TEXT   NOT NULL,
    closed_at BIGINT,
    cost_yen  BIGINT NOT NULL CHECK (cost_yen >= 0)
);

CREATE INDEX repair_orders_open ON repair_orders (item_id, closed_at);

-- What the outside world is told: a return has come, so that the customer's next styling can begin.
CREATE TABLE rental_notices (
    id            TEXT   PRIMARY KEY,
    kind          TEXT   NOT NULL,
    order_id      TEXT   NOT NULL,
    customer_id   TEXT   NOT NULL,
    happened_at   BIGINT NOT NULL,
    made_at       BIGINT NOT NULL,
    due_at        BIGINT NOT NULL,
    claimed_until BIGINT,
    tries         BIGINT NOT NULL,
    sent_at       BIGINT,
    problem       TEXT   NOT NULL
);

CREATE INDEX rental_notices_due ON rental_notices (due_at) WHERE sent_at IS NULL;

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
