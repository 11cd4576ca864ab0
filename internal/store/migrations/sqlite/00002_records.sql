-- Records that belong to the interface, and what is decided about the estate. Times
-- and flags as in the first migration.

-- +goose Up

-- Records made in the interface. version is the number of the record's newest
-- change: it never returns to an old value, not even when a record is removed and
-- made again.
CREATE TABLE items (
  id         text   NOT NULL PRIMARY KEY,
  tenant     text   NOT NULL,
  version    bigint NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  updated_by text   NOT NULL,
  doc        text   NOT NULL
);

-- The history of every record, numbered within the record. It outlives it.
CREATE TABLE changes (
  credential text   NOT NULL,
  seq        bigint NOT NULL,
  id         text   NOT NULL,
  at         bigint NOT NULL,
  person     text   NOT NULL,
  via        text   NOT NULL,
  kind       text   NOT NULL,
  fields     text   NOT NULL,
  PRIMARY KEY (credential, seq)
) WITHOUT ROWID;
CREATE INDEX changes_at ON changes (at, id);

-- Secrets that only the key outside of this database opens.
CREATE TABLE sealed (
  id         text   NOT NULL PRIMARY KEY,
  tenant     text   NOT NULL,
  credential text   NOT NULL,
  blob       text   NOT NULL,
  at         bigint NOT NULL,
  person     text   NOT NULL
) WITHOUT ROWID;
CREATE INDEX sealed_credential ON sealed (credential);

CREATE TABLE acceptances (
  finding text   NOT NULL PRIMARY KEY,
  person  text   NOT NULL,
  reason  text   NOT NULL,
  at      bigint NOT NULL,
  until   bigint NOT NULL
) WITHOUT ROWID;

CREATE TABLE feeds (
  id         text   NOT NULL PRIMARY KEY,
  owner      text   NOT NULL,
  hash       text   NOT NULL,
  created_at bigint NOT NULL,
  created_by text   NOT NULL,
  revoked_at bigint NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX feeds_hash ON feeds (hash);

CREATE TABLE feed_events (
  uid        text   NOT NULL PRIMARY KEY,
  digest     text   NOT NULL,
  sequence   bigint NOT NULL,
  changed_at bigint NOT NULL
) WITHOUT ROWID;

CREATE TABLE rotations (
  id         text   NOT NULL PRIMARY KEY,
  credential text   NOT NULL,
  tenant     text   NOT NULL,
  revision   bigint NOT NULL,
  started_at bigint NOT NULL,
  ended_at   bigint NOT NULL,
  doc        text   NOT NULL
);
-- One rotation at a time for a credential, whatever the nodes do.
CREATE UNIQUE INDEX rotations_open ON rotations (credential) WHERE ended_at = 0;
CREATE INDEX rotations_started ON rotations (started_at, id);

CREATE TABLE rotation_ticks (
  hash     text NOT NULL PRIMARY KEY,
  rotation text NOT NULL
) WITHOUT ROWID;
CREATE INDEX rotation_ticks_rotation ON rotation_ticks (rotation);

-- What the last look at an account found.
CREATE TABLE snapshots (
  tenant text   NOT NULL PRIMARY KEY,
  at     bigint NOT NULL,
  doc    text   NOT NULL
);

-- A letter is a notice without an incident.
ALTER TABLE notices ADD COLUMN letter text NOT NULL DEFAULT '';
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
