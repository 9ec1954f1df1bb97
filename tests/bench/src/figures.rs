//! The figures: their keys in the order in which they are told, what is aimed at, and the samples of each over the rounds.
//! Filled by `round`, told by `report`.

use std::collections::BTreeMap;

/// What a figure should come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aim {
    AtLeast(f64),
    AtMost(f64),
    /// It is told, not judged.
    None,
}

impl Aim {
    /// Whether a value reaches it; nothing where there is no aim.
    pub fn reached(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(value >= least),
            Self::AtMost(most) => Some(value <= most),
            Self::None => None,
        }
    }

    /// As told in the table.
    pub fn told(self) -> String {
        match self {
            Self::AtLeast(least) => format!("at least {least}"),
            Self::AtMost(most) => format!("at most {most}"),
            Self::None => String::new(),
        }
    }
}

pub const ACK_RATIO: &str = "ack_ratio";
pub const DELIVERED_RATIO: &str = "delivered_ratio";
pub const ACK_P99_RATIO: &str = "ack_p99_ratio";
pub const DELIVERED_P99_RATIO: &str = "delivered_p99_ratio";
pub const MILLION_RATIO: &str = "million_ratio";
pub const RSS_IDLE: &str = "rss_idle_mib";
pub const START: &str = "start_to_200_ms";
pub const ACKS: &str = "acks_per_s";
pub const DELIVERED: &str = "delivered_per_s";
pub const ACK_P99: &str = "ack_p99_ms_at_100";
pub const DELIVERED_P99: &str = "delivered_p99_ms_at_100";
pub const RSS_LOADED: &str = "rss_loaded_mib";
pub const BYTES: &str = "bytes_per_webhook";
pub const START_AT_MILLION: &str = "start_to_200_ms_at_million";
pub const PAGE_SLOWEST: &str = "slowest_page_ms_at_million";
pub const PAGE_RATIO: &str = "page_ratio_at_million";
pub const PAGE_HEAVIEST: &str = "heaviest_page_kib";

pub const FLOOR_ACKS: &str = "floor_acks_per_s";
pub const FLOOR_DELIVERED: &str = "floor_delivered_per_s";
pub const FLOOR_ACK_P99: &str = "floor_ack_p99_ms_at_100";
pub const FLOOR_DELIVERED_P99: &str = "floor_delivered_p99_ms_at_100";
pub const NOISE: &str = "noise_cores";

/// Of Waypost, on each database.
pub const OURS: &[(&str, Aim)] = &[
    (ACK_RATIO, Aim::AtLeast(0.7)),
    (DELIVERED_RATIO, Aim::AtLeast(0.4)),
    (ACK_P99_RATIO, Aim::AtMost(2.5)),
    (DELIVERED_P99_RATIO, Aim::AtMost(3.5)),
    (MILLION_RATIO, Aim::AtLeast(0.8)),
    (RSS_IDLE, Aim::AtMost(30.0)),
    (START, Aim::AtMost(200.0)),
    (ACKS, Aim::None),
    (DELIVERED, Aim::None),
    (ACK_P99, Aim::None),
    (DELIVERED_P99, Aim::None),
    (RSS_LOADED, Aim::None),
    (BYTES, Aim::None),
    (START_AT_MILLION, Aim::None),
    (PAGE_SLOWEST, Aim::AtMost(50.0)),
    (PAGE_RATIO, Aim::None),
    (PAGE_HEAVIEST, Aim::AtMost(60.0)),
];

/// Of the yardsticks and the machine.
pub const FLOORS: &[(&str, Aim)] = &[
    (FLOOR_ACKS, Aim::None),
    (FLOOR_DELIVERED, Aim::None),
    (FLOOR_ACK_P99, Aim::None),
    (FLOOR_DELIVERED_P99, Aim::None),
    (NOISE, Aim::None),
];

/// What the rounds gave for each key.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<&'static str, Vec<f64>>);

/// Over the rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Samples {
    /// Adds the value of one round.
    pub fn push(&mut self, key: &'static str, value: f64) {
        self.0.entry(key).or_default().push(value);
    }

    /// The values in the order of the rounds.
    pub fn of(&self, key: &str) -> &[f64] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// The value of this round.
    pub fn last(&self, key: &str) -> f64 {
        self.of(key).last().copied().unwrap_or(f64::NAN)
    }

    /// Nothing where it was not measured.
    pub fn spread(&self, key: &str) -> Option<Spread> {
        let mut sorted = self.of(key).to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Spread { median, min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::{ACKS, Aim, BYTES, Samples, Spread};

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two() {
        let mut samples = Samples::default();
        assert_eq!(samples.spread(ACKS), None);
        for value in [9.0, 1.0, 4.0] {
            samples.push(ACKS, value);
        }
        assert_eq!(samples.spread(ACKS), Some(Spread { median: 4.0, min: 1.0, max: 9.0 }));
        samples.push(ACKS, 6.0);
        assert_eq!(samples.spread(ACKS), Some(Spread { median: 5.0, min: 1.0, max: 9.0 }));
        assert_eq!(samples.spread(BYTES), None);
    }

    #[test]
    fn an_aim_is_reached_on_its_own_side() {
        assert_eq!(Aim::AtLeast(0.7).reached(0.7), Some(true));
        assert_eq!(Aim::AtLeast(0.7).reached(0.69), Some(false));
        assert_eq!(Aim::AtMost(30.0).reached(30.1), Some(false));
        assert_eq!(Aim::AtMost(30.0).reached(12.0), Some(true));
        assert_eq!(Aim::None.reached(1.0), None);
    }
}
