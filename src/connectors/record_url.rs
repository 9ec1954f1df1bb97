//! Where a person sees a record in the CRM's own pages: `record_url:` of an action, a web address with places for the
//! record's id and the connection's settings. Pure text: what is filled in is percent-encoded, and a setting without a
//! value means that there is no link.

use crate::document::{Diagnostic, Place};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;

/// Characters of an address.
const CHARS_MAX: usize = 500;

/// An address with places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordUrl {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Id,
    Setting(String),
}

impl RecordUrl {
    /// Reads `record_url:`; a mistake is reported.
    pub(super) fn read(
        file: &str,
        text: &str,
        place: Place,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let read = Self::parse(text);
        if let Err(why) = &read {
            diagnostics.push(
                Diagnostic::error(file, Some(place), format!("`record_url` {why}."))
                    .hint("write such as `record_url: \"https://crm.example.com/guests/{{ link.id }}\"`"),
            );
        }
        read.ok()
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
            return Err("must begin with https:// or http://");
        };
        if rest.starts_with(['/', '{']) || rest.is_empty() {
            return Err("must name its host");
        }
        if text.len() > CHARS_MAX {
            return Err("is longer than any address");
        }
        let mut parts = Vec::new();
        let mut left = text;
        while let Some((before, after)) = left.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                return Err("has braces that never close");
            };
            parts.push(Part::Text(before.to_owned()));
            parts.push(match name.trim() {
                "link.id" => Part::Id,
                other => match other.strip_prefix("setting.") {
                    Some(setting) if !setting.is_empty() => Part::Setting(setting.to_owned()),
                    _ => return Err("knows `link.id` and `setting.NAME` only"),
                },
            });
            left = after;
        }
        parts.push(Part::Text(left.to_owned()));
        let plain = |part: &Part| match part {
            Part::Text(text) => text.chars().all(|c| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c)),
            _ => true,
        };
        if !parts.iter().all(plain) {
            return Err("has characters that an address can't have");
        }
        if !parts.contains(&Part::Id) {
            return Err("does not say where the record's id goes");
        }
        Ok(Self { parts })
    }

    /// The address of a record; `None` where a setting has no value.
    pub fn of(&self, id: &str, settings: &BTreeMap<String, String>) -> Option<String> {
        let mut address = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => address.push_str(text),
                Part::Id => address.extend(utf8_percent_encode(id, NON_ALPHANUMERIC)),
                Part::Setting(name) => {
                    let value =
                        settings.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())?;
                    address.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
                }
            }
        }
        Some(address)
    }
}

#[cfg(test)]
mod tests {
    use super::RecordUrl;
    use std::collections::BTreeMap;

    #[test]
    fn an_address_is_filled_with_what_can_do_no_harm() {
        let url = RecordUrl::parse("https://app.example/{{ setting.portal }}/record/{{link.id}}").unwrap();
        let settings: BTreeMap<String, String> = [("portal".to_owned(), "77".to_owned())].into();
        assert_eq!(url.of("1551", &settings).as_deref(), Some("https://app.example/77/record/1551"));
        let odd = url.of("../\"><img src=x>", &settings).unwrap();
        assert_eq!(odd, "https://app.example/77/record/%2E%2E%2F%22%3E%3Cimg%20src%3Dx%3E");
        assert_eq!(url.of("1551", &BTreeMap::new()), None);
        assert_eq!(url.of("1551", &[("portal".to_owned(), " ".to_owned())].into()), None);
    }

    #[test]
    fn what_is_no_address_says_why() {
        let wrong = [
            "javascript:alert({{ link.id }})",
            "https://{{ setting.host }}/{{ link.id }}",
            "https:///{{ link.id }}",
            "https://a.example/",
            "https://a.example/{{ link.id",
            "https://a.example/{{ secret }}/{{ link.id }}",
            "https://a.example/\"{{ link.id }}",
            "https://a.example/ {{ link.id }}",
        ];
        for text in wrong {
            assert!(RecordUrl::parse(text).is_err(), "{text}");
        }
    }
}
