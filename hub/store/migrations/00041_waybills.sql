-- +goose Up

-- Carriers speak of waybills.
CREATE INDEX rental_bags_waybill ON rental_bags (waybill) WHERE waybill <> '';

-- +goose Down

DROP INDEX rental_bags_waybill;
