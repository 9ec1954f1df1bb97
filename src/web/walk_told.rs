//! A walk over a source's API in the words of a front desk: what it is, how far it is and how long it may take, what it came
//! to. For its page, the list of a source's walks, and the source's own page.

use super::errors::capital;
use super::scene::Scene;
use super::times::{Moment, counted};
use super::words::{Mark, Tone};
use crate::app::{RepairAhead, WalkProgress, rests_until};
use crate::domain::Millis;
use crate::ports::{WalkPhase, WalkPurpose, WalkRow, WalkState};

/// A walk, told.
pub(super) struct WalkTold {
    pub id: i64,
    pub title: String,
    pub days: String,
    pub mark: Mark,
    pub sentence: String,
    /// From 0 to 100.
    pub percent: i64,
    pub estimate: String,
    pub figures: Vec<(i64, &'static str)>,
    pub began: Moment,
    pub ended: Option<Moment>,
    pub who: String,
    pub open: bool,
    pub paused: bool,
    /// It goes on when somebody says so.
    pub resumes: bool,
    /// It says what differs.
    pub reports: bool,
    /// What a repair of it would do.
    pub ahead: RepairAhead,
    /// The same in a sentence.
    pub will: String,
    /// The repair's button.
    pub repair_words: String,
    /// Where its repair is, where there was one.
    pub repair: Option<String>,
}

impl WalkTold {
    /// A walk as it stands.
    pub fn of(row: &WalkRow, scene: &Scene) -> Self {
        let counts = &row.counts;
        let progress = WalkProgress::of(row);
        let done = row.state == WalkState::Done;
        let ahead = RepairAhead::of(row);
        Self {
            id: row.seq,
            title: title(row),
            days: days(&row.asked.from_day, &row.asked.to_day),
            mark: mark(row, scene.now),
            sentence: sentence(row, scene.now),
            percent: (progress.share * 100.0) as i64,
            estimate: estimate(row, &progress),
            figures: figures(row),
            began: Moment::of(row.asked.at, scene.now),
            ended: row.ended_at.map(|at| Moment::of(at, scene.now)),
            who: row.asked.who.clone(),
            open: row.state == WalkState::Open,
            paused: row.state == WalkState::Paused,
            resumes: row.state == WalkState::Paused
                || rests_until(row, scene.now).is_some()
                || (done && counts.aside + counts.unseen > 0),
            reports: row.asked.purpose.compares(),
            ahead,
            will: will(ahead, counts.here()),
            repair_words: repair_words(ahead),
            repair: None,
        }
    }

    /// As a report that was repaired already: nothing is left to do by it.
    pub fn repaired_by(self, repair: &WalkRow, now: Millis) -> Self {
        let repair_of = format!("/walks/{}", repair.seq);
        let will = match repair.ended_at {
            Some(at) => format!("What it found was repaired {}.", Moment::of(at, now).ago),
            None => "What it found is being repaired.".to_owned(),
        };
        Self {
            will,
            repair_words: String::new(),
            ahead: RepairAhead { many: false, ..self.ahead },
            repair: Some(repair_of),
            ..self
        }
    }

    /// What programs and headings call it.
    pub fn address(&self) -> String {
        format!("/walks/{}", self.id)
    }
}

fn title(row: &WalkRow) -> String {
    match (row.asked.purpose, row.asked.report) {
        (WalkPurpose::Backfill, _) => "Backfill",
        (WalkPurpose::Reconcile, _) => "Reconcile",
        (WalkPurpose::Repair, None) => "Reconcile and repair",
        (WalkPurpose::Repair, Some(_)) => "Repair",
    }
    .to_owned()
}

fn days(from: &str, to: &str) -> String {
    let day = |text: &str| {
        let read = text.parse::<jiff::civil::Date>();
        read.map_or_else(|_| text.to_owned(), |day| day.strftime("%-d %B %Y").to_string())
    };
    if from == to { day(from) } else { format!("{} to {}", day(from), day(to)) }
}

fn mark(row: &WalkRow, now: Millis) -> Mark {
    let counts = &row.counts;
    match row.state {
        WalkState::Open if rests_until(row, now).is_some() => Mark::new(Tone::Waiting, "rests"),
        WalkState::Open => Mark::new(Tone::Waiting, "under way"),
        WalkState::Paused => Mark::new(Tone::Waiting, "paused"),
        WalkState::Stopped => Mark::new(Tone::Quiet, "stopped"),
        WalkState::Done if counts.unread() > 0 => Mark::new(Tone::Bad, "not complete"),
        WalkState::Done if row.asked.purpose == WalkPurpose::Reconcile => {
            match counts.new + counts.differs + counts.gone {
                0 => Mark::new(Tone::Good, "all well"),
                differing => Mark::new(Tone::Bad, format!("{differing} differ")),
            }
        }
        WalkState::Done if counts.gone > 0 => Mark::new(Tone::Bad, format!("{} here only", counts.gone)),
        WalkState::Done => Mark::new(Tone::Good, "through"),
    }
}

fn sentence(row: &WalkRow, now: Millis) -> String {
    let counts = &row.counts;
    let looked = counted(counts.looked, "booking");
    let note = row.note.as_deref().map(|note| capital(note.trim_end_matches('.')));
    match row.state {
        WalkState::Open => match (rests_until(row, now), note) {
            (Some(until), Some(note)) => {
                format!("{note}. It goes on by itself {}. Nothing is lost.", Moment::of(until, now).ago)
            }
            _ if row.phase == WalkPhase::Compare => {
                "It looks for bookings that are here only. Each is looked up before anything is said of it."
                    .into()
            }
            _ => "It goes on by itself, also when this page is closed, and after a restart.".into(),
        },
        WalkState::Paused => "It waits until somebody lets it go on.".into(),
        WalkState::Stopped => format!(
            "It was stopped: {}. What was brought in stays.",
            row.note.as_deref().unwrap_or("by a person")
        ),
        WalkState::Done => {
            let came = match row.asked.purpose {
                WalkPurpose::Reconcile => match counts.new + counts.differs + counts.gone {
                    0 if counts.unread() > 0 => {
                        format!(
                            "{looked} here are as they are in the booking system, but not all was looked at."
                        )
                    }
                    0 => format!("All well: {looked} here are as they are in the booking system."),
                    1 => format!("Of {looked}, one is not the same here and in the booking system."),
                    many => format!("Of {looked}, {many} are not the same here and in the booking system."),
                },
                WalkPurpose::Backfill | WalkPurpose::Repair => match (counts.brought_in, counts.ended) {
                    (0, 0) if counts.gone + counts.unread() > 0 => {
                        format!("{looked} looked at, none brought in.")
                    }
                    (0, 0) => format!("{looked} looked at. All were here already."),
                    (many, 0) => format!("{looked} looked at, {many} brought in."),
                    (0, ended) => format!("{looked} looked at, {ended} ended here."),
                    (many, ended) => format!("{looked} looked at, {many} brought in, {ended} ended here."),
                },
            };
            match note {
                Some(note) => format!("{came} {note}."),
                None => came,
            }
        }
    }
}

fn estimate(row: &WalkRow, progress: &WalkProgress) -> String {
    if row.state.is_end() {
        return counted(row.counts.calls, "call");
    }
    let looked = row.counts.looked;
    let mut parts = vec![match progress.records {
        Some(records) if progress.records_are_told => format!("{looked} of {records} bookings"),
        Some(records) => format!("{looked} of about {records} bookings"),
        None => format!("{}; how many there are is not known yet", counted(looked, "booking")),
    }];
    parts.extend(
        progress.calls_per_minute.filter(|calls| *calls > 0).map(|calls| format!("{calls} calls a minute")),
    );
    parts.push(match progress.seconds_left {
        None => "how long it takes is not known yet".to_owned(),
        Some(..60) => "less than a minute left".to_owned(),
        Some(left @ 60..5_400) => format!("about {} left", counted((left + 30) / 60, "minute")),
        Some(left) => format!("about {} left", counted((left + 1_800) / 3_600, "hour")),
    });
    parts.join(" · ")
}

/// What will happen when its repair is begun.
fn will(ahead: RepairAhead, here: i64) -> String {
    let RepairAhead { brings_in, ends, many } = ahead;
    let brought = match brings_in {
        0 => None,
        1 => Some("One booking is fetched again and brought in".to_owned()),
        all => Some(format!("{all} bookings are fetched again and brought in")),
    };
    let ended = match ends {
        0 => None,
        1 => Some(
            "One is asked for once more, and ends here if the booking system does not know it".to_owned(),
        ),
        all => Some(format!(
            "{all} are asked for once more, and end here where the booking system does not know them"
        )),
    };
    let then = (ends > 0).then(|| {
        "Rules see them as deleted, which counts as cancelled for those that don't ask for more".to_owned()
    });
    let so_many = many.then(|| {
        format!(
            "These are {ends} of {here} bookings here, so many that they end only if you say so; look first whether the keys \
             are of the right account"
        )
    });
    let all: Vec<String> = [brought, ended, then, so_many].into_iter().flatten().collect();
    if all.is_empty() { String::new() } else { format!("{}.", all.join(". ")) }
}

/// What its button says.
fn repair_words(ahead: RepairAhead) -> String {
    let these = |count: i64| if count == 1 { "this one".to_owned() } else { format!("these {count}") };
    match (ahead.brings_in, if ahead.many { 0 } else { ahead.ends }) {
        (0, 0) => String::new(),
        (brings_in, 0) => format!("Bring in {}", these(brings_in)),
        (0, ends) => format!("End {}", these(ends)),
        (1, 1) => "Bring in one, and end one".to_owned(),
        (brings_in, ends) => format!("Bring in {brings_in}, and end {ends}"),
    }
}

/// They add up to the bookings that were looked at.
fn figures(row: &WalkRow) -> Vec<(i64, &'static str)> {
    let counts = &row.counts;
    let brings_in = row.asked.purpose.brings_in();
    let all = [
        (counts.same, "the same here and there"),
        (counts.new, if brings_in { "were not here: brought in" } else { "in the booking system only" }),
        (counts.differs, if brings_in { "differed: brought in" } else { "differ" }),
        (counts.newer, "newer here: something came in meanwhile"),
        (counts.gone, "here only: the booking system does not know them any more"),
        (counts.ended, "not known to the booking system any more: ended here"),
        (counts.past, "not known to the booking system any more, and ended here before"),
        (counts.elsewhere, "the same, but not where the walk looked"),
        (counts.erased, "left alone, since their guests were erased here"),
        (counts.trouble + counts.aside, "could not be read"),
    ];
    all.into_iter().filter(|(count, _)| *count > 0).collect()
}

/// The repair of a report among walks of its source that does or did all of it.
pub(super) fn repair_of(report: i64, walks: &[WalkRow]) -> Option<&WalkRow> {
    walks.iter().find(|walk| {
        walk.asked.report == Some(report)
            && match walk.state {
                WalkState::Open | WalkState::Paused => true,
                WalkState::Done => walk.counts.unread() == 0 && walk.counts.gone == 0,
                WalkState::Stopped => false,
            }
    })
}

#[cfg(test)]
pub(super) fn rows() -> Vec<WalkRow> {
    use super::samples::{HOSTILE, NOW};
    use crate::ports::{NewWalk, WHOLE_SHARE, WalkCounts};
    let asked = |purpose| NewWalk {
        source: "tours".into(),
        purpose,
        from_day: "2027-01-01".into(),
        to_day: "2027-12-31".into(),
        report: None,
        end_gone: false,
        who: HOSTILE.into(),
        at: NOW - 3_600_000,
    };
    let counts = WalkCounts {
        calls: 12_000,
        found: 9_000,
        looked: 8_000,
        same: 7_900,
        new: 60,
        differs: 30,
        gone: 5,
        trouble: 5,
        brought_in: 90,
        share_done: WHOLE_SHARE / 3,
        worked_ms: 600_000,
        ..WalkCounts::default()
    };
    let row = |seq, purpose, state| WalkRow {
        seq,
        asked: asked(purpose),
        state,
        counts: counts.clone(),
        updated_at: NOW,
        ..WalkRow::default()
    };
    let resting = WalkRow {
        rests_until: Some(NOW + 60_000),
        note: Some(HOSTILE.into()),
        ..row(2, WalkPurpose::Backfill, WalkState::Open)
    };
    let early = WalkRow { counts: WalkCounts::default(), ..row(1, WalkPurpose::Backfill, WalkState::Open) };
    let through = WalkRow {
        note: Some("one place could not be read".into()),
        ended_at: Some(NOW),
        ..row(4, WalkPurpose::Reconcile, WalkState::Done)
    };
    let many = WalkRow {
        counts: WalkCounts {
            looked: 40,
            same: 20,
            gone: 20,
            endable: 20,
            unseen: 2,
            past: 1,
            ..WalkCounts::default()
        },
        ended_at: Some(NOW),
        ..row(7, WalkPurpose::Reconcile, WalkState::Done)
    };
    let ended = WalkRow {
        counts: WalkCounts { looked: 40, same: 37, ended: 2, gone: 1, endable: 3, ..WalkCounts::default() },
        note: Some(HOSTILE.into()),
        ended_at: Some(NOW),
        ..row(8, WalkPurpose::Repair, WalkState::Done)
    };
    let well = WalkRow {
        counts: WalkCounts { looked: 3, same: 3, ..WalkCounts::default() },
        ended_at: Some(NOW),
        ..row(5, WalkPurpose::Reconcile, WalkState::Done)
    };
    let stopped = WalkRow {
        note: Some(HOSTILE.into()),
        ended_at: Some(NOW),
        ..row(6, WalkPurpose::Repair, WalkState::Stopped)
    };
    vec![early, resting, row(3, WalkPurpose::Repair, WalkState::Paused), through, well, stopped, many, ended]
}
