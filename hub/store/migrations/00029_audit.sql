-- +goose Up

-- The audit trail ----------------------------------------------------------------------------------------------------------

-- Acts are chained by hashes; hub/audit says over which bytes. Those from before have no chain: they are counted in each signed head.
ALTER TABLE acts ADD COLUMN was_before TEXT NOT NULL DEFAULT '';
ALTER TABLE acts ADD COLUMN was_after TEXT NOT NULL DEFAULT '';
ALTER TABLE acts ADD COLUMN chain TEXT;
ALTER TABLE acts ADD COLUMN number BIGINT;
ALTER TABLE acts ADD COLUMN hash BYTEA;

CREATE UNIQUE INDEX acts_by_chain ON acts (chain, number);
CREATE INDEX acts_by_time ON acts (at, id);
CREATE INDEX acts_by_person ON acts (person_id, at);

-- How far the chains had come, signed by the hub, so that it shows when a tail is cut off.
CREATE TABLE audit_heads (
    number      BIGINT PRIMARY KEY,
    at          BIGINT NOT NULL,
    older       BIGINT NOT NULL, -- acts without a chain
    tips        TEXT   NOT NULL, -- JSON: of each chain that has grown its name, last number and hash
    hash        BYTEA  NOT NULL,
    certificate BYTEA  NOT NULL, -- of the key that signed, DER
    signature   BYTEA  NOT NULL  -- ECDSA over the hash
);

-- How far of each chain heads have signed, so that a chain at rest costs nothing. Who changes it gains nothing: heads say it, too.
CREATE TABLE audit_tips (
    chain  TEXT PRIMARY KEY,
    number BIGINT NOT NULL
);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
