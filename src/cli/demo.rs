//! `waypost demo`: everything on this machine's loopback with a throw-away home: the shipped example rules, the sandbox
//! CRM, a webhook sent by HTTP and seen through to its record. Says what happened by the same words as `explain`, and
//! stays until it is stopped; then its home is removed.

use super::demo_home::{Home, PAYLOADS, SOURCE, payload};
use super::explain::EventExplained;
use super::explained::{Told, remember, shown};
use super::output::{say, sentence};
use super::send::post;
use super::serve::Signals;
use super::{Ended, logging};
use crate::app::{App, Machine, ServeOptions, Served, start};
use crate::domain::EventId;
use crate::ingest::{HookLimits, Reached};
use crate::ports::ListFilter;
use crate::sandbox::{self, Sandbox};
use crate::web::Access;
use crate::workspace::generate_token;
use anyhow::Context;
use serde_json::Value;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// What does not arrive in this time does not arrive.
const ARRIVE_MAX: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Ports that are used where they are free.
const PORTS: [u16; 2] = [8080, 8081];

/// See a webhook go all the way, on this machine only
///
/// Starts everything with a throw-away home: the example rules, a sandbox CRM, pages. Sends three sample webhooks and
/// shows what came of them. Stays up until Ctrl-C; then nothing is left.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost demo")]
pub(super) struct Args {}

pub(super) async fn run(_args: Args) -> anyhow::Result<Ended> {
    logging::quiet();
    let mut signals = Signals::new()?;
    let machine = Machine::new();
    let sandbox = sandbox::start(SocketAddr::from(([127, 0, 0, 1], 0)), None, machine.clock.clone())
        .await
        .context("the sandbox CRM could not start")?;
    let home = Home::make(&machine, &sandbox.url())?;
    let [listen, ui_listen] = PORTS.map(free);
    let options = ServeOptions {
        places: home.places(),
        rules: home.rules(),
        listen,
        ui_listen,
        limits: HookLimits::default(),
        reached: Reached::default(),
        // The home is thrown away, and nobody else reaches it.
        access: Access::open(generate_token(&*machine.entropy)),
    };
    let ports = (machine.clock.clone(), machine.entropy.clone(), machine.outbound.clone());
    let served = start(options, ports.0, ports.1, ports.2).await?;
    let demo = Demo { machine, sandbox, home, served };
    let ended = tokio::select! {
        shown = demo.show() => match shown {
            Ok(()) => {
                signals.next().await;
                Ended::Fine
            }
            Err(error) => {
                eprintln!("{}", sentence(&error));
                Ended::NotFine
            }
        },
        () = signals.next() => Ended::Fine,
    };
    let Demo { sandbox, home, served, .. } = demo;
    let stopped = async {
        served.stop().await;
        sandbox.stop().await;
    };
    let ended = tokio::select! {
        () = stopped => ended,
        () = signals.next() => Ended::Interrupted,
    };
    drop(home);
    Ok(ended)
}

/// The address with this port where it is free, else with any.
fn free(port: u16) -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    match TcpListener::bind(address) {
        Ok(_) => address,
        Err(_) => SocketAddr::from(([127, 0, 0, 1], 0)),
    }
}

struct Demo {
    machine: Machine,
    sandbox: Sandbox,
    home: Home,
    served: Served,
}

impl Demo {
    async fn show(&self) -> anyhow::Result<()> {
        let app = &self.served.app;
        let ui = format!("http://{}/", self.served.ui_listen);
        say(format!("Waypost is running. Its pages: {ui}"));
        say(format!("The sandbox CRM:               {}/", self.sandbox.url()));
        let hook = self.hook(app)?;
        say("");
        say("A booking system posts three webhooks of one booking.");
        let mut guest = None;
        let mut known = Told::new();
        for (number, (name, what)) in PAYLOADS.iter().take(3).enumerate() {
            say(format!("\n{}. {what} ({name})", number + 1));
            let event = self.send(&hook, name).await?;
            let told = self.see_through(app, &event).await?;
            say(told.text(app, Some(&known)).trim_end());
            told.runs.iter().for_each(|run| remember(run, &mut known));
            guest = guest.or(self.guest(app, &told).await);
        }
        say("\nWhat the sandbox CRM holds now:");
        self.tell_records();
        say("");
        let guest = guest.context("the booking of the demo has no guest")?;
        say(format!("guest: {guest}"));
        say(format!("The same is on the page: {ui}"));
        say("");
        self.tell_more(&hook);
        Ok(())
    }

    /// The source's own address, token included: this home is thrown away.
    fn hook(&self, app: &App) -> anyhow::Result<String> {
        let active = app.active().context("the example rules are not at work")?;
        let source = active.sources.get(SOURCE).context("the example rules have no source")?;
        let path = app.source_paths(source).into_iter().next().context("the source has no address")?;
        Ok(format!("http://{}{path}", self.served.listen))
    }

    async fn send(&self, hook: &str, name: &str) -> anyhow::Result<EventId> {
        let body = payload(name).with_context(|| format!("there is no sample {name}"))?;
        let app = &self.served.app;
        let answer = post(&self.machine, hook.to_owned(), body.into()).await?;
        anyhow::ensure!(answer.status == 200, "the webhook was answered with {}", answer.status);
        say("   posted, and answered with 200: it is on disk.");
        let newest = ListFilter { source: Some(SOURCE.into()), limit: 1, ..ListFilter::default() };
        let event = app.store.list_events(&newest).await?.into_iter().next();
        Ok(event.context("the webhook was acknowledged and is not in the journal")?.id)
    }

    /// Waits until all runs of the event have ended.
    async fn see_through(&self, app: &App, event: &EventId) -> anyhow::Result<EventExplained> {
        let began = self.machine.clock.monotonic();
        loop {
            let told = EventExplained::of(app, event).await?;
            let applied = !told.event.changes.is_empty();
            if applied && told.runs.iter().all(|run| run.due.run.state.is_end()) {
                return Ok(told);
            }
            if self.machine.clock.monotonic() - began > ARRIVE_MAX.as_millis() as i64 {
                say(told.text(app, None));
                anyhow::bail!(
                    "the webhook did not arrive at the sandbox CRM within {} s",
                    ARRIVE_MAX.as_secs()
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn guest(&self, app: &App, told: &EventExplained) -> Option<String> {
        let id = told.event.changes.iter().find_map(|change| change.booking.clone())?;
        let (booking, _) = app.store.booking(&id).await.ok()??;
        booking.view.person.get("name").and_then(Value::as_str).map(str::to_owned)
    }

    fn tell_records(&self) {
        let records = self.sandbox.state().records();
        for (object, records) in records.as_object().into_iter().flatten() {
            for record in records.as_array().into_iter().flatten() {
                let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
                say(format!("  {object}  {id}"));
                for (name, value) in record.get("fields").and_then(Value::as_object).into_iter().flatten() {
                    say(format!("      {name:<12}  {}", shown(value)));
                }
            }
        }
    }

    fn tell_more(&self, hook: &str) {
        let program =
            std::env::current_exe().map_or_else(|_| "waypost".into(), |path| path.display().to_string());
        let (url, token) = hook
            .split_once("/hooks/")
            .map_or(("", ""), |(url, path)| (url, path.rsplit_once('/').map_or("", |(_, token)| token)));
        let (cancelled, _) = PAYLOADS[3];
        say("To send another, in a second terminal:");
        say(format!(
            "  {program} send {} --to {SOURCE} --url {url} --token {token} --data {}",
            self.home.payload(cancelled).display(),
            self.home.places().data.display()
        ));
        say("and to see what came of it:");
        say(format!("  {program} events --data {}", self.home.places().data.display()));
        say("\nCtrl-C ends the demo and removes its files.");
    }
}
