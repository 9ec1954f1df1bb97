//! PURE: files → ruleset or diagnostics; (change, ruleset) → plan; mapping with traces.

pub mod builder;
mod change_words;
mod compile;
mod expressions;
mod fields;
mod files;
mod items;
mod map;
mod names;
mod plan;
mod recipes;
mod rule;
mod rule_file;
mod rule_steps;
mod scope;
mod switch;
#[cfg(test)]
mod tests;

pub use compile::{Compiled, HasSecret, compile};
pub use files::Files;
pub use map::{FieldTrace, MapError, Mapped, RunContext, StepMapping};
pub use plan::{ChangeContext, Neighbours, Planned, PlannedState};
pub use recipes::{RECIPES, Recipe};
pub use rule::{Condition, Each, FieldTemplate, FieldValue, Lane, Rule, Ruleset, Step};
pub use switch::with_enabled;
