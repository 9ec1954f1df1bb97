//! What a connection lets through now: pauses, rests, the breaker, the rate, calls in flight.
//!
//! The breaker trips after 5 failures in a row (no answer, time-out, 5xx). Then one run's call is the probe, after 5 s,
//! doubling to 30 s at most; one good answer closes it. After a start the next probe is at once.

use crate::connectors::RateLimits;
use crate::domain::Millis;
use crate::ports::ConnectionState;
use std::collections::VecDeque;

/// Failures in a row that trip the breaker.
const TRIP_AFTER: i64 = 5;
/// The first interval before a probe.
const PROBE_FIRST_MS: i64 = 5_000;
/// The longest.
const PROBE_MS_MAX: i64 = 30_000;
/// A rest without `Retry-After`, doubling up to the next.
const REST_FIRST_MS: i64 = 5_000;
const REST_MS_MAX: i64 = 60_000;
/// Calls in flight where the connection names no limit of its own.
const CONCURRENCY_MAX: usize = 64;
/// Calls in flight until a connection has shown that it answers: an outage then costs few calls.
const WINDOW_FIRST: usize = 8;
/// A window that was not needed for so long starts anew.
const WINDOW_IDLE_MS: i64 = 2_000;
/// Calls spread on their way: a second is kept a little longer than a second.
const RATE_MARGIN_MS: i64 = 100;

/// How many calls may go out, and when to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// So many, at least one.
    Calls(usize),
    /// One, the probe: also a run that is not due.
    Probe,
    /// None before this time.
    Not(Millis),
    /// None until an answer comes in, a person acts, or a credential changes.
    Closed,
}

/// One connection's gate.
pub(super) struct Gate {
    /// What is remembered over a restart.
    pub state: ConnectionState,
    /// The remembered part differs from what the store has.
    pub dirty: bool,
    in_flight: usize,
    window: usize,
    window_full_at: Millis,
    /// When the last calls went out, oldest first; those reserved and not sent yet are counted apart.
    sent: VecDeque<Millis>,
    reserved: usize,
    rest_ms: i64,
    /// The call in flight is the breaker's probe; failures of those sent before it tripped say nothing new.
    probing: bool,
    /// The process has just started: of a limited connection the last second is not known.
    started_at: Millis,
}

impl Gate {
    pub fn new(state: ConnectionState, now: Millis) -> Self {
        Self {
            state,
            dirty: false,
            in_flight: 0,
            window: WINDOW_FIRST,
            window_full_at: now,
            sent: VecDeque::new(),
            reserved: 0,
            rest_ms: REST_FIRST_MS,
            probing: false,
            started_at: now,
        }
    }

    /// After a start the next probe is at once.
    pub fn probe_at_once(&mut self, now: Millis) {
        if self.state.tripped_since.is_some() {
            self.state.probe_at = Some(now);
        }
    }

    /// Calls in flight.
    #[cfg(test)]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether a person, or a refused credential, keeps it closed.
    pub fn stopped_by_people(&self) -> bool {
        self.state.paused || self.state.needs_auth.is_some()
    }

    /// What may go out now.
    pub fn pass(&mut self, limits: &RateLimits, now: Millis) -> Pass {
        if self.stopped_by_people() {
            return Pass::Closed;
        }
        if let Some(until) = self.state.rests_until {
            if until > now {
                return Pass::Not(until);
            }
            self.state.rests_until = None;
            self.dirty = true;
        }
        let by_rate = match self.rate_left(limits, now) {
            Ok(left) => left,
            Err(at) => return Pass::Not(at),
        };
        if self.state.tripped_since.is_some() {
            let probe_at = self.state.probe_at.unwrap_or(now);
            return match (self.in_flight, probe_at > now) {
                (0, false) => Pass::Probe,
                (0, true) => Pass::Not(probe_at),
                _ => Pass::Closed,
            };
        }
        if now - self.window_full_at > WINDOW_IDLE_MS {
            self.window = WINDOW_FIRST;
        }
        let most = limits.concurrency.map_or(CONCURRENCY_MAX, |limit| limit.max(1) as usize);
        let mut window = self.window.min(most);
        if self.state.failures > 0 {
            window = window.min((TRIP_AFTER - self.state.failures).max(1) as usize);
        }
        let free = window.saturating_sub(self.in_flight);
        if free == 0 {
            self.window_full_at = now;
            return Pass::Closed;
        }
        Pass::Calls(free.min(by_rate))
    }

    /// Calls left within the rate, or when the next is.
    fn rate_left(&mut self, limits: &RateLimits, now: Millis) -> Result<usize, Millis> {
        let Some(per_second) = limits.per_second else { return Ok(usize::MAX) };
        let (most, span_ms) = window_of(per_second);
        if now < self.started_at + span_ms {
            return Err(self.started_at + span_ms);
        }
        while self.sent.front().is_some_and(|at| at + span_ms <= now) {
            self.sent.pop_front();
        }
        let used = self.sent.len() + self.reserved;
        if used < most {
            return Ok(most - used);
        }
        // Reserved calls go out within moments; the sent ones tell when the span has room again.
        Err(self.sent.front().map_or(now + 10, |at| at + span_ms))
    }

    /// A call is about to go out.
    pub fn begin(&mut self) {
        self.in_flight += 1;
        self.reserved += 1;
        self.probing = self.state.tripped_since.is_some();
    }

    /// It goes out now.
    pub fn sent(&mut self, limits: &RateLimits, now: Millis) {
        self.reserved = self.reserved.saturating_sub(1);
        if let Some(per_second) = limits.per_second {
            let (most, _) = window_of(per_second);
            while self.sent.len() >= most {
                self.sent.pop_front();
            }
            self.sent.push_back(now);
        }
    }

    /// It did not go out after all.
    pub fn not_sent(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.reserved = self.reserved.saturating_sub(1);
    }

    /// It was answered, somehow: the connection is alive. True where that closed the breaker.
    pub fn good(&mut self, now: Millis) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.window < CONCURRENCY_MAX && now - self.window_full_at <= WINDOW_IDLE_MS {
            self.window += 1;
        }
        self.rest_ms = REST_FIRST_MS;
        if self.state.failures != 0 {
            self.state.failures = 0;
            self.dirty = true;
        }
        if self.state.tripped_since.take().is_none() {
            return false;
        }
        self.state.probe_at = None;
        self.state.probe_after_ms = 0;
        self.window = WINDOW_FIRST;
        self.dirty = true;
        if !self.stopped_by_people() {
            self.stop_ended(now);
        }
        true
    }

    /// No answer, a time-out, or a 5xx. True where that tripped the breaker.
    pub fn bad(&mut self, now: Millis) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.window = (self.window / 2).max(1);
        self.state.failures += 1;
        self.dirty = true;
        if self.state.tripped_since.is_some() {
            if !std::mem::take(&mut self.probing) {
                return false;
            }
            self.state.probe_after_ms = (self.state.probe_after_ms * 2).clamp(PROBE_FIRST_MS, PROBE_MS_MAX);
            self.state.probe_at = Some(now + self.state.probe_after_ms);
            return false;
        }
        if self.state.failures < TRIP_AFTER {
            return false;
        }
        self.state.tripped_since = Some(now);
        self.state.probe_after_ms = PROBE_FIRST_MS;
        self.state.probe_at = Some(now + PROBE_FIRST_MS);
        self.stop_began(now);
        true
    }

    /// 429: the connection rests. Gives until when. Counts as no failure.
    pub fn throttled(&mut self, wait_ms: Option<i64>, now: Millis) -> Millis {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.window = (self.window / 2).max(1);
        let wait = wait_ms.unwrap_or_else(|| {
            let wait = self.rest_ms;
            self.rest_ms = (self.rest_ms * 2).min(REST_MS_MAX);
            wait
        });
        let until = now + wait.max(1);
        if self.state.rests_until.is_none_or(|known| known < until) {
            self.state.rests_until = Some(until);
            self.dirty = true;
        }
        self.state.rests_until.unwrap_or(until)
    }

    /// The credential is not accepted: closed until it changes or a person resumes.
    pub fn refused(&mut self, message: &str, credential: Option<String>, now: Millis) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.needs_auth(message, credential, now);
    }

    /// The same without a call (a secret has no value).
    pub fn needs_auth(&mut self, message: &str, credential: Option<String>, now: Millis) {
        self.state.needs_auth = Some(message.to_owned());
        self.state.refused_credential = credential;
        self.stop_began(now);
    }

    /// The credential was changed.
    pub fn signed_in(&mut self, now: Millis) {
        self.state.needs_auth = None;
        self.state.refused_credential = None;
        if self.state.tripped_since.is_none() {
            self.stop_ended(now);
        }
        self.dirty = true;
    }

    /// How long calls were stopped altogether, until now: the clock of giving up stands still meanwhile.
    pub fn stopped_ms(&self, now: Millis) -> i64 {
        self.state.stopped_ms + self.state.stopped_since.map_or(0, |since| (now - since).max(0))
    }

    /// A person paused it since it was last looked at: nothing goes out from now on.
    pub fn pause(&mut self, now: Millis) {
        if !std::mem::replace(&mut self.state.paused, true) {
            self.stop_began(now);
        }
    }

    fn stop_began(&mut self, now: Millis) {
        self.state.stopped_since.get_or_insert(now);
        self.dirty = true;
    }

    fn stop_ended(&mut self, now: Millis) {
        if let Some(since) = self.state.stopped_since.take() {
            self.state.stopped_ms += (now - since).max(0);
        }
        self.dirty = true;
    }

    /// What people changed in the store since.
    pub fn take_over(&mut self, stored: &ConnectionState, now: Millis) -> bool {
        let was_stopped = self.stopped_by_people();
        self.state.paused = stored.paused;
        if !self.dirty && self.state.needs_auth.is_some() && stored.needs_auth.is_none() {
            self.state.needs_auth = None;
            self.state.refused_credential = None;
        }
        match (was_stopped, self.stopped_by_people()) {
            (false, true) => self.stop_began(now),
            (true, false) if self.state.tripped_since.is_none() => self.stop_ended(now),
            _ => {}
        }
        was_stopped && !self.stopped_by_people()
    }
}

/// So many calls in so many milliseconds: no second ever holds more than `per_second`.
fn window_of(per_second: f64) -> (usize, i64) {
    let per_second = per_second.max(0.001);
    if per_second >= 1.0 {
        (per_second.floor() as usize, 1_000 + RATE_MARGIN_MS)
    } else {
        (1, (1_000.0 / per_second).ceil() as i64 + RATE_MARGIN_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: RateLimits = RateLimits { per_second: None, concurrency: None };

    #[test]
    fn an_outage_costs_few_calls() {
        let mut gate = Gate::new(ConnectionState::default(), 0);
        let mut now = 0;
        let mut calls = 0;
        while now < 60_000 {
            match gate.pass(&FREE, now) {
                Pass::Calls(count) => (0..count).for_each(|_| {
                    gate.begin();
                    calls += 1;
                }),
                Pass::Probe => {
                    gate.begin();
                    calls += 1;
                }
                Pass::Not(_) | Pass::Closed => {}
            }
            now += 100;
            for _ in 0..gate.in_flight() {
                gate.bad(now);
            }
        }
        assert!(calls <= 20, "{calls} calls in a minute");
        assert!(gate.good(now), "a good answer closes it");
        assert_eq!(gate.pass(&FREE, now), Pass::Calls(WINDOW_FIRST));
    }

    #[test]
    fn no_second_holds_more_than_the_rate() {
        let limits = RateLimits { per_second: Some(5.0), concurrency: None };
        let mut gate = Gate::new(ConnectionState::default(), 0);
        let mut sent = Vec::new();
        for now in 0..10_000 {
            if let Pass::Calls(count) = gate.pass(&limits, now) {
                for _ in 0..count {
                    gate.begin();
                    gate.sent(&limits, now);
                    sent.push(now);
                    gate.good(now);
                }
            }
        }
        for (index, first) in sent.iter().enumerate() {
            let within = sent[index..].iter().filter(|at| **at < first + 1_000).count();
            assert!(within <= 5, "{within} calls in the second from {first}");
        }
        assert!(sent.len() >= 35, "and the rate is used: {}", sent.len());
    }

    #[test]
    fn a_429_rests_the_connection_and_counts_as_no_failure() {
        let mut gate = Gate::new(ConnectionState::default(), 0);
        gate.begin();
        assert_eq!(gate.throttled(Some(7_000), 100), 7_100);
        assert_eq!(gate.pass(&FREE, 200), Pass::Not(7_100));
        assert_eq!(gate.state.failures, 0);
        assert!(matches!(gate.pass(&FREE, 7_100), Pass::Calls(_)));
    }

    #[test]
    fn the_time_without_calls_is_counted() {
        let mut gate = Gate::new(ConnectionState::default(), 0);
        for _ in 0..TRIP_AFTER {
            gate.begin();
            gate.bad(1_000);
        }
        assert_eq!(gate.stopped_ms(5_000), 4_000);
        gate.begin();
        gate.good(6_000);
        assert_eq!(gate.stopped_ms(9_000), 5_000);
    }

    #[test]
    fn calls_that_were_under_way_when_it_tripped_do_not_put_the_probe_off() {
        let mut gate = Gate::new(ConnectionState::default(), 0);
        (0..40).for_each(|_| gate.begin());
        (0..40).for_each(|_| {
            gate.bad(1_000);
        });
        assert_eq!(gate.pass(&FREE, 1_000), Pass::Not(6_000));
        for (now, next) in [(6_000, 16_000), (16_000, 36_000), (36_000, 66_000), (66_000, 96_000)] {
            assert_eq!(gate.pass(&FREE, now), Pass::Probe);
            gate.begin();
            gate.bad(now);
            assert_eq!(gate.pass(&FREE, now), Pass::Not(next));
        }
        let mut after_a_start = Gate::new(gate.state.clone(), 70_000);
        after_a_start.probe_at_once(70_000);
        assert_eq!(after_a_start.pass(&FREE, 70_000), Pass::Probe);
    }

    #[test]
    fn a_good_answer_while_a_person_has_paused_it_does_not_start_the_clock() {
        let mut gate = Gate::new(ConnectionState::default(), 0);
        for _ in 0..TRIP_AFTER {
            gate.begin();
            gate.bad(1_000);
        }
        gate.begin();
        let paused = ConnectionState { paused: true, ..ConnectionState::default() };
        gate.take_over(&paused, 2_000);
        assert!(gate.good(3_000));
        assert_eq!(gate.stopped_ms(9_000), 8_000);
        assert!(gate.take_over(&ConnectionState::default(), 10_000), "and now it goes on");
        assert_eq!(gate.stopped_ms(50_000), 9_000);
    }
}
