-- By what it is known that webhooks are missing: when the last one came, which were answered with something else than 200,
-- and when Waypost was running.

-- The last webhook of each source, as far as webhooks are counted. Begins with what the hours say.
CREATE TABLE last_webhooks (
    source TEXT   NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO last_webhooks (source, at)
SELECT source, MAX(hour) * 3600000 FROM source_hours WHERE events > 0 GROUP BY source;

CREATE TABLE refused_webhooks (
    source  TEXT   NOT NULL,
    hour    BIGINT NOT NULL,            -- since 1970
    status  BIGINT NOT NULL,            -- of HTTP
    answers BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (source, hour, status)
) WITHOUT ROWID;
CREATE INDEX refused_webhooks_by_hour ON refused_webhooks (hour);

-- Stretches of time in which Waypost was running: from its start to when it last said so.
CREATE TABLE uptimes (
    began_at INTEGER PRIMARY KEY,
    seen_at  BIGINT  NOT NULL
);
CREATE INDEX uptimes_by_end ON uptimes (seen_at);
