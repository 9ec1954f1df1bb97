//! How often a credential was used, and whether it may be used now. Pure: the time is an argument.
//!
//! Each window holds at most its calls wherever it begins. What other processes may call, and earlier ones did, is known from
//! their book: calls are written down in small blocks before the first of a block is made. Blocks grow while they are used
//! up, and what is left of one is given back with the next: a command that makes a few calls takes few from the others.

use super::book::Ledger;
use super::{ApiStanding, ApiTrouble};
use crate::connectors::{AnswerClass, CallLimits, Classified, WAIT_MS_MAX};
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
/// Calls that are written down at once, at first and at most, and how long they may be made then.
const GRANT_CALLS_FIRST: u64 = 2;
const GRANT_CALLS_MAX: u64 = 50;
const GRANT_MS: i64 = 1_000;
/// The ledger counts what was called longer ago than this in spans of so long.
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

#[derive(Default)]
pub(super) struct Meter {
    sent: VecDeque<Millis>,
    /// Of other processes.
    before: Ledger,
    /// Of this one, as written down.
    ledger: Ledger,
    /// Calls of the last block, and how many of them are left.
    block: u64,
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
    /// What other processes wrote down: their calls, and a wait that the API asked one of them for.
    pub(super) fn called_by_others(&mut self, calls: Ledger, rests_until: Option<Millis>, now: Millis) {
        self.before = calls;
        let Some(until) = rests_until.filter(|until| (now + 1..=now + WAIT_MS_MAX).contains(until)) else {
            return;
        };
        let is_longer = match &self.closed {
            None => true,
            Some((known, Closed::Rest(_))) => *known < until,
            Some(_) => false,
        };
        if is_longer {
            self.closed = Some((until, Closed::Rest("it asked another command of ours to wait".to_owned())));
        }
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
        let longest = longest(limits);
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

    /// This process's ledger with the next block of calls, and how many these are; `None` where they are written down already,
    /// or none may be made.
    pub(super) fn next_grant(&mut self, limits: &CallLimits, now: Millis) -> Option<(Ledger, u64)> {
        let open = (self.granted_until - GRANT_MS..self.granted_until).contains(&now);
        if (self.granted > 0 && open) || self.closed(now).is_some() {
            return None;
        }
        let room = self.room(limits, false, now).ok()?;
        let per_second = limits.rate.per_second.map_or(GRANT_CALLS_MAX, |rate| rate.ceil().max(1.0) as u64);
        // What is left of the block before was not called, and can't be any more.
        let left = std::mem::take(&mut self.granted);
        let block = if left > 0 { GRANT_CALLS_FIRST } else { (self.block * 2).max(GRANT_CALLS_FIRST) };
        let calls = room.min(per_second).min(block).min(GRANT_CALLS_MAX);
        if let Some((_, count)) = self.ledger.last_mut() {
            *count = count.saturating_sub(left);
        }
        let longest = longest(limits);
        let mut ledger = Ledger::new();
        for (at, count) in self.ledger.iter().copied().filter(|(at, count)| at + longest > now && *count > 0)
        {
            // The end of a span holds for all of it: nothing is forgotten too early.
            let is_old = at + LEDGER_SPAN_MS < now;
            let at = if is_old { (at + LEDGER_SPAN_MS - 1) / LEDGER_SPAN_MS * LEDGER_SPAN_MS } else { at };
            put(&mut ledger, at, count);
        }
        put(&mut ledger, now + GRANT_MS, calls);
        self.granted_until = now + GRANT_MS;
        Some((ledger, calls))
    }

    /// They are written down.
    pub(super) fn grant(&mut self, ledger: Ledger, calls: u64) {
        self.ledger = ledger;
        (self.block, self.granted) = (calls, calls);
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

fn put(ledger: &mut Ledger, at: Millis, calls: u64) {
    match ledger.last_mut() {
        Some((last, count)) if *last == at => *count += calls,
        _ => ledger.push((at, calls)),
    }
}

/// The longest window of these limits.
pub(super) fn longest(limits: &CallLimits) -> i64 {
    spans(limits).iter().map(|(_, span)| *span).max().unwrap_or(0)
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
    use super::super::book::Book;
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
        second.called_by_others(first.ledger.clone(), None, 1_003_600);
        made.extend(run(&mut second, false, 1_003_600, 1_200_000));
        assert_eq!((most_within(&made, 1_000), most_within(&made, 60_000)), (5, 20));
    }

    /// Processes that share one database: each makes as many calls as it may.
    struct Sharing {
        meters: Vec<(Meter, Option<u64>)>,
        book: Book,
    }

    impl Sharing {
        fn of(many: usize) -> Self {
            Self { meters: (0..many).map(|_| (Meter::default(), None)).collect(), book: Book::default() }
        }

        /// One makes a call now, where it may.
        fn calls(&mut self, which: usize, now: Millis) -> bool {
            let (meter, me) = &mut self.meters[which];
            loop {
                match meter.turn(&limits(), false, now) {
                    Turn::Go => {
                        meter.ended();
                        return true;
                    }
                    Turn::WriteDown => {
                        meter.called_by_others(self.book.of_others(*me), self.book.rests_until, now);
                        let Some((ledger, calls)) = meter.next_grant(&limits(), now) else { continue };
                        let (book, number) =
                            self.book.clone().with(*me, ledger.clone(), now - longest(&limits()));
                        (self.book, *me) = (book, Some(number));
                        meter.grant(ledger, calls);
                    }
                    Turn::At(..) => return false,
                    Turn::InFlight => unreachable!("each ends at once"),
                }
            }
        }
    }

    #[test]
    fn processes_that_share_a_credential_never_make_more_calls_than_the_limit() {
        for step in [7, 130, 333, 1_700] {
            let mut all = Sharing::of(3);
            let mut made = Vec::new();
            let mut by = [0; 3];
            for (turn, now) in (1_000_000..1_300_000).step_by(step).enumerate() {
                // They are not equally busy, and one of them begins anew now and then.
                let which = [0, 1, 0, 2, 1, 0][turn % 6];
                if turn % 97 == 96 {
                    all.meters[2] = (Meter::default(), None);
                }
                if all.calls(which, now) {
                    made.push(now);
                    by[which] += 1;
                }
            }
            assert!(most_within(&made, 1_000) <= 5, "within a second, by steps of {step}");
            assert!(most_within(&made, 60_000) <= 20, "within a minute, by steps of {step}");
            assert!(made.len() >= 70, "{by:?} calls in five minutes are too few");
        }
    }

    #[test]
    fn a_command_that_is_run_again_and_again_takes_no_more_than_it_calls() {
        let mut book = Sharing::of(1);
        for (command, now) in [1_000_000, 1_002_300, 1_004_600, 1_006_900].into_iter().enumerate() {
            for call in 0..4 {
                assert!(book.calls(0, now + call * 40), "call {call} of command {command}");
            }
            book.meters[0] = (Meter::default(), None);
        }
    }

    #[test]
    fn a_wait_that_another_process_was_asked_for_is_kept() {
        let mut meter = Meter::default();
        meter.called_by_others(Ledger::new(), Some(1_030_000), 1_000_000);
        assert!(matches!(meter.turn(&limits(), false, 1_029_999), Turn::At(1_030_000, Closed::Rest(_))));
        // A shorter one takes nothing from a longer one, and none outlasts what any answer asks for.
        meter.called_by_others(Ledger::new(), Some(1_010_000), 1_000_000);
        meter.called_by_others(Ledger::new(), Some(9_000_000_000), 1_000_000);
        assert!(matches!(meter.turn(&limits(), false, 1_029_999), Turn::At(1_030_000, Closed::Rest(_))));
        assert_eq!(run(&mut meter, false, 1_030_000, 1_030_001).len(), 5);
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
