-- Walks over all that a source's API has of a range of days: backfill and reconcile.
CREATE TABLE walks (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    source      TEXT    NOT NULL,
    purpose     TEXT    NOT NULL CHECK (purpose IN ('backfill', 'reconcile', 'repair')),
    from_day    TEXT    NOT NULL,
    to_day      TEXT    NOT NULL,
    report      BIGINT,                     -- a repair of what this reconcile found
    who         TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('open', 'paused', 'done', 'stopped')),
    phase       TEXT    NOT NULL CHECK (phase IN ('begin', 'walk', 'compare', 'repair')),
    cursor      TEXT    NOT NULL DEFAULT '', -- how far `compare` and `repair` got
    began_at    BIGINT  NOT NULL,
    updated_at  BIGINT  NOT NULL,
    ended_at    BIGINT,
    rests_until BIGINT,
    failures    BIGINT  NOT NULL DEFAULT 0,  -- steps in a row in which nothing was answered
    note        TEXT,                        -- why it rests, or was stopped
    counts      TEXT    NOT NULL DEFAULT '{}',
    revision    BIGINT  NOT NULL DEFAULT 0,  -- of two who do the same step one does nothing
    tidied      BIGINT  NOT NULL DEFAULT 0 CHECK (tidied IN (0, 1))
);
-- One walk per source at a time.
CREATE UNIQUE INDEX walks_open ON walks (source) WHERE state IN ('open', 'paused');
CREATE INDEX walks_by_source ON walks (source, seq);
CREATE INDEX walks_untidy ON walks (seq) WHERE tidied = 0;

-- What is still to be asked for. A place goes in the same transaction in which what it gave is noted.
CREATE TABLE walk_places (
    walk          BIGINT NOT NULL,
    level         BIGINT NOT NULL,
    place         BIGINT NOT NULL,
    share         BIGINT NOT NULL,           -- its part of the whole
    what          TEXT   NOT NULL,
    tries         BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT,
    due_at        BIGINT NOT NULL DEFAULT 0,
    aside         TEXT,                      -- put aside, and why
    PRIMARY KEY (walk, place)
) WITHOUT ROWID;
CREATE INDEX walk_places_next ON walk_places (walk, level, place) WHERE aside IS NULL;
CREATE INDEX walk_places_aside ON walk_places (walk, place) WHERE aside IS NOT NULL;

-- Each record that a walk came upon, once. Those that are as here are forgotten after its end.
CREATE TABLE walk_findings (
    walk    BIGINT NOT NULL,
    account TEXT   NOT NULL,
    key     TEXT   NOT NULL,
    outcome TEXT   NOT NULL CHECK (outcome IN
        ('found', 'same', 'new', 'differs', 'newer', 'here_only', 'gone', 'elsewhere', 'erased', 'trouble', 'repaired')),
    booking TEXT,
    paths   TEXT   NOT NULL DEFAULT '[]',
    note    TEXT,
    at      BIGINT NOT NULL,
    PRIMARY KEY (walk, account, key)
) WITHOUT ROWID;
CREATE INDEX walk_findings_by_outcome ON walk_findings (walk, outcome, account, key);
