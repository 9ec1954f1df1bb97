//! Rules to start from, as they come with Waypost: `rules/recipes`. The pages offer them; `tests/check` keeps them valid.

/// A rule to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Its name.
    pub name: &'static str,
    /// The connector whose bookings it reads.
    pub of: &'static str,
    /// What it is for.
    pub title: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// All recipes.
pub const RECIPES: [Recipe; 4] = [
    Recipe {
        name: "guests-to-hubspot",
        of: "fareharbor",
        title: "Guests into HubSpot: who booked becomes a contact, the booking a deal",
        text: include_str!("../../rules/recipes/guests-to-hubspot.yaml"),
    },
    Recipe {
        name: "guests-to-sandbox",
        of: "fareharbor",
        title: "Guests into the sandbox CRM: who booked becomes a contact, with the booking",
        text: include_str!("../../rules/recipes/guests-to-sandbox.yaml"),
    },
    Recipe {
        name: "participants-to-crm",
        of: "fareharbor",
        title: "Participants into a CRM: one record for each participant, and none for those who left",
        text: include_str!("../../rules/recipes/participants-to-crm.yaml"),
    },
    Recipe {
        name: "guests-of-rooms-to-hubspot",
        of: "apaleo",
        title: "Guests of rooms into HubSpot: who stays becomes a contact, the reservation a deal",
        text: include_str!("../../rules/recipes/guests-of-rooms-to-hubspot.yaml"),
    },
];

impl Recipe {
    /// Its text for a source and a connection of these names, without what its head says about copying it.
    pub fn adapted(&self, source: &str, connection: &str) -> String {
        let head = self.text.lines().take_while(|line| line.starts_with('#')).count();
        let mut text = String::with_capacity(self.text.len());
        for (at, line) in self.text.lines().enumerate().filter(|(at, _)| *at == 0 || *at >= head) {
            let indent = &line[..line.len() - line.trim_start().len()];
            let action = line.trim_start().strip_prefix("use: ").and_then(|uses| uses.split_once('.'));
            if at > 0 && line.starts_with("from: ") {
                text.extend(["from: \"", source, "\""]);
            } else if let Some((_, action)) = action {
                text.extend([indent, "use: \"", connection, ".", action, "\""]);
            } else {
                text.push_str(line);
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::RECIPES;

    #[test]
    fn a_recipe_is_adapted_to_names_of_its_source_and_connection() {
        for recipe in RECIPES {
            let text = recipe.adapted("true", "1");
            assert!(text.contains("\nfrom: \"true\"\n"), "{text}");
            assert!(text.contains("use: \"1.upsert_contact\"\n"), "{text}");
            assert!(
                !text.contains("harbour-tours")
                    && !text.contains("from: inn")
                    && !text.contains("sandbox-crm."),
                "{text}"
            );
            assert!(
                text.starts_with('#') && text.lines().nth(1).is_some_and(|line| line.starts_with("title:")),
                "{text}"
            );
        }
    }
}
