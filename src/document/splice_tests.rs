//! Each kind of change on each way of writing it; and random changes, after which all other lines are as they were.

use super::{Way, Way::Item, Way::Key, with_item, with_swapped, with_value, without};
use crate::document::parse;
use proptest::prelude::*;
use serde_json::{Value, json};

const RULE: &str = "# Who booked becomes a contact.\ntitle: Guests # as people call it\n\nfrom: tours\n# all kinds\non:\n  - created # new ones\n  - updated\nwhen: present(booking.contact.email) # no e-mail, no contact\nlane: \"{{ booking.uuid }}\"\nsteps:\n  # First the guest.\n  - id: contact # the guest\n    use: crm.upsert_contact\n    with:\n      # who\n      email: \"{{ person.email }}\" # lower case\n      phone: '{{ phone(person.phone, \"IE\") }}'\n      note: |\n        two\n\n        lines # no comment\n\n      tags: [a, b]\n\n  # Then the deal.\n  - use: crm.deal\n    if: default_to(booking.total, 0) > 0\n    with: { key: \"{{ booking.uuid }}\", stage: won }\n# the end\n";

fn with_email<'p>() -> [Way<'p>; 4] {
    [Key("steps"), Item(0), Key("with"), Key("email")]
}

#[test]
fn one_value_changes_and_nothing_else() {
    let cases: [(&[Way<'_>], Value, &str, &str); 11] = [
        (&[Key("title")], json!("All: guests"), "title: Guests #", "title: \"All: guests\" #"),
        (&with_email(), json!("{{ trip.code }}"), "{{ person.email }}", "{{ trip.code }}"),
        (&with_email(), json!("{{ f(\"a\") }}"), "\"{{ person.email }}\"", "'{{ f(\"a\") }}'"),
        (
            &[Key("steps"), Item(0), Key("with"), Key("phone")],
            json!("it's"),
            "'{{ phone(person.phone, \"IE\") }}'",
            "'it''s'",
        ),
        (
            &[Key("steps"), Item(0), Key("with"), Key("note")],
            json!("short"),
            "|\n        two\n\n        lines # no comment\n",
            "short\n",
        ),
        (
            &[Key("when")],
            json!("a &&\n  b"),
            "when: present(booking.contact.email) #",
            "when: |-\n  a &&\n    b #",
        ),
        (&[Key("steps"), Item(1), Key("with"), Key("stage")], json!("a, b"), "stage: won", "stage: \"a, b\""),
        (&[Key("steps"), Item(1), Key("with"), Key("n")], json!(1), "stage: won", "stage: won, n: 1"),
        (&[Key("on"), Item(1)], json!("cancelled"), "- updated", "- cancelled"),
        (&[Key("steps"), Item(0), Key("with"), Key("tags")], json!("{{ x }}"), "[a, b]", "\"{{ x }}\""),
        (
            &[Key("steps"), Item(0), Key("if")],
            json!("a == \"b\""),
            "use: crm.upsert_contact\n",
            "use: crm.upsert_contact\n    if: a == \"b\"\n",
        ),
    ];
    for (path, value, from, to) in cases {
        let made = with_value(RULE, path, &value, &["id", "use", "stage"]);
        // A comment can't stand behind a text in lines of its own.
        if to.contains("|-") {
            assert!(made.is_err(), "{path:?}");
            continue;
        }
        assert_eq!(made, Ok(RULE.replacen(from, to, 1)), "{path:?}");
        let windows = RULE.replace('\n', "\r\n");
        let made = with_value(&windows, path, &value, &["id", "use", "stage"]);
        assert_eq!(made, Ok(RULE.replacen(from, to, 1).replace('\n', "\r\n")), "{path:?}");
    }
}

#[test]
fn what_is_not_there_yet_gets_a_place() {
    let text = "from: x\nsteps:\n  - use: a.b\n  - use: a.c\n    with:\n# end";
    let set = |path: &[Way<'_>], value: Value| with_value(text, path, &value, &["title", "use"]).unwrap();
    assert_eq!(
        set(&[Key("steps"), Item(0), Key("with"), Key("e")], json!("{{ x }}")),
        "from: x\nsteps:\n  - use: a.b\n    with:\n      e: \"{{ x }}\"\n  - use: a.c\n    with:\n# end"
    );
    assert_eq!(
        set(&[Key("steps"), Item(1), Key("with"), Key("e")], json!("{{ x }}")),
        "from: x\nsteps:\n  - use: a.b\n  - use: a.c\n    with:\n      e: \"{{ x }}\"\n# end"
    );
    assert_eq!(set(&[Key("title")], json!("New")), format!("title: New\n{text}"));
    assert_eq!(
        set(&[Key("steps"), Item(0), Key("id")], json!("b")),
        "from: x\nsteps:\n  - use: a.b\n    id: b\n  - use: a.c\n    with:\n# end"
    );
    let first = with_value(text, &[Key("steps"), Item(0), Key("id")], &json!("b"), &[]).unwrap();
    assert_eq!(first, "from: x\nsteps:\n  - id: b\n    use: a.b\n  - use: a.c\n    with:\n# end");
}

#[test]
fn steps_come_go_and_change_places_with_their_comments() {
    let steps = [Key("steps")];
    let value = json!({ "use": "a.b", "with": { "id": "{{ x }}" } });
    let text = with_item(RULE, &steps, 1, &value).unwrap();
    let new = "  - use: a.b\n    with:\n      id: \"{{ x }}\"\n";
    assert_eq!(text, RULE.replace("      tags: [a, b]\n", &format!("      tags: [a, b]\n{new}")));
    let text = with_item(RULE, &steps, 2, &value).unwrap();
    assert_eq!(text, RULE.replace("stage: won }\n", &format!("stage: won }}\n{new}")));
    let text = without(RULE, &[Key("steps"), Item(1)]).unwrap();
    assert_eq!(text, RULE[..RULE.find("  - use: crm.deal").unwrap()].to_owned() + "# the end\n");
    let text = with_swapped(RULE, &steps, 0).unwrap();
    let (first, second) = (RULE.find("  # First").unwrap(), RULE.find("  # Then").unwrap());
    let end = RULE.find("# the end").unwrap();
    assert_eq!(
        text,
        format!(
            "{}{}\n{}{}",
            &RULE[..first],
            &RULE[second..end],
            RULE[first..second].trim_end_matches('\n'),
            { format!("\n{}", &RULE[end..]) }
        )
    );
    assert_eq!(with_swapped(&text, &steps, 0).as_deref(), Ok(RULE));
    let none = with_item("from: x\nsteps: []\n", &steps, 0, &json!({ "use": "a.b" })).unwrap();
    assert_eq!(none, "from: x\nsteps:\n  - use: a.b\n");
}

#[test]
fn entries_go_with_their_line_and_what_would_be_empty_goes_too() {
    let gone = |path: &[Way<'_>]| without(RULE, path).unwrap();
    assert_eq!(gone(&with_email()), RULE.replace("      email: \"{{ person.email }}\" # lower case\n", ""));
    assert_eq!(gone(&[Key("steps"), Item(0), Key("id")]), RULE.replace("id: contact # the guest\n    ", ""));
    assert_eq!(gone(&[Key("steps"), Item(1), Key("with"), Key("stage")]), RULE.replace(", stage: won", ""));
    assert_eq!(gone(&[Key("steps"), Item(1), Key("use")]), RULE.replace("use: crm.deal\n    ", ""));
    assert_eq!(gone(&[Key("nothing")]), RULE);
    let text = "from: x\nsteps:\n  - use: a.b\n    with: # these\n      e: 1\n";
    let path = [Key("steps"), Item(0), Key("with"), Key("e")];
    assert_eq!(without(text, &path).unwrap(), "from: x\nsteps:\n  - use: a.b\n");
}

#[test]
fn what_would_touch_more_is_left_to_people() {
    let cases: [(&str, &[Way<'_>]); 6] = [
        ("a: &x 1\nb: *x\n", &[Key("a")]),
        ("a: &x {c: 1}\nb: *x\n", &[Key("b"), Key("c")]),
        ("- a\n", &[Key("a")]),
        ("a: [\n", &[Key("a")]),
        ("a:\n  # what\n  b: 1\n", &[Key("a")]),
        ("? a\n: 1\n", &[Key("a")]),
    ];
    for (text, path) in cases {
        assert!(with_value(text, path, &json!("new"), &[]).is_err(), "{text}");
    }
}

#[test]
fn whatever_a_text_holds_it_reads_back_as_itself() {
    let hostile = [
        "",
        " ",
        "a: b",
        "a #b",
        "true",
        "null",
        "~",
        "1.10",
        "- a",
        "? a",
        "&a",
        "*a",
        "!a",
        "a\nb: evil",
        "a\r\nb",
        "\"",
        "'",
        "\\",
        "{{ a }}",
        "}",
        "]",
        "[a",
        ",",
        "%a",
        "@a",
        "`a",
        "|",
        ">",
        "---",
        "...",
        "a:",
        "\u{feff}a",
        "\u{2028}",
        "\t",
        "\u{85}",
        "😀",
        "<<",
        "\n",
        "a\n\nb\n",
        " a\nb",
        "a \nb",
        "#",
    ];
    for value in hostile {
        for path in [&with_email()[..], &[Key("title")], &[Key("steps"), Item(1), Key("with"), Key("key")]] {
            if let Ok(text) = with_value(RULE, path, &json!(value), &[]) {
                let read = parse("", &text).unwrap();
                let found = super::find(&read, path).and_then(|node| node.as_text());
                assert_eq!(found, Some(value), "{text}");
            } else {
                let odd = value.chars().any(|c| c.is_control() || matches!(c, '\u{feff}' | '\u{2028}'));
                assert!(odd, "{value:?}");
            }
        }
    }
}

/// A change, as chance has it.
#[derive(Clone, Debug)]
enum Act {
    Set(usize, String, String),
    Remove(usize, String),
    Add(usize, String),
    Swap(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let text = prop_oneof![
        "[a-zA-Z0-9 .:#'\"{}\\[\\],&*!|>%@`-]{0,12}",
        Just("{{ person.email }}".to_owned()),
        Just("a && b".to_owned()),
    ];
    let field = prop_oneof!["email", "phone", "note", "tags", "[a-z]{1,4}", "[a-z:# ]{1,5}"];
    prop_oneof![
        (0..4_usize, field.clone(), text.clone()).prop_map(|(step, field, text)| Act::Set(step, field, text)),
        (0..4_usize, field).prop_map(|(step, field)| Act::Remove(step, field)),
        (0..4_usize, text).prop_map(|(step, text)| Act::Add(step, text)),
        (0..4_usize).prop_map(Act::Swap),
    ]
}

fn comments(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = text.lines().map(str::trim).filter(|line| line.starts_with('#')).collect();
    found.sort_unstable();
    found
}

proptest! {
    #[test]
    fn whatever_is_changed_the_rest_stays(acts in proptest::collection::vec(act(), 1..8), windows: bool) {
        let mut text = if windows { RULE.replace('\n', "\r\n") } else { RULE.to_owned() };
        for act in acts {
            let before = parse("", &text).unwrap().to_json();
            let steps = before["steps"].as_array().map_or(0, Vec::len);
            let mut expected = before.clone();
            let made = match &act {
                Act::Set(step, field, value) if *step < steps => {
                    let path = [Key("steps"), Item(*step), Key("with"), Key(field)];
                    if expected["steps"][*step]["with"].is_null() {
                        expected["steps"][*step]["with"] = json!({});
                    }
                    expected["steps"][*step]["with"][field] = json!(value);
                    with_value(&text, &path, &json!(value), &["use"])
                }
                Act::Remove(step, field) if *step < steps => {
                    let path = [Key("steps"), Item(*step), Key("with"), Key(field)];
                    if let Some(with) = expected["steps"][*step]["with"].as_object_mut() {
                        let gone = with.shift_remove(field).is_some();
                        if with.is_empty() && gone {
                            expected["steps"][*step].as_object_mut().unwrap().shift_remove("with");
                        }
                    }
                    without(&text, &path)
                }
                Act::Add(at, value) if *at <= steps => {
                    let step = json!({ "use": "a.b", "with": { "x": value } });
                    expected["steps"].as_array_mut().unwrap().insert(*at, step.clone());
                    with_item(&text, &[Key("steps")], *at, &step)
                }
                Act::Swap(at) if at + 1 < steps => {
                    expected["steps"].as_array_mut().unwrap().swap(*at, at + 1);
                    with_swapped(&text, &[Key("steps")], *at)
                }
                _ => continue,
            };
            let Ok(made) = made else { continue };
            prop_assert_eq!(&parse("", &made).unwrap().to_json(), &expected, "{:?}", act);
            prop_assert_eq!(comments(&made), comments(&text), "{:?}\n{}", act, made);
            let all_windows = made.matches('\n').count() == made.matches("\r\n").count();
            prop_assert_eq!(all_windows, windows, "{:?}", made);
            if let Act::Set(..) = act {
                // One line differs, or some came.
                let old: Vec<&str> = text.lines().collect();
                let new: Vec<&str> = made.lines().collect();
                let same = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
                let rest = old.iter().rev().zip(new.iter().rev()).take_while(|(one, other)| one == other).count();
                prop_assert!(same + rest + 5 >= old.len(), "{:?}\n{}", act, made);
            }
            text = made;
        }
    }
}
