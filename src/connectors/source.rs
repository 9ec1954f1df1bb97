//! A source: one door that webhooks come in by.

use super::Connector;
use super::manifest::{Catalogue, unknown_connector};
use super::own_source::{OwnOf, OwnParts};
use super::schema::Schema;
use super::secret::{SecretRef, read_secret};
use super::sign_in::SignIn;
use super::sign_in_read::read_sign_in;
use super::silence::{OnSilence, read_on_silence};
use super::source_api::SourceApi;
use super::source_api_read::{ApiOf, ReadApi, read_api};
use super::subscriptions_read::{Subscribe, SubscribeOf, read_subscribe};
use super::verify::{Verify, VerifyOf, check_verify, read_verify};
use crate::document::{Diagnostic, Fields, Node, Place, Yaml};
use crate::expr::Engine;
use std::sync::Arc;

/// One `sources/NAME.yaml`.
pub struct Source {
    /// Its name: that of its file.
    pub name: String,
    /// For people.
    pub title: String,
    /// Its file, for diagnostics.
    pub file: String,
    /// Its connector.
    pub connector: Arc<Connector>,
    /// The account that its bodies must be of, where it says one.
    pub account: Option<String>,
    /// Its URL tokens; several while one is rotated. Empty: generated, kept in the vault as `source.NAME.token`.
    pub tokens: Vec<(SecretRef, Place)>,
    /// What its webhooks show to be let in.
    pub sign_in: SignIn,
    /// Secrets of the source system's API (`api:`), with their names there.
    pub api: Vec<(String, SecretRef, Place)>,
    /// That API, where the file gives its keys.
    pub reach: Option<Arc<SourceApi>>,
    /// Whether its subscriptions are kept in line, and of which properties.
    pub subscribe: Subscribe,
    /// Whether the API is asked what a webhook says.
    pub verify: Verify,
    /// False: its webhooks are stored and acked, and lead to nothing.
    pub enabled: bool,
    /// What is done when it is silent for longer than usual.
    pub on_silence: OnSilence,
    /// The connector's schema with the source's `extra_fields:`, for the record kind `booking` (else the first kind).
    pub schema: Schema,
}

impl Source {
    /// Whether webhooks come in for whatever account their sender signs in for. The keys below `api:` are of one account, so
    /// nothing that such a webhook told is ever asked for with them. `check` refuses the two together.
    pub fn is_of_any_account(&self) -> bool {
        self.account.is_none() && self.sign_in.claims_account()
    }
}

/// Reads a source file. `engine` compiles its templates, where it has any.
pub fn read_source(
    file: &str,
    name: &str,
    node: &Node,
    (catalogue, engine): (&Catalogue, &Engine),
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Source> {
    let mut fields = Fields::new(file, "a source", node, diagnostics);
    let connector_place = fields_place(node, "connector");
    let connector = fields.required_text("connector");
    let title = fields.text("title");
    let token = fields.node("token");
    let verify = fields.node("verify");
    let subscribe = fields.node("subscribe");
    let api = fields.node("api");
    let account = fields.text("account");
    let extra = fields.texts("extra_fields");
    let enabled = fields.boolean("enabled").unwrap_or(true);
    let sign_in = fields.node("sign_in");
    let on_silence = fields.text("on_silence");
    let known = connector.as_ref().and_then(|name| catalogue.connectors.get(name));
    // What its bodies tell stands in the source's own file.
    let own = known
        .filter(|known| known.source.as_ref().is_some_and(|spec| spec.own))
        .map(|known| (known.clone(), OwnParts::take(&mut fields)));
    let place = fields.place();
    fields.finish();
    let offered = known.and_then(|known| known.source.as_ref()).map(|spec| spec.sign_in.as_slice());
    let sign_in = sign_in
        .map(|node| read_sign_in(file, node, offered.unwrap_or_default(), catalogue, diagnostics))
        .unwrap_or_default();
    if !sign_in.by_address()
        && let Some(token) = token
    {
        diagnostics.push(
            Diagnostic::error(
                file,
                Some(token.place),
                "The address of this source holds no secret of Waypost's, by its `sign_in`.",
            )
            .hint("add `address` to what `sign_in` names, or remove `token:`"),
        );
    }
    let on_silence =
        read_on_silence(file, on_silence.as_deref(), fields_place(node, "on_silence"), diagnostics);
    let tokens = token.map(|token| read_tokens(file, token, diagnostics)).unwrap_or_default();
    let connector = connector?;
    let (own, own_reach) = match own {
        None => (None, None),
        Some((general, parts)) => {
            let title = title.as_deref();
            let of = OwnOf { file, name, title, place, api, engine, general: &general };
            let (connector, reach) = parts.read(&of, diagnostics)?;
            (Some(Arc::new(connector)), reach)
        }
    };
    let Some(connector) = own.as_ref().or_else(|| catalogue.connectors.get(&connector)) else {
        diagnostics.push(unknown_connector(file, connector_place, &connector, catalogue, |known| {
            known.source.is_some()
        }));
        return None;
    };
    let Some(spec) = &connector.source else {
        let message = format!("The connector `{}` sends no webhooks.", connector.name);
        diagnostics.push(
            Diagnostic::error(file, connector_place, message)
                .hint("name a booking system's connector here; this one belongs into connections/"),
        );
        return None;
    };
    let of = ApiOf { file, source: name, title: &connector.title, spec: spec.api.as_ref() };
    let ReadApi { secrets, api: reach } = match (api, &own) {
        (None, _) => ReadApi::default(),
        (Some(_), Some(_)) => ReadApi::of_own(own_reach),
        (Some(api), None) => read_api(&of, api, diagnostics),
    };
    let verify = verify.map(|verify| read_verify(file, verify, diagnostics)).unwrap_or_default();
    if on_silence == OnSilence::Backfill && (spec.walk.is_none() || reach.is_none()) {
        let message = "`on_silence: backfill` does nothing here: what was missed can't be fetched.";
        let hint = if spec.walk.is_none() {
            format!("the connector `{}` does not say how all of its records are found", connector.name)
        } else {
            String::from("name the keys of its API under `api:`, or write `on_silence: tell`")
        };
        diagnostics.push(Diagnostic::warning(file, fields_place(node, "on_silence"), message).hint(hint));
    }
    // What is wrong with an API of its own has been told; then there is none to verify by.
    if own.is_none() || api.is_some() == spec.api.is_some() {
        check_verify(
            &VerifyOf { file, node, title: &connector.title, spec, has_keys: api.is_some() },
            verify,
            diagnostics,
        );
    }
    if api.is_some()
        && sign_in.claims_account()
        && account.as_deref().is_none_or(|account| account.trim().is_empty())
    {
        diagnostics.push(
            Diagnostic::error(
                file,
                fields_place(node, "sign_in"),
                "Whoever signs in here says by `account_claim` of which account they are, and the keys under `api:` are of \
                 one account only: another one would be told its bookings.",
            )
            .hint(
                "write `account: NAME` with the account that the keys are of, and make a source of its own for each other \
                 account",
            ),
        );
    }
    let of = SubscribeOf {
        file,
        title: &connector.title,
        spec: spec.subscriptions.as_deref(),
        has_keys: api.is_some(),
    };
    let subscribe = subscribe.map(|node| read_subscribe(&of, node, diagnostics)).unwrap_or_default();
    let extra: Vec<String> = extra.into_iter().map(|(path, _)| path).collect();
    let record = spec.record("booking").or(spec.records.first());
    Some(Source {
        name: name.to_owned(),
        title: title.unwrap_or_else(|| name.to_owned()),
        file: file.to_owned(),
        account: account.filter(|account| !account.trim().is_empty()),
        tokens,
        sign_in,
        api: secrets,
        reach: reach.map(Arc::new),
        subscribe,
        verify,
        enabled,
        on_silence,
        schema: record.map(|record| record.schema.with_extra(&extra)).unwrap_or_default(),
        connector: connector.clone(),
    })
}

/// Where the value of a key stands.
pub(super) fn fields_place(node: &Node, key: &str) -> Option<Place> {
    match &node.yaml {
        Yaml::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.place),
        _ => None,
    }
    .or(Some(node.place))
}

fn read_tokens(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<(SecretRef, Place)> {
    match &node.yaml {
        Yaml::List(items) => items.iter().filter_map(|item| read_secret(file, item, diagnostics)).collect(),
        _ => read_secret(file, node, diagnostics).into_iter().collect(),
    }
}
