-- Several people may repair a piece before its final inspection: the rules' state names them all.

-- +goose Up
UPDATE rental_items SET state = REPLACE(REPLACE(state, '"RepairedBy":""', '"RepairedBy":null'),
    '"RepairedBy":"' || repaired_by || '"', '"RepairedBy":["' || repaired_by || '"]') WHERE state LIKE '%"RepairedBy":"%';

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
