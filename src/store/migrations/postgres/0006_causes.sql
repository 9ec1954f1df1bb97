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
);
CREATE INDEX causes_open   ON causes (last_at, key) WHERE needs + under_way > 0;
CREATE INDEX causes_closed ON causes (moved_at)     WHERE needs + under_way = 0;

-- Which run is in which group, from its failure until it ends well or is dealt with.
CREATE TABLE run_causes (
    seq     BIGINT  PRIMARY KEY,
    cause   TEXT   NOT NULL,
    lane    TEXT   NOT NULL,
    booking TEXT   NOT NULL,
    needs   BIGINT NOT NULL CHECK (needs IN (0, 1)),
    at      BIGINT NOT NULL
);
CREATE INDEX run_causes_by_cause ON run_causes (cause, seq, needs, booking, at);
CREATE INDEX run_causes_by_lane  ON run_causes (lane, seq);

CREATE FUNCTION run_causes_are_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE causes AS c SET needs = c.needs + m.needs, under_way = c.under_way + m.under_way
        FROM (SELECT cause, SUM(needs) AS needs, SUM(1 - needs) AS under_way FROM new_rows GROUP BY cause) AS m
        WHERE c.key = m.cause;
    ELSIF TG_OP = 'DELETE' THEN
        UPDATE causes AS c SET needs = c.needs - m.needs, under_way = c.under_way - m.under_way
        FROM (SELECT cause, SUM(needs) AS needs, SUM(1 - needs) AS under_way FROM old_rows GROUP BY cause) AS m
        WHERE c.key = m.cause;
    ELSE
        UPDATE causes AS c SET needs = c.needs + m.needs, under_way = c.under_way + m.under_way
        FROM (SELECT cause, SUM(needs) AS needs, SUM(under_way) AS under_way
              FROM (SELECT cause, needs, 1 - needs AS under_way FROM new_rows
                    UNION ALL
                    SELECT cause, -needs, needs - 1 FROM old_rows) AS both_sides
              GROUP BY cause) AS m
        WHERE c.key = m.cause;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER run_causes_counted_when_in AFTER INSERT ON run_causes
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION run_causes_are_counted();
CREATE TRIGGER run_causes_counted_when_out AFTER DELETE ON run_causes
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION run_causes_are_counted();
CREATE TRIGGER run_causes_counted_when_moved AFTER UPDATE ON run_causes
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION run_causes_are_counted();

-- Whoever moves a run, its group knows. Where no run is in a group this looks at one empty index.
CREATE OR REPLACE FUNCTION runs_are_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO run_counts AS known (state, connection, runs)
        SELECT state, connection, COUNT(*) FROM new_runs GROUP BY state, connection
        ON CONFLICT (state, connection) DO UPDATE SET runs = known.runs + EXCLUDED.runs;
    ELSE
        INSERT INTO run_counts AS known (state, connection, runs)
        SELECT state, connection, SUM(one)
        FROM (SELECT state, connection, 1 AS one FROM new_runs
              UNION ALL
              SELECT state, connection, -1 FROM old_runs) AS moved
        GROUP BY state, connection
        HAVING SUM(one) <> 0
        ON CONFLICT (state, connection) DO UPDATE SET runs = known.runs + EXCLUDED.runs;
        IF EXISTS (SELECT 1 FROM run_causes) THEN
            UPDATE causes AS c SET moved_at = GREATEST(c.moved_at, m.at)
            FROM (SELECT t.cause, MAX(n.updated_at) AS at
                  FROM   new_runs AS n JOIN old_runs AS o ON o.seq = n.seq AND o.state <> n.state
                  JOIN   run_causes AS t ON t.seq = n.seq
                  GROUP BY t.cause) AS m
            WHERE c.key = m.cause;
            DELETE FROM run_causes AS t USING new_runs AS n
            WHERE t.seq = n.seq AND n.state IN ('done', 'skipped', 'cancelled', 'superseded');
            UPDATE run_causes AS t
            SET    needs = CASE WHEN n.state IN ('failed', 'held') THEN 1 ELSE 0 END
            FROM   new_runs AS n
            WHERE  t.seq = n.seq AND t.needs <> CASE WHEN n.state IN ('failed', 'held') THEN 1 ELSE 0 END;
        END IF;
    END IF;
    RETURN NULL;
END $$;

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
