//! `/connections/new`: all that can be connected, from the connectors' manifests: booking systems, and where bookings go.

use super::errors::PageError;
use super::page::{Frame, Place, answer, in_address};
use super::scene::Scene;
use crate::app::App;
use crate::connectors::Connector;
use crate::domain::fold;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// Characters of what is looked for.
const ASKED_CHARS_MAX: usize = 80;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    #[serde(default)]
    name: String,
}

/// The page.
#[derive(Template)]
#[template(path = "connect_catalogue.html")]
pub struct ConnectCatalogue {
    frame: Frame,
    asked: String,
    groups: Vec<Group>,
}

struct Group {
    id: &'static str,
    title: &'static str,
    lead: &'static str,
    entries: Vec<Entry>,
}

struct Entry {
    address: String,
    title: String,
    about: String,
}

/// `GET /connections/new`.
pub async fn connect_catalogue(
    app: web::Data<App>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(&app).await?;
    let catalogue = app.connectors();
    let connectors: Vec<&Connector> = catalogue.connectors.values().map(|one| &**one).collect();
    answer(&ConnectCatalogue::of(&scene, &connectors, &query.name))
}

impl ConnectCatalogue {
    fn of(scene: &Scene, connectors: &[&Connector], asked: &str) -> Self {
        let asked: String = asked.chars().take(ASKED_CHARS_MAX).collect();
        let wanted = fold(asked.trim());
        let fits = |one: &&&Connector| {
            [&one.title, &one.name, &one.about].iter().any(|text| fold(text).contains(&wanted))
        };
        let entry = |folder: &str, one: &&Connector| Entry {
            address: format!("/{folder}/new/{}", in_address(&one.name)),
            title: one.title.clone(),
            about: one.about.clone(),
        };
        let found = || connectors.iter().filter(fits);
        let groups = vec![
            Group {
                id: "booking-systems",
                title: "Booking systems",
                lead: "Bookings come from there.",
                entries: found()
                    .filter(|one| one.source.is_some())
                    .map(|one| entry("sources", one))
                    .collect(),
            },
            Group {
                id: "crms",
                title: "CRMs and others",
                lead: "Bookings and guests go there.",
                entries: found()
                    .filter(|one| one.destination.is_some())
                    .map(|one| entry("connections", one))
                    .collect(),
            },
        ];
        let groups = groups.into_iter().filter(|group| !group.entries.is_empty()).collect();
        Self { frame: Frame::new(Place::Connections, scene, None), asked, groups }
    }
}

#[cfg(test)]
impl ConnectCatalogue {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, scene};
        let hostile = Connector {
            name: HOSTILE.into(),
            title: HOSTILE.into(),
            about: HOSTILE.into(),
            ..super::samples::connector("hubspot")
        };
        let both = [&super::samples::connector("fareharbor"), &hostile];
        vec![
            Self::of(&scene(), &both, ""),
            Self::of(&Scene::default(), &both, HOSTILE),
            Self::of(&scene(), &[], "x"),
        ]
    }
}
