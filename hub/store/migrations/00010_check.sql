-- What the checker finds in future deliveries, and when it looked.

-- +goose Up

CREATE TABLE findings (
    id            TEXT PRIMARY KEY, -- made of what is wrong with what, so that it is the same at every look
    kind          TEXT   NOT NULL,
    severity      BIGINT NOT NULL, -- 1 grave, 2 wrong, 3 noticed
    delivery_date TEXT   NOT NULL,
    subject       TEXT   NOT NULL,
    detail        TEXT   NOT NULL, -- JSON: what it is told with, the rows, the orders affected, the repair proposed
    departs_at    BIGINT, -- the run concerned
    first_seen    BIGINT NOT NULL, -- of this time that it is there
    last_seen     BIGINT NOT NULL,
    gone_at       BIGINT
);

CREATE INDEX findings_open ON findings (severity, departs_at) WHERE gone_at IS NULL;
CREATE INDEX findings_by_gone ON findings (gone_at);

CREATE TABLE check_looks (
    at         BIGINT PRIMARY KEY,
    took_ms    BIGINT NOT NULL,
    dates      BIGINT NOT NULL,
    containers BIGINT NOT NULL,
    orders     BIGINT NOT NULL,
    items      BIGINT NOT NULL,
    findings   BIGINT NOT NULL,
    omitted    BIGINT NOT NULL -- findings beyond what one look keeps
);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
