//! # Waypost
//!
//! A self-hosted integration router for people who sell tours and rooms. A booking system's webhooks come in, each is stored
//! before it is answered; one true record per booking is kept; the owner's rules say what of it goes where; and it is
//! brought there with retries, in order, once.
//!
//! ```text
//!  POST /hooks/…  ─►  journal  ─►  bookings  ─►  rules  ─►  runs  ─►  delivery  ─►  CRM
//!    (ack 200)        events      latest state   plan      steps      attempts, links
//!    ingest           store       bookings       rules     store      delivery, outbound
//!                       ▲   hints ▼
//!                       └── fetch ──►  the booking system's API (source_api)
//! ```
//!
//! What it promises: a 200 means that the bytes are on disk; the ack waits for nobody; nothing vanishes; the runs of one lane
//! go in order; when all is quiet the CRM holds the latest state; at least once on the wire, once in effect; a bad
//! neighbour stays alone; data is never code; same in, same out; kill it anywhere.
//!
//! The stages (`ingest`, `bookings`, `fetch`, `delivery`) never call each other: they meet in the tables. Each is a step that does
//! one bounded piece of work; `runner` has the only loops, sleeps and spawns. `tests/tidy.rs` keeps who may use whom.

// The words, and what may be asked of the world.
pub mod domain;
pub mod ports;

// The languages: YAML with places, expressions.
pub mod document;
pub mod expr;

// The way of the data, in its order.
pub mod bookings;
pub mod connectors;
pub mod delivery;
pub mod fetch;
pub mod ingest;
pub mod rules;
pub mod walk;

// Beside it: whoever should know is told.
pub mod alerts;

// Adapters.
pub mod clock;
pub mod metrics;
pub mod outbound;
pub mod priority;
pub mod sandbox;
pub mod source_api;
pub mod store;
pub mod workspace;

// For whoever changes it.
pub mod docs;

// Wiring and faces.
pub mod app;
pub mod cli;
pub mod rehearsal;
pub mod runner;
pub mod told;
pub mod web;
