//! `waypost sandbox`: the sandbox CRM as a process of its own, for tests and trials.

use super::Ended;
use super::options::address;
use super::output::say;
use super::serve::Signals;
use crate::app::Machine;
use crate::sandbox;
use anyhow::Context;
use std::net::SocketAddr;

/// The sandbox CRM as a process of its own, for tests and trials
///
/// Keeps records by their keys in memory, counts calls and effects, and can be told to fail, to be slow, to answer 429
/// or to lose its answers: GET /_about tells how. Nothing is kept on disk.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost sandbox --listen 127.0.0.1:8090
  curl -X POST -d '{\"fail\": {\"status\": 503, \"times\": 3}}' http://127.0.0.1:8090/_behave")]
pub(super) struct Args {
    /// Where it listens
    #[arg(long, env = "WAYPOST_SANDBOX_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8090", value_parser = address)]
    listen: SocketAddr,
    /// Ask for this token as Authorization: Bearer TOKEN
    #[arg(long, env = "WAYPOST_SANDBOX_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let mut signals = Signals::new()?;
    let token = args.token.filter(|token| !token.is_empty());
    let mut sandbox = sandbox::start(args.listen, token, Machine::new().clock)
        .await
        .with_context(|| format!("{} can't be listened at", args.listen))?;
    say(format!("The sandbox CRM is at {}/", sandbox.url()));
    tokio::select! {
        ended = sandbox.wait() => {
            ended.context("the sandbox ended by itself")?;
        }
        () = signals.next() => sandbox.stop().await,
    }
    Ok(Ended::Fine)
}
