-- The first schema. Times are milliseconds since 1970; truth values are 0 and 1; JSON is text.
-- Wide columns stand last in their table, so that reading the narrow ones does not walk through them.

CREATE TABLE events (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    source      TEXT    NOT NULL,
    received_at BIGINT  NOT NULL,
    origin      TEXT    NOT NULL,
    applied     BIGINT  NOT NULL DEFAULT 0 CHECK (applied IN (0, 1)),
    crashes     BIGINT  NOT NULL DEFAULT 0,
    body_bytes  BIGINT  NOT NULL,
    headers     TEXT    NOT NULL,
    body        BLOB    NOT NULL
);
CREATE INDEX events_unapplied ON events (position, body_bytes) WHERE applied = 0;
CREATE INDEX events_by_source ON events (source, position);
CREATE INDEX events_by_time   ON events (received_at);

CREATE TABLE bookings (
    id         TEXT   NOT NULL PRIMARY KEY,
    connector  TEXT   NOT NULL,
    account    TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    source     TEXT   NOT NULL,
    position   BIGINT NOT NULL,
    ordinal    BIGINT NOT NULL,
    status     TEXT   NOT NULL,
    hash       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    person     TEXT   NOT NULL,
    trip       TEXT   NOT NULL,
    UNIQUE (connector, account, kind, key)
);
CREATE INDEX bookings_by_position ON bookings (position, ordinal);
CREATE INDEX bookings_by_key      ON bookings (key);
CREATE INDEX bookings_by_source   ON bookings (source, position);
CREATE INDEX bookings_by_status   ON bookings (status, position);
CREATE INDEX bookings_by_time     ON bookings (updated_at);

CREATE TABLE changes (
    position          BIGINT NOT NULL,
    ordinal           BIGINT NOT NULL,
    booking           TEXT,
    kind              TEXT   NOT NULL CHECK (kind IN (
                          'created', 'updated', 'cancelled', 'rebooked', 'deleted', 'unchanged', 'stale',
                          'coalesced', 'refused', 'ignored', 'unreadable')),
    at                BIGINT NOT NULL,
    previous_position BIGINT,
    previous_ordinal  BIGINT,
    hash              TEXT,
    paths             TEXT   NOT NULL,
    note              TEXT,
    body              TEXT,
    PRIMARY KEY (position, ordinal)
);
CREATE INDEX changes_by_booking ON changes (booking, position, ordinal);
CREATE INDEX changes_by_hash    ON changes (booking, hash) WHERE hash IS NOT NULL;
CREATE INDEX changes_by_kind    ON changes (kind, position);

CREATE TABLE runs (
    seq                INTEGER PRIMARY KEY AUTOINCREMENT,
    id                 TEXT   NOT NULL UNIQUE,
    rule               TEXT   NOT NULL,
    booking            TEXT   NOT NULL,
    item               TEXT   NOT NULL,
    lane               TEXT   NOT NULL,
    change_position    BIGINT NOT NULL,
    change_ordinal     BIGINT NOT NULL,
    position           BIGINT NOT NULL,
    asked              TEXT   NOT NULL,
    planned_by         TEXT   NOT NULL,
    state              TEXT   NOT NULL CHECK (state IN (
                           'waiting', 'working', 'paused', 'held', 'done', 'skipped', 'failed', 'cancelled',
                           'superseded')),
    next_at            BIGINT,           -- due at; only the first of a lane has it
    kept_at            BIGINT,           -- what next_at was, while an older run stands before it
    connection         TEXT   NOT NULL,
    ruleset            TEXT,
    failures           BIGINT NOT NULL DEFAULT 0,
    failing_since      BIGINT,
    failing_stopped_ms BIGINT NOT NULL DEFAULT 0,
    uncertain          BIGINT NOT NULL DEFAULT 0 CHECK (uncertain IN (0, 1)),
    supersedes         BIGINT NOT NULL CHECK (supersedes IN (0, 1)),
    as_it_was          BIGINT NOT NULL DEFAULT 0 CHECK (as_it_was IN (0, 1)),
    revision           BIGINT NOT NULL DEFAULT 0,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    verdict_code       TEXT,
    verdict_text       TEXT,
    steps              TEXT   NOT NULL DEFAULT '[]'
);
-- What is due, per connection.
CREATE INDEX runs_due     ON runs (connection, next_at, seq) WHERE state = 'waiting' AND next_at IS NOT NULL;
-- Lanes: who blocks, who has a time, who is in a call, who waits behind another.
CREATE INDEX runs_lane    ON runs (lane, seq) WHERE state IN ('waiting', 'working', 'paused');
CREATE INDEX runs_timed   ON runs (lane) WHERE state = 'waiting' AND next_at IS NOT NULL;
CREATE INDEX runs_working ON runs (lane) WHERE state = 'working';
CREATE INDEX runs_behind  ON runs (lane, seq) WHERE state = 'waiting' AND next_at IS NULL;
-- Pausing and resuming a connection, and the oldest that waits.
CREATE INDEX runs_waiting ON runs (connection, seq) WHERE state = 'waiting';
CREATE INDEX runs_paused  ON runs (connection, seq) WHERE state = 'paused';
-- Cancelling what a rule has not begun.
CREATE INDEX runs_open    ON runs (rule, seq) WHERE state IN ('waiting', 'paused');
-- Lists.
CREATE INDEX runs_by_booking    ON runs (booking, seq);
CREATE INDEX runs_by_rule       ON runs (rule, seq);
CREATE INDEX runs_by_connection ON runs (connection, seq);
CREATE INDEX runs_by_state      ON runs (state, seq);
CREATE INDEX runs_by_change     ON runs (change_position, seq);
CREATE INDEX runs_by_time       ON runs (created_at);

-- How many runs there are, kept by triggers, so that nobody counts a million rows.
CREATE TABLE run_counts (
    state      TEXT   NOT NULL,
    connection TEXT   NOT NULL,
    runs       BIGINT NOT NULL,
    PRIMARY KEY (state, connection)
) WITHOUT ROWID;

CREATE TRIGGER runs_counted_when_planned AFTER INSERT ON runs BEGIN
    INSERT INTO run_counts (state, connection, runs) VALUES (NEW.state, NEW.connection, 1)
    ON CONFLICT (state, connection) DO UPDATE SET runs = run_counts.runs + 1;
END;
CREATE TRIGGER runs_counted_when_moved AFTER UPDATE OF state, connection ON runs
WHEN OLD.state <> NEW.state OR OLD.connection <> NEW.connection BEGIN
    UPDATE run_counts SET runs = runs - 1 WHERE state = OLD.state AND connection = OLD.connection;
    INSERT INTO run_counts (state, connection, runs) VALUES (NEW.state, NEW.connection, 1)
    ON CONFLICT (state, connection) DO UPDATE SET runs = run_counts.runs + 1;
END;

CREATE TABLE attempts (
    id          TEXT   NOT NULL PRIMARY KEY,
    run         TEXT   NOT NULL,
    step        TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    number      BIGINT NOT NULL,
    connection  TEXT   NOT NULL,
    node        TEXT   NOT NULL,
    started_at  BIGINT NOT NULL,
    outcome     TEXT   NOT NULL,
    status      BIGINT,
    duration_ms BIGINT,
    ended_at    BIGINT,
    message     TEXT,
    request     TEXT   NOT NULL,
    answer      TEXT
);
CREATE INDEX attempts_by_run  ON attempts (run, started_at, id);
CREATE INDEX attempts_sending ON attempts (started_at, node) WHERE outcome = 'sending';

CREATE TABLE links (
    connection TEXT   NOT NULL,
    account    TEXT   NOT NULL,
    object     TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    rule       TEXT   NOT NULL,
    step       TEXT   NOT NULL,
    remote_id  TEXT,
    position   BIGINT NOT NULL,
    hash       TEXT,
    updated_at BIGINT NOT NULL,
    outputs    TEXT   NOT NULL,
    PRIMARY KEY (connection, account, object, key, rule, step)
);
CREATE INDEX links_by_rule ON links (rule, step);

CREATE TABLE link_bookings (
    connection TEXT NOT NULL,
    account    TEXT NOT NULL,
    object     TEXT NOT NULL,
    key        TEXT NOT NULL,
    rule       TEXT NOT NULL,
    step       TEXT NOT NULL,
    booking    TEXT NOT NULL,
    item       TEXT NOT NULL,
    hash       TEXT,
    PRIMARY KEY (connection, account, object, key, rule, step, booking, item)
);
CREATE INDEX link_bookings_by_booking ON link_bookings (booking, item, connection);
CREATE INDEX link_bookings_by_rule    ON link_bookings (rule, step);

CREATE TABLE connections (
    name               TEXT   NOT NULL PRIMARY KEY,
    paused             BIGINT NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    needs_auth         TEXT,
    refused_credential TEXT,
    tripped_since      BIGINT,
    failures           BIGINT NOT NULL DEFAULT 0,
    probe_at           BIGINT,
    probe_after_ms     BIGINT NOT NULL DEFAULT 0,
    rests_until        BIGINT,
    stopped_ms         BIGINT NOT NULL DEFAULT 0,
    stopped_since      BIGINT
);

CREATE TABLE rulesets (
    hash         TEXT   NOT NULL PRIMARY KEY,
    activated_at BIGINT NOT NULL,
    files        TEXT   NOT NULL
);

CREATE TABLE sources (
    name       TEXT NOT NULL PRIMARY KEY,
    tokens     TEXT NOT NULL,
    removed_at BIGINT
);

CREATE TABLE secrets (
    name   TEXT   NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL,
    sealed BLOB   NOT NULL
);

CREATE TABLE facts (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
