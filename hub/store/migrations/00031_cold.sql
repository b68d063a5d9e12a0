-- +goose Up
-- A place may be judged again only after some time: readings that were on their way may have come in a burst that nobody marked.
ALTER TABLE judge_due ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0;
