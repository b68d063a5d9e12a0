-- The life of an alarm once it exists: see hub/alarm.

-- +goose Up

ALTER TABLE alarms ADD COLUMN open BOOLEAN NOT NULL DEFAULT TRUE; -- something is still to be done or known about it
ALTER TABLE alarms ADD COLUMN acknowledged_at BIGINT; -- of the present revision
ALTER TABLE alarms ADD COLUMN acknowledged_by TEXT NOT NULL DEFAULT '';
ALTER TABLE alarms ADD COLUMN confirmed_at BIGINT;
ALTER TABLE alarms ADD COLUMN confirmed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE alarms ADD COLUMN shelved_until BIGINT;
ALTER TABLE alarms ADD COLUMN shelved_by TEXT NOT NULL DEFAULT '';
ALTER TABLE alarms ADD COLUMN shelved_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE alarms ADD COLUMN shelved_once BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE alarms ADD COLUMN latched BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE alarms ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE alarms ADD COLUMN owner TEXT NOT NULL DEFAULT ''; -- the role that deals with it
ALTER TABLE alarms ADD COLUMN priority BIGINT NOT NULL DEFAULT 3; -- 1 is the gravest
ALTER TABLE alarms ADD COLUMN parent_id TEXT NOT NULL DEFAULT ''; -- the alarm that explains it
ALTER TABLE alarms ADD COLUMN changes BIGINT NOT NULL DEFAULT 0; -- rows of its history
ALTER TABLE alarms ADD COLUMN calls_since BIGINT; -- since when the hub knows that it calls for somebody; NULL while it does not

UPDATE alarms SET open = FALSE WHERE cleared_at IS NOT NULL;

CREATE INDEX alarms_to_do ON alarms (open, raised_at);
CREATE INDEX alarms_by_parent ON alarms (parent_id) WHERE parent_id <> '';

-- An alarm as it was before it was judged anew, with what people said to it.
CREATE TABLE alarm_revisions (
    alarm_id        TEXT   NOT NULL REFERENCES alarms (id),
    revision        BIGINT NOT NULL,
    detail          TEXT   NOT NULL,
    raised_at       BIGINT NOT NULL,
    cleared_at      BIGINT,
    acknowledged_at BIGINT,
    acknowledged_by TEXT   NOT NULL,
    confirmed_at    BIGINT,
    confirmed_by    TEXT   NOT NULL,
    revised_at      BIGINT NOT NULL, -- when the next one took its place
    PRIMARY KEY (alarm_id, revision)
);

-- Everything that happened to an alarm.
CREATE TABLE alarm_history (
    alarm_id  TEXT   NOT NULL REFERENCES alarms (id),
    number    BIGINT NOT NULL, -- from 1, in the order in which it became known
    at        BIGINT NOT NULL,
    what      TEXT   NOT NULL,
    person_id TEXT   NOT NULL, -- empty for devices, the clock and the rules
    detail    TEXT   NOT NULL,
    revision  BIGINT NOT NULL,
    PRIMARY KEY (alarm_id, number)
);

-- Positions that somebody works at: their alarms are kept and call nobody.
CREATE TABLE maintenance (
    id        TEXT PRIMARY KEY,
    position  TEXT   NOT NULL, -- a fridge, location, shipper or device
    person_id TEXT   NOT NULL,
    reason    TEXT   NOT NULL,
    from_at   BIGINT NOT NULL,
    until_at  BIGINT NOT NULL,
    ended_at  BIGINT, -- before time
    ended_by  TEXT   NOT NULL DEFAULT ''
);

CREATE INDEX maintenance_until ON maintenance (until_at);

-- What is told to somebody about an alarm, once for each recipient and stage, and whether it was.
CREATE TABLE alarm_notices (
    id            TEXT PRIMARY KEY, -- made of alarm, revision, stage and recipient; recipients can tell a repeat by it
    alarm_id      TEXT   NOT NULL REFERENCES alarms (id),
    revision      BIGINT NOT NULL,
    stage         BIGINT NOT NULL,
    channel       TEXT   NOT NULL, -- webhook, mail
    recipient     TEXT   NOT NULL,
    language      TEXT   NOT NULL,
    made_at       BIGINT NOT NULL,
    due_at        BIGINT NOT NULL,
    tries         BIGINT NOT NULL DEFAULT 0,
    claimed_until BIGINT, -- a hub is sending it
    settled_at    BIGINT,
    outcome       TEXT   NOT NULL DEFAULT '', -- sent, failed, needless
    problem       TEXT   NOT NULL DEFAULT ''
);

CREATE INDEX alarm_notices_due ON alarm_notices (due_at) WHERE settled_at IS NULL;
CREATE INDEX alarm_notices_of ON alarm_notices (alarm_id);

-- When a probe was compared with a reference last, and until when that holds.
CREATE TABLE calibrations (
    sensor        TEXT   NOT NULL, -- POSITION/NAME
    calibrated_on TEXT   NOT NULL, -- a date
    due_on        TEXT   NOT NULL,
    certificate   TEXT   NOT NULL,
    person_id     TEXT   NOT NULL,
    entered_at    BIGINT NOT NULL,
    PRIMARY KEY (sensor, calibrated_on)
);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
