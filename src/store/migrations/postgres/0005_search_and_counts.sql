-- What bookings are found, narrowed and counted by. All is empty at first; existing bookings are filled in later, in small
-- pieces (store/cards.rs).

-- One card per booking: when it last changed, the day of its tour where the tour is, its runs by what they come to, and its
-- search terms with a space on either side of each.
CREATE TABLE booking_cards (
    booking    TEXT   NOT NULL PRIMARY KEY,
    source     TEXT   NOT NULL,
    status     TEXT   NOT NULL,
    changed_at BIGINT NOT NULL,
    tour_day   TEXT   NOT NULL,
    open       BIGINT NOT NULL DEFAULT 0,
    stuck      BIGINT NOT NULL DEFAULT 0,
    sent       BIGINT NOT NULL DEFAULT 0,
    standing   BIGINT NOT NULL GENERATED ALWAYS AS (
                   CASE WHEN stuck > 0 THEN 0 WHEN open > 0 THEN 1 WHEN sent > 0 THEN 2 ELSE 3 END) STORED,
    terms      TEXT   NOT NULL
);
CREATE INDEX booking_cards_by_time ON booking_cards (changed_at, booking);
CREATE INDEX booking_cards_by_tour ON booking_cards (tour_day, changed_at, booking) WHERE tour_day <> '';
CREATE INDEX booking_cards_unsent  ON booking_cards (standing, changed_at, booking) WHERE standing < 2;

-- The same terms, each with the bookings that have it. By bytes, so that a prefix is a range whatever the database's
-- language is.
CREATE TABLE booking_terms (
    term    TEXT COLLATE "C" NOT NULL,
    booking TEXT NOT NULL,
    PRIMARY KEY (term, booking)
);

-- How many bookings changed last in an hour, and how they stand. Kept by triggers on the cards, so that they add up.
CREATE TABLE booking_hours (
    hour     BIGINT NOT NULL,           -- hours since 1970
    standing BIGINT NOT NULL,
    bookings BIGINT NOT NULL,
    PRIMARY KEY (hour, standing)
);

-- How many webhooks a source sent in an hour. Counted up behind the journal, by position.
CREATE TABLE source_hours (
    source TEXT   NOT NULL,
    hour   BIGINT NOT NULL,
    events BIGINT NOT NULL,
    PRIMARY KEY (source, hour)
);
CREATE INDEX source_hours_by_hour ON source_hours (hour);

CREATE FUNCTION cards_know_of_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE booking_cards AS k
        SET    open = k.open + m.open, stuck = k.stuck + m.stuck, sent = k.sent + m.sent
        FROM  (SELECT booking,
                      COUNT(*) FILTER (WHERE state IN ('waiting', 'working', 'paused')) AS open,
                      COUNT(*) FILTER (WHERE state IN ('failed', 'held')) AS stuck,
                      COUNT(*) FILTER (WHERE state = 'done' OR (state = 'skipped' AND verdict_code = 'unchanged'))
                      AS sent
               FROM   new_runs GROUP BY booking) AS m
        WHERE  k.booking = m.booking AND (m.open <> 0 OR m.stuck <> 0 OR m.sent <> 0);
    ELSE
        UPDATE booking_cards AS k
        SET    open = k.open + m.open, stuck = k.stuck + m.stuck, sent = k.sent + m.sent
        FROM  (SELECT booking,
                      CAST(COALESCE(SUM(one) FILTER (WHERE state IN ('waiting', 'working', 'paused')), 0) AS BIGINT)
                      AS open,
                      CAST(COALESCE(SUM(one) FILTER (WHERE state IN ('failed', 'held')), 0) AS BIGINT) AS stuck,
                      CAST(COALESCE(SUM(one) FILTER (WHERE state = 'done'
                                                     OR (state = 'skipped' AND verdict_code = 'unchanged')), 0)
                           AS BIGINT) AS sent
               FROM  (SELECT booking, state, verdict_code, 1 AS one FROM new_runs
                      UNION ALL
                      SELECT booking, state, verdict_code, -1 FROM old_runs) AS moved
               GROUP BY booking) AS m
        WHERE  k.booking = m.booking AND (m.open <> 0 OR m.stuck <> 0 OR m.sent <> 0);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cards_know_of_planned AFTER INSERT ON runs
REFERENCING NEW TABLE AS new_runs
FOR EACH STATEMENT EXECUTE FUNCTION cards_know_of_runs();
CREATE TRIGGER cards_know_of_moved AFTER UPDATE ON runs
REFERENCING OLD TABLE AS old_runs NEW TABLE AS new_runs
FOR EACH STATEMENT EXECUTE FUNCTION cards_know_of_runs();

CREATE FUNCTION cards_are_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO booking_hours AS known (hour, standing, bookings)
        SELECT changed_at / 3600000, standing, COUNT(*) FROM new_cards GROUP BY 1, 2
        ON CONFLICT (hour, standing) DO UPDATE SET bookings = known.bookings + EXCLUDED.bookings;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO booking_hours AS known (hour, standing, bookings)
        SELECT changed_at / 3600000, standing, -COUNT(*) FROM old_cards GROUP BY 1, 2
        ON CONFLICT (hour, standing) DO UPDATE SET bookings = known.bookings + EXCLUDED.bookings;
    ELSE
        INSERT INTO booking_hours AS known (hour, standing, bookings)
        SELECT hour, standing, SUM(one)
        FROM  (SELECT changed_at / 3600000 AS hour, standing, 1 AS one FROM new_cards
               UNION ALL
               SELECT changed_at / 3600000, standing, -1 FROM old_cards) AS moved
        GROUP BY hour, standing
        HAVING SUM(one) <> 0
        ON CONFLICT (hour, standing) DO UPDATE SET bookings = known.bookings + EXCLUDED.bookings;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cards_counted_when_made AFTER INSERT ON booking_cards
REFERENCING NEW TABLE AS new_cards
FOR EACH STATEMENT EXECUTE FUNCTION cards_are_counted();
CREATE TRIGGER cards_counted_when_moved AFTER UPDATE ON booking_cards
REFERENCING OLD TABLE AS old_cards NEW TABLE AS new_cards
FOR EACH STATEMENT EXECUTE FUNCTION cards_are_counted();
CREATE TRIGGER cards_counted_when_erased AFTER DELETE ON booking_cards
REFERENCING OLD TABLE AS old_cards
FOR EACH STATEMENT EXECUTE FUNCTION cards_are_counted();
