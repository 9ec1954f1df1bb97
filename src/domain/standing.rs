//! How a booking stands as a whole, by all of its runs: what lists are narrowed to and what the sums of a page are made of.
//! The database keeps it beside the booking, by triggers on the runs.

use utoipa::ToSchema;

/// How a booking stands. The order is that of urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum Standing {
    /// A run of it failed or is held.
    NeedsYou,
    /// A run of it is on its way.
    Waiting,
    /// All that was to be sent is sent.
    Sent,
    /// Nothing was to be sent.
    Nothing,
}

impl Standing {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 4] = [Self::NeedsYou, Self::Waiting, Self::Sent, Self::Nothing];

    /// The number that the database has.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// From the number that the database has.
    pub fn of_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.number() == number)
    }

    /// The word that addresses use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeedsYou => "needs-you",
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Nothing => "nothing",
        }
    }

    /// From the word that addresses use.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::Standing;

    #[test]
    fn words_and_numbers_lead_back() {
        for standing in Standing::ALL {
            assert_eq!(Standing::parse(standing.as_str()), Some(standing));
            assert_eq!(Standing::of_number(standing.number()), Some(standing));
        }
        assert_eq!((Standing::parse("gone"), Standing::of_number(4)), (None, None));
    }
}
