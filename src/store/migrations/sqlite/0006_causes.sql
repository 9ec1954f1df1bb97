-- Why runs need a person: runs that fail for one reason are one group. Only runs that fail or are held are written here.
CREATE TABLE causes (
    key        TEXT   NOT NULL PRIMARY KEY,
    connection TEXT   NOT NULL,
    rule       TEXT   NOT NULL,
    step       TEXT   NOT NULL,
    code       TEXT   NOT NULL,
    needs      BIGINT NOT NULL DEFAULT 0,   -- runs that need a person; counted by triggers
    under_way  BIGINT NOT NULL DEFAULT 0,   -- runs that are being tried again
    first_at   BIGINT NOT NULL,             -- since when the group is open
    last_at    BIGINT NOT NULL,             -- when the last run came to it
    moved_at   BIGINT NOT NULL,             -- when a run of it last moved; of a closed group: when it closed
    pattern    TEXT   NOT NULL,
    message    TEXT   NOT NULL
) WITHOUT ROWID;
CREATE INDEX causes_open   ON causes (last_at, key) WHERE needs + under_way > 0;
CREATE INDEX causes_closed ON causes (moved_at)     WHERE needs + under_way = 0;

-- Which run is in which group, from its failure until it ends well or is dealt with.
CREATE TABLE run_causes (
    seq     INTEGER PRIMARY KEY,
    cause   TEXT   NOT NULL,
    lane    TEXT   NOT NULL,
    booking TEXT   NOT NULL,
    needs   BIGINT NOT NULL CHECK (needs IN (0, 1)),
    at      BIGINT NOT NULL
);
CREATE INDEX run_causes_by_cause ON run_causes (cause, seq, needs, booking, at);
CREATE INDEX run_causes_by_lane  ON run_causes (lane, seq);

CREATE TRIGGER run_causes_counted_when_in AFTER INSERT ON run_causes BEGIN
    UPDATE causes SET needs = needs + NEW.needs, under_way = under_way + 1 - NEW.needs WHERE key = NEW.cause;
END;
CREATE TRIGGER run_causes_counted_when_out AFTER DELETE ON run_causes BEGIN
    UPDATE causes SET needs = needs - OLD.needs, under_way = under_way - 1 + OLD.needs WHERE key = OLD.cause;
END;
CREATE TRIGGER run_causes_counted_when_moved AFTER UPDATE OF cause, needs ON run_causes BEGIN
    UPDATE causes SET needs = needs - OLD.needs, under_way = under_way - 1 + OLD.needs WHERE key = OLD.cause;
    UPDATE causes SET needs = needs + NEW.needs, under_way = under_way + 1 - NEW.needs WHERE key = NEW.cause;
END;

-- Whoever moves a run, its group knows.
CREATE TRIGGER runs_moved_in_their_group AFTER UPDATE OF state ON runs
WHEN OLD.state <> NEW.state AND EXISTS (SELECT 1 FROM run_causes AS t WHERE t.seq = NEW.seq) BEGIN
    UPDATE causes SET moved_at = MAX(moved_at, NEW.updated_at)
    WHERE  key = (SELECT t.cause FROM run_causes AS t WHERE t.seq = NEW.seq);
    DELETE FROM run_causes
    WHERE  seq = NEW.seq AND NEW.state IN ('done', 'skipped', 'cancelled', 'superseded');
    UPDATE run_causes SET needs = CASE WHEN NEW.state IN ('failed', 'held') THEN 1 ELSE 0 END
    WHERE  seq = NEW.seq AND needs <> CASE WHEN NEW.state IN ('failed', 'held') THEN 1 ELSE 0 END;
END;

-- What a person asked to be done with many runs: how far it is, so that it goes on where it was.
CREATE TABLE bulks (
    id       TEXT   NOT NULL PRIMARY KEY,
    act      TEXT   NOT NULL CHECK (act IN ('retry', 'cancel')),
    who      TEXT   NOT NULL,
    asked_at BIGINT NOT NULL,
    planned  BIGINT NOT NULL,
    position BIGINT NOT NULL DEFAULT 0,   -- seq of the last run that was looked at
    done     BIGINT NOT NULL DEFAULT 0,
    left_out BIGINT NOT NULL DEFAULT 0,
    ended_at BIGINT,
    filter   TEXT   NOT NULL
);
CREATE INDEX bulks_open  ON bulks (asked_at, id) WHERE ended_at IS NULL;
CREATE INDEX bulks_ended ON bulks (ended_at) WHERE ended_at IS NOT NULL;

-- Runs from before this version are given their cause in the background, from here on.
INSERT INTO facts (name, value) VALUES ('causes.walk', 'failed 0');
