-- +goose Up

-- How long a leg may go without a valid reading, and what is done beyond. No minutes: as long as goods may lie outside.
ALTER TABLE temperature_limits ADD COLUMN gap_minutes BIGINT CHECK (gap_minutes >= 0);
ALTER TABLE temperature_limits ADD COLUMN in_doubt TEXT NOT NULL DEFAULT 'hold' CHECK (in_doubt = 'hold' OR in_doubt = 'pass');

-- Positions (fridges and shippers) whose goods are to be judged again, and from when on something has changed.
CREATE TABLE judge_due (
    position  TEXT PRIMARY KEY,
    since     BIGINT NOT NULL,
    marked_at BIGINT NOT NULL
);

CREATE INDEX judge_due_by_mark ON judge_due (marked_at);

-- What the readings say of a dated container on a leg. Each one that says something else than the one before is a new revision.
CREATE TABLE judgements (
    container_id TEXT   NOT NULL,
    leg          TEXT   NOT NULL CHECK (leg = 'collection' OR leg = 'shipper' OR leg = 'station'),
    revision     BIGINT NOT NULL,
    position     TEXT   NOT NULL,
    from_at      BIGINT NOT NULL,
    until_at     BIGINT,
    state        TEXT   NOT NULL CHECK (state = 'sound' OR state = 'doubtful' OR state = 'broken'),
    state_at     BIGINT, -- when it became so; NULL while sound
    outside_ms   BIGINT NOT NULL,
    gap_ms       BIGINT NOT NULL,
    min_milli_c  BIGINT NOT NULL,
    max_milli_c  BIGINT NOT NULL,
    known_until  BIGINT NOT NULL,
    judged_at    BIGINT NOT NULL,
    PRIMARY KEY (container_id, leg, revision)
);

-- Goods that may not be handed out until a person decides.
CREATE TABLE quality_holds (
    id           TEXT PRIMARY KEY,
    container_id TEXT   NOT NULL,
    position     TEXT   NOT NULL, -- the fridge or shipper where it happened
    cause        TEXT   NOT NULL CHECK (cause = 'broken' OR cause = 'doubtful' OR cause = 'device' OR cause = 'person'),
    leg          TEXT   NOT NULL, -- empty when a person held it
    revision     BIGINT NOT NULL, -- of the judgement; 0 for none
    since        BIGINT NOT NULL, -- goods taken before it are not concerned
    outside_ms   BIGINT NOT NULL, -- when it was held or decided last
    held_at      BIGINT NOT NULL,
    device_held  BIGINT NOT NULL DEFAULT 0, -- GoodsHeld.HeldAt of a station's own hold
    held_by      TEXT   NOT NULL, -- a person, a device, or the hub
    reason       TEXT   NOT NULL,
    decision     TEXT   NOT NULL CHECK (decision = '' OR decision = 'released' OR decision = 'condemned' OR decision = 'lifted'),
    decided_at   BIGINT,
    decided_by   TEXT   NOT NULL,
    why          TEXT   NOT NULL
);

CREATE INDEX quality_holds_by_container ON quality_holds (container_id);
CREATE INDEX quality_holds_open ON quality_holds (held_at) WHERE decision = '';

-- The orders whose goods a hold concerns: in the container then (taken_at NULL), or taken after it had happened: a recall.
CREATE TABLE quality_concerned (
    hold_id  TEXT NOT NULL REFERENCES quality_holds (id),
    order_id TEXT NOT NULL REFERENCES orders (id),
    taken_at BIGINT,
    PRIMARY KEY (hold_id, order_id)
);

CREATE INDEX quality_concerned_by_order ON quality_concerned (order_id);

-- Temperatures that a person took by hand at a fridge or in a shipper.
CREATE TABLE probings (
    id       TEXT PRIMARY KEY,
    position TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    milli_c  BIGINT NOT NULL,
    taken_by TEXT   NOT NULL
);

CREATE INDEX probings_by_position ON probings (position, at);

CREATE INDEX dated_containers_by_address ON dated_containers (address_id, shelved_at);
CREATE INDEX dated_containers_by_shipper ON dated_containers (shipper_id, loaded_at);
CREATE INDEX dated_containers_by_fridge ON dated_containers (fridge_id, placed_at);

-- Which kinds of notice there are is the program's to say: the table is the same without the list.
CREATE TABLE customer_notices_16 (
    number      BIGINT PRIMARY KEY,
    order_id    TEXT   NOT NULL REFERENCES orders (id),
    customer_id TEXT   NOT NULL, -- a pseudonym
    kind        TEXT   NOT NULL,
    parameters  TEXT   NOT NULL, -- JSON
    made_at     BIGINT NOT NULL
);
INSERT INTO customer_notices_16 SELECT number, order_id, customer_id, kind, parameters, made_at FROM customer_notices;
DROP TABLE customer_notices;
ALTER TABLE customer_notices_16 RENAME TO customer_notices;
CREATE INDEX customer_notices_by_order ON customer_notices (order_id);
CREATE INDEX customer_notices_by_customer ON customer_notices (customer_id, number);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
