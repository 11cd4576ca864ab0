-- Accounts of people, and what they did. An entry's hash covers the one before it, so
-- that one that was changed or taken out can be told.

-- +goose Up
ALTER TABLE users ADD COLUMN grants text COLLATE "C" NOT NULL DEFAULT 'admin';
ALTER TABLE users ADD COLUMN created_by text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN disabled_at bigint NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN signed_in_at bigint NOT NULL DEFAULT 0;

CREATE TABLE audit (
  seq  bigint NOT NULL PRIMARY KEY,
  at   bigint NOT NULL,
  who  text COLLATE "C" NOT NULL,
  doc  text COLLATE "C" NOT NULL,
  hash text COLLATE "C" NOT NULL
);
CREATE INDEX audit_who ON audit (who, seq);
INSERT INTO settings (key, value) VALUES ('audit_head', '');

-- +goose Down
DELETE FROM settings WHERE key = 'audit_head';
DROP TABLE audit;
ALTER TABLE users DROP COLUMN signed_in_at;
ALTER TABLE users DROP COLUMN disabled_at;
ALTER TABLE users DROP COLUMN epoch;
ALTER TABLE users DROP COLUMN created_by;
ALTER TABLE users DROP COLUMN grants;
