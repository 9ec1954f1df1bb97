//! Waypost (skeleton)
pub mod domain;
pub mod document;
pub mod expr;
