//! `waypost reconcile SOURCE`: the same walk as a report: what is in the source only, here only, or differs. `--repair` brings
//! in what is new or differs, and ends what the source does not know any more.

use super::Ended;
use super::options::{FormOptions, StoreOptions};
use super::output::{line_of, say, say_json};
use super::walk_follow::{Follow, begin, wrong_days};
use crate::app::App;
use crate::ports::{FindingQuery, NewWalk, WalkOutcome, WalkPurpose, WalkRow, WalkState};
use crate::told::WalkFound;

/// Findings that are told at once.
const PAGE: i64 = 500;
/// Findings that people are told one by one; programs are told all.
const TOLD_MAX: usize = 40;

/// Compare all bookings of a range of days with the booking system
///
/// Reports what is in the booking system only, here only (each is looked up before that is said), or differs, and in which
/// fields. Changes nothing, but with --repair: then what is new or differs is brought in, and what is here only is asked for
/// once more, and ends here as deleted if the booking system still does not know it.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost reconcile harbour-tours
  waypost reconcile harbour-tours --from 2027-03-01 --to 2027-03-31 --repair

Where a repair would end more than ten bookings, and more than a fifth of those that are here, it ends none and says so: the
keys may be of another account. --end-gone lifts that.

It ends with 0 where all is well (or was brought in), and with 1 where something differs or could not be read. Without
access to the booking system's API nothing can be known: it says so, and ends with 1.")]
pub(super) struct Args {
    /// Name of the source
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The first day; without days: the last 30 and the next 60
    #[arg(long, value_name = "DAY", requires = "to")]
    from: Option<String>,
    /// The last day
    #[arg(long, value_name = "DAY", requires = "from")]
    to: Option<String>,
    /// Bring in what is new or differs, and end what is here only
    #[arg(long)]
    repair: bool,
    /// With --repair: end what is here only, also where that is a large part of all
    #[arg(long, requires = "repair")]
    end_gone: bool,
    /// Begin, and don't wait for the end
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    if let (Some(from), Some(to)) = (&args.from, &args.to) {
        wrong_days(from, to)?;
    }
    let app = args.store.open_existing().await?;
    let ended = go(&app, &args).await;
    app.store.close().await;
    ended
}

async fn go(app: &App, args: &Args) -> anyhow::Result<Ended> {
    let (from, to) = app.usual_days();
    let new = NewWalk {
        source: args.source.clone(),
        purpose: if args.repair { WalkPurpose::Repair } else { WalkPurpose::Reconcile },
        from_day: args.from.clone().unwrap_or(from),
        to_day: args.to.clone().unwrap_or(to),
        report: None,
        end_gone: args.end_gone,
        who: "the command line".to_owned(),
        at: app.clock.now(),
    };
    begin(app, new, &Follow { json: args.form.json, detach: args.detach }).await
}

/// Tells what a report found, one by one.
pub(super) async fn tell_findings(app: &App, row: &WalkRow, json: bool) -> anyhow::Result<()> {
    let mut after = None;
    let mut told = 0;
    // What a backfill brought in is all well, and may be a year.
    let outcomes = match row.asked.purpose {
        WalkPurpose::Backfill => vec![WalkOutcome::Trouble],
        _ => WalkOutcome::TOLD.to_vec(),
    };
    loop {
        let query = FindingQuery { walk: row.seq, outcomes: outcomes.clone(), after, limit: PAGE };
        let found = app.store.walks().findings(&query).await?;
        let Some(last) = found.last() else { return Ok(()) };
        after = Some((last.account.clone(), last.key.clone()));
        for one in &found {
            told += 1;
            if json {
                say_json(&WalkFound::of(one));
                continue;
            }
            if told > TOLD_MAX {
                say("    …  more are on the report's page");
                return Ok(());
            }
            let words = match one.outcome {
                WalkOutcome::New => "in the source only",
                WalkOutcome::Differs => "differs",
                WalkOutcome::Gone => "here only",
                WalkOutcome::Repaired => "mended",
                _ => "could not be read",
            };
            let more = match (&one.note, one.paths.is_empty()) {
                (Some(note), _) => format!(": {note}"),
                (None, false) => format!(": {}", one.paths.join(", ")),
                (None, true) => String::new(),
            };
            let key =
                if one.account.is_empty() { one.key.clone() } else { format!("{}/{}", one.account, one.key) };
            say(format!("    {}", line_of(&format!("{key}  {words}{more}"), 200)));
        }
    }
}

/// Whether a report found nothing to be looked after.
pub(super) fn is_well(row: &WalkRow) -> bool {
    let counts = &row.counts;
    let differs = match row.asked.purpose {
        WalkPurpose::Reconcile => counts.new + counts.differs + counts.gone,
        WalkPurpose::Repair => counts.gone,
        WalkPurpose::Backfill => 0,
    };
    row.state == WalkState::Done && differs == 0 && counts.unread() == 0
}
