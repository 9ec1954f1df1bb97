//! `waypost doctor`: whether all is well, and what to do where it is not.

use super::Ended;
use super::options::{FormOptions, RulesOptions, StoreOptions};
use super::output::{ago, capital, exact, near, say};
use super::serve::masked;
use crate::app::{App, AskError, Finding, Health, Machine};
use crate::connectors::Choice;
use crate::told;
use crate::web::HooksUrl;
use clap::builder::FalseyValueParser;
use serde_json::json;

/// Whether all is well: database, key, disk, rules, secrets, sources, connections
///
/// Looks at the address that webhooks come in by, and at its certificate, as they look from this machine; says of each
/// source when its last webhook came and whether that is as usual; tests each connection's credential with a call that
/// changes nothing. Ends with 1 where something is not as it should be.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost doctor --rules rules
  waypost doctor --fix
  waypost doctor --choices hubspot")]
pub(super) struct Args {
    #[command(flatten)]
    rules: RulesOptions,
    #[command(flatten)]
    store: StoreOptions,
    /// Make what must be there in a connection and is not (HubSpot: the property waypost_booking_id)
    #[arg(long, value_parser = FalseyValueParser::new())]
    fix: bool,
    /// Show the choices of a connection's inputs instead (HubSpot: pipelines and their stages)
    #[arg(long, value_name = "CONNECTION")]
    choices: Option<String>,
    /// Show the whole addresses of sources; whoever knows one can send webhooks
    #[arg(long, env = "WAYPOST_SHOW_TOKENS", value_parser = FalseyValueParser::new())]
    show_tokens: bool,
    #[command(flatten)]
    form: FormOptions,
    /// Where webhooks come in from outside [default: as the router was last started with]
    #[arg(long, env = "WAYPOST_HOOKS_URL", value_name = "URL")]
    hooks_url: Option<HooksUrl>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let app = args.store.open().await?;
    let ended = match &args.choices {
        Some(connection) => choices(&app, &args, connection).await,
        None => check_up(&app, &args).await,
    };
    app.store.close().await;
    ended
}

async fn check_up(app: &App, args: &Args) -> anyhow::Result<Ended> {
    if let Some(url) = &args.hooks_url {
        app.come_in_at(url.base());
    }
    let now = app.clock.now();
    let findings = app.check_up(&*Machine::new().outbound, &args.rules.rules, args.fix).await?;
    for finding in &findings {
        if args.form.json {
            say(serde_json::to_string(&told::Finding::of(finding))?);
        } else {
            tell(finding, now);
        }
    }
    if !args.form.json {
        tell_addresses(app, args.show_tokens);
    }
    let amiss = findings.iter().filter(|finding| finding.health == Health::Amiss).count();
    if !args.form.json {
        say(match amiss {
            0 => "\nAll is well.".to_owned(),
            1 => "\n1 thing is not as it should be.".to_owned(),
            many => format!("\n{many} things are not as they should be."),
        });
    }
    Ok(if amiss == 0 { Ended::Fine } else { Ended::NotFine })
}

fn tell(finding: &Finding, now: i64) {
    let at = finding.at.map(|at| format!(" {} ({}).", ago(at, now), exact(at))).unwrap_or_default();
    say(format!(
        "{:<6}  {}: {}{at}",
        told::health_word(finding.health),
        finding.about,
        capital(&finding.text)
    ));
    if let Some(way_out) = &finding.way_out {
        say(format!("        -> {way_out}"));
    }
}

fn tell_addresses(app: &App, show_tokens: bool) {
    let Some(active) = app.active() else { return };
    for source in active.sources.values() {
        for path in app.source_paths(source) {
            let path = if show_tokens { path } else { masked(&path) };
            say(format!("        source {} takes POST {path}", source.name));
        }
    }
}

async fn choices(app: &App, args: &Args, connection: &str) -> anyhow::Result<Ended> {
    let ruleset = app.ruleset_of_folder(&args.rules.rules).ok_or_else(|| {
        anyhow::anyhow!("no rules are at work and {} has none that work", args.rules.rules.display())
    })?;
    let told = match app.choices_of(&*Machine::new().outbound, &ruleset, connection).await {
        Ok(told) => told,
        Err(AskError::Unknown { .. }) => {
            let known = near(connection, ruleset.connections.keys().map(String::as_str));
            anyhow::bail!("there is no connection \"{connection}\"{known}");
        }
        Err(error) => return Err(error.into()),
    };
    if told.is_empty() && !args.form.json {
        say(format!("{connection} has no inputs with choices of its own."));
    }
    let mut ended = Ended::Fine;
    for (input, choices) in told {
        match choices {
            Ok(choices) if args.form.json => {
                for choice in &choices {
                    say(json_of_choice(&input, choice).to_string());
                }
            }
            Ok(choices) => {
                say(format!("{input}:"));
                for choice in &choices {
                    tell_choice(choice, 1);
                }
            }
            Err(why) => {
                eprintln!("The choices of {input} can't be told: {why}");
                ended = Ended::NotFine;
            }
        }
    }
    Ok(ended)
}

fn json_of_choice(input: &str, choice: &Choice) -> serde_json::Value {
    let nested: Vec<_> =
        choice.nested.iter().map(|one| json!({ "value": one.value, "label": one.label })).collect();
    json!({ "input": input, "value": choice.value, "label": choice.label, "nested": nested })
}

fn tell_choice(choice: &Choice, depth: usize) {
    say(format!("{}{}  ({})", "  ".repeat(depth), choice.value, choice.label));
    for nested in &choice.nested {
        tell_choice(nested, depth + 1);
    }
}
