-- Links of messages that were used, each once. The link itself is not here: id is a
-- hash of what it is about. The index is for the list of messages, newest first.

-- +goose Up
CREATE TABLE link_uses (
  id       text COLLATE "C" NOT NULL PRIMARY KEY,
  incident text COLLATE "C" NOT NULL,
  action   text COLLATE "C" NOT NULL,
  person   text COLLATE "C" NOT NULL,
  at       bigint NOT NULL,
  until    bigint NOT NULL
);
CREATE INDEX link_uses_at ON link_uses (at);
CREATE INDEX deliveries_created ON deliveries (created_at, id);

-- +goose Down
DROP INDEX deliveries_created;
DROP TABLE link_uses;
