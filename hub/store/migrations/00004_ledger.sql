-- +goose Up

-- What the completeness ledger asks for by time: starts, salvages, samplings and orderly ends.
CREATE INDEX events_of_ledger ON events (device_id, event_at) WHERE kind IN (1, 7, 8, 9);

-- Which numbers of a log could not be read.
CREATE INDEX quarantine_by_record ON quarantine (device_id, log, incarnation, number);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
