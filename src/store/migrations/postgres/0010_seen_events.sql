-- Events by the ids that booking systems give them: a copy is known as one, however late it comes. Kept for ever; an id
-- says nothing of a guest.
CREATE TABLE seen_events (
    connector TEXT   NOT NULL,
    account   TEXT   NOT NULL,          -- of the booking system, or the source's name
    id        TEXT   NOT NULL,
    event     TEXT   NOT NULL,          -- the webhook that it first came by
    at        BIGINT NOT NULL,
    PRIMARY KEY (connector, account, id)
);

-- When it happened, by the word of the booking system.
ALTER TABLE changes ADD COLUMN happened_at BIGINT;
