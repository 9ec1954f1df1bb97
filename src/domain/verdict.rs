//! Why something was not sent, as a stored, readable reason.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The machine-readable half of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerdictCode {
    /// `when:` was not true.
    When,
    /// A step's `if:` was not true.
    If,
    /// The CRM holds these fields already.
    Unchanged,
    /// Something newer was sent to that record.
    Stale,
    /// A newer change of the booking took over.
    Superseded,
    /// A required or mixed text reads the outputs of a step that was left out.
    LeftOut,
    /// All steps were left out or had nothing to send.
    NothingToSend,
    /// The rule was disabled, or its file vanished.
    RuleOff,
    /// The connection was deleted.
    ConnectionGone,
    /// An expression failed, or a required field was missing.
    Mapping,
    /// The CRM refused it.
    Refused,
    /// `give_up_after` passed.
    GaveUp,
    /// A create whose answer was lost and that cannot be looked up.
    OutcomeUnknown,
    /// The record is gone from the CRM, and the step cannot make it again by itself.
    Gone,
    /// An item left the booking and the rule does not ask for `…removed`.
    ItemRemoved,
    /// A person did it.
    ByHand,
    /// An answer lacked an output that a later step reads.
    OutputMissing,
}

impl VerdictCode {
    /// All codes.
    pub const ALL: [Self; 17] = [
        Self::When,
        Self::If,
        Self::Unchanged,
        Self::Stale,
        Self::Superseded,
        Self::LeftOut,
        Self::NothingToSend,
        Self::RuleOff,
        Self::ConnectionGone,
        Self::Mapping,
        Self::Refused,
        Self::GaveUp,
        Self::OutcomeUnknown,
        Self::Gone,
        Self::ItemRemoved,
        Self::ByHand,
        Self::OutputMissing,
    ];

    /// The word that files, database and pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::When => "when",
            Self::If => "if",
            Self::Unchanged => "unchanged",
            Self::Stale => "stale",
            Self::Superseded => "superseded",
            Self::LeftOut => "left_out",
            Self::NothingToSend => "nothing_to_send",
            Self::RuleOff => "rule_off",
            Self::ConnectionGone => "connection_gone",
            Self::Mapping => "mapping",
            Self::Refused => "refused",
            Self::GaveUp => "gave_up",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Gone => "gone",
            Self::ItemRemoved => "item_removed",
            Self::ByHand => "by_hand",
            Self::OutputMissing => "output_missing",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }
}

/// Why something was not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The machine-readable half.
    pub code: VerdictCode,
    /// The sentence for people.
    pub text: String,
}

impl Verdict {
    /// A verdict with its sentence.
    pub fn new(code: VerdictCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::VerdictCode;

    #[test]
    fn words_are_the_ones_that_are_stored() {
        for code in VerdictCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert_eq!(VerdictCode::parse(code.as_str()), Some(code));
        }
    }
}
