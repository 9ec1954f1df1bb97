//! Texts with `{{ expression }}` parts.

use super::{Engine, EvalError, Expression, Outcome, Read, Scope, SyntaxError};

/// One part of a template.
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// An expression, and the byte offset of its text within the template.
    Expression {
        /// The compiled expression.
        expression: Expression,
        /// Byte offset of its text within the template.
        offset: usize,
    },
}

/// A text with `{{ }}` parts, compiled. The end of a part is found by a scanner that knows rhai's strings, comments and
/// braces; a literal `{{` is `{{ "{{" }}`.
pub struct Template {
    /// The parts in order.
    pub parts: Vec<Part>,
}

impl Template {
    /// Compiles. Offsets of errors are within `text`. `names` as in `Engine::compile`.
    pub fn compile(_engine: &Engine, _text: &str, _names: &[&str]) -> Result<Self, SyntaxError> {
        todo!()
    }

    /// A value that is one single `{{ }}` (blanks around it aside) keeps its type.
    pub fn lone(&self) -> Option<&Expression> {
        todo!()
    }

    /// True where there is no `{{ }}` at all.
    pub fn is_literal(&self) -> bool {
        todo!()
    }

    /// Whether any part reads the name.
    pub fn reads(&self, _root: &str) -> bool {
        todo!()
    }

    /// Evaluates. A lone part keeps its type, and missing is `Err(Missing)`. In mixed text each part must be there:
    /// missing or null is an error that names the part; maps and lists go in as JSON text.
    pub fn evaluate(&self, _engine: &Engine, _scope: &Scope) -> Result<Outcome, EvalError> {
        todo!()
    }

    /// All paths read, with their values.
    pub fn trace(&self, _scope: &Scope) -> Vec<Read> {
        todo!()
    }
}
