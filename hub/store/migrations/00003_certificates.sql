-- +goose Up

-- Devices log in by certificate. Those that were added with a password need `hub device renew` once.
ALTER TABLE devices DROP COLUMN credential_hash;
ALTER TABLE devices ADD COLUMN certificate TEXT NOT NULL DEFAULT '';      -- fingerprint of the current one: SHA-256, hexadecimal
ALTER TABLE devices ADD COLUMN certificate_next TEXT NOT NULL DEFAULT ''; -- of one that was issued and has not been used yet

-- Every certificate that was issued to a device.
CREATE TABLE certificates (
    fingerprint TEXT PRIMARY KEY,
    device_id   TEXT   NOT NULL REFERENCES devices (id),
    serial      TEXT   NOT NULL UNIQUE, -- hexadecimal
    issued_at   BIGINT NOT NULL,
    ends_at     BIGINT NOT NULL,
    revoked_at  BIGINT -- replaced by a newer one, or the device was shut out
);

CREATE INDEX certificates_of_device ON certificates (device_id);
-- Brokers look every half second whether there are more of these.
CREATE INDEX certificates_revoked ON certificates (revoked_at) WHERE revoked_at IS NOT NULL;

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
