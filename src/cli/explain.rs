//! `waypost explain EVENT|RUN`: why each field has its value, or why nothing was sent.

use super::Ended;
use super::explained::{Told, text_of_explained};
use super::options::{FormOptions, StoreOptions};
use super::output::{ago, exact, say};
use crate::app::App;
use crate::delivery::Explained;
use crate::domain::{EventId, RunId};
use crate::ports::{EventView, ListFilter};
use crate::told::{self, change_as_sentence, why_no_run};
use serde_json::json;

/// Runs among which one is looked for by the beginning of its id.
const LATEST: i64 = 1_000;

/// Why each field has its value, or why nothing was sent
///
/// For an event: what it changed, and all its runs. For a run: each field with the line of the rule and the parts of
/// the payload that it comes from, the reason where nothing was sent, and each call. The beginning of an id is enough
/// where it is the only one. Shows guests' data.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost explain evt_01m827nryktf1rpbkn5m5dr6r2
  waypost explain run_01m827 --json")]
pub(super) struct Args {
    /// Id of an event or a run, or its beginning
    #[arg(value_name = "EVENT|RUN")]
    id: String,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let told = tell(&app, &args).await;
    app.store.close().await;
    told.map(|()| Ended::Fine)
}

async fn tell(app: &App, args: &Args) -> anyhow::Result<()> {
    if args.id.starts_with("run_") {
        let run = run_by_prefix(app, &args.id).await?;
        let explained = app.explain_run(&run).await?;
        say(if args.form.json {
            json!(told::RunExplained::of(&explained)).to_string()
        } else {
            text_of_explained(&explained, app.clock.now(), "", None).trim_end().to_owned()
        });
        return Ok(());
    }
    anyhow::ensure!(
        args.id.starts_with("evt_"),
        "\"{}\" is no id of an event (evt_…) or a run (run_…). `waypost events` and `waypost runs` show them",
        args.id
    );
    let event = event_by_prefix(app, &args.id).await?;
    let told = EventExplained::of(app, &event).await?;
    say(if args.form.json { told.json(app) } else { told.text(app, None).trim_end().to_owned() });
    Ok(())
}

/// An event with the runs that it led to.
pub(super) struct EventExplained {
    /// The event.
    pub event: EventView,
    /// Its runs, oldest first.
    pub runs: Vec<Explained>,
}

impl EventExplained {
    /// Looks it all up.
    pub async fn of(app: &App, id: &EventId) -> anyhow::Result<Self> {
        let (event, _) =
            app.store.event(id).await?.ok_or_else(|| anyhow::anyhow!("there is no event \"{id}\""))?;
        let mut runs = Vec::new();
        for run in app.runs_of_event(id).await? {
            runs.push(app.explain_run(&run.id).await?);
        }
        Ok(Self { event, runs })
    }

    /// For people; with `before`, fields that have the same value as there are counted only.
    pub fn text(&self, app: &App, before: Option<&Told>) -> String {
        let now = app.clock.now();
        let event = &self.event;
        let mut text = format!(
            "Event {}  by {}, {} ({})\n",
            event.id,
            event.source,
            ago(event.received_at, now),
            exact(event.received_at)
        );
        if event.changes.is_empty() {
            text.push_str("  It is stored, and waits to be applied.\n");
        }
        for change in &event.changes {
            text.push_str(&format!("  {}\n", change_as_sentence(change)));
            let mut any = false;
            for explained in self.runs.iter().filter(|run| run.due.run.change == change.reference) {
                any = true;
                text.push_str(&text_of_explained(explained, now, "  ", before));
            }
            if !any && change.kind.has_effect() {
                text.push_str(&format!("  {}\n", why_no_run(app.active().as_deref(), &event.source, change)));
            }
        }
        text
    }

    fn json(&self, app: &App) -> String {
        let mut object = json!(told::Event::of(&self.event));
        object["runs"] = self.runs.iter().map(|run| json!(told::RunExplained::of(run))).collect();
        let why: Vec<_> = self
            .event
            .changes
            .iter()
            .filter(|change| !self.runs.iter().any(|run| run.due.run.change == change.reference))
            .map(|change| {
                let text = if change.kind.has_effect() {
                    why_no_run(app.active().as_deref(), &self.event.source, change)
                } else {
                    change_as_sentence(change)
                };
                json!({ "booking": change.booking_key, "kind": change.kind.as_str(), "why": text })
            })
            .collect();
        object["nothing_sent"] = why.into();
        object.to_string()
    }
}

/// The one event whose id begins like this.
pub(super) async fn event_by_prefix(app: &App, text: &str) -> anyhow::Result<EventId> {
    let filter = ListFilter { event: Some(text.to_owned()), limit: 3, ..ListFilter::default() };
    let found = app.store.list_events(&filter).await?;
    match found.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => anyhow::bail!("there is no event \"{text}\". `waypost events` shows those that there are"),
        many => match many.iter().find(|event| event.id.as_str() == text) {
            Some(event) => Ok(event.id.clone()),
            None => anyhow::bail!("several events have ids that begin with \"{text}\": give more of it"),
        },
    }
}

/// The one run whose id is this, or, among the latest ones, begins like this.
pub(super) async fn run_by_prefix(app: &App, text: &str) -> anyhow::Result<RunId> {
    let id = RunId::new(text);
    if app.store.run_with_context(&id).await?.is_some() {
        return Ok(id);
    }
    let filter = ListFilter { limit: LATEST, ..ListFilter::default() };
    let mut found = app.store.list_runs(&filter).await?;
    found.retain(|run| run.id.as_str().starts_with(text));
    match found.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => anyhow::bail!("there is no run \"{text}\". `waypost runs` shows those that there are"),
        _ => anyhow::bail!("several runs have ids that begin with \"{text}\": give more of it"),
    }
}
