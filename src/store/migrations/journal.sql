-- SQLite's journal, events.db. Run at every start; whatever changes later is added behind it.
-- Times are milliseconds since 1970. The wide column stands last.

CREATE TABLE IF NOT EXISTS events (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    source      TEXT    NOT NULL,
    received_at BIGINT  NOT NULL,
    origin      TEXT    NOT NULL,
    body_bytes  BIGINT  NOT NULL,
    headers     TEXT    NOT NULL,
    body        BLOB    NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_source ON events (source, position);
CREATE INDEX IF NOT EXISTS events_by_time   ON events (received_at);

-- Events that nothing has come of yet. A row may stay a little after its event is applied: what counts is whether the
-- event has a change.
CREATE TABLE IF NOT EXISTS unapplied (
    position   INTEGER PRIMARY KEY,
    body_bytes BIGINT  NOT NULL,
    crashes    BIGINT  NOT NULL DEFAULT 0
);
