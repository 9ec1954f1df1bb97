//! `waypost serve`: the router. Says at start where everything is, and stops in order at SIGTERM or SIGINT.

use super::options::{RulesOptions, StoreOptions, address};
use super::output::{counted, say};
use super::{Ended, logging};
use crate::app::{App, ServeOptions, Served, serve};
use crate::document::Severity;
use crate::domain::AddressRange;
use crate::ingest::{HookLimits, Reached};
use crate::web::{Access, HooksUrl, UiUrl};
use anyhow::Context;
use clap::builder::FalseyValueParser;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::Path;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Characters of a token that are shown, to tell two apart.
const TOKEN_SHOWN: usize = 4;

/// Take webhooks, apply them, run the rules, deliver
///
/// Takes webhooks at --listen, shows pages at --ui-listen, and runs the rules of --rules, which are watched: a
/// change there is at work within two seconds, and a mistake leaves the last good rules at work.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost serve --rules rules --data data --listen 0.0.0.0:8080")]
pub(super) struct Args {
    #[command(flatten)]
    rules: RulesOptions,
    #[command(flatten)]
    store: StoreOptions,
    /// Where webhooks are taken, with /healthz and /readyz
    #[arg(long, env = "WAYPOST_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = address)]
    listen: SocketAddr,
    /// Where pages are; the same address as --listen serves both
    #[arg(long, env = "WAYPOST_UI_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8081", value_parser = address)]
    ui_listen: SocketAddr,
    /// Where a TLS proxy shows the pages to others, as in https://waypost.example.com
    #[arg(long, env = "WAYPOST_UI_URL", value_name = "URL")]
    ui_url: Option<UiUrl>,
    /// Where webhooks come in from outside, as in https://hooks.example.com; sources show their addresses with it
    #[arg(long, env = "WAYPOST_HOOKS_URL", value_name = "URL")]
    hooks_url: Option<HooksUrl>,
    /// Proxies whose X-Forwarded-For is believed, as in 127.0.0.1,10.0.0.0/8; for sources that ask where webhooks come from
    #[arg(long, env = "WAYPOST_TRUSTED_PROXIES", value_name = "ADDR,…", value_delimiter = ',', value_parser = range)]
    trusted_proxies: Vec<AddressRange>,
    /// Largest webhook that is taken
    #[arg(long, env = "WAYPOST_BODY_BYTES_MAX", value_name = "BYTES", default_value_t = HookLimits::default().body_bytes_max)]
    body_bytes_max: usize,
    /// Show the whole addresses of sources; whoever knows one can send webhooks
    #[arg(long, env = "WAYPOST_SHOW_TOKENS", value_parser = FalseyValueParser::new())]
    show_tokens: bool,
    /// What is logged: a level, or parts with levels [default: info; also RUST_LOG]
    #[arg(long, env = "WAYPOST_LOG", value_name = "FILTER")]
    log: Option<String>,
}

fn range(text: &str) -> Result<AddressRange, String> {
    AddressRange::parse(text)
        .ok_or_else(|| "it is no address and no network; give it as in 127.0.0.1 or 10.0.0.0/8".to_owned())
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    logging::start(args.log.as_deref())?;
    let mut signals = Signals::new()?;
    let options = ServeOptions {
        places: args.store.places(true),
        rules: args.rules.rules.clone(),
        listen: args.listen,
        ui_listen: args.ui_listen,
        limits: HookLimits { body_bytes_max: args.body_bytes_max, ..HookLimits::default() },
        reached: Reached {
            base: args.hooks_url.as_ref().map(|url| url.base().to_owned()),
            proxies: args.trusted_proxies.clone(),
        },
        access: Access { url: args.ui_url.clone(), hooks_url: args.hooks_url.clone(), ..Access::default() },
    };
    let served = tokio::select! {
        served = serve(options) => served?,
        () = signals.next() => return Ok(Ended::Fine),
    };
    let told = tell(&served, &args);
    tokio::select! {
        () = told => {}
        () = signals.next() => return stop(served, signals).await,
    }
    let app = served.app.clone();
    tokio::select! {
        () = signals.next() => stop(served, signals).await,
        () = app.unfit.notified() => {
            stop(served, signals).await?;
            Ok(Ended::NotFine)
        }
    }
}

async fn stop(served: Served, mut signals: Signals) -> anyhow::Result<Ended> {
    tracing::info!("stopping: what is in hand is finished first; a second signal ends at once");
    tokio::select! {
        () = served.stop() => {
            tracing::info!("stopped");
            Ok(Ended::Fine)
        }
        () = signals.next() => Ok(Ended::Interrupted),
    }
}

/// SIGINT and SIGTERM.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on they no longer end the process by themselves.
    pub fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals can't be listened for");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

async fn tell(served: &Served, args: &Args) {
    let app = &served.app;
    let base = format!("http://{}", served.listen);
    say(format!("Waypost {}", env!("CARGO_PKG_VERSION")));
    say(format!("  webhooks  {base}/hooks/…  (also {base}/healthz and /readyz)"));
    match &args.ui_url {
        Some(url) => {
            say(format!("  pages     {}/  (from a TLS proxy to http://{}/)", url.base(), served.ui_listen));
        }
        None => say(format!("  pages     http://{}/", served.ui_listen)),
    }
    let pages = args.ui_url.as_ref().map_or_else(|| format!("http://{}", served.ui_listen), UiUrl::base);
    if let Err(error) = app.keep_pages_at(&pages).await {
        tracing::warn!(error = %error, "it is not written down where the pages are");
    }
    let database = app.store.describe().await.unwrap_or_else(|error| error.to_string());
    say(format!("  data      {} ({database})", whole(&args.store.data)));
    if let Some(problem) = app.vault_problem() {
        say(format!("  secrets   can't be read, everything else goes on. {problem}"));
    }
    tell_rules(app, &args.rules.rules).await;
    let outside = args.hooks_url.as_ref().map_or(base.as_str(), HooksUrl::base);
    tell_sources(app, outside, args.show_tokens);
    tell_first_link(served, args).await;
}

async fn tell_rules(app: &App, folder: &Path) {
    let diagnostics = app.folder_diagnostics().await;
    let errors = diagnostics.iter().filter(|told| told.severity == Severity::Error).count();
    let place = whole(folder);
    match app.active() {
        Some(active) => {
            let on = active.rules.values().filter(|rule| rule.enabled).count();
            let verb = if on == 1 { "is" } else { "are" };
            say(format!(
                "  rules     {place}: {} {verb} on, with {} and {} (ruleset {})",
                counted(on, "rule"),
                counted(active.sources.len(), "source"),
                counted(active.connections.len(), "connection"),
                active.hash
            ));
            if errors > 0 {
                say(format!(
                    "            The folder has {} now, so the last good rules go on. `waypost check --rules {}` \
                     shows where.",
                    counted(errors, "mistake"),
                    folder.display()
                ));
            } else if !folder.exists() {
                say(
                    "            The folder is not there, so the last good rules go on. Put it back, or name it with \
                     --rules.",
                );
            }
        }
        None if errors > 0 => say(format!(
            "  rules     {place}: none is at work, because the folder has {}. `waypost check --rules {}` shows where; \
             once mended they are at work by themselves.",
            counted(errors, "mistake"),
            folder.display()
        )),
        None => say(format!(
            "  rules     {place}: there is nothing yet, so no webhook is taken. Put a source into sources/, a \
             connection into connections/ and a rule at the top; they are at work as soon as they are there. \
             `waypost demo` shows how it looks."
        )),
    }
}

fn tell_sources(app: &App, base: &str, show_tokens: bool) {
    let Some(active) = app.active().filter(|active| !active.sources.is_empty()) else { return };
    say("\nThe booking system posts to:");
    for source in active.sources.values() {
        let paths = app.source_paths(source);
        if paths.is_empty() {
            say(format!(
                "  {}: its token has no value, so it answers 503. `waypost doctor` says more.",
                source.name
            ));
        }
        for path in paths {
            let path = if show_tokens { path } else { masked(&path) };
            say(format!("  {base}{path}"));
        }
    }
    if !show_tokens {
        say("(--show-tokens shows the whole addresses)");
    }
}

/// While nobody can look after people: the link by which the first account is made, new at each start. It is shown on a
/// terminal only; what goes into a file or a log would lie there for whoever reads it.
async fn tell_first_link(served: &Served, args: &Args) {
    let people = served.app.store.people();
    if people.has_admin().await.unwrap_or(true) {
        return;
    }
    if !std::io::stdout().is_terminal() {
        tracing::warn!(
            "nobody can sign in to the pages yet: `waypost user add EMAIL --role admin --link` prints a link for the first \
             account"
        );
        return;
    }
    match served.app.first_link().await {
        Ok(Some(link)) => {
            let base =
                args.ui_url.as_ref().map_or_else(|| format!("http://{}", served.ui_listen), UiUrl::base);
            say(
                "\nNobody has an account yet. This link makes the first one; it works once, and until the next start:",
            );
            say(format!("  {base}{}", link.path));
        }
        Ok(None) => {}
        Err(error) => tracing::error!(error = %error, cause = error.cause(), "no link for the first account"),
    }
}

/// A source's path without most of its token.
pub(super) fn masked(path: &str) -> String {
    let Some((head, token)) = path.rsplit_once('/') else { return String::new() };
    // A source whose address holds no secret.
    if head == "/hooks" {
        return path.to_owned();
    }
    // A short token would be given away by its first letters.
    let shown = if token.chars().count() >= 4 * TOKEN_SHOWN { TOKEN_SHOWN } else { 0 };
    format!("{head}/{}…", token.chars().take(shown).collect::<String>())
}

/// A folder with its whole path.
pub(super) fn whole(folder: &Path) -> String {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_masked_address_gives_nothing_away() {
        assert_eq!(masked("/hooks/tours/abcdefghijklmnopqrstuvwxyz"), "/hooks/tours/abcd…");
        assert_eq!(masked("/hooks/tours/short"), "/hooks/tours/…");
    }
}
