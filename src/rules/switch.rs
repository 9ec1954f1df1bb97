//! Switches a rule on or off in its text: one line changes, comments and order stay. What comes of it is read again, and
//! is refused where anything else than `enabled` would differ.

use crate::document::{Node, Yaml, parse};
use serde_json::Value;

/// The text of a rule with `enabled: false`, or without it.
pub fn with_enabled(text: &str, enabled: bool) -> Result<String, String> {
    const BY_HAND: &str =
        "This file is written in a way that can't be switched here. Change `enabled:` in the editor.";
    let before = parse("rule.yaml", text).map_err(|told| told.message)?;
    let Some((present, line)) = present(&before) else {
        if enabled {
            return Ok(text.to_owned());
        }
        return checked(&before, insert(text, &before), enabled).ok_or_else(|| BY_HAND.to_owned());
    };
    if present == enabled {
        return Ok(text.to_owned());
    }
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let changed = lines.get_mut(line as usize - 1).is_some_and(|line| {
        let (from, to) = if enabled { ("false", "true") } else { ("true", "false") };
        // Behind the colon, so that neither the key nor a comment is meant.
        let Some(colon) = line.find(':') else { return false };
        let Some(at) = line[colon..].find(from) else { return false };
        line.replace_range(colon + at..colon + at + from.len(), to);
        true
    });
    let text = if changed { checked(&before, lines.concat(), enabled) } else { None };
    text.ok_or_else(|| BY_HAND.to_owned())
}

/// What `enabled:` says, and in which line; `None` where it is not there.
fn present(node: &Node) -> Option<(bool, u32)> {
    let Yaml::Map(entries) = &node.yaml else { return None };
    let entry = entries.iter().find(|entry| entry.key == "enabled")?;
    match entry.value.yaml {
        Yaml::Bool(enabled) => Some((enabled, entry.value.place.line)),
        _ => Some((true, entry.value.place.line)),
    }
}

/// Writes the line behind the title, else at the top of the map.
fn insert(text: &str, node: &Node) -> String {
    let Yaml::Map(entries) = &node.yaml else { return text.to_owned() };
    let after_title = entries.iter().position(|entry| entry.key == "title").map(|at| at + 1);
    let before = entries.get(after_title.unwrap_or(0)).map(|entry| entry.place.line as usize - 1);
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = before.unwrap_or(lines.len()).min(lines.len());
    // Comments that stand over an entry belong to it.
    let at = (0..at).rev().take_while(|line| lines[*line].starts_with('#')).last().unwrap_or(at);
    if at > 0 && !lines[at - 1].ends_with('\n') {
        lines.insert(at, "\nenabled: false\n");
    } else {
        lines.insert(at, "enabled: false\n");
    }
    lines.concat()
}

/// The new text, where it says the same as before but for `enabled`.
fn checked(before: &Node, text: String, enabled: bool) -> Option<String> {
    let after = parse("rule.yaml", &text).ok()?;
    let without = |node: &Node| match node.to_json() {
        Value::Object(mut map) => {
            map.shift_remove("enabled");
            Some(map)
        }
        _ => None,
    };
    let says = present(&after).is_none_or(|(enabled, _)| enabled);
    (without(before).is_some() && without(before) == without(&after) && says == enabled).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::with_enabled;

    #[test]
    fn one_line_changes_and_comments_and_order_stay() {
        let cases = [
            (
                "# Guests.\ntitle: Guests # true\n\n# where from\nfrom: tours\nsteps: []\n",
                "# Guests.\ntitle: Guests # true\n\nenabled: false\n# where from\nfrom: tours\nsteps: []\n",
            ),
            (
                "title: A\nenabled:   true   # since March, true\nfrom: x\n",
                "title: A\nenabled:   false   # since March, true\nfrom: x\n",
            ),
            ("from: x\nsteps: []", "enabled: false\nfrom: x\nsteps: []"),
            ("title: A", "title: A\nenabled: false\n"),
            ("title: >\n  long\n  title\nfrom: x\n", "title: >\n  long\n  title\nenabled: false\nfrom: x\n"),
        ];
        for (on, off) in cases {
            assert_eq!(with_enabled(on, false).as_deref(), Ok(off), "{on}");
            assert_eq!(with_enabled(off, false).as_deref(), Ok(off), "{off}");
            let on_again = with_enabled(off, true).unwrap();
            assert!(
                on_again == on || on_again == off.replacen("enabled: false", "enabled: true", 1),
                "{on_again}"
            );
        }
    }

    #[test]
    fn what_is_written_strangely_is_left_to_people() {
        for text in ["{ title: A, from: x }", "title: A\n\"enabled\": yes\n", "- a\n", ": :", "a: 1\na: 2\n"]
        {
            assert!(with_enabled(text, false).is_err(), "{text}");
        }
    }
}
