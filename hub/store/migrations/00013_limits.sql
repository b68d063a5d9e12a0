-- +goose Up

-- Up to when units of a product may have been sold under a higher standing limit: when the last order was placed before the limit
-- was lowered. 0: it never was. Without it a limit that was lowered looks like overselling.
ALTER TABLE products ADD COLUMN limit_lowered_at BIGINT NOT NULL DEFAULT 0;
