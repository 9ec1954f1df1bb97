//! The pages over a store in memory: what they tell, what they refuse, what their buttons do.

mod accounts;
mod contrast;
mod doors;
mod filled;
mod finding;
mod look;
mod needs_you;
mod pages;
mod roles;
mod security;
#[path = "../support/signed_in.rs"]
mod signed_in;
mod today;
mod weight;
