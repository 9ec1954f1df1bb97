//! `waypost runs`: what the rules did, run by run, with no guest's data.

use super::Ended;
use super::explain::event_by_prefix;
use super::filters::{Page, since, tell_pages};
use super::options::{FormOptions, StoreOptions};
use super::output::{ago, counted, exact, line_of, say, say_json};
use crate::domain::{Millis, RunState, StepState};
use crate::ports::{ListFilter, RunRow};
use crate::told::Names;
use clap::builder::PossibleValuesParser;

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 300;

/// What the rules did, newest first
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost runs --state failed --since 1d
  waypost runs --booking 5b1f6a52-2f0e-4a3c-9a57-0d4f6f1c8e21 --json")]
pub(super) struct Args {
    /// About a change that came by this source
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// In this state
    #[arg(long, value_name = "STATE", value_parser = PossibleValuesParser::new(RunState::ALL.map(RunState::as_str)))]
    state: Option<String>,
    /// Of this rule
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// At this connection now, or last
    #[arg(long, value_name = "CONNECTION")]
    connection: Option<String>,
    /// That need you for this reason (`waypost causes` shows the keys)
    #[arg(long, value_name = "KEY")]
    cause: Option<String>,
    /// About this booking: its key at the source, or its id
    #[arg(long, value_name = "BOOKING")]
    booking: Option<String>,
    /// That this event led to
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// Planned in this span (30s, 15m, 2h, 3d, 1w), or since this date
    #[arg(long, value_name = "SPAN")]
    since: Option<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
    /// Before this number (`seq`), to go on where a list ended
    #[arg(long, value_name = "SEQ")]
    before: Option<i64>,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let now = app.clock.now();
    let event = match &args.event {
        Some(text) => Some(event_by_prefix(&app, text).await?.to_string()),
        None => None,
    };
    let mut filter = ListFilter {
        source: args.source,
        state: args.state,
        rule: args.rule,
        connection: args.connection,
        cause: args.cause,
        booking: args.booking,
        event,
        since: args.since.map(|text| since(&text, now)).transpose()?,
        ..ListFilter::default()
    };
    let mut names = Names::new(&app);
    let json = args.form.json;
    tell_pages("runs", (args.limit, json), args.before, async |limit, before| {
        (filter.limit, filter.before) = (limit, before);
        let found = app.store.list_runs(&filter).await?;
        for run in &found {
            if json {
                say_json(&names.run(run).await?);
            } else {
                tell(run, &names.booking(&run.booking).await?, now);
            }
        }
        Ok(Page { rows: found.len(), told: found.len(), last: found.last().map(|run| run.seq) })
    })
    .await?;
    app.store.close().await;
    Ok(Ended::Fine)
}

fn tell(run: &RunRow, booking: &str, now: Millis) {
    let item = if run.item.is_empty() { String::new() } else { format!(", item {}", line_of(&run.item, 80)) };
    say(format!("{}  {}  {}", run.id, run.state, run.rule));
    say(format!(
        "    booking {}{item}  {}  ({})",
        line_of(booking, 80),
        ago(run.created_at, now),
        exact(run.created_at)
    ));
    if let Some(verdict) = &run.verdict {
        say(format!("    {}", line_of(&verdict.text, REASON_CHARS_MAX)));
    }
    if let Some(at) = run.next_at.filter(|_| !run.state.is_end()) {
        say(format!("    next try {}  ({})", ago(at, now), exact(at)));
    }
    for step in &run.steps {
        let state = match step.state {
            StepState::Waiting => "waiting",
            StepState::Done => "done",
            StepState::Skipped => "nothing sent",
            StepState::Failed => "failed",
        };
        let why =
            step.verdict.as_ref().map(|verdict| format!(": {}", line_of(&verdict.text, REASON_CHARS_MAX)));
        say(format!(
            "    {}  {}  {state}, {}{}",
            step.id,
            step.uses,
            counted(step.attempts, "call"),
            why.unwrap_or_default()
        ));
    }
}
