-- What a plan said goes when a newer one is long in its place: it holds what codes are checked against.

-- +goose Up
ALTER TABLE plans ADD COLUMN pruned BOOLEAN NOT NULL DEFAULT FALSE; -- its contents were deleted; when it was made and answered stays
CREATE INDEX plans_whole ON plans (made_at) WHERE NOT pruned;
CREATE INDEX plan_contents_hash ON plan_contents (hash);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
