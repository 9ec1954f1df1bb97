//! What came of the tests (cargo-nextest's JUnit report), and the lines that `make kill` and other long runs left behind.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::HashMap;
use std::path::Path;

/// With this a test says that it looked at nothing, since it was told to do without.
const NOT_RUN: &str = "NOT RUN:";

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Outcome {
    Passed,
    Failed,
    /// It did not look, and why.
    Skipped(String),
}

/// All tests of one run.
#[derive(Debug)]
pub struct Report {
    /// When it began, as written there.
    pub timestamp: String,
    outcomes: HashMap<String, Outcome>,
}

#[derive(Deserialize)]
struct Suites {
    #[serde(rename = "@timestamp", default)]
    timestamp: String,
    #[serde(rename = "testsuite", default)]
    suites: Vec<Suite>,
}

#[derive(Deserialize)]
struct Suite {
    #[serde(rename = "@name")]
    name: String,
    #[serde(rename = "testcase", default)]
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    #[serde(rename = "@name")]
    name: String,
    #[serde(default)]
    failure: Option<IgnoredAny>,
    #[serde(default)]
    error: Option<IgnoredAny>,
    #[serde(default)]
    skipped: Option<IgnoredAny>,
    #[serde(rename = "system-out", default)]
    out: String,
}

impl Report {
    /// Reads a report.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| {
            format!("there is no report {}: `make promises` runs the tests and writes one", path.display())
        })?;
        Self::parse(&text).with_context(|| format!("{} is no JUnit report", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let suites: Suites = quick_xml::de::from_str(text)?;
        let mut outcomes = HashMap::new();
        for suite in &suites.suites {
            for case in &suite.cases {
                outcomes.insert(format!("{} {}", suite.name, case.name), case.outcome());
            }
        }
        ensure!(!outcomes.is_empty(), "it has no tests");
        ensure!(!suites.timestamp.is_empty(), "it does not say when the tests ran");
        Ok(Self { timestamp: suites.timestamp, outcomes })
    }

    /// By binary, a space and the test's path; nothing where it was not run.
    pub fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.outcomes.get(name)
    }

    /// How many there were, failed, and did not look.
    pub fn tally(&self) -> [usize; 3] {
        let count = |wanted: fn(&Outcome) -> bool| self.outcomes.values().filter(|one| wanted(one)).count();
        [
            self.outcomes.len(),
            count(|one| *one == Outcome::Failed),
            count(|one| matches!(one, Outcome::Skipped(_))),
        ]
    }

    /// When it began, in seconds since 1970.
    pub fn seconds(&self) -> Option<i64> {
        let (moment, offset) = self.timestamp.split_at_checked(19)?;
        let moment = humantime::parse_rfc3339(&format!("{moment}Z")).ok()?;
        let moment = moment.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs() as i64;
        let zone = offset.find(['+', '-', 'Z']).map(|at| &offset[at..])?;
        if zone == "Z" {
            return Some(moment);
        }
        let (hours, minutes) = zone.get(1..)?.split_once(':')?;
        let ahead = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
        Some(if zone.starts_with('-') { moment + ahead } else { moment - ahead })
    }
}

impl Case {
    fn outcome(&self) -> Outcome {
        if self.failure.is_some() || self.error.is_some() {
            return Outcome::Failed;
        }
        let told = self.out.lines().find_map(|line| line.split_once(NOT_RUN));
        match (told, &self.skipped) {
            (Some((_, why)), _) => Outcome::Skipped(why.trim().to_owned()),
            (None, Some(_)) => Outcome::Skipped("it is not run with the others".to_owned()),
            (None, None) => Outcome::Passed,
        }
    }
}

/// What a long run left behind: a line that says what it was, the lines that sum it up, and whether it went well.
#[derive(Debug, PartialEq)]
pub struct Lines {
    pub about: String,
    pub lines: Vec<String>,
    pub well: bool,
}

impl Lines {
    /// Nothing where it was not run yet.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(Self::parse(&text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} can't be read", path.display())),
        }
    }

    fn parse(text: &str) -> Self {
        // Nothing but figures: `db=sqlite rounds=200 acked=3800`.
        let sums = |line: &&str| line.contains(' ') && line.split(' ').all(|word| word.contains('='));
        let about = text.lines().next().unwrap_or_default();
        Self {
            about: about.trim_start_matches("# ").to_owned(),
            // The dots and letters of tests that ended may stand before it on the line.
            lines: text
                .lines()
                .map(|line| line.trim_start_matches(['.', 'F']).trim())
                .filter(sums)
                .map(str::to_owned)
                .collect(),
            well: text.contains("test result: ok") && !text.contains("test result: FAILED"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, Outcome, Report};

    const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="4" failures="1" errors="0" uuid="x" timestamp="2026-11-22T21:00:00.125+01:00" time="9.5">
    <testsuite name="waypost::kill" tests="2" disabled="0" errors="0" failures="0">
        <testcase name="sync::each_200" classname="waypost::kill" timestamp="2026-11-22T21:00:00.125+01:00" time="1.5">
            <system-out>running 1 test
NOT RUN: the sync &lt;before&gt; each 200, since WAYPOST_NO_STRACE=1
</system-out>
        </testcase>
        <testcase name="rounds::kill_9" classname="waypost::kill" time="1.5">
            <system-out>fine &amp; good</system-out>
            <system-err></system-err>
        </testcase>
    </testsuite>
    <testsuite name="waypost" tests="2" disabled="0" errors="0" failures="1">
        <testcase name="a::b" classname="waypost" time="0.1">
            <failure message="boom" type="test failure with exit code 101">thread panicked</failure>
            <system-out>NOT RUN: nothing</system-out>
        </testcase>
        <testcase name="a::c" classname="waypost" time="0.1"/>
    </testsuite>
</testsuites>"#;

    #[test]
    fn a_report_tells_who_passed_failed_and_did_not_look() {
        let report = Report::parse(REPORT).expect("a report");
        let skipped = Outcome::Skipped("the sync <before> each 200, since WAYPOST_NO_STRACE=1".to_owned());
        assert_eq!(report.outcome("waypost::kill sync::each_200"), Some(&skipped));
        assert_eq!(report.outcome("waypost::kill rounds::kill_9"), Some(&Outcome::Passed));
        assert_eq!(report.outcome("waypost a::b"), Some(&Outcome::Failed));
        assert_eq!(report.outcome("waypost a::c"), Some(&Outcome::Passed));
        assert_eq!(report.outcome("waypost a::d"), None);
        assert_eq!(report.tally(), [4, 1, 1]);
        assert_eq!(report.seconds(), Some(1_795_377_600));
        for empty in ["", "<testsuites timestamp=\"x\"></testsuites>", "{}"] {
            assert!(Report::parse(empty).is_err(), "{empty:?}");
        }
    }

    #[test]
    fn the_lines_that_sum_up_are_taken_and_a_run_that_broke_off_is_not_well() {
        let text = "# make kill ROUNDS=200, 2026-11-22T21:00:00Z\nrunning 2 tests\n\
                    db=sqlite seed=7 (again with WAYPOST_KILL_SEED=7)\n\
                    .db=sqlite rounds=200 acked=3800 lost=0 doubled=0 diverged=0\n  38 bodies\nhistories=9 diverged=0\n\
                    seed=7\n";
        let broken = Lines::parse(text);
        assert_eq!(broken.about, "make kill ROUNDS=200, 2026-11-22T21:00:00Z");
        assert_eq!(
            broken.lines,
            ["db=sqlite rounds=200 acked=3800 lost=0 doubled=0 diverged=0", "histories=9 diverged=0"]
        );
        assert!(!broken.well);
        assert!(Lines::parse(&format!("{text}test result: ok. 2 passed; 0 failed\n")).well);
        assert!(!Lines::parse(&format!("{text}test result: FAILED. 1 passed\ntest result: ok.")).well);
    }
}
