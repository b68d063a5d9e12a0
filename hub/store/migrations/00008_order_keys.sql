-- Who confirmed an order, and when; idempotency keys of those who place orders: what was decided under a key is answered again.

-- +goose Up

-- When what was decided last became known: a clock that is set back must not make history run backwards.
ALTER TABLE delivery_dates ADD COLUMN known_at BIGINT NOT NULL DEFAULT 0;

ALTER TABLE orders ADD COLUMN confirmed_at BIGINT; -- of an order that was held
ALTER TABLE orders ADD COLUMN confirmed_by TEXT NOT NULL DEFAULT ''; -- person

-- The answer is the order as it was then: the order's rows, and the history of the numbering as it was known at known_at.
CREATE TABLE order_keys (
    person_id    TEXT   NOT NULL,
    key          TEXT   NOT NULL,
    order_id     TEXT   NOT NULL,
    request_hash TEXT   NOT NULL, -- of what was asked with it, SHA-256 in hexadecimal
    state        TEXT   NOT NULL, -- as it was decided
    known_at     BIGINT NOT NULL, -- when it was stored; with order_items.known_from
    PRIMARY KEY (person_id, key)
);

CREATE INDEX order_keys_by_age ON order_keys (known_at);

CREATE INDEX dated_container_history_by_id ON dated_container_history (id);

-- +goose Down
SELECT 1;
