-- Times are UTC milliseconds, 0 for "none"; durations are microseconds; flags are
-- 0 or 1. JSON is text that no query looks into.

-- +goose Up

-- The due-table. Keyed by phase: rows that come due together are neighbours, so
-- a claim of a hundred rows rewrites a handful of pages.
CREATE TABLE checks (
  phase          bigint NOT NULL,
  id             text   NOT NULL,
  kind           text   NOT NULL,
  credential     text   NOT NULL,
  tenant         text   NOT NULL,
  fingerprint    text   NOT NULL,
  changed_at     bigint NOT NULL,
  due_at         bigint NOT NULL,
  reason         text   NOT NULL,
  claimed_slot   bigint NOT NULL DEFAULT 0,
  claimed_reason text   NOT NULL DEFAULT '',
  PRIMARY KEY (phase, id)
) WITHOUT ROWID;
CREATE INDEX checks_due ON checks (due_at, phase, id);
CREATE UNIQUE INDEX checks_id ON checks (id);

-- The state of every series, one document each. pos is (phase, id) packed into one
-- number: the phase on top, a hash of the id below. As the rowid it keeps the rows
-- in phase order while they may grow to a page; in a WITHOUT ROWID table a row of
-- more than a quarter page would get an overflow page of its own on each write.
CREATE TABLE series (
  pos        INTEGER PRIMARY KEY,
  id         text   NOT NULL,
  check_id   text   NOT NULL,
  credential text   NOT NULL,
  tenant     text   NOT NULL,
  place      text   NOT NULL,
  last_slot  bigint NOT NULL,
  doc        text   NOT NULL
);
CREATE UNIQUE INDEX series_id ON series (id);
CREATE INDEX series_tenant ON series (tenant);
CREATE INDEX series_check ON series (check_id);
CREATE INDEX series_credential ON series (credential);

CREATE TABLE neighbourhoods (
  tenant text NOT NULL,
  place  text NOT NULL,
  doc    text NOT NULL,
  PRIMARY KEY (tenant, place)
) WITHOUT ROWID;

-- Observations of the last hour or two, in the order they were made: append only.
-- The fold moves them to results, ordered by series, in slices.
CREATE TABLE hot (
  slot        bigint NOT NULL,
  key         text   NOT NULL,
  series      text   NOT NULL,
  outcome     text   NOT NULL,
  runs        bigint NOT NULL,
  took        bigint NOT NULL,
  requests    bigint NOT NULL,
  recorded_at bigint NOT NULL,
  doc         text   NOT NULL,
  PRIMARY KEY (slot, key)
) WITHOUT ROWID;

CREATE TABLE results (
  series      text   NOT NULL,
  slot        bigint NOT NULL,
  key         text   NOT NULL,
  outcome     text   NOT NULL,
  runs        bigint NOT NULL,
  took        bigint NOT NULL,
  requests    bigint NOT NULL,
  recorded_at bigint NOT NULL,
  doc         text   NOT NULL,
  PRIMARY KEY (series, slot, key)
) WITHOUT ROWID;

CREATE TABLE transcripts (
  series text   NOT NULL,
  slot   bigint NOT NULL,
  key    text   NOT NULL,
  good   bigint NOT NULL,
  body   text   NOT NULL,
  PRIMARY KEY (series, slot, key)
) WITHOUT ROWID;

-- Keys that do not name their slot (pushed events, traffic): for them the hot
-- table's key alone would count a repeat under another slot twice.
CREATE TABLE seen (
  key text   NOT NULL PRIMARY KEY,
  at  bigint NOT NULL
) WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);

CREATE TABLE hourly (
  series   text   NOT NULL,
  start    bigint NOT NULL,
  runs     bigint NOT NULL,
  ok       bigint NOT NULL,
  failed   bigint NOT NULL,
  took_sum bigint NOT NULL,
  took_max bigint NOT NULL,
  requests bigint NOT NULL,
  counts   text   NOT NULL,
  PRIMARY KEY (series, start)
) WITHOUT ROWID;

CREATE TABLE daily (
  series   text   NOT NULL,
  start    bigint NOT NULL,
  runs     bigint NOT NULL,
  ok       bigint NOT NULL,
  failed   bigint NOT NULL,
  took_sum bigint NOT NULL,
  took_max bigint NOT NULL,
  requests bigint NOT NULL,
  counts   text   NOT NULL,
  PRIMARY KEY (series, start)
) WITHOUT ROWID;

CREATE TABLE incidents (
  id          text   NOT NULL PRIMARY KEY,
  key         text   NOT NULL,
  status      text   NOT NULL,
  scope       text   NOT NULL,
  tenant      text   NOT NULL,
  credential  text   NOT NULL,
  category    text   NOT NULL,
  severity    text   NOT NULL,
  detected_at bigint NOT NULL,
  doc         text   NOT NULL
) WITHOUT ROWID;
-- At most one open incident a cause, whatever the nodes do.
CREATE UNIQUE INDEX incidents_open_key ON incidents (key) WHERE status = 'open';
CREATE INDEX incidents_open_tenant ON incidents (tenant, id) WHERE status = 'open';
CREATE INDEX incidents_detected ON incidents (detected_at, id);

CREATE TABLE incident_credentials (
  credential text NOT NULL,
  incident   text NOT NULL,
  PRIMARY KEY (credential, incident)
) WITHOUT ROWID;

CREATE TABLE transitions (
  incident text   NOT NULL,
  seq      bigint NOT NULL,
  kind     text   NOT NULL,
  at       bigint NOT NULL,
  reason   text   NOT NULL,
  detail   text   NOT NULL,
  person   text   NOT NULL,
  PRIMARY KEY (incident, seq)
) WITHOUT ROWID;

CREATE TABLE notices (
  id        text   NOT NULL PRIMARY KEY,
  incident  text   NOT NULL,
  seq       bigint NOT NULL,
  kind      text   NOT NULL,
  at        bigint NOT NULL,
  routed_at bigint NOT NULL DEFAULT 0,
  doc       text   NOT NULL
) WITHOUT ROWID;
CREATE INDEX notices_unrouted ON notices (at, incident, seq) WHERE routed_at = 0;

CREATE TABLE deliveries (
  id              text   NOT NULL PRIMARY KEY,
  notice          text   NOT NULL,
  incident        text   NOT NULL,
  receiver        text   NOT NULL,
  status          text   NOT NULL,
  attempts        bigint NOT NULL,
  next_attempt_at bigint NOT NULL,
  last_error      text   NOT NULL,
  receipt         text   NOT NULL,
  created_at      bigint NOT NULL,
  sent_at         bigint NOT NULL
) WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (next_attempt_at, id) WHERE status = 'pending';
CREATE INDEX deliveries_incident ON deliveries (incident, created_at, id);

CREATE TABLE settings (
  key   text NOT NULL PRIMARY KEY,
  value text NOT NULL
) WITHOUT ROWID;

CREATE TABLE tokens (
  id           text   NOT NULL PRIMARY KEY,
  name         text   NOT NULL,
  role         text   NOT NULL,
  created_by   text   NOT NULL,
  hash         text   NOT NULL,
  created_at   bigint NOT NULL,
  expires_at   bigint NOT NULL,
  last_used_at bigint NOT NULL,
  revoked_at   bigint NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);

CREATE TABLE users (
  name          text   NOT NULL PRIMARY KEY,
  password_hash text   NOT NULL,
  created_at    bigint NOT NULL,
  changed_at    bigint NOT NULL
) WITHOUT ROWID;

-- +goose Down
DROP TABLE users;
DROP TABLE tokens;
DROP TABLE settings;
DROP TABLE deliveries;
DROP TABLE notices;
DROP TABLE transitions;
DROP TABLE incident_credentials;
DROP TABLE incidents;
DROP TABLE daily;
DROP TABLE hourly;
DROP TABLE seen;
DROP TABLE transcripts;
DROP TABLE results;
DROP TABLE hot;
DROP TABLE neighbourhoods;
DROP TABLE series;
DROP TABLE checks;
