//! `/settings/about`: which Waypost this is, which rules are at work, where the data is and how much room it has.

use super::errors::PageError;
use super::page::{Frame, Place, answer};
use super::scene::Scene;
use super::times::{Moment, counted};
use crate::app::{About, App};
use actix_web::{HttpResponse, web};
use askama::Template;

/// Less than this is said to be little.
const FREE_BYTES_MIN: u64 = 1_000_000_000;

/// The page.
#[derive(Template)]
#[template(path = "about_show.html")]
pub struct AboutPage {
    frame: Frame,
    tab: &'static str,
    version: &'static str,
    started: Moment,
    ruleset: Option<(String, Moment)>,
    database: String,
    schema: i64,
    webhooks: String,
    data: String,
    disk: Option<String>,
    little: bool,
    node: String,
}

/// `GET /settings/about`.
pub(super) async fn about_show(app: web::Data<App>) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(&app).await?;
    answer(&AboutPage::of(&scene, &app.about().await?))
}

impl AboutPage {
    fn of(scene: &Scene, about: &About) -> Self {
        let disk = about.disk.map(|disk| format!("{} of {}", size(disk.free), size(disk.all)));
        let webhooks = about.store.webhooks + about.store.uncounted;
        Self {
            frame: Frame::new(Place::Nowhere, scene, None),
            tab: "about",
            version: about.version,
            started: Moment::of(about.started_at, scene.now),
            ruleset: about.ruleset.as_ref().map(|(hash, at)| (hash.clone(), Moment::of(*at, scene.now))),
            database: about.store.database.clone(),
            schema: about.store.schema,
            webhooks: match about.store.uncounted {
                0 => counted(webhooks, "webhook"),
                _ => {
                    format!("about {} (the last ones are still being counted)", counted(webhooks, "webhook"))
                }
            },
            data: about.data.display().to_string(),
            disk,
            little: about.disk.is_some_and(|disk| disk.free < FREE_BYTES_MIN),
            node: about.node.clone(),
        }
    }
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
impl AboutPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, NOW, scene};
        use crate::app::Space;
        use crate::ports::StoreFigures;
        let plain = About {
            version: "0.1.0",
            started_at: NOW,
            ruleset: Some(("0f0e".into(), NOW)),
            store: StoreFigures { database: "SQLite 3.50.4, 1.2 MB".into(), ..StoreFigures::default() },
            data: "data".into(),
            disk: Some(Space { free: 90_000_000_000, all: 100_000_000_000 }),
            node: "node_1".into(),
        };
        let odd = About {
            ruleset: None,
            store: StoreFigures {
                database: HOSTILE.into(),
                webhooks: 1,
                uncounted: 3,
                ..plain.store.clone()
            },
            data: HOSTILE.into(),
            disk: Some(Space { free: 1_000, all: 100_000 }),
            node: HOSTILE.into(),
            ..plain.clone()
        };
        let unknown = About { disk: None, ..plain.clone() };
        [plain, odd, unknown].iter().map(|about| Self::of(&scene(), about)).collect()
    }
}
