//! Rules to start from, as they come with Waypost: `rules/recipes`. The pages offer them; `tests/check` keeps them valid.

/// A rule to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub title: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// All recipes.
pub const RECIPES: [Recipe; 2] = [
    Recipe {
        name: "guests-to-hubspot",
        title: "Guests into HubSpot: who booked becomes a contact, the booking a deal",
        text: include_str!("../../rules/recipes/guests-to-hubspot.yaml"),
    },
    Recipe {
        name: "participants-to-crm",
        title: "Participants into a CRM: one record for each participant, and none for those who left",
        text: include_str!("../../rules/recipes/participants-to-crm.yaml"),
    },
];
