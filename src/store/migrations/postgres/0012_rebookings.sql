-- Rebookings: which booking took the place of which, by the source system's own keys, since either may be told of before
-- the other has come.
CREATE TABLE rebookings (
    connector   TEXT   NOT NULL,
    account     TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    old_key     TEXT   NOT NULL,
    new_key     TEXT   NOT NULL,
    told_by_old BIGINT NOT NULL CHECK (told_by_old IN (0, 1)),
    position    BIGINT NOT NULL,        -- of the event that told of it first
    PRIMARY KEY (connector, account, kind, old_key, new_key)
);
CREATE INDEX rebookings_by_new ON rebookings (connector, account, kind, new_key);
