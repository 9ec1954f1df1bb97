//! PURE: connectors. Manifests, and what they are for: a webhook body becomes key, version and kind; an action becomes a
//! request; an answer becomes an outcome. No Rust per system.

mod accept;
mod action;
mod action_read;
mod answer;
mod answer_read;
mod answer_rule;
mod api_answer;
mod api_auth;
mod api_auth_read;
mod api_standing;
mod auth;
mod body;
mod builtin;
mod call_limits;
mod chain;
mod connection;
mod content;
mod destination;
mod envelope;
mod envelope_read;
mod event_type;
mod fetch_read;
mod fetch_spec;
mod form;
mod form_body;
mod form_keys;
mod form_pattern;
mod guide;
mod input_read;
mod kind;
mod letters;
mod limits;
mod manifest;
mod moment;
mod multipart;
mod otherwise;
mod own_source;
mod pattern;
mod payload;
mod record_url;
mod records;
mod records_read;
mod request;
mod schema;
mod secret;
mod setup;
mod shape;
mod sign_in;
mod sign_in_read;
mod signature_read;
mod silence;
mod source;
mod source_api;
mod source_api_read;
mod source_spec;
mod subscriptions;
mod subscriptions_read;
mod templates;
mod truth_form;
mod unstored;
mod verify;
mod version;
mod view;
mod walk;
mod walk_read;
mod words;

pub use action::{Action, After, Call, Find, Input, InputKind};
pub use answer::{AnswerClass, Classified, WAIT_MS_MAX, classify, classify_failure};
pub use answer_rule::AnswerRule;
pub use api_answer::{ApiAnswer, ApiTrouble};
pub use api_auth::ApiAuth;
pub use api_standing::ApiStanding;
pub use auth::{Auth, AuthMethod};
pub use body::{BodyTemplate, MappedFields};
pub use builtin::builtin;
pub use call_limits::{CallLimits, CallWindow};
pub use chain::ChainSpec;
pub use connection::{Connection, ConnectionSpec, read_connection};
pub use destination::{Destination, Setting};
pub use envelope::{Envelope, KeptHeaders, Message};
pub use event_type::TypePattern;
pub use fetch_spec::{AlsoFetched, FetchSpec, HintSpec, Hinted};
pub use form::{Entries, FieldKind, FormField, FormValues, WrongField, source_entries, source_fields};
pub use form_keys::{GivenSecret, source_new_entries, source_new_fields};
pub use form_pattern::FormPattern;
pub use guide::Guide;
pub use limits::{RateLimits, RetrySchedule, read_retry};
pub use manifest::{Catalogue, Connector, Verified, read_connector};
pub use payload::{payload_text, read_and_measure_payload, read_payload};
pub use record_url::RecordUrl;
pub use records::{Children, Compared, Present, RecordSpec, Told, Unreadable};
pub use request::{CallContext, RenderError, RenderedRequest, Which};
pub use schema::{Known, Schema};
pub use secret::SecretRef;
pub use setup::{Choice, Setup, SetupChoices, SetupEnsure, SetupTest};
pub use sign_in::{OfferedWay, Secrets as SignInSecrets, SignIn, SignInWay};
pub use silence::{OnSilence, SilenceSpec};
pub use source::{Source, read_source};
pub use source_api::{ApiAccount, ApiSecret, ApiSpec, Elsewhere, SourceApi, Token};
pub use source_api_read::API_TIMEOUT_MS_MAX;
pub use source_spec::{SourceSpec, is_unmeant};
pub use subscriptions::{
    HookAddress, HookDoor, Sends, Spare, Subscription, SubscriptionAct, SubscriptionPlan, SubscriptionSpec,
    plan_subscriptions,
};
pub use subscriptions_read::Subscribe;
pub use truth_form::{can_be_verified, truth_entries, truth_fields, truth_values};
pub use unstored::NeverStored;
pub use verify::{Verify, WhenDown};
pub use walk::{WalkCall, WalkFound, WalkPlace, WalkRecord, WalkSpec, WalkUnreadable};

#[cfg(test)]
mod calls_tests;
#[cfg(test)]
mod events_tests;
#[cfg(test)]
mod own_source_tests;
#[cfg(test)]
mod records_tests;
#[cfg(test)]
mod sources_tests;
#[cfg(test)]
mod subscriptions_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vendors_tests;
#[cfg(test)]
mod walk_tests;
