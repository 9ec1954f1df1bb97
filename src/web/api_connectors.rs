//! `GET /api/v1/connectors` and `/api/v1/connectors/{name}`: what can be connected, and what connecting it asks for, from the
//! connectors' manifests.

use super::api_body::{Answer, answered};
use super::api_error::ApiError;
use super::api_paging::Page;
use crate::app::App;
use crate::connectors::{Connector, FieldKind, FormField, Guide, source_new_fields};
use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

/// Something that can be connected.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connector)]
pub(super) struct ConnectorTold {
    /// Its name.
    #[schema(example = "hubspot")]
    name: String,
    /// What people call it.
    #[schema(example = "HubSpot")]
    title: String,
    /// What it is, in a sentence.
    about: String,
    /// Whether webhooks can come from it.
    is_source: bool,
    /// Whether bookings and guests can go there.
    is_destination: bool,
}

/// What connecting it asks for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConnectorInFull {
    /// What it is.
    connector: ConnectorTold,
    /// Values that making a source takes, beside its title and name.
    source_fields: Vec<ConnectField>,
    /// What to click in the booking system.
    source_guide: Option<ConnectGuide>,
    /// Values that making a connection takes, beside its title and name.
    connection_fields: Vec<ConnectField>,
    /// Where to find the key.
    connection_guide: Option<ConnectGuide>,
}

/// A value that is asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConnectField {
    /// Its key among the values.
    key: String,
    /// What people call it.
    label: String,
    /// A line of help; may be empty.
    help: String,
    /// `text`, `url`, `yes_or_no` (the value is `true`, or is left out), `secret` (goes into the vault), `choice`.
    kind: &'static str,
    /// Whether it must be there.
    required: bool,
    /// What it is where it is left out; may be empty.
    default: String,
    /// A pattern that it fits; may be empty.
    pattern: String,
    /// Values to choose from, of a choice.
    choices: Vec<String>,
}

/// What to click in the other system.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConnectGuide {
    /// Sentences in their order.
    steps: Vec<String>,
    /// How sure this is: `specification`, `documentation`, `unverified`.
    verified: &'static str,
}

impl ConnectorTold {
    fn of(connector: &Connector) -> Self {
        Self {
            name: connector.name.clone(),
            title: connector.title.clone(),
            about: connector.about.clone(),
            is_source: connector.source.is_some(),
            is_destination: connector.destination.is_some(),
        }
    }
}

impl ConnectField {
    fn of(field: FormField) -> Self {
        let (kind, choices) = match field.kind {
            FieldKind::Text => ("text", Vec::new()),
            FieldKind::Url => ("url", Vec::new()),
            FieldKind::Tick => ("yes_or_no", Vec::new()),
            FieldKind::Secret => ("secret", Vec::new()),
            FieldKind::Choice(choices) => ("choice", choices.into_iter().map(|(value, _)| value).collect()),
        };
        Self {
            key: field.key,
            label: field.label,
            help: field.help,
            kind,
            required: field.required,
            default: field.default,
            pattern: field.pattern,
            choices,
        }
    }
}

impl ConnectGuide {
    fn of(guide: &Guide) -> Self {
        Self { steps: guide.steps.clone(), verified: guide.verified.as_str() }
    }
}

/// What can be connected
///
/// There is one page.
#[utoipa::path(get, path = "/api/v1/connectors", tag = "connections",
    responses((status = 200, description = "The connectors, by name.", body = Page<ConnectorTold>)))]
pub(super) async fn list_connectors(app: web::Data<App>) -> Answer {
    let catalogue = app.connectors();
    let items: Vec<_> = catalogue.connectors.values().map(|one| ConnectorTold::of(one)).collect();
    answered(&Page { items, next: None })
}

/// What connecting one of them asks for
#[utoipa::path(get, path = "/api/v1/connectors/{name}", tag = "connections",
    params(("name" = String, Path, description = "Its name.", example = "hubspot")),
    responses((status = 200, description = "The connector.", body = ConnectorInFull)))]
pub(super) async fn get_connector(app: web::Data<App>, name: web::Path<String>) -> Answer {
    let found = app.connectors().connectors.get(name.as_str()).cloned();
    let connector = found.ok_or_else(|| ApiError::not_found("connector"))?;
    let (source, destination) = (connector.source.as_ref(), connector.destination.as_ref());
    let fields = |fields: Vec<FormField>| fields.into_iter().map(ConnectField::of).collect();
    answered(&ConnectorInFull {
        connector: ConnectorTold::of(&connector),
        source_fields: source.map_or_else(Vec::new, |_| fields(source_new_fields(&connector))),
        source_guide: source.and_then(|source| source.guide.as_ref()).map(ConnectGuide::of),
        connection_fields: destination.map_or_else(Vec::new, |_| fields(connector.connection_fields(true))),
        connection_guide: destination.and_then(|one| one.guide.as_ref()).map(ConnectGuide::of),
    })
}
