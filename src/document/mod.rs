//! PURE: YAML files with places. Strict scalars, spans, and diagnostics that name the thing, the place
//! and the way out.

mod diagnostic;
mod entries;
mod mistakes;
mod node;
mod parse;
mod reader;
mod within;

pub use diagnostic::{Diagnostic, Place, Severity, render};
pub use entries::{BY_HAND, with_entries};
pub use node::{Entry, Node, Yaml};
pub use parse::parse;
pub use reader::{Fields, suggest};
