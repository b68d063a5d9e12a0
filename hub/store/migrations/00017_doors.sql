-- +goose Up

-- Grants that are taken back ------------------------------------------------------------------------------------------------
-- A grant that was taken back is revoking until every lock that may hold it has a plan without it, or its window is over. Money that
-- depends on it waits so long, or until somebody takes the risk.
ALTER TABLE grants ADD COLUMN revoke_ended TEXT NOT NULL DEFAULT '';       -- confirmed, window; empty while it is open
ALTER TABLE grants ADD COLUMN revoke_ended_at BIGINT;
ALTER TABLE grants ADD COLUMN used_at BIGINT;                              -- the first use that the hub has heard of
ALTER TABLE grants ADD COLUMN risk_by TEXT NOT NULL DEFAULT '';            -- person who let the money go all the same
ALTER TABLE grants ADD COLUMN risk_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN risk_at BIGINT;

-- What was taken back before this was kept had no state.
UPDATE grants SET revoke_ended = 'window', revoke_ended_at = revoked_at WHERE revoked_at IS NOT NULL;

-- An order whose code was issued anew has two.
DROP INDEX grants_by_order;
CREATE UNIQUE INDEX grants_by_order ON grants (order_id) WHERE revoked_at IS NULL;
CREATE INDEX grants_of_order ON grants (order_id);
CREATE INDEX grants_revoking ON grants (location_id) WHERE revoked_at IS NOT NULL AND revoke_ended = '';

-- From which version on the plans of a life of a device's storage do not hold a grant that was taken back.
CREATE TABLE grant_revocations (
    grant_id    TEXT   NOT NULL REFERENCES grants (id),
    device_id   TEXT   NOT NULL REFERENCES devices (id),
    incarnation TEXT   NOT NULL,
    plan        BIGINT NOT NULL,
    PRIMARY KEY (grant_id, device_id, incarnation)
);

-- Doors that are opened from the hub ----------------------------------------------------------------------------------------
-- A dispatcher asks; the door's display shows a number; whoever reads it out is at the door.
CREATE TABLE door_openings (
    id           TEXT   PRIMARY KEY,
    fridge_id    TEXT   NOT NULL REFERENCES fridges (id),
    device_id    TEXT   NOT NULL REFERENCES devices (id),
    reason       TEXT   NOT NULL,
    asked_by     TEXT   NOT NULL,              -- person
    asked_at     BIGINT NOT NULL,
    until        BIGINT NOT NULL,              -- the number is good before this
    number       TEXT   NOT NULL DEFAULT '',   -- gone once the opening has ended, whichever way
    wrong        BIGINT NOT NULL DEFAULT 0,    -- numbers that were entered and were not it
    state        TEXT   NOT NULL CHECK (state IN ('asked', 'confirmed', 'refused', 'expired')),
    ended_at     BIGINT,
    at_door      TEXT   NOT NULL DEFAULT '',   -- name of whoever read the number out
    show_command TEXT   NOT NULL REFERENCES commands (id),
    open_command TEXT REFERENCES commands (id)
);

CREATE INDEX door_openings_by_fridge ON door_openings (fridge_id, asked_at);
CREATE INDEX door_openings_by_command ON door_openings (show_command);
CREATE UNIQUE INDEX door_openings_open ON door_openings (fridge_id) WHERE state = 'asked';

-- Boards that are stolen ----------------------------------------------------------------------------------------------------
ALTER TABLE devices ADD COLUMN stolen_at BIGINT;

-- Customers are told of new codes, too; kinds are the program's to check, so that a new one needs no new table.
CREATE TABLE customer_notices_of_any_kind (
    number      BIGINT PRIMARY KEY,
    order_id    TEXT   NOT NULL REFERENCES orders (id),
    customer_id TEXT   NOT NULL, -- a pseudonym
    kind        TEXT   NOT NULL,
    parameters  TEXT   NOT NULL, -- JSON
    made_at     BIGINT NOT NULL
);

INSERT INTO customer_notices_of_any_kind (number, order_id, customer_id, kind, parameters, made_at)
    SELECT number, order_id, customer_id, kind, parameters, made_at FROM customer_notices;

DROP TABLE customer_notices;
ALTER TABLE customer_notices_of_any_kind RENAME TO customer_notices;

CREATE INDEX customer_notices_by_order ON customer_notices (order_id);
CREATE INDEX customer_notices_by_customer ON customer_notices (customer_id, number);

-- Boards that take the place of others --------------------------------------------------------------------------------------
-- Until an engineer has signed that its probes and doors are what they say, a board serves no customers.
CREATE TABLE commissionings (
    id            TEXT   PRIMARY KEY,
    device_id     TEXT   NOT NULL REFERENCES devices (id),
    former_id     TEXT   NOT NULL REFERENCES devices (id),
    location_id   TEXT   NOT NULL REFERENCES locations (id),
    began_at      BIGINT NOT NULL,
    began_by      TEXT   NOT NULL,
    heard_until   BIGINT,                      -- up to where the former board's log was heard when it was shut out
    signed_at     BIGINT,
    signed_by     TEXT   NOT NULL DEFAULT ''   -- person
);

CREATE UNIQUE INDEX commissionings_open ON commissionings (device_id) WHERE signed_at IS NULL;

CREATE TABLE commissioning_checks (
    commissioning_id TEXT   NOT NULL REFERENCES commissionings (id),
    fridge_id        TEXT   NOT NULL REFERENCES fridges (id),
    step             TEXT   NOT NULL CHECK (step IN ('probe', 'reference', 'door')),
    state            TEXT   NOT NULL CHECK (state IN ('running', 'passed', 'failed')),
    began_at         BIGINT NOT NULL,
    ended_at         BIGINT,
    by               TEXT   NOT NULL,          -- person
    detail           TEXT   NOT NULL DEFAULT '',
    command_id       TEXT REFERENCES commands (id),
    PRIMARY KEY (commissioning_id, fridge_id, step)
);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
