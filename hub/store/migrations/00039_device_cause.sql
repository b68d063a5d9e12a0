-- +goose Up
-- Why a station held goods by itself, as it said it (protocol.GoodsCause), so that pages can tell it in the reader's language; 0 for others.
ALTER TABLE quality_holds ADD COLUMN device_cause INTEGER NOT NULL DEFAULT 0;

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
