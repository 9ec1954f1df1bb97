//! PURE: YAML files with places. Strict scalars, spans, and diagnostics that name the thing, the place
//! and the way out.

mod diagnostic;
mod entries;
mod mistakes;
mod node;
mod parse;
mod reader;
mod splice;
mod within;
mod written;

pub use diagnostic::{Diagnostic, Place, Severity, render};
pub use entries::{BY_HAND, with_entries};
pub use node::{Entry, Node, Span, Yaml};
pub use parse::parse;
pub use reader::{Fields, suggest};
pub use splice::{IN_THE_FILE, Way, find, with_item, with_swapped, with_value, without};
