//! What is logged, and how it looks: for people on a terminal, as JSON elsewhere, always to standard error. Never guests'
//! data: the stages log names, ids and counts only.

use super::output::Wrong;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// What `serve` logs where nothing else is said.
const SERVING: &str = "info,sqlx=warn,actix_server=warn,actix_http=warn,hyper=warn,reqwest=warn";
/// What the other commands log.
const QUIET: &str = "warn,sqlx=error,actix_server=error";

/// Begins to log for `serve`. `filter` is `--log`; else `RUST_LOG`.
pub(super) fn start(filter: Option<&str>) -> anyhow::Result<()> {
    let environment = std::env::var("RUST_LOG").ok();
    let wanted = filter.or(environment.as_deref()).map(str::trim).filter(|text| !text.is_empty());
    let filter = EnvFilter::try_new(wanted.unwrap_or(SERVING)).map_err(|error| {
        Wrong::new(format!(
            "What is to be logged can't be read: {error}. Write a level, as in --log info, or parts with levels, as in \
             --log info,waypost=debug"
        ))
    })?;
    let terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second one is refused, and then the first goes on.
    let _ = if terminal {
        log.with_ansi(true).with_target(false).try_init()
    } else {
        log.json().flatten_event(true).try_init()
    };
    Ok(())
}

/// Warnings only, without time and place: for commands that answer and end.
pub(super) fn quiet() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(QUIET));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .try_init();
}
