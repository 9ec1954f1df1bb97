//! PURE: connectors. Manifests, and what they are for: a webhook body becomes key, version and kind; an action becomes a
//! request; an answer becomes an outcome. No Rust per system.

mod accept;
mod action;
mod action_read;
mod answer;
mod answer_read;
mod answer_rule;
mod auth;
mod body;
mod builtin;
mod chain;
mod connection;
mod content;
mod destination;
mod form;
mod form_pattern;
mod guide;
mod input_read;
mod kind;
mod limits;
mod manifest;
mod pattern;
mod record_url;
mod records;
mod records_read;
mod request;
mod schema;
mod secret;
mod setup;
mod shape;
mod source;
mod templates;
mod view;

pub use action::{Action, After, Call, Find, Input, InputKind};
pub use answer::{AnswerClass, Classified, classify, classify_failure};
pub use answer_rule::AnswerRule;
pub use auth::{Auth, AuthMethod};
pub use body::{BodyTemplate, MappedFields};
pub use builtin::builtin;
pub use chain::ChainSpec;
pub use connection::{Connection, ConnectionSpec, read_connection};
pub use destination::{Destination, Setting};
pub use form::{Entries, FieldKind, FormField, FormValues, WrongField, source_entries, source_fields};
pub use form_pattern::FormPattern;
pub use guide::Guide;
pub use limits::{RateLimits, RetrySchedule, read_retry};
pub use manifest::{Catalogue, Connector, Verified, read_connector};
pub use record_url::RecordUrl;
pub use records::{Children, Compared, Present, RecordSpec, Told, Unreadable};
pub use request::{CallContext, RenderError, RenderedRequest, Which};
pub use schema::{Known, Schema};
pub use secret::SecretRef;
pub use setup::{Choice, Setup, SetupChoices, SetupEnsure, SetupTest};
pub use source::{Source, SourceSpec, read_source};

#[cfg(test)]
mod calls_tests;
#[cfg(test)]
mod records_tests;
#[cfg(test)]
mod sources_tests;
#[cfg(test)]
mod tests;
