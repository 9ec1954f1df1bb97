//! The whole way, from the socket to the CRM, on a router with a home of its own.

#[path = "../support/mod.rs"]
mod support;

mod hard_cases;
mod hooks;
mod rules_folder;
