-- What the real clients live through: calls of the APIs by hour, holder and how they
-- ended. Times and durations as in the first migration.

-- +goose Up
CREATE TABLE calls (
  credential text NOT NULL,
  start      bigint NOT NULL,
  holder     text NOT NULL,
  kind       text NOT NULL,
  family     text NOT NULL,
  class      text NOT NULL,
  outcome    text NOT NULL,
  tenant     text NOT NULL,
  calls      bigint NOT NULL,
  took       bigint NOT NULL,
  slowest    bigint NOT NULL,
  PRIMARY KEY (credential, start, holder, kind, family, class, outcome)
) WITHOUT ROWID;
CREATE INDEX calls_start ON calls (start);

-- +goose Down
DROP TABLE calls;
