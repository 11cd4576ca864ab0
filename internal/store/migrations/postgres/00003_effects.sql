-- What SFMC's own counters say, and what incidents cost. Times, durations and flags
-- as in the first migration.

-- +goose Up

-- A reading of a counter: when it was made (0: the row is no reading), how many events
-- it counted, and over how long (0: nothing is known of the time before).
ALTER TABLE hot ADD COLUMN read_at bigint NOT NULL DEFAULT 0;
ALTER TABLE hot ADD COLUMN amount  bigint NOT NULL DEFAULT 0;
ALTER TABLE hot ADD COLUMN watched bigint NOT NULL DEFAULT 0;
CREATE INDEX hot_read ON hot (read_at) WHERE watched > 0;

ALTER TABLE hourly ADD COLUMN amount  bigint NOT NULL DEFAULT 0;
ALTER TABLE hourly ADD COLUMN watched bigint NOT NULL DEFAULT 0;
ALTER TABLE daily  ADD COLUMN amount  bigint NOT NULL DEFAULT 0;
ALTER TABLE daily  ADD COLUMN watched bigint NOT NULL DEFAULT 0;

-- What the rules compare with each other: not the thousands of readings of a tenant
-- that say that all is well.
ALTER TABLE series ADD COLUMN peer bigint NOT NULL DEFAULT 1;
CREATE INDEX series_peers ON series (tenant) WHERE peer = 1;

CREATE TABLE models (
  series text COLLATE "C" NOT NULL PRIMARY KEY,
  doc    text COLLATE "C" NOT NULL
);

CREATE TABLE impacts (
  incident text COLLATE "C" NOT NULL PRIMARY KEY,
  at       bigint NOT NULL,
  doc      text COLLATE "C" NOT NULL
);

-- +goose Down
DROP TABLE impacts;
DROP TABLE models;
DROP INDEX series_peers;
ALTER TABLE series DROP COLUMN peer;
ALTER TABLE daily  DROP COLUMN watched;
ALTER TABLE daily  DROP COLUMN amount;
ALTER TABLE hourly DROP COLUMN watched;
ALTER TABLE hourly DROP COLUMN amount;
DROP INDEX hot_read;
ALTER TABLE hot DROP COLUMN watched;
ALTER TABLE hot DROP COLUMN amount;
ALTER TABLE hot DROP COLUMN read_at;
