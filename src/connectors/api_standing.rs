//! What is known of the use of a booking system's API at a moment.

use crate::domain::Millis;

/// What is known of a credential now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiStanding {
    /// Why it is not taken.
    pub needs_auth: Option<String>,
    /// It rests until then.
    pub rests_until: Option<Millis>,
    /// It has not answered since.
    pub down_since: Option<Millis>,
}
