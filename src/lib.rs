//! Waypost (skeleton)
pub mod connectors;
pub mod document;
pub mod domain;
pub mod expr;
pub mod ports;
pub mod rules;
