//! `waypost backfill SOURCE --from DAY --to DAY`: walks the source's API over a range of days and brings in what is new or
//! differs. The row that it writes is the command: the running instance goes the walk, and this follows it; where none runs
//! it goes itself. It goes on after any stop, by the instance or by the same command.

use super::Ended;
use super::options::{FormOptions, StoreOptions};
use super::output::Wrong;
use super::walk_follow::{Follow, follow, wrong_days};
use crate::app::{App, AskError};
use crate::ports::{NewWalk, WalkAct, WalkPurpose};

/// Bring in all bookings that a booking system has of a range of days
///
/// Walks the source's API within its limits. Bookings that are here already and the same are left alone; the others go the
/// way that webhooks go. What the days are about (tour date, modification) is said by the connector, and when it begins.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost backfill harbour-tours --from 2027-01-01 --to 2027-12-31
  waypost backfill harbour-tours --stop

It ends with 0 when all is through, and with 1 where something could not be read or it was stopped. Interrupting the
command does not end the walk: the running instance goes on, and so does the same command.")]
pub(super) struct Args {
    /// Name of the source
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The first day
    #[arg(long, value_name = "DAY", required_unless_present_any = ["pause", "resume", "stop"])]
    from: Option<String>,
    /// The last day
    #[arg(long, value_name = "DAY", required_unless_present_any = ["pause", "resume", "stop"])]
    to: Option<String>,
    /// Begin, and don't wait for the end
    #[arg(long)]
    detach: bool,
    /// Pause the walk that is under way
    #[arg(long, conflicts_with_all = ["from", "to", "resume", "stop"])]
    pause: bool,
    /// Let it go on; what could not be read is tried again
    #[arg(long, conflicts_with_all = ["from", "to", "stop"])]
    resume: bool,
    /// Stop it for good; what was brought in stays
    #[arg(long, conflicts_with_all = ["from", "to"])]
    stop: bool,
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
    let how = Follow { json: args.form.json, detach: args.detach };
    let act = match (args.pause, args.resume, args.stop) {
        (true, ..) => Some(WalkAct::Pause),
        (_, true, _) => Some(WalkAct::Resume),
        (.., true) => Some(WalkAct::Stop),
        _ => None,
    };
    if let Some(act) = act {
        let Some(row) = app.last_walk(&args.source, act).await? else {
            return Err(Wrong::new(format!("no walk of \"{}\" is under way", args.source)));
        };
        let row = app.act_on_walk(row.seq, act).await?;
        let how = Follow { detach: how.detach || act != WalkAct::Resume, ..how };
        return follow(app, row, &how).await;
    }
    let new = NewWalk {
        source: args.source.clone(),
        purpose: WalkPurpose::Backfill,
        from_day: args.from.clone().unwrap_or_default(),
        to_day: args.to.clone().unwrap_or_default(),
        report: None,
        end_gone: false,
        who: "the command line".to_owned(),
        at: app.clock.now(),
    };
    super::walk_follow::begin(app, new, &how).await
}

/// An unknown source, with what may have been meant.
pub(super) fn named(app: &App, error: AskError) -> anyhow::Error {
    match error {
        AskError::Unknown { what: "source", id } => {
            let active = app.active();
            let known = active.iter().flat_map(|ruleset| ruleset.sources.keys().map(String::as_str));
            let near = super::output::near(&id, known.collect::<Vec<_>>().into_iter());
            anyhow::anyhow!("There is no source \"{id}\"{near}")
        }
        other => other.into(),
    }
}
