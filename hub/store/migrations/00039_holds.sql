-- +goose Up
-- Why a station held goods by itself, as it said it (protocol.GoodsCause), so that pages can tell it in the reader's language; 0 for others.
ALTER TABLE quality_holds ADD COLUMN device_cause INTEGER NOT NULL DEFAULT 0;

-- Up to when the judgement that a hold follows from knew what there was to know: what comes after it is another question.
ALTER TABLE quality_holds ADD COLUMN judged_until BIGINT;

-- When a fridge was opened last for an order, too: who comes again for what was forgotten takes goods that may have become too warm since.
ALTER TABLE order_pickups ADD COLUMN last_at BIGINT NOT NULL DEFAULT 0;
UPDATE order_pickups SET last_at = at;

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
