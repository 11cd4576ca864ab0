-- Incidents that one receiver is told of together. A bundle's messages are notices and
-- deliveries under its own id; a member's delivery names the bundle and the message
-- that tells it, and is not written again when that message is sent.

-- +goose Up
CREATE TABLE bundles (
  id        text   NOT NULL PRIMARY KEY,
  receiver  text   NOT NULL,
  key       text   NOT NULL,
  doc       text   NOT NULL,
  seq       bigint NOT NULL,
  taken     bigint NOT NULL,
  calm      bigint NOT NULL,
  closed_at bigint NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX bundles_open ON bundles (receiver, key) WHERE closed_at = 0;

ALTER TABLE notices    ADD COLUMN bundle     text   NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN bundle     text   NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN bundle_seq bigint NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN bundle_rank bigint NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN cause      text   NOT NULL DEFAULT '';
CREATE INDEX deliveries_bundle ON deliveries (bundle, incident, bundle_seq, bundle_rank, cause, status) WHERE bundle <> '';
CREATE INDEX deliveries_sent ON deliveries (receiver, sent_at) WHERE status = 'sent';

-- +goose Down
DROP INDEX deliveries_sent;
DROP INDEX deliveries_bundle;
ALTER TABLE deliveries DROP COLUMN cause;
ALTER TABLE deliveries DROP COLUMN bundle_rank;
ALTER TABLE deliveries DROP COLUMN bundle_seq;
ALTER TABLE deliveries DROP COLUMN bundle;
ALTER TABLE notices    DROP COLUMN bundle;
DROP TABLE bundles;
