//! PURE: the language of rules and manifests. `{{ rhai }}` templates, rhai under limits, functions, and
//! which payload paths an expression reads. Data is never code: a raw engine with chosen packages, no
//! file, network, `eval`, `sleep`, `timestamp`; imports only from the folder's `lib/`.

mod engine;
mod errors;
mod functions;
mod paths;
mod scripts;
mod syntax;
mod template;
mod value;

#[cfg(test)]
mod tests;

pub use engine::{
    Engine, EvalError, Expression, Limits, STACK_BYTES, Scripts, SyntaxError, stack_is_large, with_deadline,
};
pub use functions::{Function, catalogue};
pub use paths::{Path, Read, Segment};
pub use template::{Part, Template};
pub use value::{Missing, Outcome, Scope};
