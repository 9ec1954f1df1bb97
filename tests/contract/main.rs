//! The store's contract, each sentence tried on SQLite and on Postgres with the same text.

mod samples;
mod smoke;
