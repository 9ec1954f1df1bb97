//! Tables and properties of what is usual and what is a silence.

use super::{HOUR, RATE_WEEKS, Rhythm, Silence, WEEK, WEEK_HOURS};
use crate::domain::Stretch;
use proptest::prelude::*;

/// The end of what is known: a full hour.
const END: i64 = 500_000;

/// So many weeks before [`END`], each hour by its hour of the week.
fn weeks(weeks: i64, of: impl Fn(i64) -> i64) -> Rhythm {
    Rhythm::of((END - weeks * WEEK_HOURS..END).map(|hour| (hour, of(hour.rem_euclid(WEEK_HOURS)))))
}

/// When it is first seen as silent, a quarter of an hour at a time, within so many hours.
fn seen_after(rhythm: &Rhythm, last: i64, hours: i64, away: &[Stretch]) -> Option<i64> {
    let quarter = HOUR / 4;
    (1..hours * 4).map(|n| n * quarter).find(|after| rhythm.silence(last, last + after, away).is_some())
}

#[test]
fn a_source_that_sends_much_is_seen_soon_and_one_that_sends_little_late() {
    // So many in each hour; seen after so many quarters of an hour.
    for (rate, quarters) in [(200, 1), (60, 2), (14, 5), (4, 13), (1, 46)] {
        let steady = weeks(5, |_| rate);
        let seen = seen_after(&steady, END * HOUR, 500, &[]).map(|ms| ms / (HOUR / 4));
        assert_eq!(seen, Some(quarters), "{rate} an hour");
    }
    let seldom = weeks(8, |slot| i64::from(slot % 84 == 0));
    let seen = seen_after(&seldom, END * HOUR, 24 * 60, &[]).map(|ms| ms / (24 * HOUR));
    assert_eq!(seen, Some(23), "two a week: after more than three weeks");
}

#[test]
fn what_is_usual_is_not_known_before_two_weeks_or_of_a_handful() {
    let at = END * HOUR;
    assert!(Rhythm::default().profile(at).is_none());
    assert!(weeks(1, |_| 14).profile(at).is_none());
    assert!(Rhythm::of([(END - 3 * WEEK_HOURS, 9)]).profile(at).is_none());
    assert!(Rhythm::of([(END - 3 * WEEK_HOURS, 10)]).profile(at).is_some());
    assert!(weeks(2, |_| 14).profile(at).is_some());
    assert_eq!(weeks(1, |_| 14).silence(at, at + WEEK, &[]), None);
}

#[test]
fn the_last_weeks_count_most() {
    let grew =
        Rhythm::of((1..=4 * WEEK_HOURS).map(|back| (END - back, if back <= WEEK_HOURS { 20 } else { 10 })));
    let rate = grew.profile(END * HOUR).unwrap().rate(END);
    let plain = 12.5;
    assert!(rate > plain && rate < 20.0, "{rate}");
    // What was before the weeks that are looked back counts nothing.
    let moved = |hour: i64| if END - hour > RATE_WEEKS * WEEK_HOURS { 500 } else { 2 };
    let long = Rhythm::of((END - 20 * WEEK_HOURS..END).map(|hour| (hour, moved(hour))));
    assert!((long.profile(END * HOUR).unwrap().rate(END) - 2.0).abs() < 1e-9);
}

#[test]
fn a_silence_says_since_when_and_what_usually_comes() {
    let steady = weeks(5, |_| 14);
    let last = END * HOUR;
    let silence = steady.silence(last, last + 3 * HOUR, &[]);
    let Some(Silence { since, usually, missed }) = silence else { panic!("it is silent") };
    assert_eq!(since, last);
    assert!((usually - 14.0).abs() < 1e-9 && (missed - 42.0).abs() < 1e-9, "{usually} {missed}");
    // A silence does not become usual, however long it lasts.
    let after = steady.silence(last, last + 20 * WEEK, &[]).unwrap();
    assert!((after.missed - 20.0 * 168.0 * 14.0).abs() < 1e-6, "{after:?}");
    assert_eq!(steady.silence(last, last - HOUR, &[]), None, "a clock that was put back");
}

#[test]
fn hours_in_which_we_were_away_are_left_out() {
    let steady = weeks(5, |_| 14);
    let last = END * HOUR;
    let away = [(HOUR / 2, 30 * HOUR), (-9 * HOUR, -8 * HOUR)]
        .map(|(from, to)| Stretch { from: last + from, to: last + to });
    assert_eq!(steady.silence(last, last + 30 * HOUR, &away), None);
    assert_eq!(seen_after(&steady, last, 60, &away), Some(30 * HOUR + HOUR * 3 / 4));
}

#[test]
fn webhooks_that_come_in_clumps_need_a_longer_silence() {
    let steady = weeks(8, |_| 4);
    // As many, six at a time.
    let clumps = Rhythm::of((END - 8 * WEEK_HOURS..END).filter_map(|hour| {
        let chance = hour.wrapping_mul(2_654_435_761).rem_euclid(1 << 16);
        (chance < 43_691).then_some((hour, 6))
    }));
    let seen = |rhythm: &Rhythm| seen_after(rhythm, END * HOUR, 400, &[]).unwrap();
    assert!(seen(&clumps) > seen(&steady) * 3 / 2, "{} {}", seen(&clumps), seen(&steady));
}

#[test]
fn none_of_so_many_has_the_chance_of_poisson() {
    let profile = weeks(5, |_| 3).profile(END * HOUR).unwrap();
    for (hours, chance) in [(0_i32, 1.0), (1, 0.049_787_068), (2, 0.002_478_752)] {
        let told = profile.chance_of_none(END * HOUR, (END + i64::from(hours)) * HOUR);
        assert!((told - chance).abs() < 1e-9, "{hours}: {told}");
    }
}

/// Chance that is the same in each run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn a_year_of_chance_makes_no_silence() {
    // Open from 8 to 20, twice as many on two days of the week.
    let rate = |hour: i64| match (hour.rem_euclid(24), hour.div_euclid(24).rem_euclid(7)) {
        (8..20, 5 | 6) => 12.0,
        (8..20, _) => 6.0,
        _ => 0.0,
    };
    let mut dice = Dice(7);
    let (mut at, mut last) = ((END - 4 * WEEK_HOURS) as f64, END * HOUR);
    let mut came = std::collections::BTreeMap::new();
    let mut looked = 0;
    while at < (END + 52 * WEEK_HOURS) as f64 {
        // Thinned out of the highest rate.
        at -= (1.0 - dice.next()).ln() / 12.0;
        let hour = at as i64;
        if dice.next() * 12.0 >= rate(hour) {
            continue;
        }
        let now = (at * HOUR as f64) as i64;
        if now - last > HOUR && hour > END {
            let known = came.range(hour - 10 * WEEK_HOURS..).map(|(hour, events)| (*hour, *events));
            assert_eq!(Rhythm::of(known).silence(last, now, &[]), None, "{looked} pauses");
            looked += 1;
        }
        *came.entry(hour).or_insert(0) += 1;
        last = now;
    }
    assert!(looked > 300, "{looked}");
}

fn open_hours() -> impl Strategy<Value = (i64, i64, i64, i64)> {
    (0_i64..24, 1_i64..18, 1_i64..80, 2_i64..=RATE_WEEKS)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn closed_hours_never_make_a_silence((opens, long, rate, known) in open_hours(), minute in 0_i64..60, days in 1_i64..7, first in 0_i64..168) {
        let is_open = |slot: i64| (slot % 24 - opens).rem_euclid(24) < long && slot / 24 < days;
        let rhythm = weeks(known, |slot| if is_open(slot) { rate } else { 0 });
        prop_assume!(rhythm.profile(END * HOUR).is_some());
        // The last webhook came in an open hour; a silence does not begin while it is closed, nor end by itself.
        let open = (END + first..END + first + WEEK_HOURS).find(|hour| is_open(hour.rem_euclid(WEEK_HOURS)));
        let last = open.unwrap_or(END) * HOUR + minute * 60_000;
        let mut silent = false;
        for quarter in 1..4 * 200 {
            let now = last + quarter * HOUR / 4;
            let is_silent = rhythm.silence(last, now, &[]).is_some();
            prop_assert!(is_silent || !silent, "it ends by itself");
            if is_silent && !silent {
                // The quarter before it was open, or a part of it.
                let before = [now - HOUR / 4, now - 1].map(|at| is_open((at / HOUR).rem_euclid(WEEK_HOURS)));
                prop_assert!(before.contains(&true), "begins at {} of {}", now / HOUR, last / HOUR);
            }
            silent = is_silent;
        }
    }

    #[test]
    fn a_source_that_usually_sends_is_seen_within_a_bounded_time(
        rates in prop::collection::vec(0_i64..40, 168), known in 2_i64..=RATE_WEEKS, into in 0_i64..WEEK
    ) {
        let rhythm = weeks(known, |slot| rates[slot as usize]);
        let a_week: i64 = rates.iter().sum();
        prop_assume!(a_week * known >= 10);
        let last = END * HOUR + into;
        // The same each week: no clumps. Two weeks more than what must be missing, in whole weeks.
        let needs = (520.0 * a_week as f64).ln() / a_week as f64;
        let bound = last + (needs.ceil() as i64 + 2) * WEEK;
        prop_assert!(rhythm.silence(last, bound, &[]).is_some());
    }
}
