-- Several businesses on one hub: see hub/people/DESIGN.md. What there is already belongs to the one that a hub begins with.

-- +goose Up
CREATE TABLE businesses (
    id    TEXT   PRIMARY KEY,
    name  TEXT   NOT NULL, -- empty for the first as long as it is the only one
    since BIGINT NOT NULL
);

INSERT INTO businesses (id, name, since) VALUES ('main', '', 0);

-- The roots of what a business owns. All else belongs to it by what it is part of: hub/store/within.go says how.
ALTER TABLE collection_spots ADD COLUMN business_id TEXT NOT NULL DEFAULT 'main';
ALTER TABLE depots ADD COLUMN business_id TEXT NOT NULL DEFAULT 'main';
ALTER TABLE locations ADD COLUMN business_id TEXT NOT NULL DEFAULT 'main';
ALTER TABLE shops ADD COLUMN business_id TEXT NOT NULL DEFAULT 'main';
ALTER TABLE routes ADD COLUMN business_id TEXT NOT NULL DEFAULT 'main';
ALTER TABLE shippers ADD COLUMN business_id TEXT NOT NULL DEFAULT 'main';
ALTER TABLE warehouses ADD COLUMN business_id TEXT NOT NULL DEFAULT 'main';
ALTER TABLE contacts ADD COLUMN business_id TEXT NOT NULL DEFAULT 'main';
ALTER TABLE clients ADD COLUMN business_id TEXT NOT NULL DEFAULT 'main';

-- The business in which a person has the role of their own row.
ALTER TABLE persons ADD COLUMN business_id TEXT NOT NULL DEFAULT 'main';
-- Which of them a session is in.
ALTER TABLE sessions ADD COLUMN business_id TEXT NOT NULL DEFAULT 'main';

-- What a person is here for in the other businesses.
CREATE TABLE person_roles (
    person_id   TEXT   NOT NULL REFERENCES persons (id),
    business_id TEXT   NOT NULL REFERENCES businesses (id),
    role        TEXT   NOT NULL,
    place       TEXT   NOT NULL,
    given_at    BIGINT NOT NULL,
    given_by    TEXT   NOT NULL,
    PRIMARY KEY (person_id, business_id)
);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
