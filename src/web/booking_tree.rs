//! A booking's values as a tree that one can pick from: each with the path by which a rule reads it. Pure, and bounded in
//! depth and size; what is left out is counted and said. Whatever a payload holds, it is text here.

use super::diff::{capped, shown};
use serde_json::Value;

/// Levels below a name in scope.
const DEPTH_MAX: usize = 6;
/// Values that are shown.
const VALUES_MAX: usize = 70;
/// Items of one list.
const ITEMS_MAX: usize = 3;
/// Characters of one value.
const VALUE_CHARS_MAX: usize = 48;
/// Characters of one path.
const PATH_CHARS_MAX: usize = 200;

/// A line of the tree, in the order of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeLine {
    /// A group begins.
    Open {
        /// What it is called.
        name: String,
        /// What it holds, in a word.
        holds: String,
        /// Whether it is unfolded at first.
        unfolded: bool,
    },
    /// It ends.
    Close,
    /// A value.
    Value {
        /// What it is called.
        name: String,
        /// Its path.
        path: String,
        /// What stands there.
        value: String,
    },
    /// So much of a list is not shown.
    More(String),
}

/// The tree, and how many values are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookingTree {
    /// Its lines.
    pub lines: Vec<TreeLine>,
    /// Values that there was no room for.
    pub more: usize,
    left: usize,
}

impl BookingTree {
    /// The tree of what a rule can read: names in scope with what they hold, the first ones unfolded.
    pub fn of(roots: &[(&str, &str, &Value)]) -> Self {
        let mut tree = Self { left: VALUES_MAX, ..Self::default() };
        for (index, (root, title, value)) in roots.iter().filter(|root| !root.2.is_null()).enumerate() {
            tree.group(root, title, value, (0, index < 2));
        }
        tree
    }

    fn group(&mut self, path: &str, name: &str, value: &Value, (depth, unfolded): (usize, bool)) {
        let holds = match value {
            Value::Object(map) => counted(map.len(), "value"),
            Value::Array(items) => counted(items.len(), "item"),
            _ => return self.value(path, name, value),
        };
        if holds.starts_with("0 ") {
            return;
        }
        if depth >= DEPTH_MAX || self.left == 0 {
            self.more += leaves(value);
            return;
        }
        self.lines.push(TreeLine::Open { name: capped(name, 60), holds, unfolded });
        match value {
            Value::Object(map) => {
                // Plain values first: what one looks for is mostly there.
                let (groups, plain): (Vec<_>, Vec<_>) = map.iter().partition(|(_, value)| holds_more(value));
                for (key, value) in plain.into_iter().chain(groups) {
                    self.group(&below(path, key), key, value, (depth + 1, false));
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().take(ITEMS_MAX).enumerate() {
                    self.group(
                        &format!("{path}[{index}]"),
                        &format!("{}", index + 1),
                        item,
                        (depth + 1, index == 0),
                    );
                }
                if items.len() > ITEMS_MAX {
                    let more = format!(
                        "and {} more, read as {path}[{ITEMS_MAX}] and so on",
                        items.len() - ITEMS_MAX
                    );
                    self.lines.push(TreeLine::More(capped(&more, PATH_CHARS_MAX)));
                }
            }
            _ => {}
        }
        self.lines.push(TreeLine::Close);
    }

    fn value(&mut self, path: &str, name: &str, value: &Value) {
        // What would end the braces that it stands in can't be picked.
        let odd = path.contains("{{") || path.contains("}}") || path.chars().count() > PATH_CHARS_MAX;
        if self.left == 0 || odd {
            self.more += 1;
            return;
        }
        self.left -= 1;
        let value = capped(&shown(Some(value)), VALUE_CHARS_MAX);
        self.lines.push(TreeLine::Value { name: capped(name, 60), path: path.to_owned(), value });
    }
}

fn holds_more(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_))
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(map) => map.values().map(leaves).sum(),
        Value::Array(items) => items.iter().map(leaves).sum(),
        _ => 1,
    }
}

/// The path of an entry: `.name`, or `["any key"]`.
fn below(path: &str, key: &str) -> String {
    let starts = key.starts_with(|c: char| c.is_ascii_alphabetic());
    if starts && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return format!("{path}.{key}");
    }
    let key = key.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{path}[\"{key}\"]")
}

fn counted(count: usize, what: &str) -> String {
    super::times::counted(count as i64, what)
}

#[cfg(test)]
mod tests {
    use super::{BookingTree, TreeLine, VALUES_MAX};
    use serde_json::{Value, json};

    fn told(tree: &BookingTree) -> String {
        let mut depth = 0;
        let mut text = String::new();
        for line in &tree.lines {
            let shown = match line {
                TreeLine::Open { name, holds, .. } => format!("{name} ({holds})"),
                TreeLine::Close => {
                    depth -= 1;
                    continue;
                }
                TreeLine::Value { name, path, value } => format!("{name} = {value} <{path}>"),
                TreeLine::More(more) => more.clone(),
            };
            text.push_str(&format!("{}{shown}\n", "  ".repeat(depth)));
            depth += usize::from(matches!(line, TreeLine::Open { .. }));
        }
        text
    }

    #[test]
    fn each_value_has_the_path_that_a_rule_reads_it_by() {
        let booking = json!({
            "list": [{ "pk": 1 }, 2, 3, 4, 5], "uuid": "0f0e", "contact": { "e mail": "a\"b", "name": null }, "none": {},
        });
        let tree = BookingTree::of(&[
            ("person", "The guest", &json!({ "email": "a@example.org" })),
            ("booking", "All of it", &booking),
        ]);
        insta::assert_snapshot!(told(&tree), @r#"
        The guest (1 value)
          email = a@example.org <person.email>
        All of it (4 values)
          uuid = 0f0e <booking.uuid>
          list (5 items)
            1 (1 value)
              pk = 1 <booking.list[0].pk>
            2 = 2 <booking.list[1]>
            3 = 3 <booking.list[2]>
            and 2 more, read as booking.list[3] and so on
          contact (2 values)
            e mail = a"b <booking.contact["e mail"]>
            name = — <booking.contact.name>
        "#);
        assert_eq!(tree.more, 0);
    }

    #[test]
    fn what_is_too_deep_or_too_much_is_counted() {
        let wide: Value =
            (0..500).map(|at| (format!("k{at}"), json!(at))).collect::<serde_json::Map<_, _>>().into();
        let tree = BookingTree::of(&[("booking", "All", &wide)]);
        let values = tree.lines.iter().filter(|line| matches!(line, TreeLine::Value { .. })).count();
        assert_eq!((values, tree.more), (VALUES_MAX, 500 - VALUES_MAX));
        let deep = (0..90).fold(json!(1), |value, _| json!({ "a": value }));
        let tree = BookingTree::of(&[("booking", "All", &deep)]);
        assert_eq!((tree.lines.len(), tree.more), (12, 1));
        let odd = json!({ "a }} b": 1, "{{": 2, "ok": 3 });
        assert_eq!(BookingTree::of(&[("booking", "All", &odd)]).more, 2);
    }
}
