//! Help texts, each with an example, and exit codes.

use crate::program::{rules, run};

const COMMANDS: [&str; 39] = [
    "demo",
    "serve",
    "check",
    "test",
    "send",
    "events",
    "runs",
    "bookings",
    "explain",
    "replay",
    "causes",
    "apply",
    "backfill",
    "reconcile",
    "retry",
    "cancel",
    "hold",
    "done",
    "pause",
    "resume",
    "subscriptions",
    "sandbox",
    "secret",
    "secret set",
    "secret list",
    "secret rm",
    "user",
    "user add",
    "user passwd",
    "user list",
    "guest",
    "guest export",
    "guest erase",
    "connections",
    "alerts",
    "alerts list",
    "alerts test",
    "backup",
    "doctor",
];

#[test]
fn every_command_has_a_help_text_with_an_example() {
    let home = tempfile::tempdir().expect("a folder");
    let known = run(home.path(), &["--help"]).fine().out;
    insta::assert_snapshot!("help", known);
    for command in COMMANDS {
        // One that this binary doesn't have yet.
        if !known.contains(&format!("\n  {} ", command.split(' ').next().unwrap_or_default())) {
            continue;
        }
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.push("--help");
        let help = run(home.path(), &arguments).fine().out;
        assert!(help.contains("Example:\n  "), "{command} has no example");
        insta::assert_snapshot!(format!("help_{}", command.replace(' ', "_")), help);
    }
}

#[test]
fn wrong_use_ends_with_two() {
    let home = tempfile::tempdir().expect("a folder");
    let wrong: [&[&str]; 9] = [
        &[],
        &["nothing"],
        &["serve", "--nothing"],
        &["serve", "--listen", "somewhere"],
        &["events", "--state", "blue"],
        &["runs", "--limit", "0"],
        &["secret", "set", "no name"],
        &["check", "--rules", "nowhere"],
        &["send", "nothing.json", "--to", "tours"],
    ];
    for arguments in wrong {
        let answered = run(home.path(), arguments);
        assert_eq!(answered.code, 2, "{arguments:?}: {}{}", answered.out, answered.err);
        assert!(!answered.err.is_empty(), "{arguments:?} says nothing");
    }
    assert!(!home.path().join("data").exists(), "a question makes no data folder");
}

#[test]
fn a_broken_folder_ends_with_one_and_a_good_one_with_zero() {
    let home = tempfile::tempdir().expect("a folder");
    let good = rules().display().to_string();
    run(home.path(), &["check", "--rules", &good]).fine();
    std::fs::create_dir(home.path().join("rules")).expect("a folder");
    std::fs::write(home.path().join("rules/guests.yaml"), "titel: Guests\n").expect("a file");
    let answered = run(home.path(), &["check"]);
    assert_eq!(answered.code, 1, "{}", answered.out);
    assert!(answered.out.starts_with("guests.yaml:1:1: error:"), "{}", answered.out);
    let told = run(home.path(), &["check", "--json"]).json();
    assert!(told.iter().all(|one| one["file"] == "guests.yaml"));
}
