//! `kill -9` at random moments, again and again, under load, on both databases; and what a kill can't show, the sync
//! before each answer, by looking at the system calls. The router is the real program, and so is the CRM, which lives on.
//!
//! `make kill ROUNDS=200` runs it at length and prints a line per database.

#[expect(dead_code, reason = "the other binaries use the rest")]
#[path = "../support/mod.rs"]
mod support;

#[expect(dead_code, reason = "the other binaries use the rest")]
#[path = "../support/process.rs"]
mod process;

#[expect(dead_code, reason = "the other binaries use the rest")]
#[path = "../support/postgres.rs"]
mod postgres;

mod calm;
mod chance;
mod load;
mod model;
mod rounds;
mod sync;
