//! PURE: connectors. Manifests, and what they are for: a webhook body becomes key, version and kind; an action becomes a
//! request; an answer becomes an outcome. No Rust per system.

mod action;
mod answer;
mod connection;
mod manifest;
mod records;
mod request;
mod schema;
mod source;
mod view;

pub use action::{Action, After, BodyTemplate, Call, Find, Input, InputKind};
pub use answer::{AnswerClass, AnswerRule, Classified, classify, classify_failure};
pub use connection::{
    Auth, Connection, ConnectionSpec, RateLimits, RetrySchedule, SecretRef, Setup, read_connection,
};
pub use manifest::{Catalogue, Connector, Destination, Verified, read_connector};
pub use records::{Compared, Present, RecordSpec, Told, Unreadable};
pub use request::{CallContext, RenderError, RenderedRequest, Which};
pub use schema::{Known, Schema};
pub use source::{Source, SourceSpec, read_source};
