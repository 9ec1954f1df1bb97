//! What a check-up found, for programs: `waypost doctor --json` and the API say the same.

use super::rfc3339;
use crate::app;
use serde::Serialize;
use utoipa::ToSchema;

/// One thing that was looked at.
#[derive(Debug, Serialize, ToSchema)]
pub struct Finding {
    /// What was looked at.
    #[schema(example = "source harbour-tours")]
    pub about: String,
    /// `ok`; `notice`: works, and somebody should know; `amiss`: not as it should be.
    #[schema(example = "ok")]
    pub health: &'static str,
    /// A sentence.
    pub text: String,
    /// A way out, where there is one to tell.
    pub way_out: Option<String>,
    /// The time that the sentence ends with, where there is one.
    #[schema(format = DateTime)]
    pub at: Option<String>,
}

impl Finding {
    /// Of what was found.
    pub fn of(finding: &app::Finding) -> Self {
        Self {
            about: finding.about.clone(),
            health: health_word(finding.health),
            text: match finding.at {
                Some(at) => format!("{} {}.", finding.text, rfc3339(at)),
                None => finding.text.clone(),
            },
            way_out: finding.way_out.clone(),
            at: finding.at.map(rfc3339),
        }
    }
}

/// How it is, in one word.
pub fn health_word(health: app::Health) -> &'static str {
    match health {
        app::Health::Well => "ok",
        app::Health::Notice => "notice",
        app::Health::Amiss => "amiss",
    }
}
