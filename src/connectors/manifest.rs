//! A connector's manifest, and all that are known.

use super::destination::{Destination, read_destination};
use super::records_read::read_source_spec;
use super::source_spec::SourceSpec;
use crate::document::{Diagnostic, Fields, Node, Place, parse, suggest};
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

impl Verified {
    /// The word that manifests and pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Specification => "specification",
            Self::Documentation => "documentation",
            Self::Unverified => "unverified",
        }
    }
}

/// All about one outside system.
pub struct Connector {
    /// Its name: that of its file.
    pub name: String,
    /// For people.
    pub title: String,
    /// What it is, in one line; empty where the manifest says nothing.
    pub about: String,
    /// How its webhooks are read, where it sends any.
    pub source: Option<SourceSpec>,
    /// How it is called, where it can be.
    pub destination: Option<Destination>,
    /// How sure we are of the whole where a part says nothing.
    pub verified: Verified,
}

impl Connector {
    /// The connector that one source describes in its own file: known by a name of its own, since what two such sources
    /// call an account or a key has nothing to do with each other.
    pub(super) fn of_source(&self, source: &str, title: Option<&str>, spec: SourceSpec) -> Self {
        Self {
            name: format!("{}/{source}", self.name),
            title: title.unwrap_or(source).to_owned(),
            about: self.about.clone(),
            source: Some(match &self.source {
                None => spec,
                Some(general) => SourceSpec {
                    guide: spec.guide.or_else(|| general.guide.clone()),
                    sign_in: general.sign_in.clone(),
                    account_help: general.account_help.clone(),
                    ..spec
                },
            }),
            destination: None,
            verified: self.verified,
        }
    }

    /// Whether one source describes it in its own file: nobody can choose it for another.
    pub fn is_of_source(&self) -> bool {
        self.name.contains('/')
    }
}

/// All connectors known to a ruleset, by name: built-in ones, and the folder's, which replace them.
#[derive(Clone, Default)]
pub struct Catalogue {
    /// By name.
    pub connectors: BTreeMap<String, Arc<Connector>>,
}

impl Catalogue {
    /// The built-in connectors. Mistakes in them come with files named `builtin:connectors/NAME.yaml`; there are none
    /// (a test keeps it).
    pub fn builtin(engine: &Engine, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut catalogue = Self::default();
        for (name, text) in super::builtin() {
            let file = format!("builtin:connectors/{name}.yaml");
            match parse(&file, text) {
                Ok(node) => {
                    if let Some(connector) = read_connector(&file, name, &node, engine, diagnostics) {
                        catalogue.connectors.insert((*name).to_owned(), Arc::new(connector));
                    }
                }
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        catalogue
    }
}

/// Reads a manifest (`connectors/NAME.yaml`). Reports all that is wrong; `None` where nothing usable is left.
/// `engine` compiles its templates.
pub fn read_connector(
    file: &str,
    name: &str,
    node: &Node,
    engine: &Engine,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Connector> {
    let mut fields = Fields::new(file, "a connector", node, diagnostics);
    let title = fields.text("title");
    let about = fields.text("about").unwrap_or_default();
    let verified = fields.text("verified");
    let source = fields.node("source");
    let destination = fields.node("destination");
    let place = fields.place();
    if source.is_none() && destination.is_none() {
        fields.report(
            Diagnostic::error(
                file,
                Some(place),
                "A connector says how webhooks are read, or how the system is called; this one says neither.",
            )
            .hint("write a part `source:`, a part `destination:`, or both"),
        );
    }
    fields.finish();
    let verified =
        read_verified(file, verified.as_deref(), place, diagnostics).unwrap_or(Verified::Unverified);
    let source = source.and_then(|node| read_source_spec(file, node, verified, engine, diagnostics));
    let destination = destination.map(|node| read_destination(file, node, verified, engine, diagnostics));
    if source.is_none() && destination.is_none() {
        return None;
    }
    let title = title.unwrap_or_else(|| name.to_owned());
    Some(Connector { name: name.to_owned(), title, about, source, destination, verified })
}

/// Reads `verified:`.
pub(super) fn read_verified(
    file: &str,
    text: Option<&str>,
    place: Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Verified> {
    const ALL: [Verified; 3] = [Verified::Specification, Verified::Documentation, Verified::Unverified];
    let text = text?;
    let found = ALL.into_iter().find(|known| known.as_str() == text);
    if found.is_none() {
        let message = format!("`verified` is never `{text}`.");
        diagnostics.push(
            Diagnostic::error(file, Some(place), message)
                .hint("it is one of specification, documentation and unverified"),
        );
    }
    found
}

/// A connector that is not there, with what may have been meant.
pub(super) fn unknown_connector(
    file: &str,
    place: Option<Place>,
    name: &str,
    catalogue: &Catalogue,
    fits: impl Fn(&Connector) -> bool,
) -> Diagnostic {
    let known: Vec<&str> =
        catalogue.connectors.iter().filter(|(_, known)| fits(known)).map(|(name, _)| name.as_str()).collect();
    let hint = suggest(name, known.iter().copied()).map_or_else(
        || format!("known are {}; one of your own goes into connectors/{name}.yaml", known.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    Diagnostic::error(file, place, format!("There is no connector `{name}`.")).hint(hint)
}
