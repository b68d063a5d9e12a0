-- +goose Up

-- Which business somebody was in when they did it; empty where that was all of them (the console, a hub with one), and for older acts.
ALTER TABLE acts ADD COLUMN business_id TEXT NOT NULL DEFAULT '';

-- +goose Down

ALTER TABLE acts DROP COLUMN business_id;
