//! Rhai under limits.

use super::{Outcome, Path, Read, Scope};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a rules folder brings: `lib/*.rhai` and `tables/*.csv`, path within the folder to text.
#[derive(Clone, Debug, Default)]
pub struct Scripts {
    /// `lib/names.rhai` → its text.
    pub lib: BTreeMap<String, String>,
    /// `tables/tour-codes.csv` → its text.
    pub tables: BTreeMap<String, String>,
}

/// Limits of one evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Operations of one evaluation (200 000).
    pub operations_max: u64,
    /// Depth of calls (32) and of expressions (64).
    pub call_depth_max: usize,
    /// Bytes of one text (1 MiB).
    pub text_bytes_max: usize,
    /// Items of one list or map (10 000).
    pub items_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { operations_max: 200_000, call_depth_max: 32, text_bytes_max: 1 << 20, items_max: 10_000 }
    }
}

/// The engine of one ruleset: functions, the folder's scripts, its tables. Shared between threads.
pub struct Engine {
    // private
}

/// A compiled expression.
pub struct Expression {
    // private
}

/// Where an expression or script can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// One sentence, without a position.
    pub message: String,
    /// Byte offset within the text.
    pub offset: usize,
    /// A way out, where one is known.
    pub hint: Option<String>,
}

/// Why an evaluation gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// One sentence.
    pub message: String,
    /// Byte offset within the expression's text, where known.
    pub offset: Option<usize>,
}

impl Engine {
    /// Builds an engine. Mistakes in scripts and tables come as (file, byte offset, error); what is readable is there.
    pub fn build(_scripts: &Scripts, _limits: Limits) -> (Self, Vec<(String, SyntaxError)>) {
        todo!()
    }

    /// Compiles one expression. Unknown functions and wrong numbers of arguments are errors here, with did-you-mean.
    /// `names` are the names in scope; another free name is an error, with did-you-mean.
    pub fn compile(&self, _text: &str, _names: &[&str]) -> Result<Expression, SyntaxError> {
        todo!()
    }

    /// Evaluates. A lone path is looked up in the JSON itself (so that big numbers survive, null stays null and missing
    /// is missing); from anything else `()` is missing.
    pub fn evaluate(&self, _expression: &Expression, _scope: &Scope) -> Result<Outcome, EvalError> {
        todo!()
    }

    /// Evaluates to true or false; anything else is an error that says what it was.
    pub fn condition(&self, _expression: &Expression, _scope: &Scope) -> Result<bool, EvalError> {
        todo!()
    }
}

impl Expression {
    /// Its text.
    pub fn text(&self) -> &str {
        todo!()
    }

    /// All paths that it reads, by its syntax tree: also those of branches not taken; into arguments of functions, not
    /// inside them. Sorted by place.
    pub fn paths(&self) -> &[Path] {
        todo!()
    }

    /// The path, where the expression is nothing else.
    pub fn lone_path(&self) -> Option<&Path> {
        todo!()
    }

    /// Whether it reads the name at all (`change`, `previous`, `now`, `steps`).
    pub fn reads(&self, _root: &str) -> bool {
        todo!()
    }

    /// The paths with their values.
    pub fn trace(&self, _scope: &Scope) -> Vec<Read> {
        todo!()
    }
}

/// Runs `work` so that every evaluation in it on this thread ends with an error once `expired` says so.
/// (The engine itself asks no clock.)
pub fn with_deadline<T>(_expired: impl Fn() -> bool + 'static, _work: impl FnOnce() -> T) -> T {
    todo!()
}

/// Keeps the module's use of `Value` honest until it is built.
#[doc(hidden)]
pub type Json = Value;
