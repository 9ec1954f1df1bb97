//! `/connections/new/{connector}` and `/sources/new/{connector}`: the form that a connector's manifest makes. What is sent
//! becomes a file of the rules folder, published and committed; a key goes into the vault and is never shown again.

use super::connect_form::{FieldTold, GuideTold, Refusal, key_guide, refusal, webhook_guide};
use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, Place, go_to, in_address};
use super::scene::Scene;
use super::viewer::Viewer;
use crate::app::{App, PartKind, PartNew};
use crate::connectors::{Connector, FieldKind, FormValues, source_new_fields};
use actix_web::{HttpResponse, web};
use askama::Template;
use std::sync::Arc;

/// Names that are tried before a person has to find one.
const NAMES_MAX: usize = 20;

/// The page.
#[derive(Template)]
#[template(path = "connect_new.html")]
pub struct ConnectNew {
    frame: Frame,
    errors: FormErrors,
    is_source: bool,
    /// It asks for what goes into the vault.
    seals: bool,
    connector: String,
    /// Who sends the webhooks, in a sentence.
    sender: String,
    address: String,
    about: String,
    names: Vec<FieldTold>,
    fields: Vec<FieldTold>,
    guide: GuideTold,
}

/// `GET /connections/new/{connector}`.
pub async fn connection_new(app: web::Data<App>, name: web::Path<String>) -> Result<HttpResponse, PageError> {
    show(&app, PartKind::Connection, &name).await
}

/// `GET /sources/new/{connector}`.
pub async fn source_new(app: web::Data<App>, name: web::Path<String>) -> Result<HttpResponse, PageError> {
    show(&app, PartKind::Source, &name).await
}

/// `POST /connections/new/{connector}`.
pub async fn connection_make(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<FormValues>,
) -> Result<HttpResponse, PageError> {
    make(app.into_inner(), &viewer, PartKind::Connection, &name, form.into_inner()).await
}

/// `POST /sources/new/{connector}`.
pub async fn source_make(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    form: web::Form<FormValues>,
) -> Result<HttpResponse, PageError> {
    make(app.into_inner(), &viewer, PartKind::Source, &name, form.into_inner()).await
}

async fn show(app: &App, kind: PartKind, connector: &str) -> Result<HttpResponse, PageError> {
    let connector = app.connector(kind, connector).ok_or_else(|| PageError::unknown("connector"))?;
    let mut values = FormValues::new();
    // "Any HTTP API" is no name for a system.
    let open = kind == PartKind::Connection
        && connector.destination.as_ref().is_some_and(|destination| destination.open_actions);
    let title = if open { String::new() } else { connector.title.clone() };
    values.insert("title".into(), title);
    values.insert("name".into(), free_name(app, kind, if open { "crm" } else { &connector.name }));
    let page = ConnectNew::of(&Scene::read(app).await?, kind, &connector, &values, FormErrors::none());
    page.errors.answer(&page)
}

/// A name that nothing has yet.
fn free_name(app: &App, kind: PartKind, wanted: &str) -> String {
    let active = app.active();
    let taken = |name: &str| {
        active.as_ref().is_some_and(|active| match kind {
            PartKind::Connection => active.connections.contains_key(name),
            PartKind::Source => active.sources.contains_key(name),
        })
    };
    let numbered = (2..NAMES_MAX).map(|number| format!("{wanted}-{number}"));
    std::iter::once(wanted.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}

async fn make(
    app: Arc<App>,
    viewer: &Viewer,
    kind: PartKind,
    connector: &str,
    mut values: FormValues,
) -> Result<HttpResponse, PageError> {
    let connector = app.connector(kind, connector).ok_or_else(|| PageError::unknown("connector"))?;
    let name =
        values.get("name").map(|name| name.trim().to_lowercase().replace(' ', "-")).unwrap_or_default();
    let new = PartNew { kind, name: name.clone(), connector: connector.name.clone(), values: values.clone() };
    let file = kind.file(&name).unwrap_or_default();
    match app.connect(new, viewer.actor()).await {
        Ok(_) => {
            let act = if kind == PartKind::Source { "source.made" } else { "connection.made" };
            app.audit(&viewer.who(), act, &name, &connector.title).await;
            Ok(go_to(&format!("/{}/{}?said=connected", kind.folder(), in_address(&name))))
        }
        Err(error) => {
            let errors = match refusal(error, &file)? {
                Refusal::Errors(errors) => errors,
                Refusal::Changed(..) => {
                    FormErrors::at("name", "There is one of this name already. Take another.")
                }
            };
            values.retain(|key, _| key != "secret" && !key.starts_with("key.") && !key.starts_with("sign."));
            let page = ConnectNew::of(&Scene::read(&app).await?, kind, &connector, &values, errors);
            page.errors.answer(&page)
        }
    }
}

impl ConnectNew {
    fn of(
        scene: &Scene,
        kind: PartKind,
        connector: &Connector,
        values: &FormValues,
        errors: FormErrors,
    ) -> Self {
        let is_source = kind == PartKind::Source;
        let (fields, guide, address_help) = match kind {
            PartKind::Connection => (
                connector.connection_fields(true),
                key_guide(connector),
                "Short, for rules: small letters, digits and -. It stays as it is.",
            ),
            PartKind::Source => (
                source_new_fields(connector),
                webhook_guide(connector),
                "Short, for its address: small letters, digits and -. It stays as it is.",
            ),
        };
        let title_help = if is_source { "As in Harbour Tours." } else { "As in Our HubSpot." };
        Self {
            frame: Frame::new(Place::Connections, scene, None),
            is_source,
            connector: connector.title.clone(),
            sender: if connector.source.as_ref().is_some_and(|spec| spec.own) {
                "the system that sends".to_owned()
            } else {
                connector.title.clone()
            },
            seals: fields.iter().any(|field| field.kind == FieldKind::Secret),
            address: format!("/{}/new/{}", kind.folder(), in_address(&connector.name)),
            about: connector.about.clone(),
            names: vec![
                FieldTold::text("title", "What you call it", title_help, values, &errors),
                FieldTold::text("name", "Its short name", address_help, values, &errors),
            ],
            fields: FieldTold::all(&fields, values, &errors),
            guide,
            errors,
        }
    }
}

#[cfg(test)]
impl ConnectNew {
    pub(super) fn samples() -> Vec<Self> {
        use super::connect_form::WHOLE;
        use super::samples::{HOSTILE, connector, scene};
        let mut typed = FormValues::new();
        let mut errors = FormErrors::at(WHOLE, HOSTILE);
        for field in connector("http").connection_fields(true) {
            typed.insert(field.key.clone(), HOSTILE.into());
            errors.put(field.key.into(), HOSTILE);
        }
        let hostile = Connector {
            name: HOSTILE.into(),
            title: HOSTILE.into(),
            about: HOSTILE.into(),
            ..connector("http")
        };
        vec![
            Self::of(
                &scene(),
                PartKind::Connection,
                &connector("hubspot"),
                &FormValues::new(),
                FormErrors::none(),
            ),
            Self::of(&scene(), PartKind::Connection, &hostile, &typed, errors),
            Self::of(&scene(), PartKind::Source, &connector("fareharbor"), &typed, FormErrors::none()),
        ]
    }
}
