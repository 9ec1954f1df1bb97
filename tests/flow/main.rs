//! The whole way, from the socket to the CRM, on a router with a home of its own.

#[path = "../support/mod.rs"]
mod support;

#[expect(dead_code, reason = "the contract suite uses the rest")]
#[path = "../support/postgres.rs"]
mod postgres;

#[path = "../support/signed_in.rs"]
mod signed_in;

#[path = "../support/hubspot.rs"]
mod fake_hubspot;

mod ack_path;
mod apply;
mod apply_kill;
mod bodies;
mod by_hand;
mod hard_cases;
mod hooks;
mod hostile;
mod http_connection;
mod hubspot;
mod kill;
mod masked;
mod metrics;
mod needs_you;
mod neighbours;
mod rebooking;
mod rules_folder;
mod signing_in;
