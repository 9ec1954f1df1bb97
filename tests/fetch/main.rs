//! Bookings that are fetched: from thin events, or to verify what webhooks say. On a router with a home of its own, against
//! fakes of apaleo's and FareHarbor's APIs, over real sockets; and the stage by itself, with a clock of its own.

#[expect(dead_code, reason = "other binaries use the rest")]
#[path = "../support/mod.rs"]
mod support;

#[path = "../support/apaleo.rs"]
mod fake_apaleo;
#[path = "../support/fareharbor_api.rs"]
mod fake_fareharbor;
#[path = "../support/fake_http.rs"]
mod fake_http;
#[path = "../support/signed_in.rs"]
mod signed_in;

mod apaleo;
mod doctor;
mod fareharbor;
mod fidelity;
mod forged;
mod gaps;
mod keys;
mod killed;
mod pretix;
mod stage;
mod stale;
mod subscribing;
mod subscriptions;
mod thin;
mod vendor;
mod walks;
mod world;
