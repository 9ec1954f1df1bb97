//! What is logged, and how it looks: for people on a terminal, as JSON elsewhere, always to standard error. Never guests'
//! data: the stages log names, ids and counts only, and no line for an event that goes its way (the pages and `/metrics`
//! tell of those). `tests/faults/logs.rs` looks at a log after all went wrong.

use super::output::Wrong;
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// What `serve` logs where nothing else is said. Strangers who send what is no HTTP write no lines into it.
const SERVING: &str = "info,sqlx=warn,actix_server=warn,actix_http=off,hyper=warn,reqwest=warn";
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
    log_panics();
    Ok(())
}

/// A panic is a line of the log like others: where it came up, and what it said only where those are words of the program.
/// What is put together when it happens ("byte index 1 is not a char boundary of …") may have a guest in it, and is told
/// at the level `debug` alone.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let said = words_of_the_program(panic.payload());
        let trace = Backtrace::capture();
        let trace = (trace.status() == BacktraceStatus::Captured).then(|| trace.to_string());
        tracing::error!(place, said, trace, "a mistake of Waypost came up");
        if let Some(said) = panic.payload().downcast_ref::<String>() {
            tracing::debug!(place, said, "what the mistake said");
        }
    }));
}

/// What a panic said, unless it was put together from values.
fn words_of_the_program(payload: &dyn Any) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("(values may be in it: --log debug tells)")
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

#[cfg(test)]
mod tests {
    use super::words_of_the_program;
    use std::panic::catch_unwind;

    #[test]
    fn a_panic_tells_its_own_words_and_no_values() {
        let guest = std::hint::black_box(String::from("Ólafur Ævar Þórsson"));
        let of_program = catch_unwind(|| panic!("two calls of one record")).expect_err("it panics");
        assert_eq!(words_of_the_program(&*of_program), "two calls of one record");
        let with_values = catch_unwind(|| assert!(guest.is_empty(), "{guest} is not nobody"));
        let sliced = catch_unwind(|| guest[..1].len());
        let unwrapped = catch_unwind(|| std::hint::black_box(Err::<(), _>(guest.clone())).expect("nobody"));
        for payload in [with_values.err(), sliced.err(), unwrapped.err()] {
            let payload = payload.expect("it panics");
            assert!(payload.downcast_ref::<String>().is_some_and(|said| said.contains("lafur")));
            assert!(!words_of_the_program(&*payload).contains("lafur"));
        }
    }
}
