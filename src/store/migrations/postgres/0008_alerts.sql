-- Who is told of outages, what outages there are, and each letter that is written of one to one channel.

CREATE TABLE alert_channels (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    enabled    BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    kind       TEXT   NOT NULL CHECK (kind IN ('email', 'slack', 'webhook')),
    created_at BIGINT NOT NULL,
    last_at    BIGINT,
    last_good  BIGINT CHECK (last_good IN (0, 1)),
    last_text  TEXT,
    settings   TEXT   NOT NULL           -- no secrets, only their names
);

CREATE TABLE outages (
    id         TEXT   NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL CHECK (kind IN ('connection', 'needs-you', 'silence', 'disk')),
    object     TEXT   NOT NULL,
    opened_at  BIGINT NOT NULL,
    good_since BIGINT,                   -- well since then, but perhaps not for long
    told_at    BIGINT,
    reminders  BIGINT NOT NULL DEFAULT 0,
    closed_at  BIGINT,
    headline   TEXT   NOT NULL
);
CREATE UNIQUE INDEX outages_open ON outages (kind, object) WHERE closed_at IS NULL;
CREATE INDEX outages_told   ON outages (opened_at, id) WHERE told_at IS NOT NULL;
CREATE INDEX outages_closed ON outages (closed_at)     WHERE closed_at IS NOT NULL;

-- The id is made of outage, kind, number and channel: none is written twice.
CREATE TABLE alert_letters (
    id         TEXT   NOT NULL PRIMARY KEY,
    outage     TEXT   NOT NULL,
    channel    TEXT   NOT NULL,
    kind       TEXT   NOT NULL CHECK (kind IN ('alert', 'reminder', 'all-clear')),
    state      TEXT   NOT NULL CHECK (state IN ('waiting', 'sent', 'given-up', 'overtaken')),
    tries      BIGINT NOT NULL DEFAULT 0,
    next_at    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    letter     TEXT   NOT NULL
);
CREATE INDEX alert_letters_due       ON alert_letters (next_at, id) WHERE state = 'waiting';
CREATE INDEX alert_letters_by_outage ON alert_letters (outage, kind);
CREATE INDEX alert_letters_by_channel ON alert_letters (channel);
