//! What this process counts of its own work, and how it stands, as Prometheus reads it. The stages hand in numbers, `app`
//! holds the one [`Metrics`], `web` shows its text.
//!
//! Invariant: what is counted on the way to an ack is a few atomic additions: no lock, no allocation, no look-up by name.
//! Every series of that way is found when the process starts. Label values are words of ours and names of connections;
//! nothing of a booking ever is one (`tests/flow/metrics.rs`).

use crate::domain::{ChangeKind, Millis, RunState};
use crate::ports::Counts;
use prometheus::core::Collector as _;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};
use std::sync::{Mutex, PoisonError};

/// Every status that a webhook is answered with.
const CODES: [u16; 8] = [200, 400, 401, 404, 405, 408, 413, 503];
/// How an attempt may end, as in `ports::AttemptEnd`.
const OUTCOMES: [&str; 9] =
    ["done", "conflict", "retry", "throttled", "maybe_done", "refused", "gone", "needs_auth", "not_found"];
/// Events of one commit; ingest takes 256 at most.
const COMMIT_EVENTS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
/// Seconds of a commit and of an ack: from what a good disk does to what a full one makes wait.
const COMMIT_SECONDS: [f64; 15] =
    [0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// Seconds until a run is done: from a CRM that answers at once to one that is down for days.
const DELIVERY_SECONDS: [f64; 18] = [
    0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1_800.0, 7_200.0,
    28_800.0, 86_400.0,
];

/// How things stand in the database, when somebody asks.
pub struct Standing<'a> {
    /// What was counted there; `None`: it can't be read now.
    pub counts: Option<&'a Counts>,
    /// Names of the connections of the active ruleset: they are told of also where nothing is to tell.
    pub connections: &'a [String],
    /// Now.
    pub now: Millis,
}

/// All series.
pub struct Metrics {
    registry: Registry,
    received: IntCounter,
    acks: IntCounterVec,
    acks_by_code: [IntCounter; CODES.len()],
    refused: IntCounterVec,
    ack_seconds: Histogram,
    commit_events: Histogram,
    commit_seconds: Histogram,
    commits_failed: IntCounter,
    changes: [IntCounter; ChangeKind::ALL.len()],
    attempts: IntCounterVec,
    fetches: IntCounterVec,
    delivery_seconds: Histogram,
    standing: Mutex<Gauges>,
}

/// What is read when somebody asks. Set anew each time, so that what is gone is not told any more.
struct Gauges {
    database_up: IntGaugeVec,
    unapplied: IntGaugeVec,
    runs: IntGaugeVec,
    oldest_waiting: GaugeVec,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let registry = Registry::new();
        let acks = counters(
            &registry,
            (
                "waypost_acks_total",
                "Answers to requests below /hooks/, by HTTP status; 200 is stored durably.",
            ),
            &["code"],
        );
        let changes = counters(
            &registry,
            ("waypost_changes_total", "What applied webhooks did to bookings, by kind of change."),
            &["kind"],
        );
        Self {
            received: counter(
                &registry,
                (
                    "waypost_webhooks_received_total",
                    "Requests below /hooks/, whatever they are answered with.",
                ),
            ),
            acks_by_code: CODES.map(|code| acks.with_label_values(&[&code.to_string()])),
            acks,
            refused: counters(
                &registry,
                (
                    "waypost_webhooks_refused_total",
                    "Requests below /hooks/ that did not sign in, by source (empty: there is none of that name) and by what \
                     did not hold.",
                ),
                &["source", "reason"],
            ),
            ack_seconds: histogram(
                &registry,
                (
                    "waypost_ack_seconds",
                    "From having read a webhook's body until it is stored and answered with 200.",
                ),
                &COMMIT_SECONDS,
            ),
            commit_events: histogram(
                &registry,
                ("waypost_commit_events", "Webhooks that one commit stored."),
                &COMMIT_EVENTS,
            ),
            commit_seconds: histogram(
                &registry,
                ("waypost_commit_seconds", "Time that the database took for one commit of webhooks."),
                &COMMIT_SECONDS,
            ),
            commits_failed: counter(
                &registry,
                (
                    "waypost_commits_failed_total",
                    "Commits of webhooks that the database refused; their webhooks are then tried one by one.",
                ),
            ),
            changes: ChangeKind::ALL.map(|kind| changes.with_label_values(&[kind.as_str()])),
            attempts: counters(
                &registry,
                ("waypost_attempts_total", "Calls to connections that ended, by what became of them."),
                &["connection", "outcome"],
            ),
            fetches: counters(
                &registry,
                ("waypost_fetches_total", "Fetches from booking systems that ended, by what became of them."),
                &["source", "outcome"],
            ),
            delivery_seconds: histogram(
                &registry,
                (
                    "waypost_delivery_seconds",
                    "From a webhook's receipt until the call that finished a run of it was answered as done.",
                ),
                &DELIVERY_SECONDS,
            ),
            standing: Mutex::new(Gauges::new(&registry)),
            registry,
        }
    }

    /// A request came in below `/hooks/`.
    pub fn webhook_received(&self) {
        self.received.inc();
    }

    /// It was answered.
    pub fn webhook_answered(&self, code: u16) {
        match CODES.iter().position(|known| *known == code) {
            Some(index) => self.acks_by_code[index].inc(),
            // Nothing answers with another one; should it, it is told all the same.
            None => self.acks.with_label_values(&[&code.to_string()]).inc(),
        }
    }

    /// It did not sign in: at a source that there is, or at none (empty). Not on the way to an ack.
    pub fn webhook_refused(&self, source: &str, reason: &str) {
        self.refused.with_label_values(&[source, reason]).inc();
    }

    /// How often that was since this process began: source, reason, times; in the order of the names.
    pub fn refused(&self) -> Vec<(String, String, u64)> {
        let families = self.refused.collect();
        let metrics = families.iter().flat_map(prometheus::proto::MetricFamily::get_metric);
        let mut told: Vec<_> = metrics
            .map(|metric| {
                let label = |name: &str| {
                    let found = metric.get_label().iter().find(|label| label.name() == name);
                    found.map(|label| label.value().to_owned()).unwrap_or_default()
                };
                (label("source"), label("reason"), metric.get_counter().get_value() as u64)
            })
            .collect();
        told.sort();
        told
    }

    /// It was stored, so long after its body had been read.
    pub fn webhook_stored(&self, took_us: i64) {
        self.ack_seconds.observe(seconds(took_us));
    }

    /// A commit of so many webhooks ended; `None`: the database did not take them.
    pub fn committed(&self, events: usize, took_us: Option<i64>) {
        let Some(took_us) = took_us else {
            self.commits_failed.inc();
            return;
        };
        self.commit_events.observe(events as f64);
        self.commit_seconds.observe(seconds(took_us));
    }

    /// Changes were applied: how many of each kind, in the order of `ChangeKind::ALL`.
    pub fn changed(&self, by_kind: &[usize; ChangeKind::ALL.len()]) {
        for (counter, count) in self.changes.iter().zip(by_kind) {
            counter.inc_by(*count as u64);
        }
    }

    /// A call ended.
    pub fn attempted(&self, connection: &str, outcome: &str) {
        self.attempts.with_label_values(&[connection, outcome]).inc();
    }

    /// A fetch from a booking system ended.
    pub fn fetched(&self, source: &str, outcome: &str) {
        self.fetches.with_label_values(&[source, outcome]).inc();
    }

    /// A run was finished by a call, so long after its webhook had come in.
    pub fn delivered(&self, after_ms: Millis) {
        self.delivery_seconds.observe(after_ms.max(0) as f64 / 1_000.0);
    }

    /// All series in Prometheus' text format.
    pub fn text(&self, standing: &Standing<'_>) -> Result<String, prometheus::Error> {
        for connection in standing.connections {
            for outcome in OUTCOMES {
                self.attempts.with_label_values(&[connection.as_str(), outcome]);
            }
        }
        let gauges = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        gauges.set(standing);
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl Gauges {
    fn new(registry: &Registry) -> Self {
        let version = gauges(
            registry,
            ("waypost_build_info", "Always 1; the version that runs is its label."),
            &["version"],
        );
        version.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let oldest_waiting = GaugeVec::new(
            Opts::new(
                "waypost_oldest_waiting_seconds",
                "Since when the oldest waiting run of a connection waits; 0: none waits.",
            ),
            &["connection"],
        );
        Self {
            database_up: gauges(
                registry,
                (
                    "waypost_database_up",
                    "1: the database answered when this was read; 0: the gauges of it are left out.",
                ),
                &[],
            ),
            unapplied: gauges(
                registry,
                ("waypost_events_unapplied", "Stored webhooks that are not applied to their bookings yet."),
                &[],
            ),
            runs: gauges(
                registry,
                ("waypost_runs", "Runs in the database, by state and connection."),
                &["state", "connection"],
            ),
            oldest_waiting: registered(registry, oldest_waiting),
        }
    }

    fn set(&self, standing: &Standing<'_>) {
        self.unapplied.reset();
        self.runs.reset();
        self.oldest_waiting.reset();
        self.database_up.with_label_values::<&str>(&[]).set(i64::from(standing.counts.is_some()));
        let Some(counts) = standing.counts else { return };
        self.unapplied.with_label_values::<&str>(&[]).set(counts.unapplied);
        for connection in standing.connections {
            self.oldest_waiting.with_label_values(&[connection]);
            for state in RunState::ALL {
                self.runs.with_label_values(&[state.as_str(), connection]);
            }
        }
        for (state, connection, runs) in &counts.runs {
            self.runs.with_label_values(&[state, connection]).set(*runs);
        }
        for (connection, since) in &counts.oldest_waiting {
            let waits = (standing.now - since).max(0) as f64 / 1_000.0;
            self.oldest_waiting.with_label_values(&[connection]).set(waits);
        }
    }
}

fn seconds(us: i64) -> f64 {
    us.max(0) as f64 / 1_000_000.0
}

fn counter(registry: &Registry, (name, help): (&str, &str)) -> IntCounter {
    registered(registry, IntCounter::new(name, help))
}

fn counters(registry: &Registry, (name, help): (&str, &str), labels: &[&str]) -> IntCounterVec {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn gauges(registry: &Registry, (name, help): (&str, &str), labels: &[&str]) -> IntGaugeVec {
    registered(registry, IntGaugeVec::new(Opts::new(name, help), labels))
}

fn histogram(registry: &Registry, (name, help): (&str, &str), bounds: &[f64]) -> Histogram {
    registered(registry, Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec())))
}

/// Names are constants of this file, each used once: `tests/flow/metrics.rs` would not get past it.
fn registered<C>(registry: &Registry, made: Result<C, prometheus::Error>) -> C
where
    C: prometheus::core::Collector + Clone + 'static,
{
    let series = made.expect("the name of a series is valid");
    registry.register(Box::new(series.clone())).expect("no two series have one name");
    series
}

#[cfg(test)]
mod tests {
    use super::{Metrics, Standing};
    use crate::domain::ChangeKind;
    use crate::ports::Counts;

    #[test]
    fn changes_are_counted_under_their_own_kind() {
        for (index, kind) in ChangeKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index, "{kind}");
        }
    }

    #[test]
    fn what_is_gone_from_the_database_is_not_told_any_more() {
        let metrics = Metrics::new();
        let counts = Counts {
            unapplied: 3,
            runs: vec![("held".into(), "o\"d\\d\nname".into(), 2)],
            oldest_waiting: vec![("crm".into(), 1_000)],
            ..Counts::default()
        };
        let standing = Standing { counts: Some(&counts), connections: &[], now: 3_500 };
        let text = metrics.text(&standing).expect("a text");
        for line in [
            "waypost_database_up 1",
            "waypost_events_unapplied 3",
            r#"waypost_runs{connection="o\"d\\d\nname",state="held"} 2"#,
            r#"waypost_oldest_waiting_seconds{connection="crm"} 2.5"#,
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
        let away = metrics.text(&Standing { counts: None, connections: &[], now: 3_500 }).expect("a text");
        assert!(away.contains("waypost_database_up 0\n"), "{away}");
        for name in ["waypost_events_unapplied", "waypost_runs", "waypost_oldest_waiting_seconds"] {
            assert!(!away.contains(name), "{name}: {away}");
        }
    }
}
