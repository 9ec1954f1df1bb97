-- What was removed by retention or erased on request, so that each place can say so.

-- Webhooks whose body and headers were removed. Written before the body goes; gone = 0 until it has.
CREATE TABLE removed_bodies (
    position INTEGER PRIMARY KEY,
    at       BIGINT NOT NULL,
    gone     BIGINT NOT NULL DEFAULT 0 CHECK (gone IN (0, 1)),
    hash     TEXT   NOT NULL,           -- SHA-256 of the body
    why      TEXT   NOT NULL,           -- a sentence
    rest     TEXT                       -- what is left, where it told of others too; null: nothing
);
CREATE INDEX removed_bodies_to_do ON removed_bodies (position) WHERE gone = 0;

-- What retention went past because something of it waits or needs a person, or because it could not be erased: looked at
-- again from time to time.
CREATE TABLE kept_longer (
    what     TEXT   NOT NULL CHECK (what IN ('event', 'attempt', 'booking')),
    key      TEXT   NOT NULL,
    asked_at BIGINT NOT NULL,
    PRIMARY KEY (what, key)
) WITHOUT ROWID;
CREATE INDEX kept_longer_by_time ON kept_longer (what, asked_at, key);

-- Bookings whose guest data were replaced, up to which position, and why.
CREATE TABLE erased_bookings (
    booking  TEXT   NOT NULL PRIMARY KEY,
    at       BIGINT NOT NULL,
    position BIGINT NOT NULL,
    why      TEXT   NOT NULL
) WITHOUT ROWID;
