-- Text is compared by bytes (COLLATE "C"), so that keys sort and cursors page in
-- the same order as in SQLite.
-- Times are UTC milliseconds, 0 for "none"; durations are microseconds; flags are
-- 0 or 1. JSON is text that no query looks into.

-- +goose Up

-- The due-table. Keyed by phase: rows that come due together are neighbours, so
-- a claim of a hundred rows rewrites a handful of pages.
CREATE TABLE checks (
  phase          bigint NOT NULL,
  id             text COLLATE "C" NOT NULL,
  kind           text COLLATE "C" NOT NULL,
  credential     text COLLATE "C" NOT NULL,
  tenant         text COLLATE "C" NOT NULL,
  fingerprint    text COLLATE "C" NOT NULL,
  changed_at     bigint NOT NULL,
  due_at         bigint NOT NULL,
  reason         text COLLATE "C" NOT NULL,
  claimed_slot   bigint NOT NULL DEFAULT 0,
  claimed_reason text COLLATE "C" NOT NULL DEFAULT '',
  PRIMARY KEY (phase, id)
);
CREATE INDEX checks_due ON checks (due_at, phase, id);
CREATE UNIQUE INDEX checks_id ON checks (id);

-- The state of every series, one document each. pos is (phase, id) packed into one
-- number, the phase on top and a hash of the id below: see the SQLite folder for why.
CREATE TABLE series (
  pos        bigint NOT NULL PRIMARY KEY,
  id         text COLLATE "C" NOT NULL,
  check_id   text COLLATE "C" NOT NULL,
  credential text COLLATE "C" NOT NULL,
  tenant     text COLLATE "C" NOT NULL,
  place      text COLLATE "C" NOT NULL,
  last_slot  bigint NOT NULL,
  doc        text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX series_id ON series (id);
CREATE INDEX series_tenant ON series (tenant);
CREATE INDEX series_check ON series (check_id);
CREATE INDEX series_credential ON series (credential);

CREATE TABLE neighbourhoods (
  tenant text COLLATE "C" NOT NULL,
  place  text COLLATE "C" NOT NULL,
  doc    text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, place)
);

-- Observations of the last hour or two, in the order they were made: append only.
-- The fold moves them to results, ordered by series, in slices.
CREATE TABLE hot (
  slot        bigint NOT NULL,
  key         text COLLATE "C" NOT NULL,
  series      text COLLATE "C" NOT NULL,
  outcome     text COLLATE "C" NOT NULL,
  runs        bigint NOT NULL,
  took        bigint NOT NULL,
  requests    bigint NOT NULL,
  recorded_at bigint NOT NULL,
  doc         text COLLATE "C" NOT NULL,
  PRIMARY KEY (slot, key)
);

-- A server is not short of write volume, so a look at one series in the last hour
-- gets an index here; on SQLite it would dirty a page for every row.
CREATE INDEX hot_series ON hot (series, slot, key);

CREATE TABLE results (
  series      text COLLATE "C" NOT NULL,
  slot        bigint NOT NULL,
  key         text COLLATE "C" NOT NULL,
  outcome     text COLLATE "C" NOT NULL,
  runs        bigint NOT NULL,
  took        bigint NOT NULL,
  requests    bigint NOT NULL,
  recorded_at bigint NOT NULL,
  doc         text COLLATE "C" NOT NULL,
  PRIMARY KEY (series, slot, key)
);

CREATE TABLE transcripts (
  series text COLLATE "C" NOT NULL,
  slot   bigint NOT NULL,
  key    text COLLATE "C" NOT NULL,
  good   bigint NOT NULL,
  body   text COLLATE "C" NOT NULL,
  PRIMARY KEY (series, slot, key)
);

-- Keys that do not name their slot (pushed events, traffic): for them the hot
-- table's key alone would count a repeat under another slot twice.
CREATE TABLE seen (
  key text COLLATE "C" NOT NULL PRIMARY KEY,
  at  bigint NOT NULL
);
CREATE INDEX seen_at ON seen (at);

CREATE TABLE hourly (
  series   text COLLATE "C" NOT NULL,
  start    bigint NOT NULL,
  runs     bigint NOT NULL,
  ok       bigint NOT NULL,
  failed   bigint NOT NULL,
  took_sum bigint NOT NULL,
  took_max bigint NOT NULL,
  requests bigint NOT NULL,
  counts   text COLLATE "C" NOT NULL,
  PRIMARY KEY (series, start)
);

CREATE TABLE daily (
  series   text COLLATE "C" NOT NULL,
  start    bigint NOT NULL,
  runs     bigint NOT NULL,
  ok       bigint NOT NULL,
  failed   bigint NOT NULL,
  took_sum bigint NOT NULL,
  took_max bigint NOT NULL,
  requests bigint NOT NULL,
  counts   text COLLATE "C" NOT NULL,
  PRIMARY KEY (series, start)
);

CREATE TABLE incidents (
  id          text COLLATE "C" NOT NULL PRIMARY KEY,
  key         text COLLATE "C" NOT NULL,
  status      text COLLATE "C" NOT NULL,
  scope       text COLLATE "C" NOT NULL,
  tenant      text COLLATE "C" NOT NULL,
  credential  text COLLATE "C" NOT NULL,
  category    text COLLATE "C" NOT NULL,
  severity    text COLLATE "C" NOT NULL,
  detected_at bigint NOT NULL,
  doc         text COLLATE "C" NOT NULL
);
-- At most one open incident a cause, whatever the nodes do.
CREATE UNIQUE INDEX incidents_open_key ON incidents (key) WHERE status = 'open';
CREATE INDEX incidents_open_tenant ON incidents (tenant, id) WHERE status = 'open';
CREATE INDEX incidents_detected ON incidents (detected_at, id);

CREATE TABLE incident_credentials (
  credential text COLLATE "C" NOT NULL,
  incident   text COLLATE "C" NOT NULL,
  PRIMARY KEY (credential, incident)
);

CREATE TABLE transitions (
  incident text COLLATE "C" NOT NULL,
  seq      bigint NOT NULL,
  kind     text COLLATE "C" NOT NULL,
  at       bigint NOT NULL,
  reason   text COLLATE "C" NOT NULL,
  detail   text COLLATE "C" NOT NULL,
  person   text COLLATE "C" NOT NULL,
  PRIMARY KEY (incident, seq)
);

CREATE TABLE notices (
  id        text COLLATE "C" NOT NULL PRIMARY KEY,
  incident  text COLLATE "C" NOT NULL,
  seq       bigint NOT NULL,
  kind      text COLLATE "C" NOT NULL,
  at        bigint NOT NULL,
  routed_at bigint NOT NULL DEFAULT 0,
  doc       text COLLATE "C" NOT NULL
);
CREATE INDEX notices_unrouted ON notices (at, incident, seq) WHERE routed_at = 0;

CREATE TABLE deliveries (
  id              text COLLATE "C" NOT NULL PRIMARY KEY,
  notice          text COLLATE "C" NOT NULL,
  incident        text COLLATE "C" NOT NULL,
  receiver        text COLLATE "C" NOT NULL,
  status          text COLLATE "C" NOT NULL,
  attempts        bigint NOT NULL,
  next_attempt_at bigint NOT NULL,
  last_error      text COLLATE "C" NOT NULL,
  receipt         text COLLATE "C" NOT NULL,
  created_at      bigint NOT NULL,
  sent_at         bigint NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (next_attempt_at, id) WHERE status = 'pending';
CREATE INDEX deliveries_incident ON deliveries (incident, created_at, id);

CREATE TABLE settings (
  key   text COLLATE "C" NOT NULL PRIMARY KEY,
  value text COLLATE "C" NOT NULL
);

CREATE TABLE tokens (
  id           text COLLATE "C" NOT NULL PRIMARY KEY,
  name         text COLLATE "C" NOT NULL,
  role         text COLLATE "C" NOT NULL,
  created_by   text COLLATE "C" NOT NULL,
  hash         text COLLATE "C" NOT NULL,
  created_at   bigint NOT NULL,
  expires_at   bigint NOT NULL,
  last_used_at bigint NOT NULL,
  revoked_at   bigint NOT NULL
);
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);

CREATE TABLE users (
  name          text COLLATE "C" NOT NULL PRIMARY KEY,
  password_hash text COLLATE "C" NOT NULL,
  created_at    bigint NOT NULL,
  changed_at    bigint NOT NULL
);

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
