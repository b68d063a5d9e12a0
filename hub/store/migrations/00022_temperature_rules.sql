-- +goose Up

-- Alarm rules of the network's own, one for each side; see hub/coldchain. Where there are none the air is watched by the defaults.
CREATE TABLE temperature_rules (
    category         TEXT    NOT NULL REFERENCES temperature_categories (id),
    leg              TEXT    NOT NULL CHECK (leg = 'collection' OR leg = 'shipper' OR leg = 'station'),
    kind             TEXT    NOT NULL CHECK (kind = 'instant' OR kind = 'consecutive' OR kind = 'cumulative' OR kind = 'kinetic'),
    low              BOOLEAN NOT NULL, -- below the limit is outside; else above it
    limit_milli_c    BIGINT  NOT NULL,
    minutes          BIGINT  NOT NULL CHECK (minutes >= 0),
    deadband_milli_c BIGINT  NOT NULL CHECK (deadband_milli_c >= 0),
    on_delay_ms      BIGINT  NOT NULL,
    off_delay_ms     BIGINT  NOT NULL,
    ignore_start_ms  BIGINT  NOT NULL,
    ignore_end_ms    BIGINT  NOT NULL,
    PRIMARY KEY (category, leg, kind, low)
);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
