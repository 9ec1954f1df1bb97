//! How often a credential was used, and whether it may be used now. Pure: the time is an argument.
//!
//! Each window holds at most its calls wherever it begins. What an earlier process may have called is known from the ledger:
//! calls are written down in small blocks before the first of a block is made.

use super::{ApiStanding, ApiTrouble};
use crate::connectors::{AnswerClass, CallLimits, Classified};
use crate::domain::Millis;
use std::collections::VecDeque;

/// Calls spread on their way: each window is kept a little longer than it is.
const WINDOW_MARGIN_MS: i64 = 100;
/// Calls in flight where no limit says less.
const CONCURRENCY_MAX: usize = 16;
/// Failures in a row after which the API counts as down.
const TRIP_AFTER: u32 = 5;
/// Between two tries of an API that is down: the first, and the longest.
const PROBE_FIRST_MS: i64 = 5_000;
const PROBE_MS_MAX: i64 = 60_000;
/// A rest where the answer names none: the first, and the longest.
const REST_FIRST_MS: i64 = 5_000;
const REST_MS_MAX: i64 = 60_000;
/// A credential that was not taken is tried again by one call: rights may have been given at the other side. A changed
/// credential is another one, and is tried at once.
const SIGN_IN_AGAIN_MS: i64 = 60_000;
/// Calls that are written down at once, and how long they may be made then.
const GRANT_CALLS_MAX: u64 = 50;
const GRANT_MS: i64 = 1_000;
/// The ledger counts in spans of so long.
const LEDGER_SPAN_MS: i64 = 5_000;

/// Whether a call may be made.
#[derive(Debug)]
pub(super) enum Turn {
    /// Yes; it counts from now on.
    Go,
    /// Once the next calls are written down.
    WriteDown,
    /// Not before this time.
    At(Millis, Closed),
    /// When one in flight has ended.
    InFlight,
}

/// Why not now.
#[derive(Clone, Debug)]
pub(super) enum Closed {
    Limit,
    Rest(String),
    Down(String),
    SignIn(String),
}

impl Closed {
    pub(super) fn at(self, until: Millis) -> ApiTrouble {
        match self {
            Self::Limit => {
                let why = "as many calls were made as the limit allows".to_owned();
                ApiTrouble::Rests { until, said: false, why }
            }
            Self::Rest(why) => ApiTrouble::Rests { until, said: false, why },
            Self::Down(why) => ApiTrouble::Down { until: Some(until), why },
            Self::SignIn(why) => ApiTrouble::NeedsAuth(why),
        }
    }
}

/// Counts of blocks of calls that were written down, oldest first: when they were made at the latest, and how many.
pub(super) type Ledger = Vec<(Millis, u64)>;

#[derive(Default)]
pub(super) struct Meter {
    sent: VecDeque<Millis>,
    /// Of an earlier process.
    before: Ledger,
    /// Of this and earlier ones, as written down.
    ledger: Ledger,
    granted: u64,
    granted_until: Millis,
    in_flight: usize,
    failures: u32,
    down_since: Option<Millis>,
    probe_after_ms: i64,
    rest_ms: i64,
    /// Nothing before this time, and why.
    closed: Option<(Millis, Closed)>,
    /// The one call that finds out whether it is open again is in flight.
    probing: bool,
}

impl Meter {
    /// What an earlier process wrote down.
    pub(super) fn called_before(&mut self, ledger: &[(Millis, u64)]) {
        self.before = ledger.to_vec();
        self.ledger = ledger.to_vec();
    }

    /// Whether a call may be made now.
    pub(super) fn turn(&mut self, limits: &CallLimits, patient: bool, now: Millis) -> Turn {
        if let Some((until, why)) = &self.closed {
            if *until > now {
                return Turn::At(*until, why.clone());
            }
            if self.probing {
                return Turn::At(now + PROBE_FIRST_MS, why.clone());
            }
        }
        let most = limits.rate.concurrency.map_or(CONCURRENCY_MAX, |limit| limit.max(1) as usize);
        if self.in_flight >= most {
            return Turn::InFlight;
        }
        if let Err(until) = self.room(limits, patient, now) {
            return Turn::At(until, Closed::Limit);
        }
        let limited = limits.rate.per_second.is_some() || !limits.windows.is_empty();
        if limited {
            // A clock that was set back ends the grant too.
            let open = (self.granted_until - GRANT_MS..self.granted_until).contains(&now);
            if self.granted == 0 || !open {
                return Turn::WriteDown;
            }
            self.granted -= 1;
            self.sent.push_back(now);
        }
        self.probing = self.closed.is_some();
        self.in_flight += 1;
        Turn::Go
    }

    /// Calls left within all windows, or when there is one.
    fn room(&mut self, limits: &CallLimits, patient: bool, now: Millis) -> Result<u64, Millis> {
        let spans = spans(limits);
        let longest = spans.iter().map(|(_, span)| *span).max().unwrap_or(0);
        // Of a clock that was set back, what lies ahead counts from now.
        if self.sent.back().is_some_and(|at| *at > now) {
            self.sent.iter_mut().for_each(|at| *at = (*at).min(now));
        }
        let latest = now + GRANT_MS + LEDGER_SPAN_MS;
        self.before.iter_mut().chain(&mut self.ledger).for_each(|(at, _)| *at = (*at).min(latest));
        while self.sent.front().is_some_and(|at| at + longest <= now) {
            self.sent.pop_front();
        }
        self.before.retain(|(at, _)| at + longest > now);
        let mut left = u64::MAX;
        for (most, span) in spans {
            let most = if patient { (most - most.div_ceil(10)).max(1) } else { most };
            let within = |at: Millis| at + span > now;
            let first = self.sent.partition_point(|at| !within(*at));
            let lately = (self.sent.len() - first) as u64;
            let earlier: u64 = self.before.iter().filter(|(at, _)| within(*at)).map(|(_, calls)| calls).sum();
            let used = lately + earlier;
            if used < most {
                left = left.min(most - used);
                continue;
            }
            // When so many have left the window that there is room for one.
            let mut over = used - most + 1;
            let mut until = now + 1;
            let mut leaving: Vec<(Millis, u64)> =
                self.before.iter().filter(|(at, _)| within(*at)).copied().collect();
            leaving.extend(self.sent.iter().skip(first).map(|at| (*at, 1)));
            leaving.sort_unstable();
            for (at, calls) in leaving {
                until = at + span;
                if calls >= over {
                    break;
                }
                over -= calls;
            }
            return Err(until.max(now + 1));
        }
        Ok(left)
    }

    /// The ledger with the next block of calls, and how many these are; `None` where they are written down already.
    pub(super) fn next_grant(&mut self, limits: &CallLimits, now: Millis) -> Option<(Ledger, u64)> {
        let open = (self.granted_until - GRANT_MS..self.granted_until).contains(&now);
        if self.granted > 0 && open {
            return None;
        }
        let room = self.room(limits, false, now).ok()?;
        let per_second = limits.rate.per_second.map_or(GRANT_CALLS_MAX, |rate| rate.ceil().max(1.0) as u64);
        let calls = room.min(per_second).min(GRANT_CALLS_MAX);
        let longest = spans(limits).iter().map(|(_, span)| *span).max().unwrap_or(0);
        let mut ledger = self.ledger.clone();
        ledger.retain(|(at, _)| at + longest > now);
        // The end of the span holds for all of them: nothing is forgotten too early.
        let at = ((now + GRANT_MS) / LEDGER_SPAN_MS + 1) * LEDGER_SPAN_MS;
        match ledger.last_mut() {
            Some((last, count)) if *last == at => *count += calls,
            _ => ledger.push((at, calls)),
        }
        // What is left of the block before is given up.
        self.granted = 0;
        self.granted_until = now + GRANT_MS;
        Some((ledger, calls))
    }

    /// They are written down.
    pub(super) fn grant(&mut self, ledger: Ledger, calls: u64) {
        self.ledger = ledger;
        self.granted = calls;
    }

    /// A call ended, or was not made after all.
    pub(super) fn ended(&mut self) {
        self.probing = false;
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// What an answer said. Gives when to try again, where it closes the credential.
    pub(super) fn learn(&mut self, told: &Classified, now: Millis) -> Option<Millis> {
        match told.class {
            AnswerClass::Throttle => {
                let wait = told.wait_ms.unwrap_or_else(|| {
                    self.rest_ms = (self.rest_ms * 2).clamp(REST_FIRST_MS, REST_MS_MAX);
                    self.rest_ms
                });
                Some(self.close(now + wait.max(1), Closed::Rest(told.message.clone())))
            }
            AnswerClass::NeedsAuth => {
                self.close(now + SIGN_IN_AGAIN_MS, Closed::SignIn(told.message.clone()));
                None
            }
            AnswerClass::Retry | AnswerClass::MaybeDone => {
                self.failures = self.failures.saturating_add(1);
                self.down_since.get_or_insert(now);
                let wait = told.wait_ms;
                if self.failures < TRIP_AFTER && wait.is_none() {
                    return None;
                }
                self.probe_after_ms = (self.probe_after_ms * 2).clamp(PROBE_FIRST_MS, PROBE_MS_MAX);
                let until = now + wait.unwrap_or(self.probe_after_ms);
                Some(self.close(until, Closed::Down(told.message.clone())))
            }
            // It answers, whatever it says.
            AnswerClass::Done | AnswerClass::Gone | AnswerClass::Refused | AnswerClass::Conflict => {
                let rests = matches!(self.closed, Some((until, Closed::Rest(_))) if until > now);
                if !rests {
                    self.closed = None;
                    self.rest_ms = 0;
                }
                self.failures = 0;
                self.down_since = None;
                self.probe_after_ms = 0;
                None
            }
        }
    }

    /// The longer of two waits holds, but a refused sign-in outlasts all.
    fn close(&mut self, until: Millis, why: Closed) -> Millis {
        let until = match &self.closed {
            Some((known, Closed::Rest(_))) if *known > until => *known,
            _ => until,
        };
        self.closed = Some((until, why));
        until
    }

    /// Until when nothing may be asked, and why, where it may not.
    pub(super) fn closed(&self, now: Millis) -> Option<(Millis, Closed)> {
        self.closed.clone().filter(|(until, _)| *until > now)
    }

    pub(super) fn standing(&self, now: Millis) -> ApiStanding {
        let mut standing = ApiStanding { down_since: self.down_since, ..ApiStanding::default() };
        match &self.closed {
            Some((_, Closed::SignIn(why))) => standing.needs_auth = Some(why.clone()),
            Some((until, Closed::Rest(_))) if *until > now => standing.rests_until = Some(*until),
            _ => {}
        }
        standing
    }
}

/// All windows of these limits: calls, and how long.
fn spans(limits: &CallLimits) -> Vec<(u64, i64)> {
    let mut spans = Vec::new();
    if let Some(per_second) = limits.rate.per_second {
        let per_second = per_second.max(0.001);
        spans.push(if per_second >= 1.0 {
            (per_second.floor() as u64, 1_000 + WINDOW_MARGIN_MS)
        } else {
            (1, (1_000.0 / per_second).ceil() as i64 + WINDOW_MARGIN_MS)
        });
    }
    spans.extend(limits.windows.iter().map(|window| (window.calls, window.per_ms + WINDOW_MARGIN_MS)));
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::{CallWindow, RateLimits};
    use std::collections::BTreeMap;

    fn limits() -> CallLimits {
        let rate = RateLimits { per_second: Some(5.0), concurrency: Some(100) };
        CallLimits { rate, windows: vec![CallWindow { calls: 20, per_ms: 60_000 }] }
    }

    fn told(class: AnswerClass, wait_ms: Option<i64>) -> Classified {
        Classified { class, wait_ms, outputs: BTreeMap::new(), message: "x".to_owned() }
    }

    /// Makes as many calls as may be made until then, each as early as it may be.
    fn run(meter: &mut Meter, patient: bool, from: Millis, to: Millis) -> Vec<Millis> {
        let (mut now, mut made) = (from, Vec::new());
        while now < to {
            match meter.turn(&limits(), patient, now) {
                Turn::Go => {
                    made.push(now);
                    meter.ended();
                }
                Turn::WriteDown => {
                    let (ledger, calls) = meter.next_grant(&limits(), now).expect("there is room");
                    meter.grant(ledger, calls);
                }
                Turn::At(until, _) => now = until,
                Turn::InFlight => unreachable!("each ends at once"),
            }
        }
        made
    }

    fn most_within(made: &[Millis], span: i64) -> usize {
        made.iter()
            .map(|first| made.iter().filter(|at| (*first..*first + span).contains(at)).count())
            .max()
            .unwrap()
    }

    #[test]
    fn no_window_ever_holds_more_than_its_calls() {
        let mut meter = Meter::default();
        let made = run(&mut meter, false, 1_000_000, 1_300_000);
        assert_eq!((most_within(&made, 1_000), most_within(&made, 60_000)), (5, 20));
        assert!(made.len() >= 90, "{} calls in five minutes are too few", made.len());
    }

    #[test]
    fn what_an_earlier_process_called_counts() {
        let mut first = Meter::default();
        let mut made = run(&mut first, false, 1_000_000, 1_003_500);
        let mut second = Meter::default();
        second.called_before(&first.ledger);
        made.extend(run(&mut second, false, 1_003_600, 1_200_000));
        assert_eq!((most_within(&made, 1_000), most_within(&made, 60_000)), (5, 20));
    }

    #[test]
    fn a_long_walk_leaves_room_for_who_waits() {
        let mut meter = Meter::default();
        let walk = run(&mut meter, true, 1_000_000, 1_050_000);
        assert_eq!(walk.len(), 18);
        assert_eq!(run(&mut meter, false, 1_050_000, 1_051_000).len(), 2);
    }

    #[test]
    fn a_rest_is_kept_by_all_and_ends() {
        let mut meter = Meter::default();
        assert_eq!(meter.learn(&told(AnswerClass::Throttle, Some(30_000)), 1_000_000), Some(1_030_000));
        assert!(matches!(meter.turn(&limits(), false, 1_029_999), Turn::At(1_030_000, Closed::Rest(_))));
        // An answer to a call that was under way opens nothing.
        meter.learn(&told(AnswerClass::Done, None), 1_000_100);
        assert!(matches!(meter.turn(&limits(), false, 1_029_999), Turn::At(1_030_000, Closed::Rest(_))));
        assert_eq!(run(&mut meter, false, 1_030_000, 1_030_001).len(), 5, "and the limits hold again");
    }

    #[test]
    fn an_api_that_is_down_is_tried_by_one_call() {
        let mut meter = Meter::default();
        for _ in 0..4 {
            assert_eq!(meter.learn(&told(AnswerClass::MaybeDone, None), 1_000_000), None);
        }
        assert_eq!(meter.learn(&told(AnswerClass::MaybeDone, None), 1_000_000), Some(1_005_000));
        let (ledger, calls) = meter.next_grant(&limits(), 1_005_000).expect("there is room");
        meter.grant(ledger, calls);
        assert!(matches!(meter.turn(&limits(), false, 1_005_000), Turn::Go));
        assert!(matches!(meter.turn(&limits(), false, 1_005_000), Turn::At(_, Closed::Down(_))));
        meter.ended();
        meter.learn(&told(AnswerClass::Done, None), 1_005_100);
        assert_eq!(meter.standing(1_005_100), ApiStanding::default());
        assert_eq!(run(&mut meter, false, 1_005_100, 1_005_200).len(), 4);
    }
}
