-- What scans from outside found. Times as in the first migration.

-- +goose Up

-- scheduled names the check whose newest scan it is; it is empty for a scan that a
-- person asked for.
CREATE TABLE scans (
  id        text NOT NULL PRIMARY KEY,
  at        bigint NOT NULL,
  scheduled text NOT NULL,
  doc       text NOT NULL
);
CREATE INDEX scans_at ON scans (at, id);

-- +goose Down
DROP TABLE scans;
