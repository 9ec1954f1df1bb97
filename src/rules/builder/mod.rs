//! PURE: a rule's file as a form sees it, and what forms change in it. The file stays what it is: each change touches the
//! lines that it is about and no others, and what the form does not know stays as it stands. Called by the page of the
//! builder and by the API.

mod conditions;
mod edits;
mod form;
mod functions;

pub use conditions::{Operator, Row, rows_of, text_of};
pub use edits::{Edit, NewValue, edited};
pub use form::{ConditionForm, FieldForm, Filled, Lines, RuleForm, StepForm, chips};
pub use functions::{FUNCTION_FORMS, FunctionForm, expression_of};
