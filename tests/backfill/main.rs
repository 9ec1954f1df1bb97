//! A year's backfill against a FareHarbor of our own, which counts every call against its limits, fails now and then, and
//! changes meanwhile: killed three times in the middle, it ends complete. In small in every run of the tests; at full size by
//! `make backfill-year`.

#[expect(dead_code, reason = "the other binaries use the rest")]
#[path = "../support/mod.rs"]
mod support;

#[expect(dead_code, reason = "the other binaries use the rest")]
#[path = "../support/process.rs"]
mod process;

#[expect(dead_code, reason = "the other binaries use the rest")]
#[path = "../support/postgres.rs"]
mod postgres;

mod commands;
#[expect(clippy::disallowed_methods, reason = "limits are counted by the time that the caller sees")]
mod vendor;
#[expect(clippy::disallowed_methods, reason = "it measures")]
mod year;
