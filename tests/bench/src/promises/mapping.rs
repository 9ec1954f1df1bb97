//! `tests/promises.toml`: which tests hold which promise, and where it ends; and in which file a test is.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::HashSet;
use std::path::Path;

/// Promises that the design has; those of the parts that came later stand behind them.
const PROMISES_MIN: usize = 10;

/// The file as a whole.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// What comes before them on the page.
    pub opening: String,
    /// In the order of their numbers.
    #[serde(rename = "promise")]
    pub promises: Vec<Promise>,
}

/// One promise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    pub number: usize,
    pub title: String,
    /// What is promised.
    pub words: String,
    /// Where it ends: what is not shown, or not promised.
    pub stops: Vec<String>,
    /// Keys of the bench that belong to it.
    #[serde(default)]
    pub figures: Vec<String>,
    /// Long runs that belong to it.
    #[serde(default)]
    pub runs: Vec<Run>,
    /// Names as cargo-nextest gives them: binary, a space, path of the test.
    pub tests: Vec<String>,
}

/// A long run of which the lines that sum it up are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Run {
    Kill,
    Sim,
    Histories,
    Rebookings,
    BackfillYear,
}

impl Run {
    pub const ALL: [Self; 5] = [Self::Kill, Self::Sim, Self::Histories, Self::Rebookings, Self::BackfillYear];

    /// What `make` calls it; the file that it leaves behind has that name, too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Sim => "sim",
            Self::Histories => "histories",
            Self::Rebookings => "rebookings",
            Self::BackfillYear => "backfill-year",
        }
    }
}

impl Mapping {
    /// Reads the file and looks whether it is whole.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("{} can't be read", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} can't be used", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let mapping: Self = toml::from_str(text)?;
        let numbers: Vec<usize> = mapping.promises.iter().map(|promise| promise.number).collect();
        ensure!(
            numbers == (1..=numbers.len().max(PROMISES_MIN)).collect::<Vec<_>>(),
            "it has the promises {numbers:?} and should have 1 to {PROMISES_MIN} and more, each once and in order"
        );
        for promise in &mapping.promises {
            let number = promise.number;
            ensure!(!promise.tests.is_empty(), "no test holds promise {number}");
            ensure!(!promise.stops.is_empty(), "promise {number} does not say where it ends (`stops`)");
            let mut seen = HashSet::new();
            for test in &promise.tests {
                ensure!(seen.insert(test), "promise {number} names {test} twice");
                ensure!(
                    test.contains(' '),
                    "{test:?} is no test: its binary, a space and its path are needed"
                );
            }
            for key in &promise.figures {
                let known = crate::figures::OURS.iter().any(|(known, _)| known == key);
                ensure!(known, "promise {number} names {key}, which the bench does not measure");
            }
        }
        Ok(mapping)
    }
}

/// A Rust file of the repository.
pub struct Source {
    /// From the repository's folder, with `/`.
    pub path: String,
    text: String,
}

/// All of `src` and `tests`.
pub fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("src"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder);
        for entry in entries.with_context(|| format!("{} can't be listed", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                if path.file_name().is_none_or(|name| name != "target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path);
                let text = text.with_context(|| format!("{} can't be read", path.display()))?;
                let below = path.strip_prefix(root).unwrap_or(&path);
                found.push(Source { path: below.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// The words of a test and, where it runs once on each database, which one that is.
pub fn words_of(name: &str) -> (&str, Option<&'static str>) {
    let path = name.rsplit(' ').next().unwrap_or(name);
    let (above, last) = path.rsplit_once("::").unwrap_or(("", path));
    let database = match last {
        "on_sqlite" => "SQLite",
        "on_postgres" => "Postgres",
        _ => return (last, None),
    };
    (above.rsplit("::").next().unwrap_or(above), Some(database))
}

/// The file that a test is in. Where several have a function of that name, the one whose path its modules name.
pub fn file_of<'a>(name: &str, sources: &'a [Source]) -> Option<&'a str> {
    let (binary, path) = name.split_once(' ')?;
    let folder = match binary.split_once("::") {
        None => "src/".to_owned(),
        Some((_, test)) => format!("tests/{test}"),
    };
    let function = format!("fn {}(", words_of(name).0);
    let here = sources.iter().filter(|source| {
        // `tests/kill/…` or `tests/tidy.rs`, and not `tests/killing/…`.
        let rest = source.path.strip_prefix(&folder);
        rest.is_some_and(|rest| folder.ends_with('/') || rest.starts_with(['/', '.']))
            && source.text.contains(&function)
    });
    let modules: Vec<&str> = path.split("::").collect();
    here.max_by_key(|source| {
        let parts = source.path.split(['/', '.']);
        parts.filter(|part| modules.contains(part)).count()
    })
    .map(|source| source.path.as_str())
}

#[cfg(test)]
mod tests {
    use super::{Mapping, Source, file_of, words_of};

    fn mapping(change: impl Fn(usize, &mut String)) -> anyhow::Result<Mapping> {
        mapping_of(11, change)
    }

    fn mapping_of(promises: usize, change: impl Fn(usize, &mut String)) -> anyhow::Result<Mapping> {
        let mut text = "opening = \"x\"\n".to_owned();
        for number in 1..=promises {
            let mut promise = format!(
                "[[promise]]\nnumber = {number}\ntitle = \"t\"\nwords = \"w\"\nstops = [\"s\"]\n\
                 figures = [\"ack_ratio\"]\nruns = [\"kill\"]\ntests = [\"waypost::kill a::b\"]\n"
            );
            change(number, &mut promise);
            text.push_str(&promise);
        }
        Mapping::parse(&text)
    }

    #[test]
    fn a_mapping_with_a_gap_is_refused() {
        assert!(mapping(|_, _| {}).is_ok());
        assert!(mapping_of(9, |_, _| {}).is_err());
        let told = |from: &str, to: &str| {
            let error = mapping(|number, text| {
                if number == 7 {
                    *text = text.replace(from, to);
                }
            });
            format!("{:#}", error.expect_err(to))
        };
        assert!(told("number = 7", "number = 8").contains("each once and in order"));
        assert!(told("[\"waypost::kill a::b\"]", "[]").contains("no test holds promise 7"));
        assert!(told("[\"s\"]", "[]").contains("promise 7 does not say where it ends"));
        assert!(told("waypost::kill a::b", "a::b").contains("is no test"));
        assert!(told("::b\"]", "::b\", \"waypost::kill a::b\"]").contains("twice"));
        assert!(told("ack_ratio", "ack_rate").contains("which the bench does not measure"));
        assert!(told("\"kill\"", "\"bench\"").contains("unknown variant"));
    }

    #[test]
    fn a_test_is_found_in_the_file_that_its_modules_name() {
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let sources = [
            source("src/rules/tests/planning.rs", "fn same_in_same_out() {"),
            source("src/expr/tests.rs", "fn bombs_end() {"),
            source("src/document/tests.rs", "fn bombs_end() {"),
            source("tests/contract/lanes.rs", "async fn a_lane(place: &Place) {"),
            source("tests/kills/rounds.rs", "fn it() {"),
            source("tests/tidy.rs", "fn files() {"),
        ];
        let file = |name| file_of(name, &sources);
        assert_eq!(
            file("waypost rules::tests::planning::same_in_same_out"),
            Some("src/rules/tests/planning.rs")
        );
        assert_eq!(file("waypost expr::tests::bombs_end"), Some("src/expr/tests.rs"));
        assert_eq!(file("waypost document::parse::tests::bombs_end"), Some("src/document/tests.rs"));
        assert_eq!(file("waypost::contract lanes::a_lane::on_sqlite"), Some("tests/contract/lanes.rs"));
        assert_eq!(file("waypost::tidy files"), Some("tests/tidy.rs"));
        assert_eq!(file("waypost::kill rounds::it"), None);
        assert_eq!(file("waypost rules::tests::planning::same_in"), None);
        assert_eq!(words_of("waypost::contract lanes::a_lane::on_postgres"), ("a_lane", Some("Postgres")));
        assert_eq!(words_of("waypost::tidy files"), ("files", None));
    }
}
