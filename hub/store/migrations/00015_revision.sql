-- +goose Up

-- The revision of the protocol that the device's agent spoke last: what came later is not sent to it.
ALTER TABLE devices ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
