-- Certificates are a kind of outage of their own, fetches are found by what they fetch, and the door of a source that was
-- removed goes on as it was. What was read again is noted.

-- What a source keeps of a webhook, as JSON: the names of its headers, and of what is never stored. Null: not known.
ALTER TABLE sources ADD COLUMN door TEXT;

CREATE INDEX fetches_by_key ON fetches (key);

-- Webhooks that became nothing and were read again since: where they stand in the journal, and as which event.
CREATE TABLE read_again (
    position BIGINT NOT NULL PRIMARY KEY,
    event    TEXT   NOT NULL,
    at       BIGINT NOT NULL
);

-- SQLite changes no CHECK in place: as for the kinds of change, its text is changed.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''disk''', '''disk'', ''certificate''')
WHERE  type = 'table' AND name = 'outages';
PRAGMA writable_schema = RESET;
UPDATE outages SET kind = 'certificate', object = '' WHERE kind = 'disk' AND object = 'certificate';
