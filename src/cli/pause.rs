//! `waypost pause CONNECTION` and `waypost resume CONNECTION`.

use super::Ended;
use super::options::StoreOptions;
use super::output::{near, say};
use crate::app::AskError;

/// Stop calling a connection; its runs wait, and nothing is lost
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost pause hubspot")]
pub(super) struct PauseArgs {
    /// The connection
    #[arg(value_name = "CONNECTION")]
    connection: String,
    #[command(flatten)]
    store: StoreOptions,
}

/// Call a connection again; its runs become due
///
/// Also where it needs to be signed in again: the credential is tried anew.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost resume hubspot")]
pub(super) struct ResumeArgs {
    /// The connection
    #[arg(value_name = "CONNECTION")]
    connection: String,
    #[command(flatten)]
    store: StoreOptions,
}

pub(super) async fn pause(args: PauseArgs) -> anyhow::Result<Ended> {
    set(&args.store, &args.connection, true).await
}

pub(super) async fn resume(args: ResumeArgs) -> anyhow::Result<Ended> {
    set(&args.store, &args.connection, false).await
}

async fn set(store: &StoreOptions, connection: &str, pause: bool) -> anyhow::Result<Ended> {
    let app = store.open_existing().await?;
    let done = app.pause(connection, pause).await;
    app.store.close().await;
    match done {
        Ok(()) => {}
        Err(AskError::Unknown { .. }) => {
            let active = app.active();
            let known = active.iter().flat_map(|active| active.connections.keys().map(String::as_str));
            anyhow::bail!("there is no connection \"{connection}\"{}", near(connection, known));
        }
        Err(error) => return Err(error.into()),
    }
    say(if pause {
        format!(
            "{connection} is paused: a running instance stops calling it within two seconds, and its runs wait. `waypost resume {connection}` lets them go on."
        )
    } else {
        format!("{connection} goes on: its runs are due now.")
    });
    Ok(Ended::Fine)
}
