//! How many bookings stand how, and that it adds up: the figures of Today and the words for them.

use super::words::{Mark, Tone};
use crate::domain::Standing;
use crate::ports::HourCount;

/// Bookings by how they stand, in the order of [`Standing::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standings([i64; Standing::ALL.len()]);

impl Standings {
    /// The sum of these hours.
    pub fn of<'a>(hours: impl IntoIterator<Item = &'a HourCount>) -> Self {
        let mut sum = Self::default();
        for hour in hours {
            sum.0[hour.standing as usize] += hour.bookings;
        }
        sum
    }

    /// How many stand so.
    pub fn count(&self, standing: Standing) -> i64 {
        self.0[standing as usize]
    }

    /// All together.
    pub fn total(&self) -> i64 {
        self.0.iter().sum()
    }
}

/// A standing as a mark.
pub fn mark(standing: Standing) -> Mark {
    let tone = match standing {
        Standing::NeedsYou => Tone::Bad,
        Standing::Waiting => Tone::Waiting,
        Standing::Sent => Tone::Good,
        Standing::Nothing => Tone::Quiet,
    };
    Mark::new(tone, words(standing))
}

/// A standing in words, after a number.
pub fn words(standing: Standing) -> &'static str {
    match standing {
        Standing::NeedsYou => "needs you",
        Standing::Waiting => "waiting",
        Standing::Sent => "sent",
        Standing::Nothing => "nothing to send",
    }
}
