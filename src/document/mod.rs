//! PURE: YAML files with places. Strict scalars, spans, and diagnostics that name the thing, the place and the way out.

mod diagnostic;
mod node;
mod reader;

pub use diagnostic::{Diagnostic, Place, Severity, render};
pub use node::{Entry, Node, Yaml, parse};
pub use reader::{Fields, suggest};
