-- +goose Up

-- What is kept of the records of a device that could not be read is bounded, and so has to be counted.
CREATE INDEX events_quarantined ON events (device_id) WHERE outcome = 'quarantined';

-- Sessions of revoked devices are ended by their certificates.
DROP INDEX devices_revoked;
