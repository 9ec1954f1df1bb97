//! Somebody with an account, for programs. Told by `waypost user list --json` and the API.

use super::rfc3339;
use crate::domain::Role;
use crate::ports::PersonRow;
use serde::Serialize;
use utoipa::ToSchema;

/// Somebody who has an account.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Person {
    /// `per_…`.
    #[schema(example = "per_01m827nryktf1rpbkn5m5dr6r2")]
    pub id: String,
    /// What they sign in with.
    #[schema(example = "siobhan@example.org")]
    pub email: String,
    /// What they are called.
    #[schema(example = "Siobhán Ní Bhriain")]
    pub name: String,
    /// What they are here.
    #[schema(value_type = Role)]
    pub role: &'static str,
    /// They may not sign in.
    pub disabled: bool,
    /// False: asked in, and has not chosen a password yet.
    pub has_password: bool,
    /// Whether they sign in with a second factor.
    pub second_factor: bool,
    /// When they signed in last.
    #[schema(format = DateTime)]
    pub signed_in_at: Option<String>,
}

impl Person {
    /// From what the store gives. Neither hashes nor sealed secrets are told.
    pub fn of(person: &PersonRow) -> Self {
        Self {
            id: person.id.clone(),
            email: person.email.clone(),
            name: person.name.clone(),
            role: person.role.as_str(),
            disabled: person.disabled_at.is_some(),
            has_password: person.password.is_some(),
            second_factor: person.totp.is_some(),
            signed_in_at: person.signed_in_at.map(rfc3339),
        }
    }
}
