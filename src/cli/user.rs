//! `waypost user add|passwd|list`: accounts from the command line, also beside a running instance. A password is typed
//! without an echo or comes from standard input; or a one-time link is printed by which its owner chooses one.

use super::Ended;
use super::asked::asked;
use super::options::{FormOptions, StoreOptions};
use super::output::{Wrong, note, say, say_json};
use crate::app::{App, LinkMade, NewPerson, PeopleError, Who};
use crate::domain::Role;
use crate::ports::PersonRow;
use crate::told::Person;
use crate::web::UiUrl;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use std::sync::Arc;

/// A password is no file.
const PASSWORD_BYTES_MAX: u64 = 2_000;

/// Accounts of the pages: add, passwd, list
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost user add siobhan@example.org --name Siobhán --role admin
  waypost user passwd siobhan@example.org --link")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Add(AddArgs),
    Passwd(PasswdArgs),
    List(ListArgs),
}

/// Make an account; its password comes from standard input, or is asked for
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost user add siobhan@example.org --name Siobhán --role admin
  waypost user add olafur@example.org --link")]
struct AddArgs {
    /// What they sign in with
    #[arg(value_name = "EMAIL")]
    email: String,
    /// What they are called [default: the e-mail's first part]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What they may do
    #[arg(long, value_name = "ROLE", default_value = "viewer", value_parser = roles())]
    role: String,
    #[command(flatten)]
    link: LinkArgs,
    #[command(flatten)]
    store: StoreOptions,
}

/// Give an account another password; all its sessions end
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost user passwd siobhan@example.org
  waypost user passwd siobhan@example.org --link")]
struct PasswdArgs {
    /// What they sign in with
    #[arg(value_name = "EMAIL")]
    email: String,
    #[command(flatten)]
    link: LinkArgs,
    #[command(flatten)]
    store: StoreOptions,
}

/// Everybody who has an account
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost user list")]
struct ListArgs {
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

#[derive(clap::Args)]
struct LinkArgs {
    /// Ask for no password: print a one-time link by which they choose one
    #[arg(long)]
    link: bool,
    /// Where the pages are, for the link [default: as the router was last started]
    #[arg(long, env = "WAYPOST_UI_URL", value_name = "URL", value_parser = base)]
    ui_url: Option<String>,
}

fn roles() -> PossibleValuesParser {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str))
}

/// Where the pages are where nobody says otherwise.
const PAGES_USUAL: &str = "http://127.0.0.1:8081";

/// The URL of `serve`, or one of this machine.
pub(super) fn base(text: &str) -> Result<String, String> {
    match UiUrl::parse(text) {
        Ok(url) => Ok(url.base()),
        Err(_) if text.starts_with("http://127.0.0.1") || text.starts_with("http://localhost") => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        Err(why) => Err(why),
    }
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    match args.command {
        Command::Add(args) => add(args).await,
        Command::Passwd(args) => passwd(args).await,
        Command::List(args) => list(args).await,
    }
}

/// What was asked in a way that can't be answered ends with 2.
fn told(error: PeopleError) -> anyhow::Error {
    match error {
        PeopleError::NoEmail | PeopleError::NoName | PeopleError::Weak(_) => Wrong::new(error.to_string()),
        other => other.into(),
    }
}

async fn add(args: AddArgs) -> anyhow::Result<Ended> {
    let role = Role::parse(&args.role).unwrap_or_default();
    let app = args.store.open().await?;
    let name =
        args.name.clone().unwrap_or_else(|| args.email.split('@').next().unwrap_or_default().to_owned());
    let done = make(&app, &args, name, role).await;
    let pages = app.pages_at().await;
    let lone = role != Role::Admin && !app.store.people().has_admin().await.unwrap_or(true);
    app.store.close().await;
    let (person, link) = done?;
    say(format!("{} has an account now, as {}.", person.email, person.role.as_str()));
    tell_link(&args.link, link.as_ref(), pages?);
    if lone {
        note("Nobody can look after people yet: make an account with --role admin.");
    }
    Ok(Ended::Fine)
}

async fn make(
    app: &Arc<App>,
    args: &AddArgs,
    name: String,
    role: Role,
) -> anyhow::Result<(PersonRow, Option<LinkMade>)> {
    if args.link.link {
        let made = app.invite(&Who::command_line(), &args.email, &name, role).await.map_err(told)?;
        return Ok((made.0, Some(made.1)));
    }
    if app.person_by_email(&args.email).await.is_ok() {
        return Err(PeopleError::Taken.into());
    }
    let password = Some(password(&args.email).await?);
    let new = NewPerson { email: args.email.clone(), name, role, password };
    Ok((app.add_person(&Who::command_line(), new).await.map_err(told)?, None))
}

async fn passwd(args: PasswdArgs) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let done = change(&app, &args).await;
    let pages = app.pages_at().await;
    app.store.close().await;
    let (person, link) = done?;
    if link.is_none() {
        say(format!("{} has another password now, and is signed out everywhere.", person.email));
    }
    tell_link(&args.link, link.as_ref(), pages?);
    Ok(Ended::Fine)
}

async fn change(app: &Arc<App>, args: &PasswdArgs) -> anyhow::Result<(PersonRow, Option<LinkMade>)> {
    let person = app.person_by_email(&args.email).await.map_err(told)?;
    if args.link.link {
        let link = app.make_link(&Who::command_line(), &person).await?;
        return Ok((person, Some(link)));
    }
    let password = password(&person.email).await?;
    app.reset_password(&Who::command_line(), &person, password).await.map_err(told)?;
    Ok((person, None))
}

async fn password(email: &str) -> anyhow::Result<String> {
    asked(&format!("Password of {email}"), PASSWORD_BYTES_MAX).await
}

fn tell_link(args: &LinkArgs, link: Option<&LinkMade>, pages: Option<String>) {
    if let Some(link) = link {
        let known = args.ui_url.clone().or(pages);
        let base = known.as_deref().unwrap_or(PAGES_USUAL);
        say("This link lets its owner choose a password. It works once:");
        say(format!("  {base}{}", link.path));
        if known.is_none() {
            note(format!(
                "Waypost has not served from these data yet. Where its pages will be elsewhere than at {PAGES_USUAL}, put that \
                 in its place, or say so by --ui-url."
            ));
        }
    }
}

async fn list(args: ListArgs) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let people = app.store.people().people().await;
    app.store.close().await;
    let people = people?;
    let width = people.iter().map(|person| person.email.chars().count()).max().unwrap_or(0);
    for person in &people {
        let state = match (person.disabled_at, &person.password) {
            (Some(_), _) => "may not sign in",
            (None, None) => "has no password yet",
            (None, Some(_)) => "may sign in",
        };
        if args.form.json {
            say_json(&Person::of(person));
            continue;
        }
        let factor = if person.totp.is_some() { ", with a second factor" } else { "" };
        say(format!(
            "{:width$}  {:6}  {}  ({state}{factor})",
            person.email,
            person.role.as_str(),
            person.name
        ));
    }
    if people.is_empty() && !args.form.json {
        say("Nobody has an account yet.");
    }
    Ok(Ended::Fine)
}
