//! `waypost backup FILE`: a whole, consistent copy of the database, also while it is served.

use super::Ended;
use super::options::StoreOptions;
use super::output::say;
use super::serve::whole;
use std::path::PathBuf;

/// Write a whole, consistent copy of the database to a file, also while it is served
///
/// For the built-in database; for Postgres use pg_dump. The key that opens the secrets is not in the copy.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost backup /backups/waypost-2027-03-14.db")]
pub(super) struct Args {
    /// The file; there must be none of that name
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let done = app.store.backup(&args.file).await;
    app.store.close().await;
    done?;
    let bytes = std::fs::metadata(&args.file).map_or(0, |about| about.len());
    say(format!("The database is copied to {} ({} kB).", whole(&args.file), bytes.div_ceil(1_000)));
    let key = args.store.data.join("key");
    if key.exists() {
        say(format!(
            "The key that opens its secrets is not in it: keep {} too, in another place.",
            whole(&key)
        ));
    }
    Ok(Ended::Fine)
}
