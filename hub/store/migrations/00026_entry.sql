-- +goose Up

-- Ways in ------------------------------------------------------------------------------------------------------------------

-- Passkeys (WebAuthn): of each the public key. The secret one never leaves the person's authenticator.
CREATE TABLE passkeys (
    id         TEXT PRIMARY KEY,   -- of the credential, base64url
    person_id  TEXT   NOT NULL REFERENCES persons (id),
    name       TEXT   NOT NULL,    -- by which the person knows it
    public_key BYTEA  NOT NULL,    -- COSE_Key (RFC 9052)
    flags      BIGINT NOT NULL,    -- of its authenticator data: whether it may be, and is, backed up
    transports TEXT   NOT NULL,    -- how browsers reach it, with spaces between
    sign_count BIGINT NOT NULL,    -- signatures that the authenticator has made; 0 for ever where it does not count
    added_at   BIGINT NOT NULL,
    used_at    BIGINT              -- last; null when never
);

CREATE INDEX passkeys_of ON passkeys (person_id);

-- Challenges that were answered rightly, until they are too old anyway: none is taken twice, whichever hub is asked.
CREATE TABLE used_challenges (
    hash    TEXT PRIMARY KEY,
    ends_at BIGINT NOT NULL
);

CREATE INDEX used_challenges_end ON used_challenges (ends_at);

-- Who somebody is at a company's own login (OpenID Connect). It outlives the person's removal, who else would come back by it.
CREATE TABLE identities (
    issuer    TEXT   NOT NULL,
    subject   TEXT   NOT NULL,
    person_id TEXT   NOT NULL REFERENCES persons (id),
    bound_at  BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
