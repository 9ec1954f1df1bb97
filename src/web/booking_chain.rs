//! A booking's chain of rebookings, as its page tells it: whose place it took, who took its own, and the whole way with
//! links. Read from what the store knows; where a booking of the chain has not come yet, that is said.

use super::booking_words::BookingWords;
use super::page::in_address;
use crate::app::{ChainAround, ChainedBooking};

/// Characters of a key that stands for a booking that nothing else is known of.
const KEY_CHARS_MAX: usize = 60;

/// A booking of the chain.
#[derive(Clone, Debug)]
pub struct LinkTold {
    /// The number that people know it by, and when it is.
    pub words: String,
    /// Its id, in an address; `None`: the page's own, or one that has not come.
    pub address: Option<String>,
    /// It is the page's own.
    pub here: bool,
    /// Its status.
    pub status: String,
}

/// The chain.
#[derive(Clone, Debug, Default)]
pub struct ChainTold {
    /// `Rebooked from …`, `Rebooked to …`.
    pub lines: Vec<(&'static str, LinkTold)>,
    /// All of it, the oldest first, where there is more than the lines say.
    pub whole: Vec<LinkTold>,
}

impl ChainTold {
    /// The words.
    pub fn of(around: &ChainAround, own: &BookingWords) -> Self {
        let mut told = Self::default();
        if around.is_empty() {
            return told;
        }
        told.lines.extend(around.before.last().map(|before| ("Rebooked from", LinkTold::of(before))));
        told.lines.extend(around.after.first().map(|after| ("Rebooked to", LinkTold::of(after))));
        if around.before.len() + around.after.len() > told.lines.len() {
            told.whole.extend(around.before.iter().map(LinkTold::of));
            let words = in_words(own);
            told.whole.push(LinkTold { words, address: None, here: true, status: own.status.clone() });
            told.whole.extend(around.after.iter().map(LinkTold::of));
        }
        told
    }
}

impl LinkTold {
    fn of(chained: &ChainedBooking) -> Self {
        match &chained.booking {
            Some(booking) => {
                let words = BookingWords::of(booking);
                Self {
                    words: in_words(&words),
                    address: Some(in_address(booking.id.as_str())),
                    here: false,
                    status: words.status,
                }
            }
            None if chained.key.is_empty() => Self::unknown("a booking"),
            None => Self::unknown(&super::diff::capped(&chained.key, KEY_CHARS_MAX)),
        }
    }

    fn unknown(words: &str) -> Self {
        Self {
            words: words.to_owned(),
            address: None,
            here: false,
            status: "its webhook has not come".to_owned(),
        }
    }
}

fn in_words(booking: &BookingWords) -> String {
    match &booking.starts {
        Some(starts) => format!("{}, {}", booking.code, starts.words),
        None => booking.code.clone(),
    }
}

#[cfg(test)]
impl ChainTold {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, booking, hostile_booking};
        let known = |booking| ChainedBooking { key: HOSTILE.to_owned(), booking: Some(booking) };
        let unknown = ChainedBooking { key: HOSTILE.to_owned(), booking: None };
        let hidden = ChainedBooking { key: String::new(), booking: None };
        let own = BookingWords::of(&booking());
        vec![
            Self::of(&ChainAround { before: vec![hidden], after: Vec::new() }, &own),
            Self::of(
                &ChainAround {
                    before: vec![known(hostile_booking()), known(booking())],
                    after: vec![unknown],
                },
                &own,
            ),
        ]
    }
}
