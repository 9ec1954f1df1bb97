-- What is to be fetched from booking systems: one row for each thing that webhooks hinted at, or that somebody asked for,
-- until it came.
CREATE TABLE fetches (
    id            TEXT   NOT NULL PRIMARY KEY,   -- made of the five that follow
    connector     TEXT   NOT NULL,
    account       TEXT   NOT NULL,
    kind          TEXT   NOT NULL,
    key           TEXT   NOT NULL,
    way           BIGINT NOT NULL,               -- 0: the record itself; else by which of its hints
    source        TEXT   NOT NULL,               -- the door by whose keys it is fetched
    policy        TEXT   NOT NULL CHECK (policy IN ('hint', 'hold', 'payload')),
    state         TEXT   NOT NULL CHECK (state IN ('due', 'working', 'refused')),
    first_at      BIGINT NOT NULL,               -- when the first of what waits came
    hinted        BIGINT NOT NULL,               -- position of the last hint
    due_at        BIGINT NOT NULL,
    begun         BIGINT,                        -- the journal's last position when the request began
    tries         BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT,
    trouble       TEXT,                          -- a word: rests, down, needs_auth, refused, not_there
    told          TEXT,                          -- the same as a sentence
    unverified    BIGINT NOT NULL DEFAULT 0 CHECK (unverified IN (0, 1)),
    asked_by      TEXT
) WITHOUT ROWID;
CREATE INDEX fetches_due       ON fetches (due_at, id) WHERE state = 'due';
CREATE INDEX fetches_working   ON fetches (id) WHERE state = 'working';
CREATE INDEX fetches_by_source ON fetches (source, state, first_at);
CREATE INDEX fetches_to_go_by  ON fetches (first_at, id) WHERE state = 'due' AND policy = 'payload' AND unverified = 0;

-- The changes that wait for a fetch.
CREATE TABLE fetch_hints (
    fetch    TEXT   NOT NULL,
    position BIGINT NOT NULL,
    ordinal  BIGINT NOT NULL,
    PRIMARY KEY (fetch, position, ordinal)
) WITHOUT ROWID;
CREATE UNIQUE INDEX fetch_hints_by_position ON fetch_hints (position, ordinal);

-- Up to which position of the journal what the booking's state says is known to hold; null: that of its change.
ALTER TABLE bookings ADD COLUMN as_of BIGINT;

-- A further kind of change. SQLite changes no CHECK in place, and to copy the table would take as long as it is large; so
-- its text is changed, the way that SQLite's documentation describes for constraints.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''unreadable''', '''unreadable'', ''fetching''')
WHERE  type = 'table' AND name = 'changes';
PRAGMA writable_schema = RESET;
