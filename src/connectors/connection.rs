//! A connection: one configured place to call.

use super::Connector;
use super::action::{Action, Call};
use super::manifest::Catalogue;
use crate::document::{Diagnostic, Node, Place};
use crate::expr::{Engine, Template};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A secret by reference: `secret: NAME`, `secret: { env: NAME }` or `env: NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// In the vault.
    Vault(String),
    /// In the environment.
    Env(String),
}

/// How the credential travels.
pub enum Auth {
    /// No credential.
    None,
    /// A header: its name, the template of its value (`Bearer {{ secret }}`), the secret.
    Header {
        /// Name.
        name: String,
        /// Sees `secret` only.
        value: Template,
        /// The secret.
        secret: SecretRef,
    },
    /// HTTP Basic; either side may be a secret.
    Basic {
        /// User: literal or secret.
        user: Result<String, SecretRef>,
        /// Password: literal or secret.
        password: Result<String, SecretRef>,
    },
    /// A query parameter.
    Query {
        /// Name.
        name: String,
        /// The secret.
        secret: SecretRef,
    },
}

/// Limits of calls. `None` = none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateLimits {
    /// Calls per second, kept as spacing and burst so that no second ever holds more.
    pub per_second: Option<f64>,
    /// Calls in flight.
    pub concurrency: Option<u32>,
}

/// When to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule {
    /// Intervals; the last repeats.
    pub intervals_ms: Vec<i64>,
    /// After which time of trying to give up.
    pub give_up_after_ms: i64,
}

impl Default for RetrySchedule {
    fn default() -> Self {
        const SECOND: i64 = 1_000;
        const MINUTE: i64 = 60 * SECOND;
        const HOUR: i64 = 60 * MINUTE;
        Self {
            intervals_ms: vec![
                5 * SECOND,
                30 * SECOND,
                2 * MINUTE,
                10 * MINUTE,
                30 * MINUTE,
                HOUR,
                2 * HOUR,
                4 * HOUR,
            ],
            give_up_after_ms: 72 * HOUR,
        }
    }
}

/// Calls around a connection that belong to no rule.
#[derive(Default)]
pub struct Setup {
    /// Tests the credential: whom it reached (JSON pointer), and which scopes it names as missing.
    pub test: Option<SetupTest>,
    /// Things that must be there: looked for, and made where they are not.
    pub ensure: Vec<SetupEnsure>,
    /// Calls that list the choices of an input (`pipeline`, `stage`).
    pub choices: BTreeMap<String, SetupChoices>,
}

/// A call that tests the credential.
pub struct SetupTest {
    /// The call.
    pub call: Call,
    /// JSON pointers whose values say whom it reached.
    pub reached: Vec<String>,
    /// Further probing calls, each with the scope that a 403 shows as missing.
    pub scopes: Vec<(String, Call)>,
}

/// Something that must be there.
pub struct SetupEnsure {
    /// For people: "the deal property waypost_booking_id".
    pub title: String,
    /// Looks for it: 2xx = there, 404 = not.
    pub find: Call,
    /// Makes it.
    pub make: Call,
}

/// A call that lists choices.
pub struct SetupChoices {
    /// The call.
    pub call: Call,
    /// Pointer to the list.
    pub list: String,
    /// Pointer within an item to the value.
    pub value: String,
    /// Pointer within an item to the label.
    pub label: String,
    /// Pointer within an item to a list of nested choices (stages of a pipeline), where there is one.
    pub nested: Option<String>,
}

/// What a connection file says beside its actions (kept for `doctor` and pages).
#[derive(Clone, Debug, Default)]
pub struct ConnectionSpec {
    /// Its file.
    pub file: String,
    /// Values of the manifest's `settings:`.
    pub settings: BTreeMap<String, String>,
}

/// One `connections/NAME.yaml`, with the actions of its connector or its own.
pub struct Connection {
    /// Its name: that of its file.
    pub name: String,
    /// For people.
    pub title: String,
    /// What the file says.
    pub spec: ConnectionSpec,
    /// Its connector.
    pub connector: Arc<Connector>,
    /// Base URL, without a slash at its end.
    pub base_url: String,
    /// Which account it reaches: `account:` of the file, else the base URL.
    pub account: String,
    /// Whether addresses of private networks may be called.
    pub allow_private: bool,
    /// How the credential travels.
    pub auth: Auth,
    /// Headers of every call.
    pub headers: Vec<(String, String)>,
    /// Limits.
    pub limits: RateLimits,
    /// When to try again.
    pub retry: RetrySchedule,
    /// The whole of one call (30 s).
    pub timeout_ms: u64,
    /// Actions by name.
    pub actions: BTreeMap<String, Arc<Action>>,
    /// Secrets that it needs, with where the file says so.
    pub secrets: Vec<(SecretRef, Place)>,
}

/// Reads a connection file.
pub fn read_connection(
    _file: &str,
    _name: &str,
    _node: &Node,
    _catalogue: &Catalogue,
    _engine: &Engine,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Connection> {
    todo!()
}
