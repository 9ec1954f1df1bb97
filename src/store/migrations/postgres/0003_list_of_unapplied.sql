-- Which events nothing has come of yet stands in a list beside them, so that applying one does not write its row anew.
CREATE TABLE unapplied (
    position   BIGINT NOT NULL PRIMARY KEY,
    body_bytes BIGINT NOT NULL,
    crashes    BIGINT NOT NULL DEFAULT 0
);
INSERT INTO unapplied (position, body_bytes, crashes)
SELECT position, body_bytes, crashes FROM events WHERE applied = 0;
DROP INDEX events_unapplied;
ALTER TABLE events DROP COLUMN applied, DROP COLUMN crashes;
