//! Shapes: bodies that tell less than others of the same system. What such a body leaves out is kept from the present
//! state, not removed.

use super::content::Content;
use super::pattern::{At, Dotted, Pattern, Segment, key_text};
use serde_json::{Map, Value};

/// One shape of body.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// A body of this shape has none of these.
    pub absent: Vec<Dotted>,
    /// A body of this shape has all of these.
    pub present: Vec<Dotted>,
    /// What is kept from the present state where the body lacks it.
    pub keep: Vec<Pattern>,
    /// Nothing is kept within maps whose value of this key is another one now.
    pub same: Option<String>,
}

impl Shape {
    /// Whether a body is of this shape.
    pub(super) fn fits(&self, told: &Value) -> bool {
        self.absent.iter().all(|path| path.get(told).is_none())
            && self.present.iter().all(|path| path.get(told).is_some())
    }

    /// Puts into `new` what it lacks of `old`.
    pub(super) fn keep(&self, content: &Content, old: &Value, new: &mut Value) {
        for pattern in &self.keep {
            self.keep_one(content, old, new, pattern.segments(), &mut Vec::new());
        }
    }

    fn keep_one<'v>(
        &self,
        content: &Content,
        old: &'v Value,
        new: &mut Value,
        segments: &[Segment],
        path: &mut Vec<At<'v>>,
    ) {
        let Some((first, rest)) = segments.split_first() else { return };
        match (old, new) {
            (Value::Object(old), Value::Object(new)) if self.is_same(old, new) => {
                for (key, value) in old.iter().filter(|(key, _)| first.names(key)) {
                    path.push(At::Key(key));
                    match new.get_mut(key) {
                        Some(inner) => self.keep_one(content, value, inner, rest, path),
                        None if rest.is_empty() => {
                            new.insert(key.clone(), value.clone());
                        }
                        None => {}
                    }
                    path.pop();
                }
            }
            (Value::Array(old), Value::Array(new)) if *first == Segment::Item => {
                let Some(key) = content.set_key(path) else { return };
                let Some(old) = content.items_by_key(path, old) else { return };
                path.push(At::Item);
                for item in new {
                    let known = item.get(key).and_then(key_text);
                    if let Some(before) = known.and_then(|known| old.get(&known)) {
                        self.keep_one(content, before, item, rest, path);
                    }
                }
                path.pop();
            }
            _ => {}
        }
    }

    fn is_same(&self, old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
        let Some(key) = &self.same else { return true };
        match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => old == new,
            _ => true,
        }
    }
}
