-- One text for SQLite and PostgreSQL. Times are Unix milliseconds UTC, delivery dates are YYYY-MM-DD, volumes millilitres,
-- temperatures millidegrees Celsius. What the physical world refuses, the keys below refuse.

-- +goose Up

-- The network, as imported -----------------------------------------------------------------------------------------

CREATE TABLE temperature_categories (
    id       TEXT PRIMARY KEY,
    sequence BIGINT NOT NULL
);

CREATE TABLE category_fridge_kinds (
    category    TEXT NOT NULL REFERENCES temperature_categories (id),
    fridge_kind TEXT NOT NULL,
    PRIMARY KEY (category, fridge_kind)
);

CREATE TABLE temperature_limits (
    category        TEXT   NOT NULL REFERENCES temperature_categories (id),
    leg             TEXT   NOT NULL CHECK (leg IN ('collection', 'shipper', 'station')),
    min_milli_c     BIGINT NOT NULL,
    max_milli_c     BIGINT NOT NULL,
    minutes_outside BIGINT NOT NULL CHECK (minutes_outside >= 0),
    PRIMARY KEY (category, leg),
    CHECK (min_milli_c <= max_milli_c)
);

CREATE TABLE collection_spots (
    id       TEXT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    name     TEXT NOT NULL
);

CREATE TABLE depots (
    id       TEXT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    name     TEXT NOT NULL
);

CREATE TABLE locations (
    id        TEXT PRIMARY KEY,
    sequence  BIGINT NOT NULL,
    gln       TEXT NOT NULL UNIQUE,
    name      TEXT NOT NULL,
    address   TEXT NOT NULL,
    latitude  DOUBLE PRECISION NOT NULL,
    longitude DOUBLE PRECISION NOT NULL
);

CREATE TABLE shops (
    id                 TEXT PRIMARY KEY,
    sequence           BIGINT NOT NULL,
    name               TEXT NOT NULL,
    collection_spot_id TEXT NOT NULL REFERENCES collection_spots (id),
    UNIQUE (id, collection_spot_id)
);

CREATE TABLE products (
    id                  TEXT PRIMARY KEY,
    sequence            BIGINT NOT NULL,
    name                TEXT NOT NULL,
    shop_id             TEXT NOT NULL REFERENCES shops (id),
    gtin                TEXT NOT NULL UNIQUE,
    category            TEXT NOT NULL REFERENCES temperature_categories (id),
    volume_ml           BIGINT NOT NULL CHECK (volume_ml > 0),
    sales_limit_per_day BIGINT NOT NULL CHECK (sales_limit_per_day >= 0),
    UNIQUE (id, shop_id, category)
);

-- A fridge stands at a location or, for collection, at a collection spot.
CREATE TABLE fridges (
    id                 TEXT PRIMARY KEY,
    sequence           BIGINT NOT NULL,
    location_id        TEXT REFERENCES locations (id),
    collection_spot_id TEXT REFERENCES collection_spots (id),
    kind               TEXT NOT NULL,
    min_milli_c        BIGINT NOT NULL,
    max_milli_c        BIGINT NOT NULL,
    UNIQUE (id, location_id, kind),
    UNIQUE (id, collection_spot_id),
    CHECK ((location_id IS NULL) <> (collection_spot_id IS NULL)),
    CHECK (min_milli_c <= max_milli_c)
);

CREATE TABLE slots (
    id          TEXT PRIMARY KEY,
    sequence    BIGINT NOT NULL,
    fridge_id   TEXT NOT NULL,
    location_id TEXT NOT NULL,
    fridge_kind TEXT NOT NULL,
    capacity_ml BIGINT NOT NULL CHECK (capacity_ml > 0),
    UNIQUE (id, location_id, fridge_id, fridge_kind, capacity_ml),
    FOREIGN KEY (fridge_id, location_id, fridge_kind) REFERENCES fridges (id, location_id, kind)
);

CREATE TABLE collection_addresses (
    id                 TEXT PRIMARY KEY,
    sequence           BIGINT NOT NULL,
    collection_spot_id TEXT NOT NULL,
    fridge_id          TEXT NOT NULL,
    UNIQUE (id, collection_spot_id),
    FOREIGN KEY (fridge_id, collection_spot_id) REFERENCES fridges (id, collection_spot_id)
);

CREATE TABLE routes (
    id         TEXT PRIMARY KEY,
    sequence   BIGINT NOT NULL,
    vehicle_id TEXT NOT NULL,
    driver_id  TEXT NOT NULL
);

CREATE TABLE route_stops (
    route_id   TEXT   NOT NULL REFERENCES routes (id),
    sequence   BIGINT NOT NULL,
    kind       TEXT   NOT NULL CHECK (kind IN ('collect', 'deliver', 'return')),
    place_id   TEXT   NOT NULL,
    planned_at TEXT   NOT NULL, -- HH:MM, local time of the network
    PRIMARY KEY (route_id, sequence)
);

CREATE TABLE shippers (
    id                  TEXT PRIMARY KEY,
    sequence            BIGINT NOT NULL,
    vehicle_id          TEXT NOT NULL,
    category            TEXT NOT NULL REFERENCES temperature_categories (id),
    capacity_containers BIGINT NOT NULL CHECK (capacity_containers > 0),
    grai                TEXT NOT NULL UNIQUE,
    UNIQUE (id, category, capacity_containers)
);

-- A delivery date ----------------------------------------------------------------------------------------------------

-- Every transaction that numbers order items of a date compares and raises the revision.
CREATE TABLE delivery_dates (
    delivery_date TEXT PRIMARY KEY,
    revision      BIGINT NOT NULL,
    frozen_at     BIGINT -- numbering is frozen and plans are made; NULL before
);

CREATE TABLE deliveries (
    location_id   TEXT   NOT NULL REFERENCES locations (id),
    delivery_date TEXT   NOT NULL REFERENCES delivery_dates (delivery_date),
    order_cutoff  BIGINT NOT NULL,
    pickup_opens  BIGINT NOT NULL,
    pickup_closes BIGINT NOT NULL,
    closed_at     BIGINT, -- leftovers are decided; NULL before
    PRIMARY KEY (location_id, delivery_date),
    CHECK (order_cutoff < pickup_opens AND pickup_opens < pickup_closes)
);

CREATE INDEX deliveries_by_date ON deliveries (delivery_date, pickup_closes);
CREATE INDEX deliveries_open ON deliveries (pickup_closes) WHERE closed_at IS NULL;

CREATE INDEX deliveries_by_closing ON deliveries (pickup_closes);

-- A run is a route on a date: ROUTE@DATE.
CREATE TABLE runs (
    id            TEXT PRIMARY KEY,
    route_id      TEXT   NOT NULL REFERENCES routes (id),
    delivery_date TEXT   NOT NULL REFERENCES delivery_dates (delivery_date),
    version       BIGINT NOT NULL,
    vehicle_id    TEXT   NOT NULL,
    driver_id     TEXT   NOT NULL,
    UNIQUE (route_id, delivery_date),
    UNIQUE (id, delivery_date)
);

CREATE INDEX runs_by_date ON runs (delivery_date);

CREATE TABLE run_stops (
    run_id     TEXT   NOT NULL REFERENCES runs (id),
    sequence   BIGINT NOT NULL,
    kind       TEXT   NOT NULL CHECK (kind IN ('collect', 'deliver', 'return')),
    place_id   TEXT   NOT NULL,
    planned_at BIGINT NOT NULL,
    reached_at BIGINT,
    PRIMARY KEY (run_id, sequence),
    UNIQUE (run_id, sequence, kind, place_id)
);

-- Calls of a run: it collects at the spot and after that delivers to the location.
CREATE TABLE run_calls (
    run_id             TEXT   NOT NULL,
    collection_spot_id TEXT   NOT NULL REFERENCES collection_spots (id),
    location_id        TEXT   NOT NULL REFERENCES locations (id),
    collect_sequence   BIGINT NOT NULL,
    collect_kind       TEXT   NOT NULL CHECK (collect_kind = 'collect'),
    deliver_sequence   BIGINT NOT NULL,
    deliver_kind       TEXT   NOT NULL CHECK (deliver_kind = 'deliver'),
    PRIMARY KEY (run_id, collection_spot_id, location_id),
    FOREIGN KEY (run_id, collect_sequence, collect_kind, collection_spot_id)
        REFERENCES run_stops (run_id, sequence, kind, place_id),
    FOREIGN KEY (run_id, deliver_sequence, deliver_kind, location_id)
        REFERENCES run_stops (run_id, sequence, kind, place_id),
    CHECK (collect_sequence < deliver_sequence)
);

CREATE TABLE run_shippers (
    run_id              TEXT   NOT NULL REFERENCES runs (id),
    delivery_date       TEXT   NOT NULL,
    shipper_id          TEXT   NOT NULL,
    category            TEXT   NOT NULL,
    capacity_containers BIGINT NOT NULL,
    PRIMARY KEY (run_id, shipper_id),
    UNIQUE (run_id, shipper_id, category, capacity_containers),
    UNIQUE (delivery_date, shipper_id), -- a shipper rides in one run a date
    FOREIGN KEY (run_id, delivery_date) REFERENCES runs (id, delivery_date),
    FOREIGN KEY (shipper_id, category, capacity_containers) REFERENCES shippers (id, category, capacity_containers)
);

-- The plan and, once a shop has bound a box to it, the physical container.
CREATE TABLE dated_containers (
    id                 TEXT PRIMARY KEY,
    sequence           BIGINT NOT NULL, -- in order of opening within the date
    delivery_date      TEXT   NOT NULL,
    location_id        TEXT   NOT NULL,
    fridge_id          TEXT   NOT NULL,
    fridge_kind        TEXT   NOT NULL,
    slot_id            TEXT   NOT NULL,
    capacity_ml        BIGINT NOT NULL,
    used_ml            BIGINT NOT NULL,
    shop_id            TEXT   NOT NULL,
    collection_spot_id TEXT   NOT NULL,
    category           TEXT   NOT NULL,
    run_id             TEXT   NOT NULL,
    shipper_id         TEXT   NOT NULL,
    shipper_capacity   BIGINT NOT NULL,
    shipper_place      BIGINT NOT NULL, -- 1 up to the shipper's capacity
    address_id         TEXT   NOT NULL,
    state              TEXT   NOT NULL CHECK (state = 'planned' OR state = 'filled' OR state = 'on_address' OR state = 'loaded' OR state = 'placed'),
    grai               TEXT,
    filled_at          BIGINT,
    shelved_at         BIGINT,
    loaded_at          BIGINT,
    placed_at          BIGINT,
    UNIQUE (id, shop_id, category),
    UNIQUE (delivery_date, slot_id),
    UNIQUE (delivery_date, address_id),
    UNIQUE (delivery_date, grai),
    UNIQUE (run_id, shipper_id, shipper_place),
    CHECK (used_ml BETWEEN 0 AND capacity_ml),
    CHECK (shipper_place BETWEEN 1 AND shipper_capacity),
    FOREIGN KEY (location_id, delivery_date) REFERENCES deliveries (location_id, delivery_date),
    FOREIGN KEY (slot_id, location_id, fridge_id, fridge_kind, capacity_ml)
        REFERENCES slots (id, location_id, fridge_id, fridge_kind, capacity_ml),
    FOREIGN KEY (category, fridge_kind) REFERENCES category_fridge_kinds (category, fridge_kind),
    FOREIGN KEY (shop_id, collection_spot_id) REFERENCES shops (id, collection_spot_id),
    FOREIGN KEY (run_id, delivery_date) REFERENCES runs (id, delivery_date),
    FOREIGN KEY (run_id, collection_spot_id, location_id) REFERENCES run_calls (run_id, collection_spot_id, location_id),
    FOREIGN KEY (run_id, shipper_id, category, shipper_capacity)
        REFERENCES run_shippers (run_id, shipper_id, category, capacity_containers),
    FOREIGN KEY (address_id, collection_spot_id) REFERENCES collection_addresses (id, collection_spot_id)
);

CREATE INDEX dated_containers_by_shop ON dated_containers (delivery_date, shop_id);
CREATE INDEX dated_containers_by_location ON dated_containers (location_id, delivery_date);
CREATE INDEX dated_containers_by_run ON dated_containers (run_id);
CREATE INDEX dated_containers_by_box ON dated_containers (grai, filled_at);

CREATE TABLE orders (
    id            TEXT PRIMARY KEY,
    sequence      BIGINT NOT NULL, -- in order of decision within the date
    delivery_date TEXT   NOT NULL,
    location_id   TEXT   NOT NULL,
    customer_id   TEXT   NOT NULL, -- a pseudonym
    state         TEXT   NOT NULL CHECK (state IN ('accepted', 'refused', 'ready', 'picked_up', 'left_over', 'undelivered')),
    refused_limit TEXT   NOT NULL CHECK (refused_limit IN ('', 'sales_limit', 'container', 'shipper', 'address')),
    refused_what  TEXT   NOT NULL, -- the product, shop or spot at which it was refused
    placed_by     TEXT   NOT NULL, -- person
    placed_at     BIGINT NOT NULL,
    ready_at      BIGINT,
    ended_at      BIGINT, -- picked up or left over
    UNIQUE (id, delivery_date, location_id),
    FOREIGN KEY (location_id, delivery_date) REFERENCES deliveries (location_id, delivery_date)
);

CREATE INDEX orders_by_date ON orders (delivery_date, location_id, state);

CREATE TABLE order_lines (
    order_id   TEXT   NOT NULL REFERENCES orders (id),
    line       BIGINT NOT NULL,
    product_id TEXT   NOT NULL REFERENCES products (id),
    quantity   BIGINT NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, line)
);

-- An order item is one unit. Its dated container is of its product's shop and category.
CREATE TABLE order_items (
    order_id           TEXT   NOT NULL,
    line               BIGINT NOT NULL,
    unit               BIGINT NOT NULL,
    delivery_date      TEXT   NOT NULL,
    product_id         TEXT   NOT NULL,
    shop_id            TEXT   NOT NULL,
    category           TEXT   NOT NULL,
    dated_container_id TEXT   NOT NULL,
    short              BOOLEAN NOT NULL, -- the shop could not deliver it
    PRIMARY KEY (order_id, line, unit),
    FOREIGN KEY (order_id, line) REFERENCES order_lines (order_id, line),
    FOREIGN KEY (product_id, shop_id, category) REFERENCES products (id, shop_id, category),
    FOREIGN KEY (dated_container_id, shop_id, category) REFERENCES dated_containers (id, shop_id, category)
);

CREATE INDEX order_items_by_container ON order_items (dated_container_id);
CREATE INDEX order_items_by_product ON order_items (delivery_date, product_id);

-- The right to open a location's locks: one a customer's order, one a run's driver.
CREATE TABLE grants (
    id            TEXT PRIMARY KEY,
    delivery_date TEXT   NOT NULL,
    location_id   TEXT   NOT NULL REFERENCES locations (id),
    holder        TEXT   NOT NULL CHECK (holder IN ('customer', 'courier')),
    order_id      TEXT REFERENCES orders (id),
    run_id        TEXT REFERENCES runs (id),
    pin           TEXT   NOT NULL,
    valid_from    BIGINT NOT NULL,
    valid_until   BIGINT NOT NULL,
    UNIQUE (delivery_date, location_id, pin)
);

CREATE UNIQUE INDEX grants_by_order ON grants (order_id);

-- Where an order's goods were probably taken: one row a fridge.
CREATE TABLE order_pickups (
    order_id  TEXT   NOT NULL REFERENCES orders (id),
    fridge_id TEXT   NOT NULL REFERENCES fridges (id),
    at        BIGINT NOT NULL,
    basis     TEXT   NOT NULL,
    PRIMARY KEY (order_id, fridge_id)
);

-- Devices ------------------------------------------------------------------------------------------------------------

CREATE TABLE devices (
    id              TEXT PRIMARY KEY,
    credential_hash TEXT   NOT NULL, -- SHA-256 of the broker password, hexadecimal
    place           TEXT   NOT NULL, -- the location, shop, shipper or route that it serves; its positions follow
    role            TEXT   NOT NULL CHECK (role IN ('station', 'shipper', 'scanner', 'driver')),
    added_at        BIGINT NOT NULL,
    added_by        TEXT   NOT NULL,
    revoked_at      BIGINT,
    incarnation     TEXT   NOT NULL DEFAULT '', -- the current one
    boot            BIGINT NOT NULL DEFAULT 0,
    session         BIGINT NOT NULL DEFAULT 0, -- newest connection of the boot
    software        TEXT   NOT NULL DEFAULT '',
    online          BOOLEAN NOT NULL DEFAULT FALSE,
    presence_known  BOOLEAN NOT NULL DEFAULT FALSE, -- heard since the hub listens; else nobody saw it coming or going
    seen_at         BIGINT,
    plan_sent       BIGINT NOT NULL DEFAULT 0, -- newest plan made
    plan_active     BIGINT NOT NULL DEFAULT 0,
    command_counter BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE device_logs (
    device_id   TEXT   NOT NULL REFERENCES devices (id),
    incarnation TEXT   NOT NULL,
    log         BIGINT NOT NULL,
    next_number BIGINT NOT NULL, -- the number expected next
    hash        TEXT   NOT NULL, -- running hash before it, hexadecimal
    state       TEXT   NOT NULL CHECK (state IN ('current', 'superseded', 'forked')),
    PRIMARY KEY (device_id, incarnation, log)
);

-- Numbers that a device no longer had when the hub expected them.
CREATE TABLE device_gaps (
    device_id    TEXT   NOT NULL REFERENCES devices (id),
    incarnation  TEXT   NOT NULL,
    log          BIGINT NOT NULL,
    first_number BIGINT NOT NULL,
    last_number  BIGINT NOT NULL,
    reason       TEXT   NOT NULL,
    noted_at     BIGINT NOT NULL,
    PRIMARY KEY (device_id, incarnation, log, first_number)
);

-- Every record of the events logs; body as sent. A record that could not be decoded has kind 0 and its bytes in body.
CREATE TABLE events (
    device_id     TEXT   NOT NULL REFERENCES devices (id),
    incarnation   TEXT   NOT NULL,
    number        BIGINT NOT NULL,
    boot          BIGINT NOT NULL,
    kind          BIGINT NOT NULL,
    name          TEXT   NOT NULL, -- the kind in words
    subject       TEXT   NOT NULL, -- what it is about, for reading
    body          BYTEA  NOT NULL,
    mono          BIGINT NOT NULL,
    claimed_at    BIGINT NOT NULL,
    wall_quality  BIGINT NOT NULL,
    event_at      BIGINT NOT NULL,
    received_at   BIGINT NOT NULL,
    outcome       TEXT   NOT NULL CHECK (outcome = 'applied' OR outcome = 'not_applied' OR outcome = 'unknown' OR outcome = 'quarantined'),
    reason        TEXT   NOT NULL,
    PRIMARY KEY (device_id, incarnation, number)
);

CREATE INDEX events_by_received ON events (received_at);
CREATE INDEX events_clock_set ON events (device_id, incarnation, boot) WHERE kind = 2;
CREATE INDEX events_by_subject ON events (subject, event_at);

CREATE TABLE readings (
    device_id   TEXT   NOT NULL REFERENCES devices (id),
    incarnation TEXT   NOT NULL,
    number      BIGINT NOT NULL,
    sensor      TEXT   NOT NULL,
    event_at    BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    milli_c     BIGINT NOT NULL,
    fault       BIGINT NOT NULL,
    PRIMARY KEY (device_id, incarnation, number, sensor)
);

CREATE INDEX readings_by_sensor ON readings (sensor, event_at);

-- Payloads and records that could not be read: kept raw.
CREATE TABLE quarantine (
    id          TEXT PRIMARY KEY,
    device_id   TEXT   NOT NULL,
    incarnation TEXT   NOT NULL, -- empty for a whole payload
    log         BIGINT NOT NULL,
    number      BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    reason      TEXT   NOT NULL,
    raw         BYTEA  NOT NULL
);

CREATE TABLE plan_parts (
    hash TEXT PRIMARY KEY,
    body BYTEA NOT NULL
);

CREATE TABLE plans (
    device_id   TEXT   NOT NULL REFERENCES devices (id),
    version     BIGINT NOT NULL,
    incarnation TEXT   NOT NULL,
    made_at     BIGINT NOT NULL,
    answered_at BIGINT,
    refused     TEXT   NOT NULL,
    PRIMARY KEY (device_id, version)
);

CREATE TABLE plan_contents (
    device_id TEXT   NOT NULL,
    version   BIGINT NOT NULL,
    name      TEXT   NOT NULL,
    hash      TEXT   NOT NULL REFERENCES plan_parts (hash),
    PRIMARY KEY (device_id, version, name),
    FOREIGN KEY (device_id, version) REFERENCES plans (device_id, version)
);

CREATE TABLE commands (
    id            TEXT PRIMARY KEY,
    device_id     TEXT   NOT NULL REFERENCES devices (id),
    counter       BIGINT NOT NULL,
    kind          BIGINT NOT NULL,
    target        TEXT   NOT NULL,
    plan_at_least BIGINT NOT NULL,
    deadline      BIGINT NOT NULL,
    asked_by      TEXT   NOT NULL,
    asked_at      BIGINT NOT NULL,
    outcome       TEXT   NOT NULL CHECK (outcome IN ('', 'done', 'refused', 'expired')),
    reason        TEXT   NOT NULL,
    answered_at   BIGINT,
    UNIQUE (device_id, counter)
);

CREATE INDEX commands_open ON commands (device_id, counter) WHERE outcome = '';

-- What the door of a position did last, and whether its supply is on.
CREATE TABLE positions (
    id         TEXT PRIMARY KEY, -- the fridge
    device_id  TEXT   NOT NULL REFERENCES devices (id),
    door       TEXT   NOT NULL, -- closed, open, jammed, ajar, uncommanded
    lock_state TEXT   NOT NULL, -- locked, fired
    mains      BOOLEAN NOT NULL,
    changed_at BIGINT NOT NULL
);

-- What is wrong: raised and cleared by events, or by the clock. Closed when cleared_at is set.
CREATE TABLE alarms (
    id          TEXT PRIMARY KEY, -- made of what raised it, so that a repeat is the same alarm
    kind        TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    detail      TEXT   NOT NULL,
    raised_at   BIGINT NOT NULL,
    cleared_at  BIGINT
);

CREATE INDEX alarms_open ON alarms (cleared_at, raised_at);

-- Work for a person: an event that could not be applied, a shortage to refund, goods left over.
CREATE TABLE work_items (
    id         TEXT PRIMARY KEY,
    kind       TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    detail     TEXT   NOT NULL,
    opened_at  BIGINT NOT NULL,
    closed_at  BIGINT,
    closed_by  TEXT   NOT NULL
);

CREATE INDEX work_items_open ON work_items (closed_at, opened_at);

-- Persons ------------------------------------------------------------------------------------------------------------

CREATE TABLE persons (
    id         TEXT PRIMARY KEY,
    name       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    place      TEXT   NOT NULL, -- a shop's or a driver's own; empty for all
    added_at   BIGINT NOT NULL,
    added_by   TEXT   NOT NULL,
    removed_at BIGINT
);

CREATE TABLE login_links (
    token_hash TEXT PRIMARY KEY,
    person_id  TEXT   NOT NULL REFERENCES persons (id),
    made_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    person_id  TEXT   NOT NULL REFERENCES persons (id),
    made_at    BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at   BIGINT
);

-- Who did what on the hub.
CREATE TABLE acts (
    id        TEXT PRIMARY KEY,
    at        BIGINT NOT NULL,
    person_id TEXT   NOT NULL,
    act       TEXT   NOT NULL,
    subject   TEXT   NOT NULL,
    detail    TEXT   NOT NULL
);

CREATE INDEX acts_by_subject ON acts (subject, at);

-- +goose Down
-- A hub is never migrated down over its data: restore a backup instead.
SELECT 1;
