-- Payments: how far each has come, what goes back, and what is to be done next about them.

-- +goose Up

CREATE TABLE payments (
    order_id     TEXT PRIMARY KEY REFERENCES orders (id),
    reference    TEXT   NOT NULL UNIQUE, -- random; every idempotency key begins with it
    state        TEXT   NOT NULL CHECK (state IN ('opening', 'authorising', 'authorised', 'capturing', 'captured', 'voiding', 'voided',
        'declined', 'uncollected')),
    cause        TEXT   NOT NULL CHECK (cause IN ('', 'payment_declined', 'payment_lost', 'order_stays', 'order_ended')), -- why it is given up
    code         TEXT   NOT NULL, -- the provider's word for why it refused
    method       TEXT   NOT NULL, -- token of what the customer pays with; empty once it is not needed
    intent_id    TEXT UNIQUE,     -- the provider's id, once known
    amount_yen   BIGINT NOT NULL CHECK (amount_yen > 0),
    captured_yen BIGINT NOT NULL,
    refunded_yen BIGINT NOT NULL,
    begun_at     BIGINT NOT NULL,
    changed_at   BIGINT NOT NULL,
    CHECK (captured_yen BETWEEN 0 AND amount_yen),
    CHECK (refunded_yen BETWEEN 0 AND captured_yen),
    CHECK (captured_yen > 0 OR state <> 'captured')
);

CREATE INDEX payments_uncollected ON payments (changed_at) WHERE state = 'uncollected';

-- The order's lines as they are paid for: the order's own may change.
CREATE TABLE payment_lines (
    order_id       TEXT   NOT NULL REFERENCES payments (order_id),
    line           BIGINT NOT NULL,
    product_id     TEXT   NOT NULL,
    units          BIGINT NOT NULL CHECK (units > 0),
    unit_price_yen BIGINT NOT NULL CHECK (unit_price_yen >= 0),
    PRIMARY KEY (order_id, line)
);

CREATE TABLE refunds (
    order_id    TEXT   NOT NULL REFERENCES payments (order_id),
    id          TEXT   NOT NULL,
    sequence    BIGINT NOT NULL, -- in order of asking
    state       TEXT   NOT NULL CHECK (state IN ('waiting', 'refunding', 'refunded', 'failed', 'dropped')),
    amount_yen  BIGINT NOT NULL CHECK (amount_yen > 0),
    reason      TEXT   NOT NULL,
    asked_by    TEXT   NOT NULL, -- person, or 'system'
    asked_at    BIGINT NOT NULL,
    done_at     BIGINT,
    provider_id TEXT   NOT NULL,
    code        TEXT   NOT NULL, -- the provider's word for why it failed
    PRIMARY KEY (order_id, id)
);

CREATE TABLE refund_lines (
    order_id  TEXT   NOT NULL,
    refund_id TEXT   NOT NULL,
    line      BIGINT NOT NULL,
    units     BIGINT NOT NULL CHECK (units > 0),
    PRIMARY KEY (order_id, refund_id, line),
    FOREIGN KEY (order_id, refund_id) REFERENCES refunds (order_id, id),
    FOREIGN KEY (order_id, line) REFERENCES payment_lines (order_id, line)
);

-- The outbox: what is pending, each with its next try. What has no row here is settled.
CREATE TABLE payment_tasks (
    order_id  TEXT    NOT NULL REFERENCES payments (order_id),
    refund_id TEXT    NOT NULL, -- empty for the payment itself
    due_at    BIGINT  NOT NULL,
    tries     BIGINT  NOT NULL,
    round     BIGINT  NOT NULL, -- part of the idempotency key of the next call
    unsure    BOOLEAN NOT NULL, -- a call was begun whose outcome is not known
    since     BIGINT  NOT NULL,
    problem   TEXT    NOT NULL,
    PRIMARY KEY (order_id, refund_id)
);

CREATE INDEX payment_tasks_due ON payment_tasks (due_at);

-- Events that the provider has sent, so that one that comes again does nothing.
CREATE TABLE payment_events (
    id          TEXT PRIMARY KEY,
    kind        TEXT   NOT NULL,
    intent_id   TEXT   NOT NULL,
    received_at BIGINT NOT NULL
);

CREATE INDEX payment_events_by_age ON payment_events (received_at);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
