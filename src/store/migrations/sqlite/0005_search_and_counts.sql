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
) WITHOUT ROWID;
CREATE INDEX booking_cards_by_time ON booking_cards (changed_at, booking);
CREATE INDEX booking_cards_by_tour ON booking_cards (tour_day, changed_at, booking) WHERE tour_day <> '';
CREATE INDEX booking_cards_unsent  ON booking_cards (standing, changed_at, booking) WHERE standing < 2;

-- The same terms, each with the bookings that have it.
CREATE TABLE booking_terms (
    term    TEXT NOT NULL,
    booking TEXT NOT NULL,
    PRIMARY KEY (term, booking)
) WITHOUT ROWID;

-- How many bookings changed last in an hour, and how they stand. Kept by triggers on the cards, so that they add up.
CREATE TABLE booking_hours (
    hour     BIGINT NOT NULL,           -- hours since 1970
    standing BIGINT NOT NULL,
    bookings BIGINT NOT NULL,
    PRIMARY KEY (hour, standing)
) WITHOUT ROWID;

-- How many webhooks a source sent in an hour. Counted up behind the journal, by position.
CREATE TABLE source_hours (
    source TEXT   NOT NULL,
    hour   BIGINT NOT NULL,
    events BIGINT NOT NULL,
    PRIMARY KEY (source, hour)
) WITHOUT ROWID;
CREATE INDEX source_hours_by_hour ON source_hours (hour);

CREATE TRIGGER cards_know_of_planned AFTER INSERT ON runs BEGIN
    UPDATE booking_cards
    SET    open  = open  + (NEW.state IN ('waiting', 'working', 'paused')),
           stuck = stuck + (NEW.state IN ('failed', 'held')),
           sent  = sent  + (NEW.state = 'done'
                            OR (NEW.state = 'skipped' AND COALESCE(NEW.verdict_code, '') = 'unchanged'))
    WHERE  booking = NEW.booking;
END;
CREATE TRIGGER cards_know_of_moved AFTER UPDATE OF state, verdict_code ON runs
WHEN (OLD.state IN ('waiting', 'working', 'paused')) <> (NEW.state IN ('waiting', 'working', 'paused'))
  OR (OLD.state IN ('failed', 'held')) <> (NEW.state IN ('failed', 'held'))
  OR (OLD.state = 'done' OR (OLD.state = 'skipped' AND COALESCE(OLD.verdict_code, '') = 'unchanged'))
     <> (NEW.state = 'done' OR (NEW.state = 'skipped' AND COALESCE(NEW.verdict_code, '') = 'unchanged'))
BEGIN
    UPDATE booking_cards
    SET    open  = open  + (NEW.state IN ('waiting', 'working', 'paused'))
                         - (OLD.state IN ('waiting', 'working', 'paused')),
           stuck = stuck + (NEW.state IN ('failed', 'held')) - (OLD.state IN ('failed', 'held')),
           sent  = sent  + (NEW.state = 'done'
                            OR (NEW.state = 'skipped' AND COALESCE(NEW.verdict_code, '') = 'unchanged'))
                         - (OLD.state = 'done'
                            OR (OLD.state = 'skipped' AND COALESCE(OLD.verdict_code, '') = 'unchanged'))
    WHERE  booking = NEW.booking;
END;

CREATE TRIGGER cards_counted_when_made AFTER INSERT ON booking_cards BEGIN
    INSERT INTO booking_hours (hour, standing, bookings) VALUES (NEW.changed_at / 3600000, NEW.standing, 1)
    ON CONFLICT (hour, standing) DO UPDATE SET bookings = booking_hours.bookings + 1;
END;
CREATE TRIGGER cards_counted_when_moved AFTER UPDATE OF changed_at, open, stuck, sent ON booking_cards
WHEN OLD.changed_at / 3600000 <> NEW.changed_at / 3600000 OR OLD.standing <> NEW.standing BEGIN
    UPDATE booking_hours SET bookings = bookings - 1
    WHERE  hour = OLD.changed_at / 3600000 AND standing = OLD.standing;
    INSERT INTO booking_hours (hour, standing, bookings) VALUES (NEW.changed_at / 3600000, NEW.standing, 1)
    ON CONFLICT (hour, standing) DO UPDATE SET bookings = booking_hours.bookings + 1;
END;
CREATE TRIGGER cards_counted_when_erased AFTER DELETE ON booking_cards BEGIN
    UPDATE booking_hours SET bookings = bookings - 1
    WHERE  hour = OLD.changed_at / 3600000 AND standing = OLD.standing;
END;
