//! Counts of calls and effects, and how close together the calls came. PURE: times are arguments. Used by `state`.

use crate::domain::Millis;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};

/// Keys whose counts are kept apart, in all objects together.
const KEYS_MAX: usize = 100_000;
/// Calls of the last 60 s that are remembered for the windows: more than one machine can make.
const WINDOW_CALLS_MAX: usize = 1_000_000;
/// Seconds in the histogram.
const SECONDS_MAX: usize = 600;
/// Calls in the list of the last ones.
const LAST_CALLS_MAX: usize = 1_000;

/// Counts of one object or key.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    calls: u64,
    effects: u64,
    doubled: u64,
}

/// The most calls in any window of one length.
#[derive(Debug)]
struct Window {
    length_ms: Millis,
    times: VecDeque<Millis>,
    most: usize,
}

/// All counts.
#[derive(Debug)]
pub(super) struct Stats {
    all: Tally,
    by_status: BTreeMap<String, u64>,
    objects: BTreeMap<String, (Tally, BTreeMap<String, Tally>)>,
    keys: usize,
    windows: [Window; 2],
    /// Calls per second of the wall clock, the last ones.
    seconds: VecDeque<(Millis, u64)>,
    in_flight: u64,
    in_flight_most: u64,
    last_calls: VecDeque<Value>,
}

/// A call as it came.
pub(super) struct Arrival<'a> {
    /// Wall clock, for people.
    pub at: Millis,
    /// A clock that never goes back, for the windows.
    pub monotonic: Millis,
    pub object: &'a str,
    pub key: Option<&'a str>,
}

impl Default for Stats {
    fn default() -> Self {
        let window = |length_ms| Window { length_ms, times: VecDeque::new(), most: 0 };
        Self {
            all: Tally::default(),
            by_status: BTreeMap::new(),
            objects: BTreeMap::new(),
            keys: 0,
            windows: [window(1_000), window(60_000)],
            seconds: VecDeque::new(),
            in_flight: 0,
            in_flight_most: 0,
            last_calls: VecDeque::new(),
        }
    }
}

impl Stats {
    /// A call came.
    pub(super) fn arrived(&mut self, call: &Arrival<'_>) {
        for window in &mut self.windows {
            window.count(call.monotonic);
        }
        let second = call.at.div_euclid(1_000);
        match self.seconds.back_mut() {
            Some((last, calls)) if *last == second => *calls += 1,
            _ => self.seconds.push_back((second, 1)),
        }
        if self.seconds.len() > SECONDS_MAX {
            self.seconds.pop_front();
        }
        self.in_flight += 1;
        self.in_flight_most = self.in_flight_most.max(self.in_flight);
        self.tally(call.object, call.key, |tally| tally.calls += 1);
    }

    /// Something was written.
    pub(super) fn took_effect(&mut self, object: &str, key: &str, doubled: bool) {
        self.tally(object, Some(key), |tally| {
            tally.effects += 1;
            tally.doubled += u64::from(doubled);
        });
    }

    /// A call ended; `None` where its answer was lost. `told` is how the list of the last calls shows it.
    pub(super) fn ended(&mut self, status: Option<u16>, told: Value) {
        // A reset may lie between a call and its end.
        self.in_flight = self.in_flight.saturating_sub(1);
        let status = status.map_or_else(|| "lost".to_owned(), |status| status.to_string());
        *self.by_status.entry(status).or_default() += 1;
        if self.last_calls.len() == LAST_CALLS_MAX {
            self.last_calls.pop_front();
        }
        self.last_calls.push_back(told);
    }

    /// The last calls, oldest first.
    pub(super) fn last_calls(&self) -> Value {
        self.last_calls.iter().cloned().collect()
    }

    /// Everything that was counted.
    pub(super) fn to_json(&self) -> Value {
        let objects: Map<String, Value> = self
            .objects
            .iter()
            .map(|(name, (tally, keys))| {
                let mut counts = tally.to_json();
                counts["keys"] = keys.iter().map(|(key, tally)| (key.clone(), tally.to_json())).collect();
                (name.clone(), counts)
            })
            .collect();
        let mut counts = self.all.to_json();
        counts["max_in_1s"] = json!(self.windows[0].most);
        counts["max_in_60s"] = json!(self.windows[1].most);
        counts["max_in_flight"] = json!(self.in_flight_most);
        counts["by_status"] = json!(self.by_status);
        counts["objects"] = Value::Object(objects);
        counts["per_second"] = json!(self.seconds);
        counts
    }

    fn tally(&mut self, object: &str, key: Option<&str>, count: impl Fn(&mut Tally)) {
        count(&mut self.all);
        if !self.objects.contains_key(object) {
            if self.keys >= KEYS_MAX {
                return;
            }
            self.keys += 1;
        }
        let (tally, keys) = self.objects.entry(object.to_owned()).or_default();
        count(tally);
        let Some(key) = key else { return };
        if let Some(tally) = keys.get_mut(key) {
            count(tally);
        } else if self.keys < KEYS_MAX {
            self.keys += 1;
            count(keys.entry(key.to_owned()).or_default());
        }
    }
}

impl Tally {
    fn to_json(self) -> Value {
        json!({ "calls": self.calls, "effects": self.effects, "doubled": self.doubled })
    }
}

impl Window {
    /// Counts a call: two calls that are exactly `length_ms` apart are not in one window.
    fn count(&mut self, now: Millis) {
        while self.times.front().is_some_and(|first| now - first >= self.length_ms) {
            self.times.pop_front();
        }
        if self.times.len() < WINDOW_CALLS_MAX {
            self.times.push_back(now);
        }
        self.most = self.most.max(self.times.len());
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrival, Stats};
    use serde_json::json;

    fn arrive(stats: &mut Stats, monotonic: i64) {
        stats.arrived(&Arrival { at: 5_000 + monotonic, monotonic, object: "contacts", key: Some("7") });
    }

    #[test]
    fn the_fullest_window_is_found_wherever_it_begins() {
        let mut stats = Stats::default();
        for at in [0, 900, 1_000, 1_500, 1_899, 1_900, 3_000, 70_000] {
            arrive(&mut stats, at);
        }
        let counts = stats.to_json();
        assert_eq!((&counts["max_in_1s"], &counts["max_in_60s"]), (&json!(4), &json!(7)));
        assert_eq!(counts["per_second"], json!([[5, 2], [6, 4], [8, 1], [75, 1]]));
    }

    #[test]
    fn calls_and_effects_are_counted_apart() {
        let mut stats = Stats::default();
        arrive(&mut stats, 0);
        arrive(&mut stats, 1);
        stats.took_effect("contacts", "7", false);
        stats.ended(Some(200), json!(1));
        stats.ended(None, json!(2));
        arrive(&mut stats, 2);
        stats.took_effect("contacts", "7", true);
        stats.ended(Some(200), json!(3));
        let counts = stats.to_json();
        let seven = json!({ "calls": 3, "effects": 2, "doubled": 1 });
        assert_eq!(counts["objects"]["contacts"]["keys"]["7"], seven);
        assert_eq!(
            (&counts["calls"], &counts["effects"], &counts["doubled"]),
            (&json!(3), &json!(2), &json!(1))
        );
        assert_eq!(counts["by_status"], json!({ "200": 2, "lost": 1 }));
        assert_eq!(counts["max_in_flight"], json!(2));
        assert_eq!(stats.last_calls(), json!([1, 2, 3]));
    }
}
