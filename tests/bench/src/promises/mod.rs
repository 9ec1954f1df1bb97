//! Writes `PROMISES.md`: each promise of the design, the tests that hold it with what came of them, the last figures, and
//! where the promise ends. Called by `make promises`.
//!
//! * [`mapping`]: `tests/promises.toml`, the one file that people write
//! * [`results`]: the JUnit report of cargo-nextest, and what `make kill` and other long runs printed
//! * [`page`]: the text
//!
//! It can't tell of a test that is not in the report, and takes no result from anywhere else.

mod mapping;
mod page;
mod results;

use anyhow::{Context, Result, bail, ensure};
use mapping::{Mapping, Run, Source};
use page::{About, Held, Page};
use results::{Lines, Outcome, Report};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where everything is.
#[derive(clap::Args)]
pub struct Args {
    /// The report of `cargo nextest run --profile promises`
    #[arg(long, value_name = "FILE")]
    results: PathBuf,
    /// Where `bench.json`, `kill.txt` and what other long runs left are
    #[arg(long, value_name = "DIR", default_value = "target")]
    built: PathBuf,
    /// The repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
}

/// Writes the page; an error where it can't be written truthfully, or where a test that is named in it did not pass.
pub fn write(args: &Args) -> Result<()> {
    let mapping = Mapping::read(&args.root.join("tests/promises.toml"))?;
    let report = Report::read(&args.results)?;
    let sources = mapping::sources(&args.root)?;
    let held = held(&mapping, &report, &sources)?;
    let bench = bench(&args.built.join("bench.json"))?;
    let mut runs = HashMap::new();
    for run in Run::ALL {
        if let Some(lines) = Lines::read(&args.built.join(format!("{}.txt", run.name())))? {
            runs.insert(run, lines);
        }
    }
    let page =
        Page { about: about(&args.root, &report)?, mapping: &mapping, held, bench: bench.as_ref(), runs };
    let path = args.root.join("PROMISES.md");
    std::fs::write(&path, page.text()).with_context(|| format!("{} can't be written", path.display()))?;
    println!("{} is written: {}", path.display(), page.summary());
    ensure!(page.all_passed(), "not all of the tests that hold the promises passed; PROMISES.md says which");
    Ok(())
}

/// Puts each named test beside what came of it; all that are missing are told at once.
fn held(mapping: &Mapping, report: &Report, sources: &[Source]) -> Result<Vec<Vec<Held>>> {
    let mut missing = String::new();
    let mut held = Vec::new();
    for promise in &mapping.promises {
        let mut tests = Vec::new();
        for name in &promise.tests {
            let outcome = report.outcome(name);
            let source = mapping::file_of(name, sources);
            match (outcome, source) {
                (Some(outcome), Some(file)) => tests.push(Held::new(name, file, outcome)),
                (None, _) => {
                    let _ = writeln!(missing, "  {name} (promise {}): not in the report", promise.number);
                }
                (_, None) => {
                    let _ = writeln!(missing, "  {name} (promise {}): not in the sources", promise.number);
                }
            }
        }
        held.push(tests);
    }
    if !missing.is_empty() {
        bail!(
            "tests/promises.toml names tests that were renamed, deleted or not run:\n{missing}Name the tests that hold \
             these promises now, or run all of them."
        );
    }
    Ok(held)
}

/// Figures of the last bench; nothing where there was none.
fn bench(path: &Path) -> Result<Option<serde_json::Value>> {
    match std::fs::read(path) {
        Ok(text) => {
            let value = serde_json::from_slice(&text);
            value.map(Some).with_context(|| format!("{} can't be read: run make bench again", path.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} can't be read", path.display())),
    }
}

/// What was tested, and whether the sources are still those.
fn about(root: &Path, report: &Report) -> Result<About> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).context("Cargo.toml can't be read")?;
    let manifest: toml::Table = manifest.parse().context("Cargo.toml can't be read")?;
    let version = manifest.get("package").and_then(|package| package.get("version")?.as_str());
    let version = version.context("Cargo.toml has no version")?.to_owned();
    let git = |arguments: &[&str]| -> Option<String> {
        let out = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    let watched = ["--", "src", "tests", "rules", "Cargo.toml", "Cargo.lock"];
    let ask = |arguments: &[&str]| git(&[arguments, &watched[..]].concat());
    let mut notes = Vec::new();
    match ask(&["status", "--porcelain"]) {
        None => notes.push("The state of the sources is not known: git can't be asked here.".to_owned()),
        Some(changed) if !changed.is_empty() => {
            notes.push(format!("{} files had changes that are not committed.", changed.lines().count()));
        }
        Some(_) => {}
    }
    let changed = ask(&["log", "-1", "--format=%ct"]).and_then(|seconds| seconds.parse::<i64>().ok());
    if let Some((changed, tested)) = changed.zip(report.seconds())
        && changed > tested
    {
        notes.push("**The sources were changed after the tests ran: run `make promises` again.**".to_owned());
    }
    let commit = ask(&["log", "-1", "--format=%h"]).filter(|commit| !commit.is_empty());
    Ok(About { version, commit, tested: report.timestamp.clone(), tests: report.tally(), notes })
}

impl Outcome {
    /// Whether it counts as shown.
    fn passed(&self) -> bool {
        *self == Self::Passed
    }
}
