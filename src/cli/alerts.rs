//! `waypost alerts list|test`: who is told when something is wrong, and a test by one of the channels, also beside a running
//! instance. Channels are made on the settings page or by the API; their secrets are never shown.

use super::Ended;
use super::options::{FormOptions, StoreOptions};
use super::output::{ago, line_of, near, say, say_json};
use super::user::base;
use crate::alerts::Postman;
use crate::app::{App, Machine, Who};
use crate::domain::ChannelTo;
use crate::outbound::SmtpMailer;
use crate::ports::{AlertChannel, Sending};
use crate::told::rfc3339;
use clap::Subcommand;
use serde_json::{Value, json};
use std::sync::Arc;

/// Characters of what came of a sending.
const OUTCOME_CHARS_MAX: usize = 400;

/// Who is told when something is wrong: list, test
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost alerts list
  waypost alerts test \"Front desk\"")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(ListArgs),
    Test(TestArgs),
}

/// The channels, where each leads, and what came of the last sending
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost alerts list
  waypost alerts list --json")]
struct ListArgs {
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

/// Send a test by a channel; ends with 1 where it was not taken
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost alerts test \"Front desk\"")]
struct TestArgs {
    /// Name or id of the channel
    #[arg(value_name = "CHANNEL")]
    channel: String,
    /// Where the pages are, for the link in the letter [default: http://127.0.0.1:8081]
    #[arg(long, env = "WAYPOST_UI_URL", value_name = "URL", value_parser = base)]
    ui_url: Option<String>,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    match args.command {
        Command::List(args) => list(args).await,
        Command::Test(args) => {
            let app = args.store.open_existing().await?;
            let ended = test(&app, &args).await;
            app.store.close().await;
            ended
        }
    }
}

async fn list(args: ListArgs) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let now = app.clock.now();
    let channels = app.store.alerts().alert_channels().await;
    app.store.close().await;
    let channels = channels?;
    for channel in &channels {
        if args.form.json {
            say_json(&as_json(channel));
            continue;
        }
        let off = if channel.enabled { "" } else { "  (off)" };
        let (name, kind) = (line_of(&channel.name, OUTCOME_CHARS_MAX), channel.to.kind());
        say(format!("{name}  {kind}  {}{off}", place(&channel.to)));
        say(match &channel.last {
            Some(last) => {
                format!("    {}: {}", ago(last.at, now), line_of(&last.text, OUTCOME_CHARS_MAX))
            }
            None => "    nothing was sent yet".to_owned(),
        });
    }
    if channels.is_empty() && !args.form.json {
        say("Nobody is told when something is wrong. Add a channel under Settings, Alerts.");
    }
    Ok(Ended::Fine)
}

async fn test(app: &Arc<App>, args: &TestArgs) -> anyhow::Result<Ended> {
    let channels = app.store.alerts().alert_channels().await?;
    let wanted = args.channel.trim();
    let is = |channel: &&AlertChannel| channel.id == wanted || channel.name.eq_ignore_ascii_case(wanted);
    let mut found = channels.iter().filter(is);
    let Some(channel) = found.next() else {
        let known = channels.iter().map(|channel| channel.name.as_str());
        anyhow::bail!("there is no channel \"{wanted}\"{}", near(wanted, known));
    };
    if found.next().is_some() {
        anyhow::bail!(
            "several channels are called \"{wanted}\": say the id, which `waypost alerts list --json` tells"
        );
    }
    let outbound = Machine::new().outbound;
    app.send_letters_by(Arc::new(Postman::new(outbound, Arc::new(SmtpMailer::new()), app.secrets.clone())));
    let base = args.ui_url.as_deref().unwrap_or("http://127.0.0.1:8081");
    let sending = app.test_alert_channel(&Who::command_line(), &channel.id, base).await?;
    if args.form.json {
        say_json(&last(&sending));
    } else {
        say(line_of(&sending.text, OUTCOME_CHARS_MAX));
    }
    Ok(if sending.good { Ended::Fine } else { Ended::NotFine })
}

/// Where letters go, without secrets.
fn place(to: &ChannelTo) -> String {
    match to {
        ChannelTo::Email(mail) => line_of(&mail.to.join(", "), OUTCOME_CHARS_MAX),
        ChannelTo::Webhook(hook) if hook.signing.is_some() => format!("{}, signed", hook.place),
        ChannelTo::Slack(hook) | ChannelTo::Webhook(hook) => hook.place.clone(),
    }
}

fn as_json(channel: &AlertChannel) -> Value {
    let (to, host) = match &channel.to {
        ChannelTo::Email(mail) => (mail.to.clone(), mail.host.clone()),
        ChannelTo::Slack(hook) | ChannelTo::Webhook(hook) => (Vec::new(), hook.place.clone()),
    };
    json!({
        "id": channel.id, "name": channel.name, "kind": channel.to.kind(), "enabled": channel.enabled,
        "host": host, "to": to, "last": channel.last.as_ref().map(last),
    })
}

fn last(sending: &Sending) -> Value {
    json!({ "at": rfc3339(sending.at), "good": sending.good, "text": sending.text })
}
