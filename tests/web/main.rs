//! The pages over a store in memory: what they tell, what they refuse, what their buttons do.

mod accounts;
mod alerts;
mod alerts_page;
mod alerts_world;
mod api_acts;
mod api_bulk;
mod api_connecting;
mod api_document;
mod api_errors;
mod api_paging;
mod api_people;
mod api_program;
mod api_reads;
mod api_rules;
mod api_settings;
mod audit_walk;
mod browser_pages;
mod building;
mod certificate;
mod connecting;
mod contrast;
mod doors;
mod drafting;
mod filled;
mod finding;
mod keeping;
mod look;
mod masking;
mod needs_you;
mod pages;
mod publishing;
mod reading_again;
mod roles;
mod rotating;
mod rules;
mod security;
#[path = "../support/signed_in.rs"]
mod signed_in;
mod signed_out;
mod signing_in;
mod silence;
#[expect(dead_code, reason = "the flow suite uses the rest")]
#[path = "../support/mod.rs"]
mod support;
mod today;
mod truth;
mod walking;
mod weight;
mod workshop;
