-- Who persons are, apart from what they do: see hub/register. And how long data are kept: see hub/retention.

-- +goose Up

-- The contact of a customer, by pseudonym, or of somebody who works here, by person id. Nothing here can be read without two keys.
CREATE TABLE contacts (
    id         TEXT   PRIMARY KEY,
    kind       TEXT   NOT NULL CHECK (kind = 'customer' OR kind = 'staff'),
    sealed     BYTEA  NOT NULL, -- with a key of this row's own, bound to id and revision; empty once erased
    revision   BIGINT NOT NULL,
    entered_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- The row's own key, wrapped by the hub's key. Without it the contact is lost for ever, which is what erasing is.
CREATE TABLE contact_keys (
    id      TEXT   PRIMARY KEY REFERENCES contacts (id),
    key_id  TEXT   NOT NULL, -- which of the hub's keys it is wrapped by
    wrapped BYTEA  NOT NULL
);

CREATE INDEX contact_keys_by_key ON contact_keys (key_id);

-- Keyed hashes of what a contact is found by. The same key finds it again, and nobody without the key learns or tries anything.
CREATE TABLE contact_marks (
    id   TEXT NOT NULL REFERENCES contacts (id),
    kind TEXT NOT NULL CHECK (kind = 'phone' OR kind = 'email'),
    mark TEXT NOT NULL,
    PRIMARY KEY (id, kind)
);

CREATE INDEX contact_marks_by_mark ON contact_marks (mark);

-- Who was erased. It outlives the person, and a backup that is put back is brought up to it.
CREATE TABLE erasures (
    id         TEXT   PRIMARY KEY, -- pseudonym or person id
    kind       TEXT   NOT NULL,
    erased_at  BIGINT NOT NULL,
    ordered_by TEXT   NOT NULL, -- the person, a guardian, an authority, the term: never a name
    reason     TEXT   NOT NULL,
    done_by    TEXT   NOT NULL -- person id, or console
);

-- Who looked at whose data, and why.
CREATE TABLE looks (
    id        TEXT   PRIMARY KEY,
    at        BIGINT NOT NULL,
    person_id TEXT   NOT NULL, -- who looked: a person id, or console
    subject   TEXT   NOT NULL, -- whom at
    what      TEXT   NOT NULL CHECK (what IN ('show', 'find', 'change', 'export')),
    reason    TEXT   NOT NULL
);

CREATE INDEX looks_of ON looks (subject, at);
CREATE INDEX looks_at ON looks (at, subject);
CREATE INDEX orders_of_customer ON orders (customer_id);
CREATE INDEX rental_orders_of_customer ON rental_orders (customer_id);

-- For how many days a class of data is kept, where that is not the default.
CREATE TABLE retention (
    class  TEXT   PRIMARY KEY,
    days   BIGINT NOT NULL CHECK (days > 0),
    set_by TEXT   NOT NULL,
    set_at BIGINT NOT NULL
);

-- What the job has done: once a class and date, by one hub.
CREATE TABLE retention_runs (
    class         TEXT   NOT NULL,
    run_date      TEXT   NOT NULL,
    claimed_until BIGINT NOT NULL, -- another hub may take it over after that
    finished_at   BIGINT,
    deleted       BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (class, run_date)
);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
