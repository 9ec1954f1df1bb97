//! Asks for something that must not be seen: on a terminal without an echo, else from standard input. Never from the
//! command line, where `ps` and the shell's history would keep it. Asked by `secret` and `user`.

use super::output::{Wrong, note};
use super::serve::Signals;
use anyhow::Context;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::process::Stdio;

/// What is typed at a prompt on a terminal, else all of standard input but for one line break at its end.
pub(super) async fn asked(what: &str, bytes_max: u64) -> anyhow::Result<String> {
    let mut value = if std::io::stdin().is_terminal() {
        prompt(what, bytes_max).await?
    } else {
        let mut value = String::new();
        std::io::stdin()
            .lock()
            .take(bytes_max + 1)
            .read_to_string(&mut value)
            .context("the value can't be read from standard input")?;
        value
    };
    if value.ends_with('\n') {
        value.pop();
        if value.ends_with('\r') {
            value.pop();
        }
    }
    if value.is_empty() {
        return Err(Wrong::new("The value is empty. Nothing was changed"));
    }
    Ok(value)
}

/// Asks on the terminal, which shows nothing of what is typed, and shows it again whatever happens.
async fn prompt(what: &str, bytes_max: u64) -> anyhow::Result<String> {
    let mut signals = Signals::new()?;
    let hidden = Hidden::start()?;
    let _ = write!(std::io::stderr(), "{what} (not shown): ");
    let typed = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        std::io::stdin().lock().take(bytes_max + 1).read_line(&mut line).map(|_| line)
    });
    let line = tokio::select! {
        line = typed => line,
        () = signals.next() => {
            drop(hidden);
            note("");
            // The thread that waits for a line would hold the process.
            std::process::exit(130);
        }
    };
    drop(hidden);
    note("");
    line.context("the value can't be read")?.context("the value can't be read")
}

/// The terminal shows nothing of what is typed until this is dropped.
struct Hidden;

impl Hidden {
    fn start() -> anyhow::Result<Self> {
        anyhow::ensure!(
            stty("-echo"),
            "the terminal can't be told to hide what is typed. Give the value by standard input, as in `< FILE`"
        );
        Ok(Self)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        stty("echo");
    }
}

fn stty(mode: &str) -> bool {
    let told =
        std::process::Command::new("stty").arg(mode).stdin(Stdio::inherit()).stderr(Stdio::null()).status();
    told.is_ok_and(|status| status.success())
}
