//! Functions that have a small form of their own in the builder, and the expression that comes of one.

use super::conditions::{is_path, quoted};
use std::collections::BTreeMap;

/// The form of a function.
#[derive(Clone, Copy, Debug)]
pub struct FunctionForm {
    /// Its name.
    pub name: &'static str,
    /// What one wants of it.
    pub title: &'static str,
    /// What else it asks for beside the value: key, label, example, whether it must be there.
    pub inputs: &'static [(&'static str, &'static str, &'static str, bool)],
}

/// All of them.
pub const FUNCTION_FORMS: [FunctionForm; 5] = [
    FunctionForm {
        name: "date",
        title: "A date or time, written another way",
        inputs: &[
            ("format", "How: %d day, %m month, %Y year, %H:%M time", "%d.%m.%Y", true),
            ("zone", "In the time of, if not the tour's own", "Europe/Dublin", false),
        ],
    },
    FunctionForm {
        name: "money",
        title: "An amount of cents, as money",
        inputs: &[("currency", "Currency: a code, or a value that has it", "EUR", true)],
    },
    FunctionForm {
        name: "phone",
        title: "A phone number with its country code",
        inputs: &[("region", "Country of numbers without one", "IE", false)],
    },
    FunctionForm {
        name: "first_of",
        title: "The first of several that is there",
        inputs: &[
            ("second", "Else this: a value, or a text", "booking.contact.phone", true),
            ("third", "Else that", "", false),
        ],
    },
    FunctionForm {
        name: "lookup",
        title: "What a table says for it",
        inputs: &[
            ("table", "Table: a file of tables/, without .csv", "tour-codes", true),
            ("column", "Column of the answer", "code", true),
        ],
    },
];

/// The expression that a filled form means, or which input is wrong and why.
pub fn expression_of(
    name: &str,
    value: &str,
    inputs: &BTreeMap<&str, &str>,
) -> Result<String, (&'static str, String)> {
    let Some(form) = FUNCTION_FORMS.iter().find(|form| form.name == name) else {
        return Err(("function", "Choose what is to be done with the value.".to_owned()));
    };
    let value = value.trim();
    if !is_path(value) {
        let sentence = "Choose the value to work on: press one of the booking's values, or write its path, as in trip.starts_at.";
        return Err(("value", sentence.to_owned()));
    }
    let mut given = BTreeMap::new();
    for (key, label, example, required) in form.inputs {
        let text = inputs.get(key).map(|text| text.trim()).unwrap_or_default();
        if *required && text.is_empty() {
            return Err((key, format!("This is needed: {}, as in {example}.", label.to_lowercase())));
        }
        if text.chars().any(char::is_control) {
            return Err((key, "This can't be taken: it holds a sign that can't be seen.".to_owned()));
        }
        given.insert(*key, text);
    }
    let of = |key: &str| given.get(key).copied().unwrap_or_default();
    let optional = |key: &str| match of(key) {
        "" => String::new(),
        text => format!(", {}", quoted(text)),
    };
    Ok(match form.name {
        "date" => format!("date({value}, {}{})", quoted(of("format")), optional("zone")),
        "money" => format!("money({value}, {})", operand(of("currency"))),
        "phone" => format!("phone({value}{})", optional("region")),
        "first_of" => {
            let third = match of("third") {
                "" => String::new(),
                third => format!(", {}", operand(third)),
            };
            format!("first_of({value}, {}{third})", operand(of("second")))
        }
        _ => {
            let table = of("table").trim_end_matches(".csv").trim_start_matches("tables/");
            format!("lookup({}, {value}, {})", quoted(table), quoted(of("column")))
        }
    })
}

/// A value of the booking where it is written as one, else a text.
fn operand(text: &str) -> String {
    if is_path(text) && text.contains('.') { text.to_owned() } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use super::{FUNCTION_FORMS, expression_of};
    use crate::expr::{Engine, Limits, Scripts};

    fn made(name: &str, value: &str, inputs: &[(&str, &str)]) -> Result<String, (&'static str, String)> {
        expression_of(name, value, &inputs.iter().copied().collect())
    }

    #[test]
    fn a_filled_form_becomes_an_expression_of_the_language() {
        let cases = [
            (made("date", "trip.starts_at", &[("format", "%d.%m.%Y")]), "date(trip.starts_at, \"%d.%m.%Y\")"),
            (
                made("date", "trip.starts_at", &[("format", "%H:%M"), ("zone", "Europe/Dublin")]),
                "date(trip.starts_at, \"%H:%M\", \"Europe/Dublin\")",
            ),
            (made("money", "trip.total", &[("currency", "EUR")]), "money(trip.total, \"EUR\")"),
            (
                made("money", "trip.total", &[("currency", "trip.currency")]),
                "money(trip.total, trip.currency)",
            ),
            (made("phone", "person.phone", &[("region", "IE")]), "phone(person.phone, \"IE\")"),
            (made("phone", "person.phone", &[]), "phone(person.phone)"),
            (
                made("first_of", "person.phone", &[("second", "say \"none\"")]),
                "first_of(person.phone, \"say \\\"none\\\"\")",
            ),
            (
                made("lookup", "booking.item.pk", &[("table", "tables/tour-codes.csv"), ("column", "code")]),
                "lookup(\"tour-codes\", booking.item.pk, \"code\")",
            ),
        ];
        let scripts = Scripts {
            tables: [("tables/tour-codes.csv".into(), "pk,code\n1,A\n".into())].into(),
            ..Scripts::default()
        };
        let (engine, _) = Engine::build(&scripts, Limits::default());
        for (made, expected) in cases {
            assert_eq!(made.as_deref(), Ok(expected));
            assert!(engine.compile(expected, &["trip", "person", "booking"]).is_ok(), "{expected}");
        }
    }

    #[test]
    fn what_is_missing_or_odd_is_told_at_its_input() {
        let wrong =
            |name, value, inputs: &[(&str, &str)]| made(name, value, inputs).expect_err("it is wrong").0;
        assert_eq!(wrong("evil", "a.b", &[]), "function");
        assert_eq!(wrong("date", "", &[("format", "%d")]), "value");
        assert_eq!(wrong("date", "a) + evil(", &[("format", "%d")]), "value");
        assert_eq!(wrong("date", "a.b", &[]), "format");
        assert_eq!(wrong("lookup", "a.b", &[("table", "x")]), "column");
        assert_eq!(wrong("phone", "a.b", &[("region", "I\nE")]), "region");
        assert!(FUNCTION_FORMS.iter().all(|form| !form.title.is_empty()));
    }
}
