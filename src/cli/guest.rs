//! `waypost guest export|erase`: what is kept about one guest, for whoever asks to see it or to have it erased. Whom is typed
//! or comes from standard input, never from the command line, which the shell keeps.

use super::Ended;
use super::asked::asked;
use super::options::StoreOptions;
use super::output::{Wrong, counted, note, say};
use crate::app::{GuestError, Who};
use clap::Subcommand;

/// An address is no file.
const WHO_BYTES_MAX: u64 = 1_000;

/// What is kept about one guest: export, erase
///
/// Whom is asked for, or read from standard input: the whole e-mail address, the phone number, or one booking's number.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost guest export < address.txt > guest.json
  waypost guest erase --bookings 2 < address.txt")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Export(ExportArgs),
    Erase(EraseArgs),
}

/// Print all that is kept about a guest, as one JSON document
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost guest export < address.txt > guest.json")]
struct ExportArgs {
    #[command(flatten)]
    store: StoreOptions,
}

/// Erase a guest from their bookings and all that came of them
///
/// Without --bookings it says how many bookings there are and changes nothing. CRMs, the booking system and backups are left
/// as they are.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost guest erase < address.txt
  waypost guest erase --bookings 2 < address.txt")]
struct EraseArgs {
    /// How many bookings are erased: as many as it said there are
    #[arg(long, value_name = "NUMBER")]
    bookings: Option<usize>,
    #[command(flatten)]
    store: StoreOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    match args.command {
        Command::Export(args) => export(args).await,
        Command::Erase(args) => erase(args).await,
    }
}

async fn who() -> anyhow::Result<String> {
    asked("E-mail address, phone or booking number", WHO_BYTES_MAX).await
}

fn told(error: GuestError) -> anyhow::Error {
    match error {
        GuestError::Nothing => Wrong::new(error.to_string()),
        GuestError::UnderWay(_) => anyhow::anyhow!(
            "{error}. Nothing was erased. Let them end, or cancel them: `waypost runs --state waiting` shows them"
        ),
        GuestError::BeingFetched => anyhow::anyhow!(
            "{error}. What stood before it is erased, this booking is not. Wait until it came, or mend what keeps it from \
             coming: `waypost doctor` tells"
        ),
        error => error.into(),
    }
}

async fn export(args: ExportArgs) -> anyhow::Result<Ended> {
    let who = who().await?;
    let app = args.store.open_existing().await?;
    let exported = app.export_guest(&Who::command_line(), &who).await;
    app.store.close().await;
    match exported {
        Ok(all) => say(serde_json::to_string_pretty(&all)?),
        Err(GuestError::Nobody) => {
            note(format!("Nothing is kept: {}.", GuestError::Nobody));
            return Ok(Ended::NotFine);
        }
        Err(error) => return Err(told(error)),
    }
    Ok(Ended::Fine)
}

async fn erase(args: EraseArgs) -> anyhow::Result<Ended> {
    let who = who().await?;
    let app = args.store.open_existing().await?;
    let guest = match app.guest(&who).await {
        Ok(guest) => guest,
        Err(GuestError::Nobody) => {
            app.store.close().await;
            note(format!("Nothing was erased: {}.", GuestError::Nobody));
            return Ok(Ended::NotFine);
        }
        Err(error) => return Err(told(error)),
    };
    let count = guest.bookings.len();
    if args.bookings != Some(count) {
        app.store.close().await;
        note(format!(
            "{} this guest's. Nothing was erased. `waypost guest erase --bookings {count}` erases the guest \
             from them, which can't be undone.",
            if count == 1 { "1 booking is".to_owned() } else { format!("{count} bookings are") }
        ));
        return Ok(if args.bookings.is_some() { Ended::NotFine } else { Ended::Fine });
    }
    let erased = app.erase_guest(&Who::command_line(), &who, &guest.mark()).await;
    app.store.close().await;
    let (_, done) = erased.map_err(told)?;
    say(format!(
        "The guest is erased from {}, with {} and what was sent by {}. The booking system, the CRMs and \
         older backups still have what they had.",
        counted(done.bookings, "booking"),
        counted(done.webhooks, "webhook"),
        counted(done.runs, "run")
    ));
    Ok(Ended::Fine)
}
