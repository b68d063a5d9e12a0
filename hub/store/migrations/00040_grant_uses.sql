-- +goose Up
-- The first use of a grant at each lock that the hub has heard of. A use that one lock gives back is none of another's. grants.used_at
-- stays the first of all.
CREATE TABLE grant_uses (
    grant_id TEXT   NOT NULL REFERENCES grants (id),
    position TEXT   NOT NULL, -- of the lock; empty: not known, from before
    used_at  BIGINT NOT NULL,
    PRIMARY KEY (grant_id, position)
);
INSERT INTO grant_uses (grant_id, position, used_at) SELECT id, '', used_at FROM grants WHERE used_at IS NOT NULL;

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
