-- What the real clients live through: calls of the APIs by hour, holder and how they
-- ended. Times and durations as in the first migration.

-- +goose Up
CREATE TABLE calls (
  credential text COLLATE "C" NOT NULL,
  start      bigint NOT NULL,
  holder     text COLLATE "C" NOT NULL,
  kind       text COLLATE "C" NOT NULL,
  family     text COLLATE "C" NOT NULL,
  class      text COLLATE "C" NOT NULL,
  outcome    text COLLATE "C" NOT NULL,
  tenant     text COLLATE "C" NOT NULL,
  calls      bigint NOT NULL,
  took       bigint NOT NULL,
  slowest    bigint NOT NULL,
  PRIMARY KEY (credential, start, holder, kind, family, class, outcome)
);
CREATE INDEX calls_start ON calls (start);

-- +goose Down
DROP TABLE calls;
