-- Certificates are a kind of outage of their own, fetches are found by what they fetch, and the door of a source that was
-- removed goes on as it was.

-- What a source keeps of a webhook, as JSON: the names of its headers, and of what is never stored. Null: not known.
ALTER TABLE sources ADD COLUMN door TEXT;

CREATE INDEX fetches_by_key ON fetches (key);

-- What is there already fits the older, narrower check: it is not looked through.
ALTER TABLE outages DROP CONSTRAINT outages_kind_check;
ALTER TABLE outages ADD CONSTRAINT outages_kind_check CHECK (kind IN (
    'connection', 'needs-you', 'silence', 'disk', 'certificate')) NOT VALID;
UPDATE outages SET kind = 'certificate', object = '' WHERE kind = 'disk' AND object = 'certificate';
