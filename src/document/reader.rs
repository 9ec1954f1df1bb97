//! Reads a mapping key by key, collects what is wrong, and notices keys that nobody asked for.

use super::{Diagnostic, Entry, Node, Place, Yaml};
use std::time::Duration;

/// A mapping under reading. Every getter takes a key out and reports a value of the wrong kind;
/// `finish` reports the keys that are left, with did-you-mean among all keys asked for. What it gives out
/// lives as long as the document (`'a`), so that nodes can be read on after `finish` has given the
/// diagnostics (`'d`) back.
pub struct Fields<'a, 'd> {
    file: &'a str,
    what: &'static str,
    place: Place,
    left: Vec<&'a Entry>,
    asked: Vec<&'static str>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'a, 'd> Fields<'a, 'd> {
    /// Starts reading. `what` names the thing in messages ("a rule", "a step"). A node that is no map is
    /// reported and reads as an empty one.
    pub fn new(
        file: &'a str,
        what: &'static str,
        node: &'a Node,
        diagnostics: &'d mut Vec<Diagnostic>,
    ) -> Fields<'a, 'd> {
        let left = if let Yaml::Map(entries) = &node.yaml {
            entries.iter().collect()
        } else {
            let message = format!("{} is written as a map, and this is {}.", capital(what), node.kind());
            let told = Diagnostic::error(file, Some(node.place), message);
            diagnostics.push(told.hint("write lines of `key: value`"));
            Vec::new()
        };
        Fields { file, what, place: node.place, left, asked: Vec::new(), diagnostics }
    }

    /// Takes the node of a key.
    pub fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        self.asked.push(key);
        let at = self.left.iter().position(|entry| entry.key == key)?;
        Some(&self.left.remove(at).value)
    }

    /// Takes a text.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        let node = self.node(key)?;
        if let Some(text) = node.as_text() {
            return Some(text.to_owned());
        }
        self.wrong_kind(key, node, "a text");
        None
    }

    /// Takes a text that must be there.
    pub fn required_text(&mut self, key: &'static str) -> Option<String> {
        if !self.left.iter().any(|entry| entry.key == key) {
            self.asked.push(key);
            let message = format!("{} has no `{key}`.", capital(self.what));
            self.diagnostics.push(
                Diagnostic::error(self.file, Some(self.place), message)
                    .hint(format!("add a line `{key}: …`")),
            );
            return None;
        }
        let place = self.left.iter().find(|entry| entry.key == key).map(|entry| entry.place);
        let text = self.text(key)?;
        if text.trim().is_empty() {
            let message = format!("`{key}` is empty.");
            self.diagnostics.push(Diagnostic::error(self.file, place, message).hint("give it a value"));
            return None;
        }
        Some(text)
    }

    /// Takes `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let node = self.node(key)?;
        if let Yaml::Bool(truth) = node.yaml {
            return Some(truth);
        }
        self.wrong_kind(key, node, "true or false");
        None
    }

    /// Takes a whole number from 0.
    pub fn count(&mut self, key: &'static str) -> Option<u64> {
        let node = self.node(key)?;
        if let Yaml::Number(number) = &node.yaml
            && let Ok(count) = number.to_string().parse()
        {
            return Some(count);
        }
        self.wrong_kind(key, node, "a whole number from 0");
        None
    }

    /// Takes a duration: `500ms`, `5s`, `2min` (or `2m`), `1h`, `30d`.
    pub fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let node = self.node(key)?;
        self.duration_of(key, node)
    }

    /// Takes a duration or a list of durations.
    pub fn durations(&mut self, key: &'static str) -> Vec<Duration> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let items =
            if let Yaml::List(items) = &node.yaml { items.as_slice() } else { std::slice::from_ref(node) };
        items.iter().filter_map(|item| self.duration_of(key, item)).collect()
    }

    fn duration_of(&mut self, key: &str, node: &Node) -> Option<Duration> {
        if let Some(duration) = node.as_text().and_then(read_duration) {
            return Some(duration);
        }
        let shown = match &node.yaml {
            Yaml::Text(text) => format!("`{text}`"),
            Yaml::Number(number) => format!("`{number}`, without a unit"),
            _ => node.kind().to_owned(),
        };
        let message = format!("`{key}` must be a duration, and this is {shown}.");
        self.diagnostics.push(
            Diagnostic::error(self.file, Some(node.place), message)
                .hint("write a whole number with its unit: 500ms, 5s, 2min, 1h or 30d"),
        );
        None
    }

    /// Takes a text or a list of texts.
    pub fn texts(&mut self, key: &'static str) -> Vec<(String, Place)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        match &node.yaml {
            Yaml::Text(text) => vec![(text.clone(), node.place)],
            Yaml::List(items) => {
                let mut texts = Vec::new();
                for item in items {
                    match item.as_text() {
                        Some(text) => texts.push((text.to_owned(), item.place)),
                        None => self.wrong_kind(key, item, "a list of texts"),
                    }
                }
                texts
            }
            _ => {
                self.wrong_kind(key, node, "a text or a list of texts");
                Vec::new()
            }
        }
    }

    /// Where the mapping itself stands.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Where the value of a key stands that was not taken yet; else where the mapping does.
    pub fn place_of(&self, key: &str) -> Place {
        self.left.iter().find(|entry| entry.key == key).map_or(self.place, |entry| entry.value.place)
    }

    /// Reports something at a place in the same file.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// The entries not asked for yet, for maps of free keys.
    pub fn rest(&mut self) -> Vec<&'a Entry> {
        std::mem::take(&mut self.left)
    }

    /// Reports unknown keys.
    pub fn finish(self) {
        let mut known: Vec<&str> = self.asked.clone();
        known.sort_unstable();
        known.dedup();
        for entry in &self.left {
            let message = format!("{} has no key `{}`.", capital(self.what), entry.key);
            let hint = match suggest(&entry.key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its keys are {}", list(&known)),
            };
            self.diagnostics.push(Diagnostic::error(self.file, Some(entry.place), message).hint(hint));
        }
    }

    fn wrong_kind(&mut self, key: &str, node: &Node, wanted: &str) {
        let message = format!("`{key}` must be {wanted}, and this is {}.", node.kind());
        let told = Diagnostic::error(self.file, Some(node.place), message);
        self.diagnostics.push(match &node.yaml {
            Yaml::Number(number) if wanted.contains("text") => {
                told.hint(format!("put it in quotes: \"{number}\""))
            }
            Yaml::Bool(truth) if wanted.contains("text") => {
                told.hint(format!("put it in quotes: \"{truth}\""))
            }
            Yaml::Text(text) if wanted == "true or false" => match text.to_lowercase().as_str() {
                "yes" | "on" | "true" => told.hint("write true"),
                "no" | "off" | "false" => told.hint("write false"),
                _ => told.hint("write true or false, without quotes"),
            },
            Yaml::Text(text) if text.parse::<u64>().is_ok() => told.hint("write it without quotes"),
            Yaml::Null => told.hint("give it a value, or remove the line"),
            _ => told,
        });
    }
}

/// `500ms`, `5s`, `2min`, `2m`, `1h`, `30d`; whole numbers only, at most a century.
fn read_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let count: u64 = text[..unit].parse().ok()?;
    let millis = match text[unit..].trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let total = count.checked_mul(millis)?;
    (total <= 36_500 * 86_400_000).then(|| Duration::from_millis(total))
}

fn capital(what: &str) -> String {
    let mut chars = what.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn list(known: &[&str]) -> String {
    let quoted: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => "none".to_owned(),
    }
}

/// The nearest of the candidates, where one is near enough to be meant.
pub fn suggest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    /// Longer words are nobody's slip, and the comparison costs their product.
    const WORD_CHARS_MAX: usize = 80;
    let fold = |text: &str| text.to_lowercase().replace('-', "_");
    let wanted = fold(word);
    let length = wanted.chars().count();
    if length == 0 || length > WORD_CHARS_MAX {
        return None;
    }
    let mut best: Option<(usize, &'c str)> = None;
    for candidate in candidates {
        let folded = fold(candidate);
        if folded.chars().count() > WORD_CHARS_MAX {
            continue;
        }
        let distance = strsim::damerau_levenshtein(&wanted, &folded);
        let allowed = (length.max(folded.chars().count()) / 3).clamp(1, 4);
        let near = distance <= allowed && distance < length;
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::super::{parse, render};
    use super::{Fields, read_duration, suggest};

    #[test]
    fn the_nearest_word_is_suggested_and_no_far_one() {
        let known = ["when", "with", "use", "customer.removed", "upsert_contact"];
        let cases = [
            ("whne", Some("when")),
            ("wiht", Some("with")),
            ("USE", Some("use")),
            ("upsert-contacts", Some("upsert_contact")),
            ("banana", None),
            ("x", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(suggest(word, known), expected, "{word}");
        }
    }

    #[test]
    fn durations_have_a_unit() {
        let cases = [
            ("500ms", Some(500)),
            ("5s", Some(5_000)),
            ("2min", Some(120_000)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("30d", Some(2_592_000_000)),
            ("5", None),
            ("1.5h", None),
            ("-1s", None),
            ("s", None),
            ("99999999999999d", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read_duration(text).map(|d| d.as_millis()), expected, "{text}");
        }
    }

    #[test]
    fn a_mapping_tells_what_is_wrong_with_each_key() {
        let source = "titel: x\nenabled: yes\nretries: 1.5\nwait: 5\nfrom: 7\non: [a, 1]\nuse: ''\nfree: 1\n";
        let node = parse("rule.yaml", source).expect("it is YAML");
        let mut diagnostics = Vec::new();
        let mut fields = Fields::new("rule.yaml", "a rule", &node, &mut diagnostics);
        assert_eq!(fields.text("title"), None);
        assert_eq!(fields.boolean("enabled"), None);
        assert_eq!(fields.count("retries"), None);
        assert_eq!(fields.duration("wait"), None);
        assert_eq!(fields.text("from"), None);
        assert_eq!(fields.texts("on").len(), 1);
        assert_eq!(fields.required_text("use"), None);
        assert_eq!(fields.required_text("id"), None);
        fields.finish();
        let told: Vec<String> = diagnostics.iter().map(|told| render(told, Some(source))).collect();
        insta::assert_snapshot!(told.join("\n\n"));
    }
}
