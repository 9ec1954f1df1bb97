//! Face: one file per command.

pub mod check;
