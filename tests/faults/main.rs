//! What goes wrong around the router: a full disk, a folder that can't be written, a database that goes away, the wrong key,
//! bodies and rules and CRMs that are poison, a stop in the middle of calls, a flood. Each time the rest goes on, and
//! nothing that was acked is lost. The router is the real program.

#[expect(dead_code, reason = "the other binaries use the rest")]
#[path = "../support/mod.rs"]
mod support;

#[path = "../support/process.rs"]
mod process;

#[path = "../support/signed_in.rs"]
mod signed_in;

mod bodies;
mod cluster;
mod crm;
mod database;
mod disk;
mod flood;
mod key;
mod logs;
mod mount;
mod neighbours;
mod post;
mod stop;
