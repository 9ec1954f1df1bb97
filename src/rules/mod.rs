//! PURE: files → ruleset or diagnostics; (change, ruleset) → plan; mapping with traces.

mod compile;
mod files;
mod map;
mod plan;
mod rule;

pub use compile::{Compiled, compile};
pub use files::Files;
pub use map::{FieldTrace, MapError, Mapped, RunContext, StepMapping};
pub use plan::{ChangeContext, Planned, PlannedState};
pub use rule::{Each, FieldTemplate, FieldValue, Rule, Ruleset, Step};
