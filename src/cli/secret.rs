//! `waypost secret set|list|rm`: the vault. A value comes from standard input or from a prompt without echo, never from
//! the command line, where `ps` and the shell's history would keep it.

use super::Ended;
use super::asked::asked;
use super::options::{FormOptions, StoreOptions};
use super::output::{Wrong, note, say};
use clap::Subcommand;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

/// A value is a token or a key, not a file; the vault has the same limit.
const VALUE_BYTES_MAX: u64 = 64 << 10;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 100;

/// Keep secrets: set, list, rm
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost secret set hubspot-token
  waypost secret list")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Set(SetArgs),
    List(ListArgs),
    Rm(RmArgs),
}

/// Set a secret; its value comes from standard input, or is asked for
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost secret set hubspot-token
  waypost secret set hubspot-token < token.txt")]
struct SetArgs {
    /// Its name, as the rules folder says it
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    store: StoreOptions,
}

/// The secrets that there are, and those that the rules need; never their values
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost secret list")]
struct ListArgs {
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

/// Remove a secret
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost secret rm hubspot-token")]
struct RmArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    store: StoreOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    match args.command {
        Command::Set(args) => set(args).await,
        Command::List(args) => list(args).await,
        Command::Rm(args) => remove(args).await,
    }
}

async fn set(args: SetArgs) -> anyhow::Result<Ended> {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if args.name.is_empty() || args.name.chars().count() > NAME_CHARS_MAX || !args.name.chars().all(known) {
        return Err(Wrong::new(format!(
            "\"{}\" is no name of a secret. Use letters, digits, `-`, `_` and `.`",
            args.name
        )));
    }
    let app = args.store.open().await?;
    if let Some(problem) = app.vault_problem() {
        anyhow::bail!("{problem}");
    }
    let value: SecretString = asked(&format!("Value of {}", args.name), VALUE_BYTES_MAX).await?.into();
    app.set_secret(&args.name, value.expose_secret()).await?;
    let needed = app.secret_states().await?.into_iter().find(|state| state.name == args.name);
    app.store.close().await;
    say(format!("The secret {} is set. A running instance takes it up within two seconds.", args.name));
    if app.active().is_some() && needed.is_none_or(|state| state.needed_by.is_empty()) {
        note("No rule file names it yet: write `secret: NAME` where it is needed.");
    }
    Ok(Ended::Fine)
}

async fn list(args: ListArgs) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let states = app.secret_states().await?;
    app.store.close().await;
    if let Some(problem) = app.vault_problem() {
        note(problem);
    }
    let width = states.iter().map(|state| state.name.chars().count()).max().unwrap_or(0);
    for state in &states {
        if args.form.json {
            say(json!({ "name": state.name, "has_value": state.has_value, "needed_by": state.needed_by })
                .to_string());
            continue;
        }
        let value = if state.has_value { "has a value" } else { "has no value" };
        let needed = if state.needed_by.is_empty() {
            String::new()
        } else {
            format!(", for {}", state.needed_by.join(" and "))
        };
        say(format!("{:width$}  {value}{needed}", state.name));
    }
    if states.is_empty() && !args.form.json {
        say("There are no secrets yet.");
    }
    Ok(Ended::Fine)
}

async fn remove(args: RmArgs) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let removed = app.store.remove_secret(&args.name).await?;
    app.store.close().await;
    anyhow::ensure!(
        removed,
        "there is no secret \"{}\". `waypost secret list` shows those that there are",
        args.name
    );
    say(format!("The secret {} is removed.", args.name));
    Ok(Ended::Fine)
}
