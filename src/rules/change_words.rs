//! Texts that a rule compares `change.kind` with. One that is no kind of change is never so: a rule that waits for it does nothing
//! and says nothing. Found in the expression's text, right beside the path. Called by `expressions`.

use crate::expr::{Path, Segment};

/// What may be in `change.kind`: the words of `on:`, and of items.
pub(super) const KINDS: [&str; 8] =
    ["created", "updated", "cancelled", "rebooked", "deleted", "added", "changed", "removed"];

/// A text that stands in an expression, with where it begins within it (behind its quote).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Compared<'t> {
    pub word: &'t str,
    pub at: usize,
}

/// The texts that the path is compared with.
pub(super) fn compared_with<'t>(text: &'t str, path: &Path) -> Vec<Compared<'t>> {
    let is_kind = matches!(path.segments.as_slice(), [Segment::Name(name)] if name == "kind");
    let (start, length) = path.at;
    let (Some(before), Some(after)) = (text.get(..start), text.get(start + length..)) else {
        return Vec::new();
    };
    if path.root != "change" || !is_kind {
        return Vec::new();
    }
    let after_operator = |operator: &str| {
        let rest = after.trim_start().strip_prefix(operator)?;
        Some((rest.trim_start(), text.len() - rest.trim_start().len()))
    };
    let mut found = Vec::new();
    if let Some((rest, at)) = after_operator("==").or_else(|| after_operator("!=")) {
        found.extend(literal(rest).map(|word| Compared { word, at: at + 1 }));
    } else if let Some((rest, at)) = after_operator("in").filter(|(rest, _)| rest.starts_with('[')) {
        let list = &rest[1..rest.find(']').unwrap_or(rest.len())];
        let mut inner = 0;
        while let Some(quote) = list[inner..].find(['"', '`']) {
            let Some(word) = literal(&list[inner + quote..]) else { break };
            found.push(Compared { word, at: at + 1 + inner + quote + 1 });
            inner += quote + word.len() + 2;
        }
    }
    let operated = before.trim_end();
    if let Some(left) = operated.strip_suffix("==").or_else(|| operated.strip_suffix("!=")) {
        let left = left.trim_end();
        if let Some(inner) = left.strip_suffix('"')
            && let Some(quote) = inner.rfind('"')
        {
            found.push(Compared { word: &inner[quote + 1..], at: quote + 1 });
        }
    }
    found
}

/// A text in quotes at the beginning, as long as nothing in it is written with a backslash or put in.
fn literal(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '"' | '`'))?;
    let inner = text.get(1..)?;
    let word = &inner[..inner.find(quote)?];
    (!word.contains(['\\', '$'])).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::{Compared, compared_with};
    use crate::expr::{Engine, Limits, Scripts};

    #[test]
    fn what_stands_beside_the_kind_of_change_is_found_where_it_stands() {
        let (engine, _) = Engine::build(&Scripts::default(), Limits::default());
        let cases: [(&str, &[&str]); 9] = [
            ("change.kind == \"rebookd\"", &["rebookd"]),
            ("!paid && change.kind!=`a` || change.kind == \"b\"", &["a", "b"]),
            ("\"rebookd\" == change.kind", &["rebookd"]),
            ("change.kind in [\"one\", \"two\"]", &["one", "two"]),
            ("change.kind == booking.status", &[]),
            ("change.cause == \"x\"", &[]),
            ("change.kind + \"x\" == \"createdx\"", &[]),
            ("change.kind == \"a\\\"b\"", &[]),
            ("change.kind in [", &[]),
        ];
        for (text, words) in cases {
            let Ok(expression) = engine.compile(text, &["change", "booking", "paid"]) else {
                assert!(words.is_empty(), "{text}");
                continue;
            };
            let found: Vec<Compared<'_>> =
                expression.paths().iter().flat_map(|path| compared_with(text, path)).collect();
            assert_eq!(found.iter().map(|one| one.word).collect::<Vec<_>>(), words, "{text}");
            for one in found {
                assert_eq!(&text[one.at..one.at + one.word.len()], one.word, "{text}");
            }
        }
    }
}
