//! What is told of a bench: a table for people, JSON for programs. No figure is judged beyond "reached" or "not".

use crate::figures::{Aim, FLOORS, NOISE, OURS, Samples};
use crate::round::Gathered;
use crate::run::{RATE, Settings};
use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// From this share of the CPUs on, what others did makes the figures doubtful.
const NOISE_SHARE_MAX: f64 = 0.1;

/// When, where and what of.
pub struct About {
    date: String,
    version: String,
    cpus: usize,
    rounds: u32,
    events: u32,
}

impl About {
    /// Asks the program under test for its version, so that one that can't run is told before all else.
    pub fn now(settings: &Settings, rounds: u32) -> Result<Self> {
        let bin = &settings.bin;
        let told = Command::new(bin).arg("--version").output();
        let told = told.with_context(|| {
            format!("{} can't be started; build it, or name another by RELEASE_BIN", bin.display())
        })?;
        ensure!(told.status.success(), "{} --version ended with {}", bin.display(), told.status);
        Ok(Self {
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            version: String::from_utf8_lossy(&told.stdout).trim().to_owned(),
            cpus: std::thread::available_parallelism()?.get(),
            rounds,
            events: settings.events,
        })
    }
}

/// All keys; `null` where something was not measured.
pub fn json(about: &About, gathered: &Gathered, postgres: bool, took: Duration) -> Value {
    let mut all = Map::new();
    all.insert("date".to_owned(), about.date.clone().into());
    all.insert("version".to_owned(), about.version.clone().into());
    all.insert("cpus".to_owned(), about.cpus.into());
    all.insert("rounds".to_owned(), about.rounds.into());
    all.insert("events_per_delivery_run".to_owned(), about.events.into());
    all.insert("took_s".to_owned(), took.as_secs().into());
    all.extend(keys(&gathered.sqlite, &[OURS, FLOORS]));
    all.insert(
        "postgres".to_owned(),
        if postgres { Value::Object(keys(&gathered.postgres, &[OURS])) } else { Value::Null },
    );
    all.insert("notes".to_owned(), json!(gathered.notes));
    Value::Object(all)
}

fn keys(samples: &Samples, lists: &[&[(&str, Aim)]]) -> Map<String, Value> {
    let mut all = Map::new();
    let mut spreads = Map::new();
    for (key, _) in lists.iter().copied().flatten() {
        let spread = samples.spread(key);
        all.insert((*key).to_owned(), spread.map_or(Value::Null, |spread| json!(rounded(spread.median))));
        if let Some(spread) = spread {
            let runs: Vec<f64> = samples.of(key).iter().copied().map(rounded).collect();
            spreads.insert(
                (*key).to_owned(),
                json!({ "min": rounded(spread.min), "max": rounded(spread.max), "runs": runs }),
            );
        }
    }
    all.insert("spread".to_owned(), Value::Object(spreads));
    all
}

/// Three digits after the point are more than any figure here has.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// Figures, aims, and whether they are reached.
pub fn table(about: &About, gathered: &Gathered, postgres: bool) -> String {
    let mut text = format!(
        "\n{}, {}, {} CPUs: medians of {} rounds (least to most); the open loop has {RATE} events/s\n\n",
        about.version, about.date, about.cpus, about.rounds
    );
    let mut rows = vec![["figure", "SQLite", "", "Postgres", "", "aim"].map(str::to_owned)];
    for (key, aim) in OURS {
        let (sqlite, sqlite_reached) = cell(&gathered.sqlite, key, *aim);
        let (on_postgres, postgres_reached) =
            if postgres { cell(&gathered.postgres, key, *aim) } else { Default::default() };
        rows.push([(*key).to_owned(), sqlite, sqlite_reached, on_postgres, postgres_reached, aim.told()]);
    }
    for (key, aim) in FLOORS {
        let (value, _) = cell(&gathered.sqlite, key, *aim);
        rows.push([(*key).to_owned(), value, String::new(), String::new(), String::new(), String::new()]);
    }
    let widths: Vec<usize> =
        (0..6).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text.push('\n');
    for note in noise_told(about, &gathered.sqlite).iter().chain(&gathered.notes) {
        let _ = writeln!(text, "{note}");
    }
    text
}

fn cell(samples: &Samples, key: &str, aim: Aim) -> (String, String) {
    let Some(spread) = samples.spread(key) else { return ("not measured".to_owned(), String::new()) };
    let value = format!("{} ({} to {})", number(spread.median), number(spread.min), number(spread.max));
    let reached = match aim.reached(spread.median) {
        Some(true) => "reached",
        Some(false) => "NOT REACHED",
        None => "",
    };
    (value, reached.to_owned())
}

/// What to think of the figures, given what else the machine did.
fn noise_told(about: &About, samples: &Samples) -> Option<String> {
    let noise = samples.spread(NOISE)?;
    let loud = samples.of(NOISE).iter().filter(|cores| **cores > NOISE_SHARE_MAX * about.cpus as f64).count();
    (loud > 0).then(|| {
        format!(
            "{loud} of {} runs were disturbed: other programs used up to {} of {} CPUs. Trust ratios before absolute \
             figures, and run it again on a quiet machine.",
            samples.of(NOISE).len(),
            number(noise.max),
            about.cpus
        )
    })
}

/// With as many digits as it deserves.
pub fn number(value: f64) -> String {
    if value.abs() < 10.0 {
        return format!("{value:.2}");
    }
    if value.abs() < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut told = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !told.ends_with('-') {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::{About, json, number, table};
    use crate::figures::{ACK_RATIO, MILLION_RATIO, NOISE, OURS};
    use crate::round::Gathered;
    use std::time::Duration;

    fn about() -> About {
        About {
            date: "2026-11-22T20:00:00Z".to_owned(),
            version: "waypost 0.1.0".to_owned(),
            cpus: 2,
            rounds: 3,
            events: 20,
        }
    }

    fn gathered() -> Gathered {
        let mut gathered = Gathered::default();
        for ratio in [0.8, 0.6, 0.75] {
            gathered.sqlite.push(ACK_RATIO, ratio);
            gathered.postgres.push(ACK_RATIO, ratio / 2.0);
        }
        for cores in [0.1, 0.5, 0.15] {
            gathered.sqlite.push(NOISE, cores);
        }
        gathered
    }

    #[test]
    fn every_key_is_there_and_what_was_not_measured_is_null() {
        let told = json(&about(), &gathered(), true, Duration::from_secs(60));
        assert_eq!(told[ACK_RATIO], 0.75);
        assert_eq!(told["spread"][ACK_RATIO]["runs"], serde_json::json!([0.8, 0.6, 0.75]));
        assert_eq!(told["postgres"][ACK_RATIO], 0.375);
        for (key, _) in OURS {
            assert!(told.get(key).is_some() && told["postgres"].get(key).is_some(), "{key} is missing");
        }
        assert!(told[MILLION_RATIO].is_null());
        assert!(json(&about(), &gathered(), false, Duration::ZERO)["postgres"].is_null());
    }

    #[test]
    fn the_table_says_what_is_reached_and_that_others_disturbed_it() {
        let told = table(&about(), &gathered(), true);
        let line = told.lines().find(|line| line.starts_with(ACK_RATIO)).unwrap();
        assert_eq!(
            line.split_whitespace().collect::<Vec<_>>().join(" "),
            "ack_ratio 0.75 (0.60 to 0.80) reached 0.38 (0.30 to 0.40) NOT REACHED at least 0.7"
        );
        assert!(
            told.contains("1 of 3 runs were disturbed: other programs used up to 0.50 of 2 CPUs."),
            "{told}"
        );
    }

    #[test]
    fn numbers_have_as_many_digits_as_they_deserve() {
        let told = [0.756, 12.34, 999.6, 21_300.4, 1_234_567.0].map(number);
        assert_eq!(told, ["0.76", "12.3", "1,000", "21,300", "1,234,567"]);
    }
}
