//! Rebookings through the production stages: a booking takes the place of another, its webhooks come in every order, with
//! copies, with each of them missing, one by one or all at once, while the CRM fails and while it does not. At the end the
//! CRM is compared with a small model of what is true, for rules of both kinds.
//!
//!   make rebookings ORDERS=5000       so many orders of a chain of three, chosen by chance; a few hundred in CI

mod orders;
mod story;
mod told;
mod truth;
mod world;

#[expect(dead_code, reason = "the simulation uses the rest")]
#[path = "../sim/crm.rs"]
mod crm;
#[expect(dead_code, reason = "the contract suite uses the rest")]
#[path = "../support/postgres.rs"]
mod postgres;
