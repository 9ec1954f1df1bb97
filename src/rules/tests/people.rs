//! What became of people, with `each:` and without; rules about other records; and what a rule sees of a rebooking.

use super::{booking, change, files, one_rule, told};
use crate::domain::{ChangeKind, VerdictCode};
use crate::rules::{ChangeContext, Mapped, Neighbours, Planned, PlannedState, Ruleset, RunContext};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const STEP: &str = "steps: [{ use: crm.upsert_contact, with: { email: \"{{ booking.contact.email }}\" } }]\n";

/// What each run is about, and how it was asked for.
fn asked(planned: &[Planned]) -> Vec<String> {
    planned.iter().map(|run| format!("{} {}", run.item, run.asked).trim().to_owned()).collect()
}

fn after(set: impl FnOnce(&mut Vec<Value>)) -> Value {
    booking(|booking| set(booking["customers"].as_array_mut().expect("a list")))
}

#[test]
fn without_each_a_rule_hears_once_of_what_became_of_the_people() {
    let added = |people: &mut Vec<Value>| {
        let mut new = people[0].clone();
        new["pk"] = json!(9_000_003);
        people.push(new);
    };
    let left = |people: &mut Vec<Value>| drop(people.remove(0));
    let checked_in = |people: &mut Vec<Value>| people[0]["checkin_status"] = json!({ "type": "checked-in" });
    let cases: [(&str, Value, Option<&str>); 8] = [
        ("[customer.added]", after(added), Some("customer.added")),
        ("[customer.added]", after(left), None),
        ("[customer.removed, customer.added]", after(left), Some("customer.removed")),
        ("[customer.changed]", after(checked_in), Some("customer.changed")),
        ("[customer.changed]", booking(|booking| booking["note"] = json!("x")), None),
        // A link for checking in differs from webhook to webhook.
        ("[customer.changed]", after(|people| people[0]["checkin_url"] = json!("https://x.example")), None),
        ("[updated, customer.added]", after(added), Some("updated")),
        (
            "[customer.removed, customer.added]",
            after(|people| {
                added(people);
                left(people);
            }),
            Some("customer.removed"),
        ),
    ];
    for (on, new, expected) in cases {
        let ruleset = one_rule(&format!("on: {on}\n{STEP}"));
        let planned = ruleset.plan(&change(&ruleset, ChangeKind::Updated, new, Some(booking(|_| {}))));
        assert_eq!(asked(&planned).first().map(String::as_str), expected, "{on}");
        assert!(planned.len() < 2);
    }
    let ruleset = one_rule(&format!("on: [customer.added]\n{STEP}"));
    let planned = ruleset.plan(&change(&ruleset, ChangeKind::Created, booking(|_| {}), None));
    assert_eq!(asked(&planned), ["customer.added"], "a new booking brings its people");
}

#[test]
fn the_paths_of_an_item_are_those_within_it() {
    let rule = format!(
        "on: [customer.changed]\neach: booking.customers\nwhen: 'change.paths == [\"checkin_status\"] && change.kind == \"changed\"'\n{STEP}"
    );
    let ruleset = one_rule(&rule);
    let new = after(|people| people[1]["checkin_status"] = json!({ "type": "checked-in" }));
    let context = change(&ruleset, ChangeKind::Updated, new, Some(booking(|_| {})));
    let planned = ruleset.plan(&context);
    assert_eq!(asked(&planned), ["9000002 changed"]);
    assert_eq!(planned[0].state, PlannedState::Wait);
    // The same when the run is claimed.
    let run = RunContext {
        change: context,
        asked: "changed".to_owned(),
        item: "9000002".to_owned(),
        outputs: BTreeMap::new(),
        left_out: Vec::new(),
    };
    assert!(matches!(ruleset.begin(&ruleset.rules["rule"], &run), Ok(Mapped::Go(_))));
}

#[test]
fn a_rule_about_items_sees_items_and_nothing_else_hears_of_them() {
    let rule = "from: harbour\nabout: item\non: [created, updated]\nsteps: [{ use: crm.upsert_contact, with: { email: \"{{ item.name }}\" } }]\n";
    let rules = [("items.yaml", rule), ("bookings.yaml", &*format!("from: harbour\n{STEP}"))];
    let ruleset = super::ruleset(&rules);
    let item = json!({ "pk": 1867, "name": "Reef dive" });
    let mut context = change(&ruleset, ChangeKind::Created, item, None);
    context.about = "item".to_owned();
    let planned = ruleset.plan(&context);
    assert_eq!(planned.iter().map(|run| run.rule.as_str()).collect::<Vec<_>>(), ["items"]);
    let planned = ruleset.plan(&change(&ruleset, ChangeKind::Created, booking(|_| {}), None));
    assert_eq!(planned.iter().map(|run| run.rule.as_str()).collect::<Vec<_>>(), ["bookings"]);
}

#[test]
fn mistakes_about_records_and_rebookings_are_told_at_their_line() {
    let step = |field: &str| {
        format!("steps: [{{ use: crm.upsert_contact, with: {{ email: \"{{{{ {field} }}}}\" }} }}]\n")
    };
    let rules = [
        ("a.yaml", format!("from: harbour\nabout: itm\n{}", step("booking.uuid"))),
        ("b.yaml", format!("from: harbour\nabout: item\n{}", step("item.nam"))),
        ("c.yaml", format!("from: harbour\nabout: item\n{}", step("booking.uuid"))),
        ("d.yaml", format!("from: harbour\nrebooking: move\neach: booking.customers\n{STEP}")),
        ("e.yaml", format!("from: harbour\nrebooking: move\n{STEP}")),
        ("f.yaml", format!("from: harbour\non: [customer.aded]\n{STEP}")),
        ("g.yaml", format!("from: harbour\nabout: item\nrebooking: move\n{}", step("item.name"))),
    ];
    let texts: Vec<(&str, &str)> = rules.iter().map(|(file, text)| (*file, text.as_str())).collect();
    insta::assert_snapshot!(told(&files(&texts)));
}

/// A rebooking as a rule sees it.
fn rebooked(ruleset: &Ruleset, again: bool, after: Option<Value>) -> ChangeContext {
    let old = booking(|booking| booking["status"] = json!("rebooked"));
    let mut context = change(ruleset, ChangeKind::Rebooked, old, Some(booking(|_| {})));
    context.chain = Neighbours {
        after_key: Some("new".to_owned()),
        after: after.map(Arc::new),
        again,
        ..Neighbours::default()
    };
    context
}

#[test]
fn a_rebooking_ends_nothing_where_the_record_moves_and_makes_nothing_twice() {
    let note = "steps: [{ use: crm.add_note, with: { contact: \"{{ booking.uuid }}\" } }]\n";
    let end = |rule: &str, again| {
        let ruleset = one_rule(rule);
        let mut planned = ruleset.plan(&rebooked(&ruleset, again, None));
        let run = planned.pop().expect("a run");
        assert!(planned.is_empty());
        (run.asked, run.supersedes, run.state)
    };
    let (asked, supersedes, state) = end(&format!("rebooking: move\n{STEP}"), false);
    assert_eq!((asked.as_str(), supersedes), ("cancelled", false));
    assert!(matches!(state, PlannedState::Skip(verdict) if verdict.code == VerdictCode::NothingToSend));
    assert!(matches!(end(note, false).2, PlannedState::Wait));
    assert!(matches!(end(note, true).2, PlannedState::Skip(_)));
    assert!(matches!(end(STEP, true).2, PlannedState::Wait), "what can be repeated is");
    // Each of the old booking's people leaves.
    let ruleset = one_rule(&format!(
        "rebooking: move\non: [cancelled, customer.removed]\neach: booking.customers\n{STEP}"
    ));
    let planned = ruleset.plan(&rebooked(&ruleset, false, None));
    assert_eq!(self::asked(&planned), ["9000001 removed", "9000002 removed"]);
    // Later words of the old booking send nothing, and end nothing of the new one.
    for rule in [STEP, &*format!("each: booking.customers\n{STEP}")] {
        let ruleset = one_rule(&format!("rebooking: move\n{rule}"));
        let planned =
            ruleset.plan(&ChangeContext { kind: ChangeKind::Updated, ..rebooked(&ruleset, false, None) });
        assert_eq!(planned.len(), 1);
        assert!(matches!(planned[0].state, PlannedState::Skip(_)) && !planned[0].supersedes, "{rule}");
    }
}

#[test]
fn the_bookings_before_and_after_are_in_scope() {
    let new = json!({ "uuid": "new", "status": "booked" });
    let when = "when: 'booking_after.uuid == \"new\" && !present(booking_before.uuid)'\n";
    let ruleset = one_rule(&format!("{when}{STEP}"));
    let planned = ruleset.plan(&rebooked(&ruleset, false, Some(new)));
    assert_eq!(planned[0].state, PlannedState::Wait);
    let planned = ruleset.plan(&rebooked(&ruleset, false, None));
    assert!(matches!(planned[0].state, PlannedState::Skip(_)), "it is missing where it is not known");
    assert!(ruleset.rules["rule"].reads_neighbours());
}
