-- +goose Up

-- Backups that were made, checked and are complete, and what is in the newest of them: up to there devices may delete.
CREATE TABLE backups (
    id          TEXT PRIMARY KEY,
    sequence    BIGINT NOT NULL UNIQUE, -- clocks are set back; a newer backup has a higher one
    file        TEXT   NOT NULL,
    sha256      TEXT   NOT NULL, -- of the file, hexadecimal
    bytes       BIGINT NOT NULL,
    began_at    BIGINT NOT NULL, -- what it holds is not older than this
    finished_at BIGINT NOT NULL
);

CREATE TABLE backup_positions (
    device_id   TEXT   NOT NULL,
    incarnation TEXT   NOT NULL,
    log         BIGINT NOT NULL,
    next_number BIGINT NOT NULL, -- the number after the last that the backup has
    PRIMARY KEY (device_id, incarnation, log)
);

-- Times at which this data was put back from a backup.
CREATE TABLE restores (
    id          TEXT PRIMARY KEY,
    file        TEXT   NOT NULL,
    restored_at BIGINT NOT NULL
);

-- The lives of a device's storage, as they were heard.
CREATE TABLE incarnations (
    device_id     TEXT   NOT NULL REFERENCES devices (id),
    incarnation   TEXT   NOT NULL,
    parent        TEXT   NOT NULL DEFAULT '', -- the incarnation that it goes on from
    first_heard_at BIGINT NOT NULL,
    heard_at      BIGINT NOT NULL, -- newest hello, with its boot and session
    boot          BIGINT NOT NULL,
    session       BIGINT NOT NULL,
    superseded_at BIGINT,
    PRIMARY KEY (device_id, incarnation)
);

INSERT INTO incarnations (device_id, incarnation, first_heard_at, heard_at, boot, session, superseded_at)
    SELECT l.device_id, l.incarnation, COALESCE(d.seen_at, d.added_at), COALESCE(d.seen_at, d.added_at),
        CASE WHEN l.incarnation = d.incarnation THEN d.boot ELSE 0 END, CASE WHEN l.incarnation = d.incarnation THEN d.session ELSE 0 END,
        CASE WHEN l.incarnation = d.incarnation THEN NULL ELSE COALESCE(d.seen_at, d.added_at) END
    FROM device_logs l JOIN devices d ON d.id = l.device_id WHERE l.log = 1;

-- What a log goes on from: numbers parent_first up to, without, parent_next of the parent's log may come again under new ones.
ALTER TABLE device_logs ADD COLUMN parent TEXT NOT NULL DEFAULT '';
ALTER TABLE device_logs ADD COLUMN parent_first BIGINT NOT NULL DEFAULT 0;
ALTER TABLE device_logs ADD COLUMN parent_next BIGINT NOT NULL DEFAULT 0;
-- The hub went back to a backup, and the device has not said hello since.
ALTER TABLE device_logs ADD COLUMN restored_at BIGINT;

-- The board that took the place of this one.
ALTER TABLE devices ADD COLUMN replaced_by TEXT NOT NULL DEFAULT '';

-- A grant that was issued anew is never valid again.
ALTER TABLE grants ADD COLUMN revoked_at BIGINT;

-- The device has taken the command and is about to carry it out.
ALTER TABLE commands ADD COLUMN taken_at BIGINT;

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
