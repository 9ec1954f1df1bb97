//! Keeps the house in order: who may use whom, where SQL may stand, how large a file may grow, that every file says what
//! it is for, that nothing lies about unused, and that the promises name tests that are there. Reads the sources as text,
//! lists everything that is wrong at once, and says with each what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a file may have.
const FILE_LINES_MAX: usize = 600;

/// Who may use whom: a module at the top of `src/`, and the others that its code (not its tests) may name.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("ports", &["domain"]),
    ("document", &["domain"]),
    ("expr", &["domain", "document"]),
    ("connectors", &["domain", "document", "expr", "ports"]),
    ("rules", &["domain", "document", "expr", "connectors"]),
    ("metrics", &["domain", "ports"]),
    ("ingest", &["domain", "ports", "metrics"]),
    ("bookings", STAGE_USES),
    ("delivery", STAGE_USES),
    ("fetch", STAGE_USES),
    ("walk", STAGE_USES),
    ("alerts", STAGE_USES),
    ("clock", &["domain", "ports"]),
    ("outbound", &["domain", "ports"]),
    ("sandbox", &["domain", "ports"]),
    // Calls booking systems as their manifests say.
    ("source_api", &["domain", "ports", "connectors", "expr"]),
    ("priority", &[]),
    ("store", &["domain", "ports", "priority"]),
    ("workspace", &["domain", "ports", "document", "rules"]),
    (
        "runner",
        &[
            "domain",
            "ports",
            "rules",
            "connectors",
            "ingest",
            "bookings",
            "delivery",
            "fetch",
            "source_api",
            "alerts",
            "walk",
            "workspace",
            "app",
            "priority",
        ],
    ),
    ("docs", &["ingest", "bookings", "delivery", "walk"]),
    ("told", &["domain", "ports", "document", "rules", "rehearsal", "app"]),
    (
        "web",
        &["domain", "ports", "document", "rules", "connectors", "expr", "ingest", "metrics", "app", "told"],
    ),
];

/// Stages meet in the tables and never name each other.
const STAGE_USES: &[&str] = &["domain", "ports", "rules", "connectors", "expr"];

/// These wire the rest together and may name all of it but the faces' insides.
const WIRES: &[&str] = &["app", "cli", "rehearsal", "main", "lib"];

/// These know no clock, file, network, thread or database.
const PURE: &[&str] = &["domain", "document", "expr", "connectors", "rules"];
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "tokio::",
    "reqwest",
    "actix_web",
    "sqlx",
    "getrandom",
];

/// What a pure file may touch all the same, and why that keeps it pure.
const EXCUSED: &[(&str, &str)] = &[
    // A larger stack for values that nest deeply; the thread is joined before the function returns.
    ("src/expr/engine.rs", "std::thread"),
];

/// How SQL begins. In other files than the store's it is a sign that a layer was skipped.
const SQL: &[&str] = &["SELECT ", "INSERT INTO ", "DELETE FROM ", "UPDATE runs", "CREATE TABLE ", "sqlx::"];

/// Left over from writing.
const LEFT_OVER: &[(&str, &str)] = &[
    ("todo!(", "finish it, or take it out"),
    ("unimplemented!(", "finish it, or take it out"),
    ("dbg!(", "take it out"),
    ("#[allow(", "use #[expect(…, reason = \"…\")]"),
    ("#![allow(", "use #![expect(…, reason = \"…\")]"),
];

/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc"];

/// One Rust file.
struct Source {
    /// From the package's folder, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The module at the top of `src/` that it belongs to; `None` for tests.
    fn module(&self) -> Option<&str> {
        let inner = self.path.strip_prefix("src/")?;
        Some(inner.split('/').next().unwrap_or(inner).trim_end_matches(".rs"))
    }

    /// Whether it is tests as a whole.
    fn is_tests(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        !self.path.starts_with("src/")
            || name == "tests.rs"
            || name.ends_with("_tests.rs")
            || self.path.contains("/tests/")
    }

    /// Lines of code with their numbers: no comments, and nothing from `#[cfg(test)] mod …` on, which stands last.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("\n#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let code = if self.is_tests() { "" } else { &self.text[..end] };
        numbered(code).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder, from the package's folder; none where it doesn't exist.
fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root().join(&folder)) else { continue };
        for entry in entries {
            let entry = entry.expect("a folder of the package can be listed");
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                // What was built by a package inside of this one, or installed for it, is not its source.
                if entry.file_name() != "target" && entry.file_name() != "node_modules" {
                    folders.push(path);
                }
            } else {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending == "rs")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path} can't be read: {error}"))
}

fn sources() -> Vec<Source> {
    let found = files("src").into_iter().chain(files("tests"));
    let rust = found.filter(|path| is_rust(path));
    rust.map(|path| Source { text: read(&path), path }).collect()
}

/// Fails with everything that was found.
#[track_caller]
fn expect_none(found: &[String]) {
    let mut told = String::new();
    for line in found {
        let _ = writeln!(told, "  {line}");
    }
    assert!(found.is_empty(), "{} to put right:\n{told}", found.len());
}

/// The modules of this crate that a line of code names: `crate::name`, also in `use crate::{a, b::c}`.
fn named_modules(line: &str) -> Vec<&str> {
    let mut named = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$')) {
            continue;
        }
        let rest = &line[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut item = true;
            for (at, c) in list.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => item = true,
                    c if item && !c.is_whitespace() => {
                        named.push(word(&list[at..]));
                        item = false;
                    }
                    _ => {}
                }
            }
        } else {
            named.push(word(rest));
        }
    }
    named
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[test]
fn modules_use_only_whom_they_may() {
    let table: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let modules: BTreeSet<String> = sources().iter().filter_map(Source::module).map(str::to_owned).collect();
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(module) = source.module() else { continue };
        if WIRES.contains(&module) {
            continue;
        }
        let Some(allowed) = table.get(module) else {
            wrong.push(format!(
                "{}: give the module {module} a line in MAY_USE of tests/tidy.rs",
                source.path
            ));
            continue;
        };
        for (number, line) in source.code() {
            for named in named_modules(line) {
                // What is named right below the crate and is no module is a macro or re-export.
                if named != module && modules.contains(named) && !allowed.contains(&named) {
                    wrong.push(format!(
                        "{}:{number}: {module} may not use {named}, only {allowed:?}; hand it over as an argument, or \
                         meet in the tables",
                        source.path
                    ));
                }
            }
        }
    }
    wrong.dedup();
    expect_none(&wrong);
}

#[test]
fn pure_modules_touch_nothing_of_the_world() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(module) = source.module().filter(|module| PURE.contains(module)) else { continue };
        for (number, line) in source.code() {
            for touched in IMPURE.iter().filter(|touched| line.contains(**touched)) {
                if EXCUSED.contains(&(source.path.as_str(), *touched)) {
                    continue;
                }
                wrong.push(format!("{}:{number}: {module} is pure and may not touch {touched}", source.path));
            }
        }
    }
    expect_none(&wrong);
}

#[test]
fn only_the_store_has_sql() {
    let mut wrong = Vec::new();
    for source in sources() {
        if source.module() == Some("store") {
            continue;
        }
        for (number, line) in source.code() {
            for sql in SQL.iter().filter(|sql| line.contains(**sql)) {
                wrong.push(format!(
                    "{}:{number}: {sql:?} belongs in src/store; add a method there",
                    source.path
                ));
            }
        }
    }
    expect_none(&wrong);
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = sources().into_iter().filter(|source| {
        let first = source.text.lines().next().unwrap_or_default();
        !first.starts_with("//! ") || first.len() < 12
    });
    let told = silent
        .map(|source| format!("{}: begin with //! and what it does, promises, who calls it", source.path));
    expect_none(&told.collect::<Vec<_>>());
}

#[test]
fn files_stay_readable() {
    let long = sources().into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > FILE_LINES_MAX).then(|| format!("{}: {lines} lines; split it by concept", source.path))
    });
    expect_none(&long.collect::<Vec<_>>());
}

#[test]
fn names_say_what_is_inside() {
    let all = ["src", "tests", "templates", "static"].into_iter().flat_map(files);
    let empty = all.filter(|path| {
        path.split('/').any(|part| EMPTY_NAMES.contains(&part.split('.').next().unwrap_or_default()))
    });
    expect_none(&empty.map(|path| format!("{path}: name it after what it is about")).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_over() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.path != "tests/tidy.rs") {
        for (number, line) in numbered(&source.text) {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for (mark, way_out) in LEFT_OVER.iter().filter(|(mark, _)| line.contains(mark)) {
                wrong.push(format!("{}:{number}: {mark}… {way_out}", source.path));
            }
        }
    }
    expect_none(&wrong);
}

#[test]
fn every_template_and_static_file_is_used() {
    let templates = files("templates");
    let mut texts: Vec<(String, String)> = templates.iter().map(|path| (path.clone(), read(path))).collect();
    texts.extend(sources().into_iter().map(|source| (source.path, source.text)));
    let named_elsewhere = |path: &str, name: &str| {
        texts.iter().any(|(other, text)| other != path && other != "tests/tidy.rs" && text.contains(name))
    };
    let mut wrong = Vec::new();
    for path in templates.iter().chain(&files("static")) {
        let name = path.split_once('/').map_or(path.as_str(), |(_, name)| name);
        if !named_elsewhere(path, name) {
            wrong.push(format!("{path}: no source and no template names {name:?}; use it, or remove it"));
        }
    }
    expect_none(&wrong);
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| -> BTreeSet<String> {
        let folder = format!("src/store/migrations/{database}/");
        files(folder.trim_end_matches('/')).iter().map(|path| path.replace(&folder, "")).collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    assert!(!sqlite.is_empty(), "there are no migrations in src/store/migrations/sqlite");
    let missing = |here: &BTreeSet<String>, there: &BTreeSet<String>, database: &str| -> Vec<String> {
        here.difference(there)
            .map(|name| format!("src/store/migrations/{database}/{name} is missing"))
            .collect()
    };
    let mut wrong = [missing(&sqlite, &postgres, "postgres"), missing(&postgres, &sqlite, "sqlite")].concat();
    for (number, name) in (1..).zip(&sqlite) {
        if !name.starts_with(&format!("{number:04}_"))
            || Path::new(name).extension().is_none_or(|ending| ending != "sql")
        {
            wrong.push(format!("{name}: migrations are named {number:04}_what_it_does.sql, without a gap"));
        }
    }
    expect_none(&wrong);
}

/// `autotests` is off, so that a file that nobody declares would never run.
#[test]
fn every_test_file_is_declared() {
    let manifest = read("Cargo.toml");
    let targets = files("tests").into_iter().filter(|path| {
        let parts: Vec<&str> = path.split('/').collect();
        matches!(parts.as_slice(), [_, file] if is_rust(file))
            || matches!(parts.as_slice(), [_, _, "main.rs"])
    });
    let undeclared = targets.filter(|path| !manifest.contains(&format!("path = \"{path}\"")));
    expect_none(
        &undeclared.map(|path| format!("{path}: add a [[test]] for it to Cargo.toml")).collect::<Vec<_>>(),
    );
}

/// Modules that nothing declares would not even be compiled.
#[test]
fn every_source_file_is_part_of_the_crate() {
    let all = sources();
    let mut wrong = Vec::new();
    for source in all.iter().filter(|source| source.path.starts_with("src/")) {
        let Some((folder, file)) = source.path.rsplit_once('/') else { continue };
        if matches!(source.path.as_str(), "src/lib.rs" | "src/main.rs") {
            continue;
        }
        let (name, parents) = if file == "mod.rs" {
            let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
            (
                name,
                [
                    format!("{above}/mod.rs"),
                    format!("{above}/lib.rs"),
                    format!("{above}/main.rs"),
                    format!("{above}.rs"),
                ],
            )
        } else {
            let name = file.trim_end_matches(".rs");
            (
                name,
                [
                    format!("{folder}/mod.rs"),
                    format!("{folder}/lib.rs"),
                    format!("{folder}/main.rs"),
                    format!("{folder}.rs"),
                ],
            )
        };
        let declares = |text: &str| {
            text.lines().any(|line| {
                let line = line.trim();
                line.ends_with(&format!("mod {name};")) || line == format!("#[path = \"{file}\"]")
            })
        };
        let beside = |other: &&Source| {
            parents.contains(&other.path)
                || other.path.rsplit_once('/').is_some_and(|(there, _)| there == folder)
        };
        if !all.iter().filter(beside).any(|other| declares(&other.text)) {
            wrong.push(format!("{}: no `mod {name};` declares it", source.path));
        }
    }
    expect_none(&wrong);
}

#[test]
fn uses_are_read_as_they_are_written() {
    assert_eq!(named_modules("use crate::domain::{Millis, RunId};"), ["domain"]);
    assert_eq!(named_modules("use crate::{domain::{A, B}, ports, rules::C};"), ["domain", "ports", "rules"]);
    assert_eq!(named_modules("pub(in crate::store) fn x(y: crate::domain::Y) {}"), ["store", "domain"]);
    assert_eq!(named_modules("my_crate::x $crate::y"), [""; 0]);
}

/// The words of a test: where it runs once on each database, its module's name.
fn words_of(path: &str) -> &str {
    let parts: Vec<&str> = path.split("::").collect();
    match parts.as_slice() {
        [.., words, "on_sqlite" | "on_postgres"] | [.., words] => words,
        [] => path,
    }
}

/// `make promises` finds the same out, after it has run everything.
#[test]
fn each_promise_is_held_by_tests_that_are_there() {
    let all = sources();
    let mapping = read("tests/promises.toml");
    let mut wrong = Vec::new();
    let promises: Vec<&str> = mapping.split("\n[[promise]]\n").skip(1).collect();
    if promises.len() < 10 {
        wrong.push(format!("tests/promises.toml: {} promises, and the design has ten", promises.len()));
    }
    for (number, promise) in (1..).zip(promises) {
        let lines = promise.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","));
        let tests: Vec<&str> = lines.filter(|name| name.starts_with("waypost")).collect();
        if tests.is_empty() {
            wrong.push(format!("tests/promises.toml: no test holds promise {number}"));
        }
        for name in tests {
            let (binary, path) = name.split_once(' ').unwrap_or((name, ""));
            let folder =
                binary.strip_prefix("waypost::").map_or("src".into(), |test| format!("tests/{test}"));
            let function = format!("fn {}(", words_of(path));
            let there = all.iter().any(|source| {
                let rest = source.path.strip_prefix(&folder);
                rest.is_some_and(|rest| rest.starts_with(['/', '.'])) && source.text.contains(&function)
            });
            if !there {
                wrong.push(format!(
                    "tests/promises.toml: promise {number} names {name}, which is not there; name what holds it now"
                ));
            }
        }
    }
    expect_none(&wrong);
}

#[test]
fn promises_md_tells_of_tests_that_are_there() {
    let mut wrong = Vec::new();
    let page = read("PROMISES.md");
    let promises: Vec<&str> = page.split("\n## ").skip(1).filter(|part| !part.starts_with("All ")).collect();
    if promises.len() < 10 {
        wrong.push(format!("PROMISES.md: {} promises, and the design has ten", promises.len()));
    }
    for promise in promises {
        let title = promise.lines().next().unwrap_or_default();
        // `- words of a test · [tests/file.rs](tests/file.rs) · …`
        let tests: Vec<(&str, &str)> = promise
            .lines()
            .filter_map(|line| line.strip_prefix("- ")?.split_once(" · ["))
            .filter_map(|(words, rest)| Some((words, rest.split_once("](")?.0)))
            .collect();
        if tests.is_empty() {
            wrong.push(format!("PROMISES.md: no test is told under {title:?}"));
        }
        for (words, path) in tests {
            let function = format!("fn {}(", words.replace(' ', "_"));
            let text = fs::read_to_string(root().join(path)).unwrap_or_default();
            if !text.contains(&function) {
                wrong.push(format!("PROMISES.md: {path} has no test {words:?}; run make promises"));
            }
        }
    }
    expect_none(&wrong);
}
