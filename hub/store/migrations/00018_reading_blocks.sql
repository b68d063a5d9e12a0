-- +goose Up

-- Readings that are some hours old stand packed in blocks, each the rows of one sensor in one boot, or a part of them; see
-- hub/store/READINGS.md. What they say is what the rows said. A row stands in readings or in one block.
CREATE TABLE reading_series (
    id          BIGINT PRIMARY KEY,
    device_id   TEXT   NOT NULL REFERENCES devices (id),
    incarnation TEXT   NOT NULL,
    sensor      TEXT   NOT NULL,
    UNIQUE (device_id, incarnation, sensor)
);

CREATE INDEX reading_series_by_sensor ON reading_series (sensor);

CREATE TABLE reading_blocks (
    series_id    BIGINT NOT NULL REFERENCES reading_series (id),
    first_number BIGINT NOT NULL, -- of the records; no other row of the series has a number between them
    last_number  BIGINT NOT NULL,
    boot         BIGINT NOT NULL,
    first_at     BIGINT NOT NULL, -- of the first sample
    first_end    BIGINT NOT NULL, -- least event_at of a row
    last_at      BIGINT NOT NULL, -- highest event_at of a row
    samples      BIGINT NOT NULL,
    faults       BIGINT NOT NULL, -- of the samples, how many are one
    min_milli_c  BIGINT NOT NULL, -- of those that are none; with faults alone min_milli_c > max_milli_c
    max_milli_c  BIGINT NOT NULL,
    undated      BIGINT NOT NULL, -- rows of which the time is not known to 2 s
    body         BYTEA  NOT NULL, -- hub/block
    PRIMARY KEY (series_id, first_number)
);

CREATE INDEX reading_blocks_by_time ON reading_blocks (series_id, first_end, last_at);
CREATE INDEX reading_blocks_undated ON reading_blocks (series_id, boot, first_number) WHERE undated > 0;

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
