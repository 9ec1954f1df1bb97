//! The text of `PROMISES.md`.

use super::mapping::{Mapping, Promise, Run, words_of};
use super::results::{Lines, Outcome};
use crate::figures::{Aim, NOISE, OURS};
use crate::report::number;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

/// Said where there was no bench.
const NO_BENCH: &str = "not measured yet: `make bench`";

/// What was tested.
pub struct About {
    pub version: String,
    /// The last commit that changed what is tested.
    pub commit: Option<String>,
    /// When the tests ran.
    pub tested: String,
    /// How many ran, failed, did not look.
    pub tests: [usize; 3],
    /// What to know about it.
    pub notes: Vec<String>,
}

/// One test of a promise; those that run on both databases are one.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Held {
    words: String,
    file: String,
    database: Option<&'static str>,
    outcome: Outcome,
}

impl Held {
    /// What came of a test, with the file that it is in.
    pub fn new(name: &str, file: &str, outcome: &Outcome) -> Self {
        let (words, database) = words_of(name);
        Self { words: words.replace('_', " "), file: file.to_owned(), database, outcome: outcome.clone() }
    }

    fn told(&self) -> String {
        let mut line = format!("- {} · [{}]({})", self.words, self.file, self.file);
        if let Some(database) = self.database {
            let _ = write!(line, " · {database}");
        }
        match &self.outcome {
            Outcome::Passed => {}
            Outcome::Failed => line.push_str(" · **FAILED**"),
            Outcome::Skipped(why) => {
                let _ = write!(line, " · **not run**: {why}");
            }
        }
        line
    }
}

/// All that is told.
pub struct Page<'a> {
    pub about: About,
    pub mapping: &'a Mapping,
    /// The tests of each promise, in its order.
    pub held: Vec<Vec<Held>>,
    pub bench: Option<&'a Value>,
    /// What long runs left behind.
    pub runs: HashMap<Run, Lines>,
}

impl Page<'_> {
    /// Whether each test that is named passed.
    pub fn all_passed(&self) -> bool {
        self.held.iter().flatten().all(|test| test.outcome.passed())
    }

    /// One line for who wrote it.
    pub fn summary(&self) -> String {
        // Some hold several promises.
        let tests: HashSet<&Held> = self.held.iter().flatten().collect();
        let count = |wanted: fn(&Held) -> bool| tests.iter().filter(|test| wanted(test)).count();
        format!(
            "{} promises, {} tests that hold them, {} failed, {} not run",
            self.held.len(),
            count(|_| true),
            count(|test| test.outcome == Outcome::Failed),
            count(|test| matches!(test.outcome, Outcome::Skipped(_)))
        )
    }

    /// The page.
    pub fn text(&self) -> String {
        let mut text =
            "# Promises\n\n<!-- Written by `make promises` from tests/promises.toml and from results. \
                        Changes made here are lost. -->\n\n"
                .to_owned();
        text.push_str(self.mapping.opening.trim());
        text.push_str("\n\n");
        text.push_str(&self.about_told());
        for (promise, tests) in self.mapping.promises.iter().zip(&self.held) {
            text.push_str(&self.promise_told(promise, tests));
        }
        text.push_str("\n## All figures\n\n");
        match self.bench {
            None => {
                let _ = writeln!(text, "{NO_BENCH}");
            }
            Some(bench) => {
                text.push_str(&bench_told(bench));
                let all: Vec<&str> = OURS.iter().map(|(key, _)| *key).collect();
                text.push_str(&table(bench, &all));
            }
        }
        text
    }

    fn about_told(&self) -> String {
        let About { version, commit, tested, tests: [all, failed, skipped], notes } = &self.about;
        let commit = commit.as_ref().map(|commit| format!(" (commit {commit})")).unwrap_or_default();
        let mut text = format!(
            "Waypost {version}{commit}: {all} tests ran at {tested}, {failed} failed, {skipped} were not run."
        );
        for note in notes {
            text.push(' ');
            text.push_str(note);
        }
        text.push('\n');
        text
    }

    fn promise_told(&self, promise: &Promise, tests: &[Held]) -> String {
        let failed = tests.iter().filter(|test| test.outcome == Outcome::Failed).count();
        let skipped = tests.iter().filter(|test| matches!(test.outcome, Outcome::Skipped(_))).count();
        let (number, title, all) = (promise.number, &promise.title, tests.len());
        let mut text = format!("\n## {number}. {title}");
        if failed > 0 {
            let _ = write!(text, ": NOT HELD, {failed} of {all} tests failed");
        } else if skipped > 0 {
            let _ = write!(text, ": not wholly shown, {skipped} of {all} tests not run");
        }
        let _ = write!(text, "\n\n{}\n\nWhere it stops:\n\n", promise.words.trim());
        for stop in &promise.stops {
            let _ = writeln!(text, "- {}", stop.trim());
        }
        let held = if failed > 0 { "To be held" } else { "Held" };
        let _ = writeln!(text, "\n{held} by {all} test{}:\n", if all == 1 { "" } else { "s" });
        for line in lines_of(tests) {
            let _ = writeln!(text, "{line}");
        }
        if !promise.figures.is_empty() {
            text.push_str("\nLast figures:");
            match self.bench {
                None => {
                    let _ = writeln!(text, " {}: {NO_BENCH}", promise.figures.join(", "));
                }
                Some(bench) => {
                    let keys: Vec<&str> = promise.figures.iter().map(String::as_str).collect();
                    let _ = write!(text, " {}\n\n{}", measured_at(bench), table(bench, &keys));
                }
            }
        }
        for run in &promise.runs {
            text.push_str(&run_told(run.name(), self.runs.get(run)));
        }
        text
    }
}

/// A line per test; the two databases share one where the same came of both.
fn lines_of(tests: &[Held]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut told = vec![false; tests.len()];
    for (at, test) in tests.iter().enumerate() {
        if told[at] {
            continue;
        }
        let twin = tests.iter().enumerate().skip(at + 1).find(|(_, other)| {
            test.database.is_some()
                && other.database != test.database
                && (&other.words, &other.file, &other.outcome) == (&test.words, &test.file, &test.outcome)
        });
        match twin {
            Some((twin, _)) => {
                told[twin] = true;
                let both = Held {
                    words: test.words.clone(),
                    file: test.file.clone(),
                    database: Some("SQLite, Postgres"),
                    outcome: test.outcome.clone(),
                };
                lines.push(both.told());
            }
            None => lines.push(test.told()),
        }
    }
    lines
}

fn run_told(name: &str, lines: Option<&Lines>) -> String {
    let Some(lines) = lines else { return format!("\n`make {name}`: not run yet.\n") };
    let fate = if lines.well { "" } else { " **It failed or broke off.**" };
    let mut text = format!("\nLast run of `{}`.{fate}\n", lines.about);
    if !lines.lines.is_empty() {
        let _ = write!(text, "\n```text\n{}\n```\n", lines.lines.join("\n"));
    }
    text
}

fn word<'a>(bench: &'a Value, key: &str) -> &'a str {
    bench[key].as_str().unwrap_or("unknown")
}

fn measured_at(bench: &Value) -> String {
    format!("{}, of {}, on {} CPUs", word(bench, "date"), word(bench, "version"), bench["cpus"])
}

/// What they were measured on, and how far they can be trusted.
fn bench_told(bench: &Value) -> String {
    let mut text = format!(
        "Measured {}: medians of {} rounds, {} events in each delivery run; the aim stands beside each figure. What the \
         keys mean is in [tests/bench](tests/bench/README.md).",
        measured_at(bench),
        bench["rounds"],
        bench["events_per_delivery_run"]
    );
    if let Some(noise) = bench["spread"][NOISE]["max"].as_f64() {
        let _ = write!(text, " Other programs used up to {} CPUs meanwhile.", number(noise));
    }
    for note in bench["notes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let _ = write!(text, " {note}");
    }
    text.push_str("\n\n");
    text
}

fn table(bench: &Value, keys: &[&str]) -> String {
    let mut text = "| figure | SQLite | Postgres | aim |\n|---|---|---|---|\n".to_owned();
    for key in keys {
        let aim = OURS.iter().find(|(known, _)| known == key).map_or(Aim::None, |(_, aim)| *aim);
        let [sqlite, postgres] = [&bench[*key], &bench["postgres"][*key]].map(|value| cell(value, aim));
        let _ = writeln!(text, "| `{key}` | {sqlite} | {postgres} | {} |", aim.told());
    }
    text
}

fn cell(value: &Value, aim: Aim) -> String {
    let Some(value) = value.as_f64() else { return "not measured".to_owned() };
    match aim.reached(value) {
        Some(true) => format!("{}, reached", number(value)),
        Some(false) => format!("{}, **not reached**", number(value)),
        None => number(value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::{Mapping, Promise, Run};
    use super::{About, Held, Lines, Outcome, Page};
    use serde_json::json;
    use std::collections::HashMap;

    fn mapping() -> Mapping {
        let promise = Promise {
            number: 1,
            title: "Ack means durable".to_owned(),
            words: "A 200 means stored.".to_owned(),
            stops: vec!["Power was never cut.".to_owned()],
            figures: vec!["ack_ratio".to_owned(), "acks_per_s".to_owned()],
            runs: vec![Run::Kill, Run::Sim],
            tests: Vec::new(),
        };
        Mapping { opening: "What is promised.".to_owned(), promises: vec![promise] }
    }

    fn page<'a>(mapping: &'a Mapping, outcome: &Outcome, bench: Option<&'a serde_json::Value>) -> Page<'a> {
        let about = About {
            version: "0.1.0".to_owned(),
            commit: Some("abc".to_owned()),
            tested: "2026-11-22T21:00:00Z".to_owned(),
            tests: [3, 0, 0],
            notes: Vec::new(),
        };
        let held = vec![vec![
            Held::new("waypost::contract a::an_end::on_postgres", "tests/contract/a.rs", &Outcome::Passed),
            Held::new("waypost::kill sync::each_200_is_synced", "tests/kill/sync.rs", outcome),
            Held::new("waypost::contract a::an_end::on_sqlite", "tests/contract/a.rs", &Outcome::Passed),
        ]];
        let kill = Lines { about: "make kill".to_owned(), lines: vec!["db=sqlite".to_owned()], well: true };
        Page { about, mapping, held, bench, runs: HashMap::from([(Run::Kill, kill)]) }
    }

    #[test]
    fn a_promise_is_told_with_its_tests_figures_and_end() {
        let mapping = mapping();
        let bench = json!({ "date": "2026-11-22", "version": "waypost 0.1.0", "cpus": 2, "rounds": 3,
                            "ack_ratio": 0.752, "acks_per_s": 21_300, "postgres": { "ack_ratio": 0.3 },
                            "spread": { "noise_cores": { "max": 0.5 } }, "notes": ["A note."] });
        let page = page(&mapping, &Outcome::Passed, Some(&bench));
        let text = page.text();
        for line in [
            "Waypost 0.1.0 (commit abc): 3 tests ran at 2026-11-22T21:00:00Z, 0 failed, 0 were not run.",
            "## 1. Ack means durable",
            "- Power was never cut.",
            "Held by 3 tests:",
            "- an end · [tests/contract/a.rs](tests/contract/a.rs) · SQLite, Postgres",
            "- each 200 is synced · [tests/kill/sync.rs](tests/kill/sync.rs)",
            "Last figures: 2026-11-22, of waypost 0.1.0, on 2 CPUs",
            "| `ack_ratio` | 0.75, reached | 0.30, **not reached** | at least 0.7 |",
            "| `acks_per_s` | 21,300 | not measured |  |",
            "Last run of `make kill`.",
            "`make sim`: not run yet.",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} is missing:\n{text}");
        }
        assert!(text.contains("Other programs used up to 0.50 CPUs meanwhile. A note."), "{text}");
        assert!(page.all_passed());
        assert_eq!(page.summary(), "1 promises, 3 tests that hold them, 0 failed, 0 not run");
    }

    #[test]
    fn what_failed_was_not_run_or_not_measured_is_said_in_its_place() {
        let mapping = mapping();
        let failed = page(&mapping, &Outcome::Failed, None);
        let text = failed.text();
        assert!(text.contains("\n## 1. Ack means durable: NOT HELD, 1 of 3 tests failed\n"), "{text}");
        assert!(text.contains("(tests/kill/sync.rs) · **FAILED**\n"), "{text}");
        assert!(text.contains("ack_ratio, acks_per_s: not measured yet: `make bench`\n"), "{text}");
        let skipped = page(&mapping, &Outcome::Skipped("no strace".to_owned()), None);
        let text = skipped.text();
        assert!(text.contains("durable: not wholly shown, 1 of 3 tests not run\n"), "{text}");
        assert!(text.contains("(tests/kill/sync.rs) · **not run**: no strace\n"), "{text}");
        assert!(!failed.all_passed() && !skipped.all_passed());
        let mut broken = page(&mapping, &Outcome::Passed, None);
        for lines in broken.runs.values_mut() {
            lines.well = false;
        }
        assert!(broken.text().contains("Last run of `make kill`. **It failed or broke off.**\n"));
    }
}
