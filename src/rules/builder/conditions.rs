//! Conditions as rows of field, operator and value, for expressions that have that simple form: rows joined by `&&`. An
//! expression counts as simple only where its rows, written out again, are the same expression.

use serde_json::Value;

/// How a field is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// It has a value.
    Present,
    /// It is missing, null, blank or empty.
    Absent,
    /// The same.
    Is,
    /// Another.
    IsNot,
    /// More than a number; missing counts as 0.
    More,
    /// Less than a number; missing counts as 0.
    Less,
    /// More than a number, as people write it: fails where it is missing.
    MorePlain,
    /// Less than a number, likewise.
    LessPlain,
    /// A text or list that has it in it.
    Contains,
    /// A text that begins so.
    Begins,
}

impl Operator {
    /// All, as they are offered.
    pub const ALL: [Self; 10] = [
        Self::Present,
        Self::Absent,
        Self::Is,
        Self::IsNot,
        Self::More,
        Self::Less,
        Self::Contains,
        Self::Begins,
        Self::MorePlain,
        Self::LessPlain,
    ];

    /// Its word in forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Absent => "absent",
            Self::Is => "is",
            Self::IsNot => "is-not",
            Self::More => "more",
            Self::Less => "less",
            Self::MorePlain => "more-plain",
            Self::LessPlain => "less-plain",
            Self::Contains => "contains",
            Self::Begins => "begins",
        }
    }

    /// For people, between field and value.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Present => "is there",
            Self::Absent => "is missing or empty",
            Self::Is => "is",
            Self::IsNot => "is not",
            Self::More => "is more than",
            Self::Less => "is less than",
            Self::MorePlain => "is more than (must be there)",
            Self::LessPlain => "is less than (must be there)",
            Self::Contains => "has in it",
            Self::Begins => "begins with",
        }
    }

    /// By its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.as_str() == word)
    }

    /// Whether a value belongs to it.
    pub fn takes_value(self) -> bool {
        !matches!(self, Self::Present | Self::Absent)
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Path of the field: `booking.contact.email`.
    pub field: String,
    /// How it is looked at.
    pub operator: Operator,
    /// With what; a text as people write it, without quotes.
    pub value: String,
    /// The value is a number, `true` or `false`, and not a text.
    pub is_literal: bool,
}

impl Row {
    /// A row of what a form sent: a number, `true` or `false` are that, all else is a text.
    pub fn new(field: &str, operator: Operator, value: &str) -> Self {
        let value = value.trim();
        let is_literal = operator.takes_value()
            && !matches!(operator, Operator::Contains | Operator::Begins)
            && (is_number(value) || matches!(value, "true" | "false"));
        let value = if operator.takes_value() { value } else { "" };
        Self { field: field.trim().to_owned(), operator, value: value.to_owned(), is_literal }
    }

    fn text(&self) -> String {
        let field = &self.field;
        let value = if self.is_literal { self.value.clone() } else { quoted(&self.value) };
        match self.operator {
            Operator::Present => format!("present({field})"),
            Operator::Absent => format!("!present({field})"),
            Operator::Is => format!("{field} == {value}"),
            Operator::IsNot => format!("{field} != {value}"),
            Operator::More => format!("default_to({field}, 0) > {value}"),
            Operator::Less => format!("default_to({field}, 0) < {value}"),
            Operator::MorePlain => format!("{field} > {value}"),
            Operator::LessPlain => format!("{field} < {value}"),
            Operator::Contains => format!("contains({field}, {value})"),
            Operator::Begins => format!("starts_with({field}, {value})"),
        }
    }
}

/// Rows as an expression; empty for none.
pub fn text_of(rows: &[Row]) -> String {
    rows.iter().map(Row::text).collect::<Vec<_>>().join(" && ")
}

/// The rows of an expression. `None`: it has not that simple form.
pub fn rows_of(text: &str) -> Option<Vec<Row>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    let rows: Vec<Row> = parts(text)?.into_iter().map(row).collect::<Option<_>>()?;
    // Blanks between may differ, within texts they may not.
    (squeezed(&text_of(&rows)) == squeezed(text)).then_some(rows)
}

/// Cuts at each `&&` that stands outside of texts and brackets.
fn parts(text: &str) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut depth, mut within) = (Vec::new(), 0, 0_usize, false);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if within => {
                chars.next();
            }
            '"' => within = !within,
            _ if within => {}
            // What these bring is no simple form.
            '\'' | '`' | '|' | '{' | ';' => return None,
            '/' if matches!(chars.peek(), Some((_, '/' | '*'))) => return None,
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            '&' if depth == 0 => {
                chars.next_if(|(_, next)| *next == '&')?;
                parts.push(text[start..at].trim());
                start = at + 2;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    (!within && depth == 0).then_some(parts)
}

fn row(text: &str) -> Option<Row> {
    let inner = |name: &str| {
        text.strip_prefix(name)?.trim_start().strip_prefix('(')?.strip_suffix(')').map(str::trim)
    };
    if let Some(field) = inner("present").filter(|field| is_path(field)) {
        return Some(Row::new(field, Operator::Present, ""));
    }
    if let Some(negated) = text.strip_prefix('!') {
        let field = row(negated.trim_start()).filter(|row| row.operator == Operator::Present)?.field;
        return Some(Row::new(&field, Operator::Absent, ""));
    }
    for (name, operator) in [("contains", Operator::Contains), ("starts_with", Operator::Begins)] {
        if let Some((field, value)) = inner(name).and_then(|inner| inner.split_once(',')) {
            return with_value(field.trim(), operator, value);
        }
    }
    let signs = [
        ("==", Operator::Is),
        ("!=", Operator::IsNot),
        (">", Operator::MorePlain),
        ("<", Operator::LessPlain),
    ];
    let (at, sign, operator) = signs
        .iter()
        .filter_map(|(sign, operator)| Some((text.find(sign)?, *sign, *operator)))
        .min_by_key(|found| found.0)?;
    let (left, value) = (text[..at].trim(), &text[at + sign.len()..]);
    let guarded = left
        .strip_prefix("default_to")
        .and_then(|rest| rest.trim_start().strip_prefix('(')?.strip_suffix(')')?.split_once(','));
    match (guarded, operator) {
        (Some((field, zero)), Operator::MorePlain) if zero.trim() == "0" => {
            with_value(field.trim(), Operator::More, value)
        }
        (Some((field, zero)), Operator::LessPlain) if zero.trim() == "0" => {
            with_value(field.trim(), Operator::Less, value)
        }
        _ => with_value(left, operator, value),
    }
}

fn with_value(field: &str, operator: Operator, value: &str) -> Option<Row> {
    let value = value.trim();
    if !is_path(field) {
        return None;
    }
    if is_number(value) || matches!(value, "true" | "false") {
        return Some(Row { field: field.to_owned(), operator, value: value.to_owned(), is_literal: true });
    }
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            '"' => return None,
            c => plain.push(c),
        }
    }
    Some(Row { field: field.to_owned(), operator, value: plain, is_literal: false })
}

/// A path as people write it: `booking.contact.email`, `booking.customers[0].pk`.
pub(super) fn is_path(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(known) && !text.ends_with('.')
}

fn is_number(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    starts
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '.'))
        && serde_json::from_str::<Value>(text).is_ok()
}

/// A text of an expression.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Without the blanks outside of texts.
fn squeezed(text: &str) -> String {
    let (mut within, mut escaped) = (false, false);
    text.chars()
        .filter(|c| {
            let kept = within || !c.is_whitespace();
            if *c == '"' && !escaped {
                within = !within;
            }
            escaped = *c == '\\' && within && !escaped;
            kept
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Operator, Row, rows_of, text_of};
    use proptest::prelude::*;

    #[test]
    fn simple_conditions_are_rows_and_others_are_not() {
        let told = |text: &str| {
            rows_of(text).map(|rows| {
                let row = |row: &Row| format!("{} {} {:?}", row.field, row.operator.as_str(), row.value);
                rows.iter().map(row).collect::<Vec<_>>().join("; ")
            })
        };
        let simple = [
            ("", ""),
            ("present(person.email)", "person.email present \"\""),
            ("! present( a.b )", "a.b absent \"\""),
            ("a.b == \"x && y\" && c[0].d != true", "a.b is \"x && y\"; c[0].d is-not \"true\""),
            (
                "default_to(booking.total, 0) > 0\n  && b < 1.5",
                "booking.total more \"0\"; b less-plain \"1.5\"",
            ),
            ("contains(a, \"say \\\"x\\\"\")", "a contains \"say \\\"x\\\"\""),
            ("starts_with(a, \"b\")", "a begins \"b\""),
            ("a == \"1\"", "a is \"1\""),
        ];
        for (text, rows) in simple {
            assert_eq!(told(text).as_deref(), Some(rows), "{text}");
        }
        let others = [
            "a || b",
            "a",
            "a == b",
            "present(a) & present(b)",
            "present(f(a))",
            "a == 'b'",
            "a == \"b",
            "(a == \"b\")",
            "a >= 1",
            "a == \"b\" // c",
            "default_to(a, 1) > 2",
            "a == \"\\n\"",
            "!(a == 1)",
            "a == 01",
            "present(a) &&",
            "a === 1",
        ];
        for text in others {
            assert_eq!(told(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_and_truths_of_a_form_are_no_texts() {
        let text = |operator, value: &str| text_of(&[Row::new(" a.b ", operator, value)]);
        assert_eq!(text(Operator::Is, "4"), "a.b == 4");
        assert_eq!(text(Operator::Is, "true"), "a.b == true");
        assert_eq!(text(Operator::Is, "say \"so\""), "a.b == \"say \\\"so\\\"\"");
        assert_eq!(text(Operator::Contains, "4"), "contains(a.b, \"4\")");
        assert_eq!(text(Operator::Present, "4"), "present(a.b)");
    }

    proptest! {
        #[test]
        fn rows_read_back_as_themselves(rows in proptest::collection::vec(("[a-z]{1,3}(\\.[a-z_]{1,4}){0,2}", 0..10_usize, "[ -~é]{0,6}"), 0..4)) {
            let rows: Vec<Row> = rows.iter().map(|(field, operator, value)| Row::new(field, Operator::ALL[*operator], value)).collect();
            let back = rows_of(&text_of(&rows));
            // A text that is written as a number stays a text.
            prop_assert_eq!(back, Some(rows));
        }
    }
}
