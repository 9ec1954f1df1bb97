//! The pages over a store in memory: what they tell, what they refuse, what their buttons do.

mod filled;
mod look;
mod pages;
mod security;
