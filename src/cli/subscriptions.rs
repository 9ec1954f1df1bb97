//! `waypost subscriptions SOURCE`: what the booking system sends to a source, what it should send, and bringing it in line.

use super::Ended;
use super::options::{FormOptions, RulesOptions, StoreOptions};
use super::output::{near, say};
use crate::app::{App, AskError, Subscribing, SubscriptionTold, SubscriptionsDone};
use crate::web::HooksUrl;
use clap::builder::FalseyValueParser;
use serde_json::{Value, json};

/// What the booking system sends to a source, and bringing it in line with what the rules need
///
/// Without --apply nothing is changed: it is told what would be done. Only subscriptions that lead to this source are
/// ever touched. Ends with 1 where they are not as they should be.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost subscriptions inn
  waypost subscriptions inn --apply")]
pub(super) struct Args {
    /// Name of the source
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Make what is missing, change what is not right, take away what is spare
    #[arg(long, value_parser = FalseyValueParser::new())]
    apply: bool,
    /// Take away all that lead to this source: one that was taken away itself, or is about to be
    #[arg(long, conflicts_with = "apply", value_parser = FalseyValueParser::new())]
    end: bool,
    /// Where webhooks come in from outside, where that is another address than `waypost serve` was started with
    #[arg(long, env = "WAYPOST_HOOKS_URL", value_name = "URL")]
    hooks_url: Option<HooksUrl>,
    #[command(flatten)]
    rules: RulesOptions,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let ended = subscribe(&app, &args).await;
    app.store.close().await;
    ended
}

async fn subscribe(app: &App, args: &Args) -> anyhow::Result<Ended> {
    if let Some(url) = &args.hooks_url {
        app.come_in_at(url.base());
    }
    let ruleset = app.active().or_else(|| app.ruleset_of_folder(&args.rules.rules)).ok_or_else(|| {
        anyhow::anyhow!("no rules are at work and {} has none that work", args.rules.rules.display())
    })?;
    let what = match (args.apply, args.end) {
        (_, true) => Subscribing::End,
        (true, _) => Subscribing::BringInLine,
        _ => Subscribing::Look,
    };
    let done = match app.subscribe(&ruleset, &args.source, what).await {
        Ok(done) => done,
        Err(AskError::Unknown { .. }) => {
            let known = near(&args.source, ruleset.sources.keys().map(String::as_str));
            anyhow::bail!("there is no source \"{}\"{known}", args.source);
        }
        Err(error) => return Err(error.into()),
    };
    let by = done.seen.by.as_ref().map(|by| by.title.clone());
    let source = ruleset.sources.get(&args.source).map(|source| source.connector.title.clone());
    let title = source.or(by).unwrap_or_default();
    if args.form.json {
        say(as_json(&args.source, &done).to_string());
    } else {
        tell(&title, what, &done);
    }
    Ok(if done.seen.matches() { Ended::Fine } else { Ended::NotFine })
}

fn tell(title: &str, what: Subscribing, done: &SubscriptionsDone) {
    for act in &done.done {
        say(format!("done    {}", act.told));
    }
    for act in &done.seen.acts {
        let word = if act.act == "leave" { "stays" } else { "to do" };
        say(format!("{word:<6}  {}", act.told));
    }
    match done.seen.others {
        0 => {}
        1 => say("1 subscription leads to another address and is left alone."),
        many => say(format!("{many} subscriptions lead to other addresses and are left alone.")),
    }
    if what == Subscribing::End && done.seen.matches() {
        say(format!("{title} sends nothing here any more. What was under way may still come for a day."));
        return;
    }
    say(done.seen.told(title));
    if what == Subscribing::Look && done.seen.trouble.is_none() && !done.seen.matches() {
        say("Nothing was changed. With --apply it is.");
    }
}

fn as_json(source: &str, done: &SubscriptionsDone) -> Value {
    let acts = |acts: &[SubscriptionTold]| -> Vec<Value> { acts.iter().map(|act| json!(act)).collect() };
    json!({
        "source": source,
        "matches": done.seen.trouble.is_none().then(|| done.seen.matches()),
        "trouble": done.seen.trouble,
        "acts": acts(&done.seen.acts),
        "done": acts(&done.done),
        "others": done.seen.others,
    })
}
