-- Events have a file of their own, events.db, with the list of those that nothing has come of yet (migrations/journal.sql).
-- What stands in this file's table is moved there when it is opened, and the table goes.
DROP INDEX events_unapplied;
