-- Links under which one incident can be read without an account. The link itself is
-- not here: it is the id with a signature.

-- +goose Up
CREATE TABLE shares (
  id         text   NOT NULL PRIMARY KEY,
  incident   text   NOT NULL,
  grants     text   NOT NULL,
  created_at bigint NOT NULL,
  created_by text   NOT NULL,
  expires_at bigint NOT NULL,
  ended_at   bigint NOT NULL,
  ended_by   text   NOT NULL,
  seen_at    bigint NOT NULL
) WITHOUT ROWID;
CREATE INDEX shares_incident ON shares (incident, created_at);

-- +goose Down
DROP TABLE shares;
