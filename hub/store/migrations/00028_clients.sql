-- Programs that get tokens of the hub, and the keys that sign these. See hub/people and hub/bearer.

-- +goose Up

CREATE TABLE clients (
    id         TEXT   PRIMARY KEY, -- its name, and its client_id
    role       TEXT   NOT NULL,
    place      TEXT   NOT NULL,    -- a shop; empty for none
    scopes     TEXT   NOT NULL,    -- separated by spaces
    per_minute BIGINT NOT NULL CHECK (per_minute > 0),
    added_at   BIGINT NOT NULL,
    added_by   TEXT   NOT NULL,
    revoked_at BIGINT
);

-- A secret is random; only its SHA-256 is here. The former one of a client is good for a while after another was made.
CREATE TABLE client_secrets (
    secret_hash TEXT   PRIMARY KEY,
    client_id   TEXT   NOT NULL REFERENCES clients (id),
    made_at     BIGINT NOT NULL,
    ends_at     BIGINT -- NULL: the newest
);

CREATE INDEX client_secrets_of ON client_secrets (client_id);

-- Keys that sign access tokens. The private half is sealed with the key of people's secrets, which is not in the database.
CREATE TABLE access_keys (
    id         TEXT   PRIMARY KEY, -- JWK thumbprint (RFC 7638)
    public_key BYTEA  NOT NULL,    -- Ed25519
    sealed     BYTEA  NOT NULL,
    made_at    BIGINT NOT NULL,
    signs_from BIGINT NOT NULL,
    ends_at    BIGINT -- its tokens are taken until then; NULL while no other has taken its place
);

-- A badge that was taken back stays, so that nobody else gets its number, and no file that is imported again gives it back.
ALTER TABLE warehouse_operators ADD COLUMN revoked_at BIGINT;

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
