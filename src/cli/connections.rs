//! `waypost connections`: the places that bookings are sent to, whether each takes calls, and what waits for it.

use super::Ended;
use super::options::{FormOptions, StoreOptions};
use super::output::{ago, counted, line_of, say, say_json};
use crate::ports::ConnectionState;
use crate::told::connection_word;
use crate::told::rfc3339;
use serde_json::json;
use std::collections::BTreeMap;

/// Characters of why one takes no calls.
const WHY_CHARS_MAX: usize = 300;

/// The connections: whether each takes calls, and what waits for it
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost connections
  waypost connections --json")]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let now = app.clock.now();
    let read = async {
        Ok::<_, crate::ports::StoreError>((app.store.connections().await?, app.store.glance().await?))
    };
    let read = read.await;
    app.store.close().await;
    let (states, glance) = read?;
    let active = app.active();
    // Those of the rules, those that are remembered, and those that runs go to.
    let mut known: BTreeMap<String, ConnectionState> =
        states.into_iter().map(|state| (state.name.clone(), state)).collect();
    let of_rules = active.iter().flat_map(|active| active.connections.keys());
    let of_runs = glance.runs.iter().map(|(_, name, _)| name).filter(|name| !name.is_empty());
    for name in of_rules.chain(of_runs) {
        known.entry(name.clone()).or_default();
    }
    let runs = |name: &str, wanted: &[&str]| -> i64 {
        let of = |(state, of, _): &&(String, String, i64)| of == name && wanted.contains(&state.as_str());
        glance.runs.iter().filter(of).map(|(.., count)| count).sum()
    };
    for (name, state) in &known {
        let connection = active.as_ref().and_then(|active| active.connections.get(name));
        let (word, since, next_at) = connection_word(state, now);
        let under_way = runs(name, &["waiting", "working", "paused"]);
        let (needs_you, done) = (runs(name, &["failed", "held"]), runs(name, &["done"]));
        if args.form.json {
            say_json(&json!({
                "name": name, "title": connection.map(|one| one.title.clone()),
                "connector": connection.map(|one| one.connector.name.clone()), "in_rules": connection.is_some(),
                "state": word, "why": state.needs_auth, "since": since.map(rfc3339),
                "next_at": next_at.map(rfc3339), "under_way": under_way, "needs_you": needs_you, "done": done,
            }));
            continue;
        }
        let since = since.map(|at| format!(", since {}", ago(at, now))).unwrap_or_default();
        let next = next_at.map(|at| format!(", tried again {}", ago(at, now))).unwrap_or_default();
        let gone = if connection.is_some() { "" } else { "  (not in the rules)" };
        say(format!("{name}  {}{since}{next}{gone}", in_words(word)));
        if let Some(why) = &state.needs_auth {
            say(format!("    {}", line_of(why, WHY_CHARS_MAX)));
        }
        let needs = if needs_you == 1 { "needs" } else { "need" };
        say(format!("    {} on the way, {needs_you} {needs} you, {done} done", counted(under_way, "run")));
    }
    if known.is_empty() && !args.form.json {
        say("There are no connections yet.");
    }
    Ok(Ended::Fine)
}

fn in_words(word: &str) -> &'static str {
    match word {
        "needs_auth" => "needs a new credential",
        "paused" => "paused",
        "does_not_answer" => "does not answer",
        "rests" => "rests, as it asked for fewer calls",
        "failing" => "the last call failed",
        _ => "takes calls",
    }
}
