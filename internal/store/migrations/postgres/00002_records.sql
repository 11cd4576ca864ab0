-- Records that belong to the interface, and what is decided about the estate. Times
-- and flags as in the first migration.

-- +goose Up

-- Records made in the interface. version is the number of the record's newest
-- change: it never returns to an old value, not even when a record is removed and
-- made again.
CREATE TABLE items (
  id         text COLLATE "C" NOT NULL PRIMARY KEY,
  tenant     text COLLATE "C" NOT NULL,
  version    bigint NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  updated_by text COLLATE "C" NOT NULL,
  doc        text COLLATE "C" NOT NULL
);

-- The history of every record, numbered within the record. It outlives it.
CREATE TABLE changes (
  credential text COLLATE "C" NOT NULL,
  seq        bigint NOT NULL,
  id         text COLLATE "C" NOT NULL,
  at         bigint NOT NULL,
  person     text COLLATE "C" NOT NULL,
  via        text COLLATE "C" NOT NULL,
  kind       text COLLATE "C" NOT NULL,
  fields     text COLLATE "C" NOT NULL,
  PRIMARY KEY (credential, seq)
);
CREATE INDEX changes_at ON changes (at, id);

-- Secrets that only the key outside of this database opens.
CREATE TABLE sealed (
  id         text COLLATE "C" NOT NULL PRIMARY KEY,
  tenant     text COLLATE "C" NOT NULL,
  credential text COLLATE "C" NOT NULL,
  blob       text COLLATE "C" NOT NULL,
  at         bigint NOT NULL,
  person     text COLLATE "C" NOT NULL
);
CREATE INDEX sealed_credential ON sealed (credential);

CREATE TABLE acceptances (
  finding text COLLATE "C" NOT NULL PRIMARY KEY,
  person  text COLLATE "C" NOT NULL,
  reason  text COLLATE "C" NOT NULL,
  at      bigint NOT NULL,
  until   bigint NOT NULL
);

CREATE TABLE feeds (
  id         text COLLATE "C" NOT NULL PRIMARY KEY,
  owner      text COLLATE "C" NOT NULL,
  hash       text COLLATE "C" NOT NULL,
  created_at bigint NOT NULL,
  created_by text COLLATE "C" NOT NULL,
  revoked_at bigint NOT NULL
);
CREATE UNIQUE INDEX feeds_hash ON feeds (hash);

CREATE TABLE feed_events (
  uid        text COLLATE "C" NOT NULL PRIMARY KEY,
  digest     text COLLATE "C" NOT NULL,
  sequence   bigint NOT NULL,
  changed_at bigint NOT NULL
);

CREATE TABLE rotations (
  id         text COLLATE "C" NOT NULL PRIMARY KEY,
  credential text COLLATE "C" NOT NULL,
  tenant     text COLLATE "C" NOT NULL,
  revision   bigint NOT NULL,
  started_at bigint NOT NULL,
  ended_at   bigint NOT NULL,
  doc        text COLLATE "C" NOT NULL
);
-- One rotation at a time for a credential, whatever the nodes do.
CREATE UNIQUE INDEX rotations_open ON rotations (credential) WHERE ended_at = 0;
CREATE INDEX rotations_started ON rotations (started_at, id);

CREATE TABLE rotation_ticks (
  hash     text COLLATE "C" NOT NULL PRIMARY KEY,
  rotation text COLLATE "C" NOT NULL
);
CREATE INDEX rotation_ticks_rotation ON rotation_ticks (rotation);

-- What the last look at an account found.
CREATE TABLE snapshots (
  tenant text COLLATE "C" NOT NULL PRIMARY KEY,
  at     bigint NOT NULL,
  doc    text COLLATE "C" NOT NULL
);

-- A letter is a notice without an incident.
ALTER TABLE notices ADD COLUMN letter text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX notices_letters ON notices (at, id) WHERE letter <> '';
CREATE INDEX deliveries_letters ON deliveries (notice) WHERE incident = '';

-- +goose Down
DROP INDEX deliveries_letters;
DROP INDEX notices_letters;
DELETE FROM deliveries WHERE incident = '';
DELETE FROM notices WHERE letter <> '';
ALTER TABLE notices DROP COLUMN letter;
DROP TABLE snapshots;
DROP TABLE rotation_ticks;
DROP TABLE rotations;
DROP TABLE feed_events;
DROP TABLE feeds;
DROP TABLE acceptances;
DROP TABLE sealed;
DROP TABLE changes;
DROP TABLE items;
