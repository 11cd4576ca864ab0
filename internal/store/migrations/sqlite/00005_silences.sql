-- Times in which nobody is told. What is asked for is in doc; over is when nothing of
-- it lies ahead, so that what is past is left alone.

-- +goose Up
CREATE TABLE silences (
  id   text NOT NULL PRIMARY KEY,
  over bigint NOT NULL,
  doc  text NOT NULL
) WITHOUT ROWID;
CREATE INDEX silences_over ON silences (over);

-- +goose Down
DROP TABLE silences;
