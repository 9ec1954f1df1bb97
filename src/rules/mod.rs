//! PURE: files → ruleset or diagnostics; (change, ruleset) → plan; mapping with traces.

mod compile;
mod expressions;
mod fields;
mod files;
mod items;
mod map;
mod names;
mod plan;
mod rule;
mod rule_file;
mod rule_steps;
mod scope;
#[cfg(test)]
mod tests;

pub use compile::{Compiled, HasSecret, compile};
pub use files::Files;
pub use map::{FieldTrace, MapError, Mapped, RunContext, StepMapping};
pub use plan::{ChangeContext, Planned, PlannedState};
pub use rule::{Condition, Each, FieldTemplate, FieldValue, Lane, Rule, Ruleset, Step};
