-- What a booking itself last sent to a record, by position: the link's own position may be another booking's.
ALTER TABLE link_bookings ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
