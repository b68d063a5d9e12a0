-- +goose Up

-- When a grant was issued; 0: before this was kept. A lock takes a signed token of a grant that it has not heard of only when the
-- grant is newer than its plan.
ALTER TABLE grants ADD COLUMN issued_at BIGINT NOT NULL DEFAULT 0;

-- The public keys of tokens. The private ones are in files of the hubs that made them.
CREATE TABLE token_keys (
    id         TEXT   PRIMARY KEY, -- the beginning of the SHA-256 of the public key, hexadecimal
    public_key BYTEA  NOT NULL,    -- Ed25519
    made_at    BIGINT NOT NULL,
    signs_from BIGINT NOT NULL,    -- not before all locks have heard of it
    ends_at    BIGINT              -- from then on no lock takes it any more; NULL: not known yet
);
