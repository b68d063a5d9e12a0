-- +goose Up

-- What those who work here and visitors are called, apart from what they do, as customers are (contacts). Each is sealed with a key of
-- its own, which is wrapped by the hub's; without that key the name is lost for ever. SQL cannot seal: the columns of before (persons.name,
-- passes.name, door_openings.at_door) are emptied into here by the first hub, or command that deals with names, that has the key, and
-- stay empty.
CREATE TABLE names (
    kind     TEXT  NOT NULL CHECK (kind IN ('person', 'login', 'pass', 'opening')),
    owner_id TEXT  NOT NULL, -- of the person, pass or opening
    sealed   BYTEA NOT NULL,
    key_id   TEXT  NOT NULL, -- which of the hub's keys it is wrapped by
    wrapped  BYTEA NOT NULL,
    PRIMARY KEY (owner_id, kind)
);

CREATE INDEX names_by_key ON names (key_id);

-- A keyed hash of the name that is typed beside the password; the name itself is in names.
ALTER TABLE passwords RENAME COLUMN login TO login_mark;

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
