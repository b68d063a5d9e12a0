-- +goose Up
-- A place may be judged again only after some time: readings that were on their way may have come in a burst that nobody marked.
ALTER TABLE judge_due ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0;

-- For which date the clock made a shop's pass (its id said so alone), and that the clock itself has taken it back, because nothing was to be
-- brought: such a pass is made again when something is.
ALTER TABLE passes ADD COLUMN for_date TEXT NOT NULL DEFAULT '';
ALTER TABLE passes ADD COLUMN idle BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE passes SET for_date = substr(id, length('pass-' || shop_id || '-') + 1)
    WHERE holder = 'shop' AND reason = 'cutoff' AND substr(id, 1, length('pass-' || shop_id || '-')) = 'pass-' || shop_id || '-';

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
