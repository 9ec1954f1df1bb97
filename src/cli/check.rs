//! `waypost check`: validates a ruleset and tells all that is wrong with it, with the place, the excerpt and a way out.
//! Needs no database. Exit code 1 where there is an error, 0 with warnings, 2 where there is no folder to check.

use super::Ended;
use super::options::{FormOptions, RulesOptions, StoreOptions};
use crate::connectors::SecretRef;
use crate::document::{Diagnostic, Severity, render};
use crate::ports::Secrets;
use crate::rules::{Ruleset, compile};
use crate::told::Mistake;
use crate::workspace::{FolderRead, read_folder};
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Validate a rules folder: mistakes with their place and a way out
///
/// Needs no database; where the data is at hand, secrets without a value are told too. Ends with 1 where there is an
/// error, and with 0 where there are only warnings.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost check --rules rules")]
pub(super) struct Args {
    #[command(flatten)]
    rules: RulesOptions,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

/// The vault is an extra: it gets so long.
const VAULT_WAIT: Duration = Duration::from_secs(3);

/// The command.
pub(super) async fn command(args: Args) -> anyhow::Result<Ended> {
    let app = if args.store.holds_something() {
        tokio::time::timeout(VAULT_WAIT, args.store.open()).await.ok().and_then(Result::ok)
    } else {
        None
    };
    let app = app.filter(|app| app.vault_problem().is_none());
    let code = match &app {
        Some(app) => {
            let has = |name: &str| app.secrets.vault(name).is_some();
            run_with_vault(&args.rules.rules, args.form.json, Some(&has))?
        }
        // Without a database no secret of the vault has a value; with one that can't be read nothing is known.
        None if !args.store.holds_something() => {
            run_with_vault(&args.rules.rules, args.form.json, Some(&|_: &str| false))?
        }
        None => run(&args.rules.rules, args.form.json)?,
    };
    if let Some(app) = app {
        app.store.close().await;
    }
    Ok(match code {
        0 => Ended::Fine,
        1 => Ended::NotFine,
        _ => Ended::WrongUse,
    })
}

/// Whether the vault has a value for a name; `None` where no vault is at hand, and then nothing is said about it.
pub type Vault<'v> = Option<&'v dyn Fn(&str) -> bool>;

/// What there is to say, and the exit code.
pub struct Report {
    /// The whole text, with a line break at its end (empty: nothing to say).
    pub text: String,
    /// Exit code.
    pub code: i32,
}

/// Runs the command: prints the report and gives the exit code.
pub fn run(rules_dir: &Path, json: bool) -> anyhow::Result<i32> {
    run_with_vault(rules_dir, json, None)
}

/// The same with a vault at hand.
pub fn run_with_vault(rules_dir: &Path, json: bool, vault: Vault<'_>) -> anyhow::Result<i32> {
    let folder = match read_folder(rules_dir) {
        Ok(folder) => folder,
        Err(error) => {
            eprintln!("{:#}", anyhow::Error::from(error));
            return Ok(2);
        }
    };
    let has_secret = |secret: &SecretRef| match secret {
        SecretRef::Vault(name) => vault.is_none_or(|has| has(name)),
        SecretRef::Env(name) => std::env::var_os(name).is_some_and(|value| !value.is_empty()),
    };
    let report = report(folder, json, &has_secret);
    let mut out = std::io::stdout().lock();
    out.write_all(report.text.as_bytes())?;
    out.flush()?;
    Ok(report.code)
}

/// The report on a folder that was read.
pub fn report(folder: FolderRead, json: bool, has_secret: &dyn Fn(&SecretRef) -> bool) -> Report {
    let compiled = compile(&folder.files, Some(has_secret));
    let mut diagnostics = folder.diagnostics;
    if folder.files.texts.is_empty() && diagnostics.is_empty() {
        let told = Diagnostic::warning(".", None, "There are no rules in this folder.");
        diagnostics
            .push(told.hint("is it the right one? Rules are the files at its top that end with `.yaml`"));
    }
    diagnostics.extend(compiled.diagnostics);
    diagnostics.sort_by(|one, other| one.file.cmp(&other.file).then(one.place.cmp(&other.place)));
    let errors = diagnostics.iter().filter(|told| told.severity == Severity::Error).count();
    let warnings = diagnostics.len() - errors;
    let mut text = String::new();
    for told in &diagnostics {
        if json {
            text.push_str(&json!(Mistake::of(told)).to_string());
            text.push('\n');
        } else {
            text.push_str(&render(told, folder.files.texts.get(&told.file).map(String::as_str)));
            text.push_str("\n\n");
        }
    }
    if !json {
        text.push_str(&summary(errors, warnings, compiled.ruleset.as_deref()));
        text.push('\n');
    }
    Report { text, code: i32::from(errors > 0) }
}

fn summary(errors: usize, warnings: usize, ruleset: Option<&Ruleset>) -> String {
    match (errors, warnings, ruleset) {
        (0, 0, Some(ruleset)) => format!(
            "All is well: {}, {}, {} (ruleset {}).",
            counted(ruleset.rules.len(), "rule"),
            counted(ruleset.sources.len(), "source"),
            counted(ruleset.connections.len(), "connection"),
            ruleset.hash
        ),
        (0, _, _) => format!("{}; the ruleset works.", counted(warnings, "warning")),
        (_, 0, _) => format!("{}; a running Waypost would not take this up.", counted(errors, "error")),
        _ => format!(
            "{} and {}; a running Waypost would not take this up.",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
