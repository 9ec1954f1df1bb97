//! Shows a one-time link, once: what asking somebody in and a button of `/settings/people` answer with.

use super::page::{Frame, Place};
use super::scene::Scene;
use super::times::Moment;
use crate::app::LinkMade;
use crate::ports::PersonRow;
use askama::Template;

/// The page.
#[derive(Template)]
#[template(path = "link_made.html")]
pub struct LinkPage {
    frame: Frame,
    tab: &'static str,
    name: String,
    email: String,
    link: String,
    ends: Moment,
}

impl LinkPage {
    /// A link for somebody.
    pub(super) fn of(scene: &Scene, person: &PersonRow, base: &str, link: &LinkMade) -> Self {
        Self {
            frame: Frame::new(Place::Nowhere, scene, None),
            tab: "",
            name: person.name.clone(),
            email: person.email.clone(),
            link: format!("{base}{}", link.path),
            ends: Moment::of(link.expires_at, scene.now),
        }
    }
}

#[cfg(test)]
impl LinkPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, NOW, person, scene};
        let link = LinkMade { path: "/welcome/abc".into(), expires_at: NOW + 86_400_000 };
        vec![Self::of(&scene(), &person(HOSTILE), "https://tours.example.org", &link)]
    }
}
