//! The whole way, from the socket to the CRM, on a router with a home of its own.

#[path = "../support/mod.rs"]
mod support;

#[expect(dead_code, reason = "the contract suite uses the rest")]
#[path = "../support/postgres.rs"]
mod postgres;

mod hard_cases;
mod hooks;
mod http_connection;
mod kill;
mod rules_folder;
