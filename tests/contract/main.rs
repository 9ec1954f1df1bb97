//! The store's contract, each sentence tried on SQLite and on Postgres with the same text.

mod alerts;
mod applies;
mod causes;
mod chains;
mod delivering;
mod erasing;
mod events_and_bookings;
mod fetches;
mod finding;
mod keeping;
mod lanes;
mod links;
mod looking;
mod memory;
mod opening;
mod people;
mod place;
mod plans;
#[path = "../support/postgres.rs"]
mod postgres;
mod pulse;
mod samples;
mod seen;
mod speed;
mod together;
mod walks;
mod whole_way;
