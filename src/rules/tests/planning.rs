//! Which runs a change leads to.

use super::{booking, change, one_rule, ruleset};
use crate::domain::{ChangeKind, VerdictCode};
use crate::rules::{ChangeContext, Planned, PlannedState, Ruleset};
use serde_json::{Value, json};
use std::fmt::Write as _;

const STEP: &str = "steps: [{ use: crm.upsert_contact, with: { email: \"{{ booking.contact.email }}\" } }]\n";

fn shown(planned: &[Planned]) -> Vec<String> {
    planned
        .iter()
        .map(|run| {
            let state = match &run.state {
                PlannedState::Wait => "wait".to_owned(),
                PlannedState::Skip(verdict) => format!("skip {:?}: {}", verdict.code, verdict.text),
                PlannedState::Fail(verdict) => format!("fail {:?}: {}", verdict.code, verdict.text),
            };
            let lane = run.lane.as_deref().unwrap_or("-");
            format!("{} [{}] {} lane {lane}: {state}", run.rule, run.item, run.asked)
        })
        .collect()
}

fn plan(ruleset: &Ruleset, kind: ChangeKind, new: Value, old: Option<Value>) -> Vec<String> {
    shown(&ruleset.plan(&change(ruleset, kind, new, old)))
}

#[test]
fn a_rule_hears_what_it_asks_for() {
    use ChangeKind as K;
    let cases: [(&str, ChangeKind, Option<&str>); 12] = [
        ("[created]", K::Created, Some("created")),
        ("[created]", K::Updated, None),
        ("[cancelled]", K::Cancelled, Some("cancelled")),
        ("[cancelled]", K::Rebooked, Some("cancelled")),
        ("[cancelled]", K::Deleted, Some("cancelled")),
        ("[cancelled, rebooked]", K::Rebooked, Some("rebooked")),
        ("[cancelled, rebooked]", K::Deleted, Some("cancelled")),
        ("[deleted]", K::Deleted, Some("deleted")),
        ("[deleted]", K::Rebooked, None),
        ("[created, updated, cancelled]", K::Unchanged, None),
        ("[created, updated, cancelled]", K::Stale, None),
        ("[rebooked]", K::Cancelled, None),
    ];
    for (on, kind, expected) in cases {
        let ruleset = one_rule(&format!("on: {on}\n{STEP}"));
        assert_eq!(ruleset.rules["rule"].asks_for(kind), expected, "{on} {kind}");
        let planned = ruleset.plan(&change(&ruleset, kind, booking(|_| {}), None));
        assert_eq!(planned.iter().map(|run| run.asked.as_str()).next(), expected, "{on} {kind}");
    }
}

#[test]
fn a_rule_that_fails_leaves_the_others_alone() {
    let from = |rest: &str| format!("from: harbour\n{rest}{STEP}");
    let ruleset = ruleset(&[
        ("a-plain.yaml", &from("")),
        ("b-not-now.yaml", &from("when: booking.receipt_total > 1000000\n")),
        ("c-missing.yaml", &from("when: booking.is_eligible_for_cancellation\n")),
        ("d-broken.yaml", &from("title: x\nwhen: booking.receipt_total / 0 > 1\n")),
        ("e-no-truth.yaml", &from("when: booking.receipt_total\n")),
        ("f-off.yaml", &from("enabled: false\n")),
        ("g-lane.yaml", &from("lane: \"{{ booking.contact.email }}\"\n")),
        ("h-no-lane.yaml", &from("lane: \"{{ booking.agent.name }}\"\n")),
        ("i-loops.yaml", &from("when: \"let x = 0; while true { x += 1; } x > 1\"\n")),
    ]);
    let booking = booking(|booking| {
        booking.as_object_mut().expect("a map").remove("is_eligible_for_cancellation");
    });
    insta::assert_snapshot!(plan(&ruleset, ChangeKind::Created, booking, None).join("\n"));
}

#[test]
fn each_makes_one_run_per_item_and_tells_of_those_that_left() {
    let before = || booking(|_| {});
    let after = || {
        booking(|booking| {
            let customers = booking["customers"].as_array_mut().expect("a list");
            customers.remove(0);
            let mut new = customers[0].clone();
            customers[0]["checkin_status"] = json!({ "type": "checked-in" });
            new["pk"] = json!(9_000_003);
            customers.push(new);
        })
    };
    let on = [
        "[created, updated]",
        "[updated, customer.removed]",
        "[created]",
        "[customer.added]",
        "[customer.changed, customer.removed]",
    ];
    let mut table = String::new();
    for on in on {
        let ruleset = one_rule(&format!("on: {on}\neach: booking.customers\n{STEP}"));
        writeln!(table, "on: {on}").expect("a text takes all");
        for (kind, new, old) in [
            (ChangeKind::Created, before(), None),
            (ChangeKind::Updated, after(), Some(before())),
            (ChangeKind::Updated, booking(|booking| booking["customers"] = json!([])), None),
        ] {
            let runs = plan(&ruleset, kind, new, old);
            writeln!(table, "  {kind}").expect("a text takes all");
            for run in runs {
                writeln!(table, "    {run}").expect("a text takes all");
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn when_sees_the_item_also_one_that_left() {
    let ruleset = one_rule(&format!(
        "on: [updated, customer.removed]\neach: booking.customers\nwhen: customer.pk != 9000002\n{STEP}"
    ));
    let old = booking(|_| {});
    let new = booking(|booking| booking["customers"] = json!([]));
    let runs = plan(&ruleset, ChangeKind::Updated, new, Some(old));
    insta::assert_snapshot!(runs.join("\n"));
}

#[test]
fn items_without_known_keys_go_by_their_index_and_no_key_comes_twice() {
    let rule = format!("each: booking.custom_field_values\n{STEP}");
    let ruleset = one_rule(&rule);
    let new = booking(|booking| booking["custom_field_values"] = json!([{ "pk": 1 }, { "pk": 1 }]));
    let found = items(&ruleset, change(&ruleset, ChangeKind::Created, new, None));
    assert_eq!(found, ["0", "1"]);

    let ruleset = one_rule(&format!("each: booking.customers\n{STEP}"));
    let new = booking(|booking| {
        booking["customers"] = json!([{ "pk": 7 }, { "pk": 7 }, {}, { "pk": "x" }]);
    });
    assert_eq!(items(&ruleset, change(&ruleset, ChangeKind::Created, new, None)), ["7", "7#2", "2", "x"]);

    let filtered = "each: \"booking.customers.filter(|guest| guest.pk > 9000001)\"\n";
    let ruleset = one_rule(&format!("{filtered}{STEP}"));
    let created = change(&ruleset, ChangeKind::Created, booking(|_| {}), None);
    assert_eq!(items(&ruleset, created), ["9000002"]);

    let ruleset = one_rule(&format!("each: booking.customers\n{STEP}"));
    let many = booking(|booking| booking["customers"] = Value::Array(vec![json!({}); 1_001]));
    let runs = plan(&ruleset, ChangeKind::Created, many, None);
    insta::assert_snapshot!(runs.join("\n"));
}

fn items(ruleset: &Ruleset, change: ChangeContext) -> Vec<String> {
    ruleset.plan(&change).into_iter().map(|run| run.item).collect()
}

#[test]
fn a_rule_sees_the_changes_of_all_doors_of_its_account() {
    let rule = format!("from: harbour\n{STEP}");
    let ruleset = ruleset(&[
        ("rule.yaml", &rule),
        ("other.yaml", &rule.replace("harbour", "cruises")),
        ("sources/second.yaml", "connector: fareharbor\n"),
        ("sources/cruises.yaml", "connector: fareharbor\naccount: cruises\n"),
    ]);
    let rules = |source: &str, account: &str, doors: &[&str]| -> Vec<String> {
        let mut change = change(&ruleset, ChangeKind::Created, booking(|_| {}), None);
        change.source = source.to_owned();
        change.account = account.to_owned();
        change.doors = doors.iter().map(|&door| door.to_owned()).collect();
        ruleset.plan(&change).into_iter().map(|run| run.rule).collect()
    };
    assert_eq!(rules("harbour", "harbourtours", &[]), ["rule"]);
    assert_eq!(rules("second", "harbourtours", &[]), [] as [&str; 0]);
    assert_eq!(rules("second", "harbourtours", &["harbour"]), ["rule"]);
    assert_eq!(rules("second", "cruises", &[]), ["other"]);
    assert_eq!(rules("gone", "cruises", &[]), [] as [&str; 0]);
}

#[test]
fn asking_one_rule_plans_it_whatever_the_change_was() {
    let ruleset = one_rule(&format!("on: [created]\n{STEP}"));
    let change = change(&ruleset, ChangeKind::Updated, booking(|_| {}), None);
    assert!(ruleset.plan(&change).is_empty());
    let runs = ruleset.plan_rule(&ruleset.rules["rule"], "created", &change);
    assert_eq!(shown(&runs), ["rule [] created lane -: wait"]);
    assert_eq!(runs[0].connection, "crm");
}

#[test]
fn a_rule_asks_for_a_booking_as_it_stands() {
    use ChangeKind::{Cancelled, Created, Rebooked};
    let each = "each: booking.customers\n";
    let cases = [
        ("on: [created, updated]\n", Created, Some("created")),
        ("on: [updated]\n", Created, Some("updated")),
        ("on: [cancelled]\n", Created, None),
        ("on: [cancelled]\n", Rebooked, Some("cancelled")),
        ("on: [created]\n", Cancelled, None),
        (&*format!("{each}on: [customer.removed]\n"), Created, None),
        (&*format!("{each}on: [customer.added]\n"), Created, Some("added")),
    ];
    for (on, kind, expected) in cases {
        let ruleset = one_rule(&format!("{on}{STEP}"));
        assert_eq!(ruleset.rules["rule"].asks_for_present(kind), expected, "{on} {kind}");
    }
}

#[test]
fn only_rules_that_converge_supersede() {
    let note = "steps: [{ use: crm.add_note, with: { contact: 1 } }]\n";
    let reads = |text: &str| STEP.replace("{{ booking.contact.email }}", &format!("{{{{ {text} }}}}"));
    let cases = [
        (STEP.to_owned(), true),
        (format!("when: change.kind == \"created\"\n{STEP}"), false),
        (format!("lane: \"{{{{ now }}}}\"\n{STEP}"), false),
        (reads("first_of(previous.note, booking.note)"), false),
        (reads("source.name"), true),
        (note.to_owned(), false),
        (format!("latest_only: true\n{note}"), true),
        (format!("latest_only: false\n{STEP}"), false),
    ];
    for (rule, expected) in cases {
        assert_eq!(one_rule(&rule).rules["rule"].supersedes, expected, "{rule}");
    }
}

#[test]
fn same_in_same_out() {
    let ruleset = one_rule(&format!("each: booking.customers\nwhen: present(person.email)\n{STEP}"));
    let change = change(&ruleset, ChangeKind::Created, booking(|_| {}), None);
    let plans: Vec<Vec<String>> = (0..3).map(|_| shown(&ruleset.plan(&change))).collect();
    assert!(plans.iter().all(|plan| *plan == plans[0]));
    assert_eq!(plans[0].len(), 2);
}

#[test]
fn a_verdict_has_its_code() {
    let ruleset = one_rule(&format!("when: false\n{STEP}"));
    let planned = ruleset.plan(&change(&ruleset, ChangeKind::Created, booking(|_| {}), None));
    let PlannedState::Skip(verdict) = &planned[0].state else { panic!("{planned:?}") };
    assert_eq!(verdict.code, VerdictCode::When);
}
