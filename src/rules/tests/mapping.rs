//! What steps send: left out, null, missing, mixed, nested; outputs of earlier steps; traces.

use super::{booking, change, one_rule, outputs, ruleset, run};
use crate::domain::{ChangeKind, VerdictCode};
use crate::rules::{MapError, Mapped, Ruleset, RunContext, StepMapping};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What one step comes to, on one line.
fn step(ruleset: &Ruleset, at: usize, context: &RunContext) -> String {
    match ruleset.map_step(&ruleset.rules["rule"], at, context) {
        Ok(StepMapping::Send(fields)) => Value::Object(fields).to_string(),
        Ok(StepMapping::LeftOut(verdict)) => format!("left out ({:?}): {}", verdict.code, verdict.text),
        Err(error) => format!("fails ({:?}, line {:?}): {error}", error.code, error.line),
    }
}

fn begin(ruleset: &Ruleset, context: &RunContext) -> Result<Mapped, MapError> {
    ruleset.begin(&ruleset.rules["rule"], context)
}

/// The rule of the design, word for word, with a connection of that name that is open for its fields.
fn design() -> std::sync::Arc<Ruleset> {
    let hubspot = super::CRM
        .replace("add_note", "upsert_deal")
        .replace("contact: { required: true }", "external_id: { type: string, required: true }");
    let rule = include_str!("../../../tests/check/valid/the-rule-of-the-design/guests-to-hubspot.yaml");
    ruleset(&[
        ("rule.yaml", rule),
        ("connections/hubspot.yaml", &hubspot),
        ("sources/harbour-tours.yaml", "connector: fareharbor\n"),
    ])
}

#[test]
fn the_rule_of_the_design_maps_as_written() {
    let ruleset = design();
    let mut context = run(&ruleset, booking(|_| {}));
    assert!(matches!(begin(&ruleset, &context), Ok(Mapped::Go(_))));
    let contact = step(&ruleset, 0, &context);
    context.outputs = outputs("contact", json!({ "id": "1551" }));
    let deal = step(&ruleset, 1, &context);
    insta::assert_snapshot!(format!("{contact}\n{deal}"));
    let free = RunContext {
        change: change(&ruleset, ChangeKind::Created, booking(|b| b["receipt_total"] = json!(0)), None),
        ..context
    };
    insta::assert_snapshot!(step(&ruleset, 1, &free));
}

#[test]
fn what_is_missing_null_or_mixed() {
    let fields = [
        "note: \"{{ booking.note }}\"",
        "note: \"{{ booking.order.display_id }}\"",
        "note: \"{{ booking.rebooked_to }}\"",
        "note: \"{{ booking.gone }}\"",
        "note: \"about {{ booking.gone }}\"",
        "note: \"about {{ booking.rebooked_to }}\"",
        "note: \"about {{ booking.customer_count }} guests\"",
        "note: \"  {{ booking.customer_count }} \"",
        "note: \"{{ booking.contact.email.first }}\"",
        "note: \"{{ booking.receipt_total / 0 }}\"",
        "note: { a: { b: \"{{ booking.gone }}\", c: 1 }, d: [\"{{ booking.gone }}\", 2] }",
        "price: 1.10",
        "price: 12345678901234567890",
        "count: \"{{ booking.customer_count }}\"",
        "country: NO",
        "nothing: null",
        "age: \"{{ booking.customer_count }}\"",
        "age: \"{{ booking.contact.name }}\"",
        "age: \"41\"",
    ];
    let mut table = String::new();
    for field in fields {
        let ruleset = one_rule(&format!(
            "steps:\n  - use: crm.upsert_contact\n    with:\n      email: a@example.org\n      {field}\n"
        ));
        let context = run(&ruleset, booking(|_| {}));
        let begun = match begin(&ruleset, &context) {
            Ok(Mapped::Go(ready)) => {
                let mapped = ruleset.map_step(&ruleset.rules["rule"], 0, &context);
                assert_eq!(mapped, Ok(StepMapping::Send(ready[&0].clone())), "{field}");
                "go"
            }
            Ok(Mapped::Skip(_)) => "skip",
            Err(_) => "fails before anything is sent",
        };
        write!(table, "{field}\n  {begun}\n  {}\n", step(&ruleset, 0, &context)).expect("a text takes all");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_required_field_that_comes_to_nothing_fails_before_anything_is_sent() {
    let cases = [
        ("{{ booking.contact.email }}", booking(|b| b["contact"] = json!({}))),
        ("{{ booking.contact.email }}", booking(|b| b["contact"]["email"] = Value::Null)),
        ("{{ booking.contact.email }}", booking(|b| b["contact"]["email"] = json!(""))),
        ("{{ first_of(booking.contact.email, person.email) }}", booking(|b| b["contact"] = json!({}))),
        ("{{ if booking.customer_count > 2 { \"x\" } }}", booking(|_| {})),
        ("mailto:{{ booking.contact.email }}", booking(|b| b["contact"] = json!({}))),
    ];
    let mut table = String::new();
    for (value, booking) in cases {
        let ruleset = one_rule(&format!(
            "steps:\n  - use: crm.add_note\n    with: {{ contact: 1 }}\n  - use: crm.upsert_contact\n    with:\n      \
             email: '{value}'\n"
        ));
        let context = run(&ruleset, booking);
        let told = begin(&ruleset, &context).expect_err("it fails");
        write!(table, "{value}\n  {told}\n").expect("a text takes all");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_step_whose_if_is_not_true_needs_nothing() {
    let ruleset = one_rule(
        "steps:\n  - use: crm.upsert_contact\n    if: present(booking.contact.email)\n    with: { email: \"{{ \
         booking.contact.email }}\" }\n",
    );
    let context = run(&ruleset, booking(|b| b["contact"] = json!({})));
    assert!(matches!(begin(&ruleset, &context), Ok(Mapped::Go(_))));
    insta::assert_snapshot!(step(&ruleset, 0, &context));
}

const AFTER: &str = "steps:
  - id: first
    use: crm.upsert_contact
    with: { email: a@example.org }
  - id: second
    use: crm.add_note
    with:
      contact: \"{{ booking.pk }}\"
      FIELD
";

#[test]
fn outputs_of_steps_that_were_left_out_or_lacked_them() {
    let fields = [
        "note: \"{{ steps.first.id }}\"",
        "note: \"{{ steps.first.id.to_upper() }}\"",
        "note: \"see {{ steps.first.id }}\"",
        "note: { deep: \"see {{ steps.first.id }}\" }",
        "note: { deep: \"{{ steps.first.id }}\", also: 1 }",
        "note: '{{ first_of(steps.first.id, \"none\") }}'",
        "contact: \"{{ steps.first.id }}\"",
        "note: \"see {{ steps.first.id }} of {{ booking.gone }}\"",
    ];
    let mut table = String::new();
    for field in fields {
        let text = if field.starts_with("contact") {
            AFTER.replace("contact: \"{{ booking.pk }}\"\n      FIELD", field)
        } else {
            AFTER.replace("FIELD", field)
        };
        let ruleset = one_rule(&text);
        let mut context = run(&ruleset, booking(|_| {}));
        writeln!(table, "{field}").expect("a text takes all");
        if let Err(error) = begin(&ruleset, &context) {
            writeln!(table, "  at once: {error}").expect("a text takes all");
        }
        context.outputs = outputs("first", json!({ "id": "c1" }));
        writeln!(table, "  done: {}", step(&ruleset, 1, &context)).expect("a text takes all");
        context.outputs = outputs("first", json!({}));
        writeln!(table, "  lacked: {}", step(&ruleset, 1, &context)).expect("a text takes all");
        context.outputs.clear();
        context.left_out = vec!["first".to_owned()];
        writeln!(table, "  left out: {}", step(&ruleset, 1, &context)).expect("a text takes all");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn an_output_that_an_answer_lacked_has_its_own_code() {
    let ruleset = one_rule(&AFTER.replace("FIELD", "note: \"{{ steps.first.id }}\""));
    let mut context = run(&ruleset, booking(|_| {}));
    context.outputs = outputs("first", json!({}));
    let error = ruleset.map_step(&ruleset.rules["rule"], 1, &context).expect_err("it fails");
    assert_eq!((error.code, error.line), (VerdictCode::OutputMissing, Some(10)));
}

#[test]
fn steps_that_are_done_are_not_mapped_again_at_the_beginning() {
    let ruleset = one_rule(
        "steps:\n  - use: crm.upsert_contact\n    with: { email: \"{{ booking.contact.email }}\" }\n",
    );
    let mut context = run(&ruleset, booking(|b| b["contact"] = json!({})));
    assert!(begin(&ruleset, &context).is_err());
    context.outputs = outputs("upsert_contact", json!({ "id": "c1" }));
    assert!(matches!(begin(&ruleset, &context), Ok(Mapped::Go(_))));
}

#[test]
fn a_condition_is_asked_again_when_the_run_is_claimed() {
    let ruleset = one_rule(
        "when: booking.customer_count > 1\nsteps:\n  - use: crm.upsert_contact\n    with: { email: x@example.org }\n",
    );
    let alone = run(&ruleset, booking(|b| b["customer_count"] = json!(1)));
    let Ok(Mapped::Skip(verdict)) = begin(&ruleset, &alone) else { panic!("it is skipped") };
    assert_eq!(verdict.code, VerdictCode::When);
}

#[test]
fn an_item_is_in_scope_also_after_it_left() {
    let ruleset = one_rule(
        "on: [updated, customer.removed]\neach: booking.customers\nsteps:\n  - use: crm.upsert_contact\n    with:\n      \
         email: \"{{ customer.pk }}\"\n      kind: \"{{ change.kind }} {{ change.cause }}\"\n      paths: \"{{ change.paths }}\"\n      was: \"{{ previous.customer_count }}\"\n      at: \"{{ now }}\"\n      source: \"{{ source }}\"\n",
    );
    let new = booking(|b| b["customers"].as_array_mut().expect("a list").truncate(1));
    let mut context = run(&ruleset, booking(|_| {}));
    context.change = change(&ruleset, ChangeKind::Updated, new, Some(booking(|_| {})));
    context.asked = "removed".to_owned();
    context.item = "9000002".to_owned();
    assert!(matches!(begin(&ruleset, &context), Ok(Mapped::Go(_))));
    let removed = step(&ruleset, 0, &context);
    context.asked = "updated".to_owned();
    let Ok(Mapped::Skip(verdict)) = begin(&ruleset, &context) else { panic!("the item is gone") };
    insta::assert_snapshot!(format!("{removed}\n{:?}: {}", verdict.code, verdict.text));
}

#[test]
fn a_trace_says_why_each_field_has_its_value() {
    let ruleset = one_rule(
        "steps:\n  - use: crm.upsert_contact\n    with:\n      email: \"{{ booking.contact.email }}\"\n      age: \"{{ \
         booking.customer_count }}\"\n      title: 'Guest {{ person.name }} of {{ booking.company.name }}'\n      gone: \"{{ booking.gone }}\"\n      address: { lines: [x, \"{{ booking.availability.item.name }}\"] }\n",
    );
    let context = run(&ruleset, booking(|_| {}));
    let traces = ruleset.trace_step(&ruleset.rules["rule"], 0, &context).expect("it maps");
    let shown: Vec<String> = traces
        .iter()
        .map(|trace| {
            let reads: Vec<String> = trace
                .reads
                .iter()
                .map(|read| {
                    let value = read.value.as_ref().map_or("missing".to_owned(), ToString::to_string);
                    format!("{} = {value}", read.path)
                })
                .collect();
            format!(
                "{} = {} ({}:{}) {} [{}]",
                trace.field,
                trace.value,
                trace.file,
                trace.line,
                trace.text,
                reads.join(", ")
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

/// Not a yardstick: only that nothing is compiled or copied anew for each run.
#[test]
fn a_thousand_runs_are_planned_and_mapped_in_a_moment() {
    let ruleset = design();
    let mut context = run(&ruleset, booking(|_| {}));
    for _ in 0..1_000 {
        assert!(matches!(begin(&ruleset, &context), Ok(Mapped::Go(_))));
        context.outputs = outputs("contact", json!({ "id": "1551" }));
        assert!(matches!(ruleset.map_step(&ruleset.rules["rule"], 1, &context), Ok(StepMapping::Send(_))));
        context.outputs.clear();
    }
}

#[test]
fn a_call_that_can_not_be_made_is_known_before_an_earlier_step_is_sent() {
    let ruleset = one_rule(
        "steps:\n  - use: crm.upsert_contact\n    with: { email: a@example.org }\n  - id: second\n    \
         use: crm.upsert_contact\n    with:\n      age: 7\n      email: \"..\"\n",
    );
    let context = run(&ruleset, booking(|_| {}));
    let error = begin(&ruleset, &context).expect_err("it can't be made");
    assert_eq!(
        error.message,
        "rule.yaml:9: The field `email` is part of the path, and it is made of dots only \
         (crm.upsert_contact in evt_1)."
    );
}
