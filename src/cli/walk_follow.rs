//! Begins a walk and follows it to its end: a bar on a terminal, a line now and then elsewhere. Where nobody serves, goes it
//! here; what is brought in is read when Waypost next runs.

use super::Ended;
use super::backfill::named;
use super::output::{Wrong, counted, line_of, note, say, say_json};
use super::reconcile::{is_well, tell_findings};
use crate::app::{App, RepairAhead, WalkProgress, Walkable, check_days, rests_until};
use crate::ports::{NewWalk, WalkPurpose, WalkRow, WalkState};
use crate::told::Walk;
use crate::walk::Walked;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// Where another command goes the walk too, this one looks on until nobody has moved it for so long.
const NOBODY_MS: i64 = 6_000;
/// While the walk is gone here, it is looked for a node that serves this often.
const NODE_MS: i64 = 1_000;
/// Between two lines where there is no terminal.
const LINE_MS: i64 = 30_000;
/// Signs of the bar.
const BAR: usize = 24;

/// How it is followed.
pub(super) struct Follow {
    /// For programs.
    pub json: bool,
    /// Not at all.
    pub detach: bool,
}

/// Days that no walk can be over.
pub(super) fn wrong_days(from: &str, to: &str) -> anyhow::Result<()> {
    check_days(from, to).map_err(|why| Wrong::new(format!("--from and --to: {why}")))
}

/// Begins and follows.
pub(super) async fn begin(app: &App, new: NewWalk, how: &Follow) -> anyhow::Result<Ended> {
    let (row, began) = app.begin_walk(&new).await.map_err(|error| named(app, error))?;
    if !how.json {
        let active = app.active();
        let source = active.as_ref().and_then(|ruleset| ruleset.sources.get(&new.source));
        let by = match source.map(|source| App::walkable(source)) {
            Some(Walkable::Yes { by, .. }) => format!(" by {by}"),
            _ => String::new(),
        };
        if let Some(source) = source
            && let Some(first) = app.subscribe_first(source).await?
        {
            note(format!("{first} waypost subscriptions {} shows and does it.", new.source));
        }
        let already = if began { "" } else { ", which was under way already" };
        note(format!(
            "{} of {}, {} to {}{by}{already}.",
            title(row.asked.purpose),
            row.asked.source,
            row.asked.from_day,
            row.asked.to_day
        ));
    }
    follow(app, row, how).await
}

/// Follows to the end.
pub(super) async fn follow(app: &App, mut row: WalkRow, how: &Follow) -> anyhow::Result<Ended> {
    if how.detach {
        tell(&row, how.json, app.clock.now());
        return Ok(Ended::Fine);
    }
    let mut bar = Bar::new(how.json);
    go_to_its_end(app, &mut row, &mut bar).await?;
    bar.clear();
    tell(&row, how.json, app.clock.now());
    if row.asked.purpose.compares() || row.counts.trouble > 0 {
        tell_findings(app, &row, how.json).await?;
    }
    if !how.json {
        for place in app.store.walks().aside_places(row.seq, 10).await? {
            say(format!("    could not be read: {}", line_of(&place.aside.unwrap_or_default(), 300)));
        }
        say_ahead(&row);
    }
    Ok(if is_well(&row) { Ended::Fine } else { Ended::NotFine })
}

/// Looks on while a node serves, which goes the walk; goes it here where none does. At most one of the two goes it: their
/// calls would not know of each other, and the limit is that of both.
async fn go_to_its_end(app: &App, row: &mut WalkRow, bar: &mut Bar) -> anyhow::Result<()> {
    let walker = app.walker();
    let mut moved = (row.revision, app.clock.now() - NOBODY_MS);
    let mut looked_at = i64::MIN;
    let mut here = false;
    while row.state == WalkState::Open {
        let now = app.clock.now();
        bar.show(row, now);
        if row.revision != moved.0 {
            moved = (row.revision, now);
        }
        if now.saturating_sub(looked_at) >= NODE_MS {
            looked_at = now;
            let served = app.store.walks().a_node_walks().await?;
            let nobody = now - moved.1 >= NOBODY_MS || rests_until(row, now).is_some();
            if here && served {
                here = false;
                bar.clear();
                note("Waypost runs now, and goes on with it.");
            } else if !here && !served && nobody {
                here = true;
                bar.clear();
                note(
                    "Waypost is not running, so the walk is gone here. What it brings in is read when Waypost next runs.",
                );
            }
        }
        if here {
            match app.walk_further(&walker, row.seq, true).await? {
                // Another command goes it too.
                Walked::Overtaken => {
                    here = false;
                    moved.1 = app.clock.now();
                }
                Walked::Rests(_) => tokio::time::sleep(LOOK).await,
                Walked::On(_) | Walked::Over => {}
            }
        } else {
            tokio::time::sleep(LOOK).await;
        }
        *row = app.walk_row(row.seq).await?;
    }
    Ok(())
}

/// What a repair would do, where there is something to repair.
fn say_ahead(row: &WalkRow) {
    let RepairAhead { brings_in, ends, many } = RepairAhead::of(row);
    if brings_in + ends == 0 {
        return;
    }
    let option = if many { "--repair --end-gone" } else { "--repair" };
    let ends = match ends {
        0 => String::new(),
        _ if many => format!(
            ", and would end {ends} of {} bookings here: so many that it has to be said",
            row.counts.here()
        ),
        _ => format!(", and would end {ends} that the source does not know any more"),
    };
    say(format!("The same with {option} would bring in {brings_in}{ends}."));
}

fn title(purpose: WalkPurpose) -> &'static str {
    match purpose {
        WalkPurpose::Backfill => "Backfill",
        WalkPurpose::Reconcile => "Reconcile",
        WalkPurpose::Repair => "Reconcile and repair",
    }
}

fn tell(row: &WalkRow, json: bool, now: i64) {
    if json {
        say_json(&Walk::of(row, now));
        return;
    }
    let counts = &row.counts;
    let ended = match row.state {
        WalkState::Open => "It is under way.",
        WalkState::Paused => "It is paused.",
        WalkState::Done => "It is through.",
        WalkState::Stopped => "It was stopped.",
    };
    let why = row.note.as_ref().map(|note| format!(" {}.", super::output::capital(note))).unwrap_or_default();
    say(format!(
        "{ended}{why} {} looked at, {} made.",
        counted(counts.looked, "booking"),
        counted(counts.calls, "call")
    ));
    let figures = [
        (counts.same, "as they are here"),
        (counts.new, "in the source only"),
        (counts.differs, "differ"),
        (counts.newer, "newer here"),
        (counts.gone, "here only"),
        (counts.ended, "here only, and ended"),
        (counts.past, "not known to the source any more, and ended here before"),
        (counts.elsewhere, "known to the source, but not where the walk looked"),
        (counts.erased, "left alone, since their guests were erased here"),
        (counts.trouble + counts.aside, "could not be read"),
        (counts.unseen, "lists could not be read: what they hold was not looked at"),
        (counts.brought_in, "brought in"),
    ];
    for (many, words) in figures.into_iter().filter(|(many, _)| *many > 0) {
        say(format!("    {many:>6}  {words}"));
    }
}

/// How far it is, on the error output.
struct Bar {
    terminal: bool,
    quiet: bool,
    shown_at: i64,
    width: usize,
}

impl Bar {
    fn new(json: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { terminal, quiet: json && !terminal, shown_at: 0, width: 0 }
    }

    fn show(&mut self, row: &WalkRow, now: i64) {
        if self.quiet || (!self.terminal && now - self.shown_at < LINE_MS) {
            return;
        }
        self.shown_at = now;
        let line = line(row, now);
        if !self.terminal {
            note(line);
            return;
        }
        let chars = line.chars().count();
        let rest = " ".repeat(self.width.saturating_sub(chars));
        self.width = chars;
        let mut out = std::io::stderr().lock();
        let _ = write!(out, "\r{line}{rest}").and_then(|()| out.flush());
    }

    fn clear(&mut self) {
        if self.terminal && self.width > 0 {
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r{}\r", " ".repeat(self.width)).and_then(|()| out.flush());
            self.width = 0;
        }
    }
}

/// `[######------]  42 %  12345 of about 29000 bookings · 580 calls a minute · about 12 minutes left`
fn line(row: &WalkRow, now: i64) -> String {
    let progress = WalkProgress::of(row);
    let full = (progress.share * BAR as f64) as usize;
    let bar = format!("[{}{}]", "#".repeat(full.min(BAR)), "-".repeat(BAR.saturating_sub(full)));
    let looked = row.counts.looked;
    let of = match progress.records {
        Some(records) if progress.records_are_told => format!("{looked} of {records} bookings"),
        Some(records) => format!("{looked} of about {records} bookings"),
        None => counted(looked, "booking"),
    };
    let mut line = format!("{bar} {:>3} %  {of}", (progress.share * 100.0) as i64);
    if let Some(calls) = progress.calls_per_minute {
        line.push_str(&format!(" · {calls} calls a minute"));
    }
    match (rests_until(row, now), progress.seconds_left) {
        (Some(until), _) => {
            let why = row.note.as_deref().unwrap_or("it waits");
            line.push_str(&format!(" · rests for {} s: {why}", (until - now + 999) / 1_000));
        }
        (None, Some(left)) => line.push_str(&format!(" · about {} left", span(left))),
        (None, None) => {}
    }
    line
}

fn span(seconds: i64) -> String {
    match seconds {
        ..60 => counted(seconds, "second"),
        60..3_600 => counted((seconds + 30) / 60, "minute"),
        _ => counted((seconds + 1_800) / 3_600, "hour"),
    }
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::ports::{WHOLE_SHARE, WalkCounts, WalkRow};

    #[test]
    fn the_bar_says_what_is_known_and_no_more() {
        let mut row = WalkRow::default();
        let mut told = vec![line(&row, 0)];
        row.counts = WalkCounts {
            calls: 5_800,
            found: 13_000,
            looked: 12_345,
            share_done: WHOLE_SHARE / 100 * 42,
            worked_ms: 600_000,
            ..WalkCounts::default()
        };
        told.push(line(&row, 0));
        row.rests_until = Some(30_000);
        row.note = Some("the limit is used up".into());
        told.push(line(&row, 0));
        row.counts.told = 30_000;
        row.rests_until = None;
        told.push(line(&row, 0));
        insta::assert_snapshot!(told.join("\n"));
    }
}
