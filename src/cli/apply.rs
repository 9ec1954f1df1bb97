//! `waypost apply RULE`: brings a new or changed rule to existing bookings. Counts first with `--dry-run`; without it the
//! runs are planned in batches, which a stop in between does no harm to: the same command, or the running instance, goes
//! on where it was.

use super::Ended;
use super::options::{FormOptions, StoreOptions};
use super::output::{Wrong, counted, line_of, near, note, say, say_json};
use crate::app::{App, AskError, Days, Foresight, is_day};
use crate::ports::{ApplyCounts, ApplyRow, ApplyState, NewApply};
use crate::told::{ApplyAhead, ApplyFigures};
use serde_json::json;

/// Bring a new or changed rule to existing bookings
///
/// Each booking is looked at as it stands now. What the CRM holds already is not sent again, what is on its way is not
/// planned twice, and a record that can't be made twice is not. The running instance sends what was planned.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost apply guests-to-crm --dry-run
  waypost apply guests-to-crm --from 2027-03-01 --to 2027-03-31")]
pub(super) struct Args {
    /// Name of the rule
    #[arg(value_name = "RULE")]
    rule: String,
    /// Only bookings whose trip starts on this day or later (of the place where it starts)
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Only bookings whose trip starts on this day or earlier
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// Say what it would come to, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

/// Bookings between two lines about the progress.
const PROGRESS: i64 = 1_000;

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    for day in [&args.from, &args.to].into_iter().flatten() {
        if !is_day(day) {
            return Err(Wrong::new(format!("\"{day}\" is no day. Write one as in 2027-03-14")));
        }
    }
    if args.from.is_some() && args.to.is_some() && args.from > args.to {
        return Err(Wrong::new("--from is later than --to, so that no booking fits"));
    }
    let app = args.store.open_existing().await?;
    let ended = if args.dry_run { ahead(&app, &args).await } else { apply(&app, &args).await };
    app.store.close().await;
    ended.map_err(|error| match error {
        AskError::Unknown { what: "rule", .. } => {
            let active = app.active();
            let known = active.iter().flat_map(|ruleset| ruleset.rules.keys().map(String::as_str));
            let near = near(&args.rule, known.collect::<Vec<_>>().into_iter());
            anyhow::anyhow!("There is no rule \"{}\"{near}", args.rule)
        }
        other => other.into(),
    })
}

async fn ahead(app: &App, args: &Args) -> Result<Ended, AskError> {
    let days = Days { from: args.from.clone(), to: args.to.clone() };
    let mut told = 0;
    let foresight = app
        .apply_ahead(&args.rule, &days, None, |looked| {
            if looked >= told + PROGRESS {
                told = looked;
                note(format!("{looked} bookings looked at…"));
            }
        })
        .await?;
    if args.form.json {
        say_json(&ApplyAhead::of(&args.rule, &foresight));
    } else {
        tell(&foresight);
    }
    Ok(Ended::Fine)
}

fn tell(foresight: &Foresight) {
    let counts = &foresight.counts;
    if counts.looked == 0 {
        say("There are no bookings yet.");
        return;
    }
    say(format!("Of {} it would send for {}:", counted(counts.looked, "booking"), counts.sends));
    for line in lines(counts, "would ") {
        say(format!("    {line}"));
    }
    if !foresight.reasons.is_empty() {
        say("Why not for the others:");
        for (why, bookings) in &foresight.reasons {
            say(format!("    {bookings:>6}  {}", line_of(why, 200)));
        }
    }
    if !foresight.examples.is_empty() {
        say("For example:");
        for one in &foresight.examples {
            say(format!("    {}: {}", line_of(&one.told, 100), one.steps.join(", ")));
        }
    }
    say("Nothing was planned. Leave --dry-run away to do it.");
}

/// The figures that are not nought, each with its words.
fn lines(counts: &ApplyCounts, would: &str) -> Vec<String> {
    let figures = [
        (counts.sends, format!("{would}send something")),
        (counts.unchanged, "have nothing new to send".to_owned()),
        (counts.excluded, "are none of the rule's business".to_owned()),
        (counts.open, "are on their way already".to_owned()),
        (counts.made, "had their record made before, which can't be made twice".to_owned()),
        (counts.fails, format!("{would}fail and need you")),
    ];
    figures
        .into_iter()
        .filter(|(bookings, _)| *bookings > 0)
        .map(|(bookings, words)| format!("{bookings:>6}  {words}"))
        .collect()
}

async fn apply(app: &App, args: &Args) -> Result<Ended, AskError> {
    let new = NewApply {
        rule: args.rule.clone(),
        who: "the command line".to_owned(),
        from_day: args.from.clone(),
        to_day: args.to.clone(),
        at: app.clock.now(),
    };
    let (mut row, began) = app.begin_apply(&new).await?;
    if !began {
        note("It was being applied already; it goes on where it was.");
    }
    let mut told = row.counts.looked;
    while row.state == ApplyState::Open {
        row = app.apply_further(&row).await?;
        if row.counts.looked >= told + PROGRESS {
            told = row.counts.looked;
            note(format!("{told} bookings looked at…"));
        }
    }
    Ok(done(&row, args.form.json))
}

fn done(row: &ApplyRow, json: bool) -> Ended {
    let counts = &row.counts;
    if json {
        say(json!({
            "rule": row.asked.rule, "dry_run": false, "state": row.state.as_str(), "why": row.note,
            "bookings": ApplyFigures::of(counts), "runs": counts.runs,
        })
        .to_string());
    } else {
        say(format!(
            "{} looked at, {} planned{}",
            counted(counts.looked, "booking"),
            counted(counts.runs, "run"),
            if counts.looked > 0 { ":" } else { "." }
        ));
        for line in lines(counts, "") {
            say(format!("    {line}"));
        }
    }
    if let (ApplyState::Stopped, Some(why)) = (row.state, &row.note) {
        note(format!("It was stopped: {why}."));
    }
    if row.state == ApplyState::Done { Ended::Fine } else { Ended::NotFine }
}
