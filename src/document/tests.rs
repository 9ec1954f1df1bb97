//! Tests of parsing, of the places, and of what is said about mistakes.

use super::super::{Diagnostic, Node, Place, Yaml, render};
use super::parse;
use proptest::prelude::*;

fn read(text: &str) -> Node {
    parse("rule.yaml", text).unwrap_or_else(|error| panic!("{}", render(&error, Some(text))))
}

fn refused(text: &str) -> Diagnostic {
    parse("rule.yaml", text).expect_err("this should be refused")
}

#[test]
fn plain_scalars_are_what_they_look_like() {
    let cases = [
        ("true", "true"),
        ("false", "false"),
        ("True", "\"True\""),
        ("NO", "\"NO\""),
        ("on", "\"on\""),
        ("yes", "\"yes\""),
        ("012", "\"012\""),
        ("0x1F", "\"0x1F\""),
        ("0o17", "\"0o17\""),
        ("1_000", "\"1_000\""),
        (".inf", "\".inf\""),
        (".5", "\".5\""),
        ("5.", "\"5.\""),
        ("+5", "\"+5\""),
        ("1.10", "1.10"),
        ("-3", "-3"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("null", "null"),
        ("~", "null"),
        ("", "null"),
        ("Null", "\"Null\""),
        ("\"1.10\"", "\"1.10\""),
        ("'true'", "\"true\""),
        ("2026-11-22", "\"2026-11-22\""),
        ("12:30", "\"12:30\""),
    ];
    for (yaml, json) in cases {
        assert_eq!(
            read(&format!("key: {yaml}")).to_json().to_string(),
            format!("{{\"key\":{json}}}"),
            "{yaml}"
        );
    }
}

#[test]
fn keys_and_values_know_their_places() {
    let node = read("title: Gäste\nsteps:\n  - use: \"a.b\"\n    with: { x: 1 }\n");
    let Yaml::Map(entries) = &node.yaml else { panic!("a map") };
    assert_eq!(entries[0].value.place, Place { line: 1, column: 8, length: 5 });
    let Yaml::List(steps) = &entries[1].value.yaml else { panic!("a list") };
    let Yaml::Map(step) = &steps[0].yaml else { panic!("a map") };
    assert_eq!(step[0].place, Place { line: 3, column: 5, length: 3 });
    assert_eq!(step[0].value.place, Place { line: 3, column: 10, length: 5 });
    let Yaml::Map(with) = &step[1].value.yaml else { panic!("a map") };
    assert_eq!(with[0].value.place, Place { line: 4, column: 16, length: 1 });
}

#[test]
fn a_part_of_a_scalar_is_found_in_its_file() {
    let cases = [
        "key: a {{ MARK }} b\n",
        "key: \"ä \\\"x\\\" \\u00e9 {{ MARK }}\"\n",
        "key: 'it''s {{ MARK }}'\n",
        "key: |\n  first line\n\n  then {{ MARK }}\n",
        "key: |-\n\n    first\n      more {{ MARK }}\n",
        "key: >\n  folded here\n  and {{ MARK }}\n  there\n",
        "key: >-\n  one\n\n  two\n\n\n  three {{ MARK }}\n",
        "key: plain over\n  lines {{ MARK }}\n",
        "key: \"quoted over\n\n  lines \\\n  {{ MARK }}\"\n",
        "first: 1\nkey:\n    >2\n      x {{ MARK }}\n",
        "\u{feff}key: {x: 'MARK'}\n",
        "key: |\r\n  first\r\n  {{ MARK }}\r\n",
    ];
    for source in cases {
        let node = read(source);
        let mut texts = Vec::new();
        collect(&node, &mut texts);
        let (node, text) = texts.into_iter().find(|(_, text)| text.contains("MARK")).expect("it is there");
        let place = node.place_within(source, text.find("MARK").expect("it is there"), 4);
        let line = source.split('\n').nth(place.line as usize - 1).expect("the line is there");
        let line = line.trim_start_matches('\u{feff}');
        let found: String =
            line.chars().skip(place.column as usize - 1).take(place.length as usize).collect();
        assert_eq!(found, "MARK", "in {source:?}, at {place:?}");
    }
}

fn collect<'n>(node: &'n Node, texts: &mut Vec<(&'n Node, &'n str)>) {
    match &node.yaml {
        Yaml::Text(text) => texts.push((node, text)),
        Yaml::List(items) => items.iter().for_each(|item| collect(item, texts)),
        Yaml::Map(entries) => entries.iter().for_each(|entry| collect(&entry.value, texts)),
        _ => {}
    }
}

#[test]
fn mistakes_are_told_in_plain_words_at_the_line_to_change() {
    let cases = [
        "title: x\n\tfrom: y\n",
        "steps:\n  - use: a\n\t  with: b\n",
        "email: {{ booking.contact.email }}\n",
        "email: {{ booking.a }} and {{ booking.b }}\n",
        "steps:\n  - {{ x }}\n",
        "title:x\nfrom: y\n",
        "from: y\ntitle:x\n",
        "title: a: b\n",
        "title: \"never closed\nfrom: y\n",
        "title: 'it's here'\n",
        "title: @home\n",
        "title: x\n  from: y\n",
        "on: [created, updated\nfrom: y\n",
        "title: one\ntitle: two\n",
        "base: &b {a: 1}\nother:\n  <<: *b\n",
        "token: !secret x\n",
        "409: done\n",
        "true: x\n",
        "[a, b]: x\n",
        "x: *nobody\n",
        "x: &a [*a]\n",
        "a: 1\n---\nb: 2\n",
        "",
        "# only a comment\n",
        "from: y\nhello\n",
        "title: \"a \\d b\"\n",
    ];
    let said: Vec<String> = cases.iter().map(|text| render(&refused(text), Some(text))).collect();
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn bombs_end_in_a_diagnostic() {
    let mut billion = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let previous = format!("*a{}", level - 1);
        let line = format!("a{level}: &a{level} [{}]\n", vec![previous; 10].join(","));
        billion.push_str(&line);
    }
    assert_eq!(refused(&billion).message, "This file holds more than can be read.");
    for deep in ["[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(70), "x: ".repeat(9000)] {
        refused(&deep);
    }
    let nested = format!("{}1{}", "[".repeat(64), "]".repeat(64));
    read(&nested);
    assert_eq!(refused(&format!("[{nested}]")).message, "Maps and lists are nested deeper than 64 levels.");
    let mut stacked = String::from("l0: &l0 x\n");
    for level in 1..100 {
        let line = format!("l{level}: &l{level} [*l{}]\n", level - 1);
        stacked.push_str(&line);
    }
    assert_eq!(refused(&stacked).message, "Maps and lists are nested deeper than 64 levels.");
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[ -~\n\t{}\\[\\]:&*!|>'\"é-]{0,80}") {
        match parse("rule.yaml", &text) {
            Ok(node) => {
                let mut texts = Vec::new();
                collect(&node, &mut texts);
                for (node, value) in texts {
                    for offset in 0..=value.len() {
                        let _ = node.place_within(&text, offset, 3);
                    }
                }
            }
            Err(diagnostic) => {
                let _ = render(&diagnostic, Some(&text));
            }
        }
    }
}
