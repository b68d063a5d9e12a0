-- +goose Up

-- When a record was made is known only so well: event_at may be off by uncertainty_ms either way. What is not known to 2 s is
-- dated again when more is known of its boot.
ALTER TABLE events ADD COLUMN uncertainty_ms BIGINT NOT NULL DEFAULT 0;
CREATE INDEX events_undated ON events (device_id, incarnation, boot, number) WHERE uncertainty_ms > 2000;

-- The pairs of monotonic and wall time of a boot.
DROP INDEX events_clock_set;
CREATE INDEX events_clock_set ON events (device_id, incarnation, boot, mono) WHERE kind = 2;

-- Events of kinds that this hub did not know, for when it does.
CREATE INDEX events_unknown ON events (device_id, incarnation, number) WHERE outcome = 'unknown';

-- What bounds a boot in time: the highest monotonic time heard of, and when it must have begun at the latest, the least of
-- received less monotonic time.
CREATE TABLE boots (
    device_id   TEXT   NOT NULL REFERENCES devices (id),
    incarnation TEXT   NOT NULL,
    boot        BIGINT NOT NULL,
    last_mono   BIGINT NOT NULL,
    begun_by    BIGINT NOT NULL,
    PRIMARY KEY (device_id, incarnation, boot)
);

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

CREATE INDEX readings_undated ON readings (device_id, incarnation, boot, number) WHERE uncertainty_ms > 2000;

-- Samples between two times are found by when their row ends and how long it is.
DROP INDEX readings_by_sensor;
CREATE INDEX readings_by_sensor ON readings (sensor, event_at, span_ms);

-- Alarms whose events are dated again.
CREATE INDEX alarms_by_subject ON alarms (subject);

-- The device does not know whether it has done what was asked, and finds out by sensing. The command stays open.
ALTER TABLE commands ADD COLUMN settling_since BIGINT;

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
