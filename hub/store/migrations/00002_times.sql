-- +goose Up

-- When a record was made is known only so well: event_at may be off by uncertainty_ms either way.
ALTER TABLE events ADD COLUMN uncertainty_ms BIGINT NOT NULL DEFAULT 0;

-- Boots, clock settings, samplings and orderly ends: what dates a device's records, and says what may be expected of it.
CREATE INDEX events_of_boots ON events (device_id, incarnation, boot, number) WHERE kind IN (1, 2, 8, 9);

-- A row of readings is the samples of one sensor in one record: the last one in milli_c, fault and event_at, the earlier ones
-- in earlier (CBOR). Claimed, event and received time are all kept.
ALTER TABLE readings ADD COLUMN boot BIGINT NOT NULL DEFAULT 0;
ALTER TABLE readings ADD COLUMN mono BIGINT NOT NULL DEFAULT 0;
ALTER TABLE readings ADD COLUMN claimed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE readings ADD COLUMN wall_quality BIGINT NOT NULL DEFAULT 2;
ALTER TABLE readings ADD COLUMN uncertainty_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE readings ADD COLUMN span_ms BIGINT NOT NULL DEFAULT 0; -- from the first sample of the row to the last
ALTER TABLE readings ADD COLUMN samples BIGINT NOT NULL DEFAULT 1;
ALTER TABLE readings ADD COLUMN faults BIGINT NOT NULL DEFAULT 0; -- of the samples, how many are one
ALTER TABLE readings ADD COLUMN earlier BYTEA;
UPDATE readings SET faults = 1 WHERE fault <> 0;

CREATE INDEX readings_undated ON readings (device_id, incarnation, boot) WHERE wall_quality = 0;

-- Why numbers are missing, as the ledger counts: 'not_held', 'thinned', 'damaged', 'incarnation_lost', 'restored'.
ALTER TABLE device_gaps ADD COLUMN kind TEXT NOT NULL DEFAULT 'not_held';

-- Readings that a device dropped for want of room, one row a Thinned record; body as sent.
CREATE TABLE thinnings (
    device_id   TEXT   NOT NULL REFERENCES devices (id),
    incarnation TEXT   NOT NULL,
    number      BIGINT NOT NULL, -- of the Thinned record
    first_number BIGINT NOT NULL,
    last_number BIGINT NOT NULL,
    reason      BIGINT NOT NULL,
    from_at     BIGINT NOT NULL,
    to_at       BIGINT NOT NULL,
    uncertainty_ms BIGINT NOT NULL,
    rounds      BIGINT NOT NULL,
    samples     BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    body        BYTEA  NOT NULL,
    PRIMARY KEY (device_id, incarnation, number)
);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
