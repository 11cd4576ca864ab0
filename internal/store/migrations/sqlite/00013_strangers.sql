-- Client ids that ask for tokens and stand in no record: who asks, since when, how often.
-- A row is what one run of the daemon counted, so that writing it twice changes nothing.

-- +goose Up
CREATE TABLE strangers (
  tenant     text   NOT NULL,
  client_id  text   NOT NULL,
  run        text   NOT NULL,
  holder     text   NOT NULL,
  via        text   NOT NULL,
  first_seen bigint NOT NULL,
  last_seen  bigint NOT NULL,
  requests   bigint NOT NULL,
  granted    bigint NOT NULL,
  PRIMARY KEY (tenant, client_id, run)
);

-- +goose Down
DROP TABLE strangers;
