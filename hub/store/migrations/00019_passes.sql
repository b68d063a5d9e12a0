-- +goose Up

-- Rights to open doors that follow from no order and no run: of staff, engineers, couriers who step in, and of shops at the fridges of
-- their collection spot. Each was issued by somebody, for a reason.
CREATE TABLE passes (
    id          TEXT   PRIMARY KEY,
    place_id    TEXT   NOT NULL, -- a location, or a collection spot
    fridge_id   TEXT   REFERENCES fridges (id), -- NULL: each door of the place
    holder      TEXT   NOT NULL CHECK (holder IN ('courier', 'shop', 'staff', 'engineer')),
    shop_id     TEXT   REFERENCES shops (id),
    name        TEXT   NOT NULL, -- who it is for
    reason      TEXT   NOT NULL,
    pin         TEXT   NOT NULL, -- empty: it has a token only
    uses        BIGINT NOT NULL, -- of each door; 0: as often as needed
    valid_from  BIGINT NOT NULL,
    valid_until BIGINT NOT NULL,
    issued_at   BIGINT NOT NULL,
    revoked_at  BIGINT
);

CREATE INDEX passes_by_place ON passes (place_id, valid_until);

-- What locks do in doubt, where it is not the default; see protocol.PersonRule.
CREATE TABLE person_rules (
    holder      TEXT   PRIMARY KEY CHECK (holder IN ('customer', 'courier', 'shop', 'staff', 'engineer')),
    plan_age_ms BIGINT NOT NULL CHECK (plan_age_ms > 0),
    unproven    BIGINT NOT NULL CHECK (unproven BETWEEN 0 AND 2)
);
