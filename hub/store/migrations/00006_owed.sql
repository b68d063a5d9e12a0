-- +goose Up

-- What is looked for every second must not take a look at each device.
CREATE INDEX devices_owed ON devices (id) WHERE plan_sent > plan_active AND revoked_at IS NULL;
CREATE INDEX devices_revoked ON devices (id) WHERE revoked_at IS NOT NULL;

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
