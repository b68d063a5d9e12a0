-- +goose Up

-- Accounts -----------------------------------------------------------------------------------------------------------------

-- A password, as argon2id has it: the text says its own parameters (PHC string format).
CREATE TABLE passwords (
    person_id TEXT PRIMARY KEY REFERENCES persons (id),
    login     TEXT   NOT NULL UNIQUE, -- the name that is typed beside it, in small letters
    hash      TEXT   NOT NULL,
    set_at    BIGINT NOT NULL
);

-- The secret of an authenticator (RFC 6238), sealed with a key that is not in the database.
CREATE TABLE totps (
    person_id  TEXT PRIMARY KEY REFERENCES persons (id),
    secret     BYTEA,           -- null until a code of it was given
    pending    BYTEA,           -- one that was shown and waits for its first code
    used_step  BIGINT NOT NULL, -- the newest time step a code of which was taken: no code is taken twice
    changed_at BIGINT NOT NULL
);

-- Codes for whoever has lost the authenticator; each works once.
CREATE TABLE recovery_codes (
    code_hash TEXT PRIMARY KEY,
    person_id TEXT   NOT NULL REFERENCES persons (id),
    made_at   BIGINT NOT NULL,
    used_at   BIGINT
);

CREATE INDEX recovery_codes_of ON recovery_codes (person_id);

ALTER TABLE login_links ADD COLUMN console BOOLEAN NOT NULL DEFAULT FALSE; -- made by whoever has the data directory

ALTER TABLE sessions ADD COLUMN means TEXT NOT NULL DEFAULT 'link';         -- how it began: console link, link, password, passkey
ALTER TABLE sessions ADD COLUMN whole BOOLEAN NOT NULL DEFAULT FALSE;       -- no second factor is owed
ALTER TABLE sessions ADD COLUMN confirmed_at BIGINT;                        -- when the person last showed that it is they
ALTER TABLE sessions ADD COLUMN confirmed_by TEXT NOT NULL DEFAULT '';      -- and by what
ALTER TABLE sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';             -- what the browser calls itself
CREATE INDEX sessions_of ON sessions (person_id) WHERE ended_at IS NULL;

-- Sessions of roles that need no second factor go on; the others end, for a cookie is no word for enrolling one: they come back by a link.
UPDATE sessions SET whole = TRUE WHERE person_id IN (SELECT id FROM persons WHERE role NOT IN ('admin', 'dispatcher', 'quality'));
UPDATE sessions SET ended_at = seen_at WHERE ended_at IS NULL AND NOT whole;

-- How the person confirmed an act that needs one to answer for it; empty for an act that needs none.
ALTER TABLE acts ADD COLUMN signed TEXT NOT NULL DEFAULT '';

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
