//! A connector's manifest, and all that are known.

use super::{SourceSpec, action::Action, answer::AnswerRule, connection::Setup};
use crate::document::{Diagnostic, Node};
use crate::expr::Engine;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How sure we are of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Read in the vendor's machine-readable specification.
    Specification,
    /// Read in the vendor's documentation.
    Documentation,
    /// Neither.
    Unverified,
}

/// All about one outside system.
pub struct Connector {
    /// Its name: that of its file.
    pub name: String,
    /// For people.
    pub title: String,
    /// How its webhooks are read, where it sends any.
    pub source: Option<SourceSpec>,
    /// How it is called, where it can be.
    pub destination: Option<Destination>,
    /// How sure we are of the whole where a part says nothing.
    pub verified: Verified,
}

/// The destination side of a manifest.
pub struct Destination {
    /// Base URL; `None`: the connection gives it.
    pub base_url: Option<String>,
    /// True for `http`: connections describe their own actions.
    pub open_actions: bool,
    /// Actions by name.
    pub actions: BTreeMap<String, Arc<Action>>,
    /// What answers mean, before the common classes; an action's own come first.
    pub answers: Vec<AnswerRule>,
    /// The call that tests the credential, and things to be made once (HubSpot: the unique property).
    pub setup: Setup,
}

/// All connectors known to a ruleset, by name: built-in ones, and the folder's, which replace them.
#[derive(Clone, Default)]
pub struct Catalogue {
    /// By name.
    pub connectors: BTreeMap<String, Arc<Connector>>,
}

/// Reads a manifest (`connectors/NAME.yaml`). Reports all that is wrong; `None` where nothing usable is left.
/// `engine` compiles its templates.
pub fn read_connector(
    _file: &str,
    _name: &str,
    _node: &Node,
    _engine: &Engine,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Connector> {
    todo!()
}
