-- Goods on their way in a shipper, as the station that takes them in judges it by itself: see hub/quality.

-- +goose Up

-- What a station does with goods that come without their shipper's statement, on the leg of the shipper.
ALTER TABLE temperature_limits ADD COLUMN unstated TEXT NOT NULL DEFAULT 'pass' CHECK (unstated = 'hold' OR unstated = 'pass');

-- The public key with which a device signs statements, as it told itself; the newest counts.
CREATE TABLE signing_keys (
    device_id  TEXT   PRIMARY KEY REFERENCES devices (id),
    public_key BYTEA  NOT NULL, -- Ed25519
    told_at    BIGINT NOT NULL
);

-- What stations knew of the way of goods that were handed in, and decided by.
CREATE TABLE rides_judged (
    device_id    TEXT   NOT NULL, -- of the station
    incarnation  TEXT   NOT NULL,
    number       BIGINT NOT NULL, -- of the record that says so
    container_id TEXT   NOT NULL, -- which may be taken away later
    shipper_id   TEXT   NOT NULL,
    at           BIGINT NOT NULL,
    outcome      TEXT   NOT NULL, -- sound, uncertain, broken, unknown
    from_at      BIGINT,          -- of the time that was judged; NULL without a statement
    until_at     BIGINT,
    outside_ms   BIGINT NOT NULL,
    gap_ms       BIGINT NOT NULL,
    milli_c      BIGINT NOT NULL, -- the worst reading outside; 0 for none
    PRIMARY KEY (device_id, incarnation, number)
);

CREATE INDEX rides_judged_of ON rides_judged (container_id);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
