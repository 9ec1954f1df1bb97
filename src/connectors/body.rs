//! Bodies of calls as templates.

use super::request::{RenderError, Rendering};
use super::templates::Compiling;
use crate::document::{Diagnostic, Fields, Node, Yaml};
use crate::expr::Template;
use serde_json::{Map, Value};

/// The key under which all mapped fields go into a map of the body.
const FIELDS_KEY: &str = "$fields";

/// A JSON body as templates. A field whose lone `{{ }}` is missing is left out.
pub enum BodyTemplate {
    /// No body at all (`body: none`).
    Nothing,
    /// A literal.
    Literal(Value),
    /// A text with `{{ }}`.
    Template(Template),
    /// A list.
    List(Vec<BodyTemplate>),
    /// A map, and the mapped fields that go into it (`$fields:`).
    Map(Vec<(Template, BodyTemplate)>, Option<MappedFields>),
}

/// `$fields: { except: [contact], text: true }`: mapped fields under their own names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappedFields {
    /// These not.
    pub except: Vec<String>,
    /// As texts: numbers by their digits, null as an empty text.
    pub text: bool,
}

impl BodyTemplate {
    /// Reads `body:`.
    pub(super) fn read(
        compiling: Compiling<'_>,
        node: &Node,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        if node.as_text() == Some("none") {
            return Some(Self::Nothing);
        }
        Self::read_part(compiling, node, diagnostics)
    }

    fn read_part(compiling: Compiling<'_>, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        match &node.yaml {
            Yaml::Text(text) => {
                let template = compiling.template(node, text, diagnostics)?;
                Some(Self::Template(template))
            }
            Yaml::List(items) => {
                let items =
                    items.iter().filter_map(|item| Self::read_part(compiling, item, diagnostics)).collect();
                Some(Self::List(items))
            }
            Yaml::Map(entries) => {
                let mut parts = Vec::new();
                let mut mapped = None;
                for entry in entries {
                    if entry.key == FIELDS_KEY {
                        let mut fields = Fields::new(compiling.file, "`$fields`", &entry.value, diagnostics);
                        let except = fields.texts("except").into_iter().map(|(name, _)| name).collect();
                        let text = fields.boolean("text").unwrap_or(false);
                        fields.finish();
                        mapped = Some(MappedFields { except, text });
                        continue;
                    }
                    let key = compiling.text(entry.place, &entry.key, diagnostics);
                    let value = Self::read_part(compiling, &entry.value, diagnostics);
                    parts.extend(key.zip(value));
                }
                Some(Self::Map(parts, mapped))
            }
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => Some(Self::Literal(node.to_json())),
        }
    }

    /// All templates within.
    pub(super) fn templates<'t>(&'t self, found: &mut Vec<&'t Template>) {
        match self {
            Self::Nothing | Self::Literal(_) => {}
            Self::Template(template) => found.push(template),
            Self::List(items) => items.iter().for_each(|item| item.templates(found)),
            Self::Map(parts, _) => {
                for (key, value) in parts {
                    found.push(key);
                    value.templates(found);
                }
            }
        }
    }

    /// The body; `None`: left out.
    pub(super) fn render(&self, rendering: &Rendering<'_>, name: &str) -> Result<Option<Value>, RenderError> {
        match self {
            Self::Nothing => Ok(None),
            Self::Literal(value) => Ok(Some(value.clone())),
            Self::Template(template) => rendering.value(template, name),
            Self::List(items) => {
                let mut values = Vec::new();
                for item in items {
                    values.extend(item.render(rendering, name)?);
                }
                Ok(Some(Value::Array(values)))
            }
            Self::Map(parts, mapped) => {
                let mut map = Map::new();
                for (key, part) in parts {
                    let Some(key) = rendering.text(key, name)? else { continue };
                    if let Some(value) = part.render(rendering, &key)? {
                        map.insert(key, value);
                    }
                }
                if let Some(mapped) = mapped {
                    mapped.put(rendering.input(), &mut map);
                }
                Ok(Some(Value::Object(map)))
            }
        }
    }
}

impl MappedFields {
    fn put(&self, input: &Map<String, Value>, map: &mut Map<String, Value>) {
        for (name, value) in input.iter().filter(|(name, _)| !self.except.contains(name)) {
            let value = match value {
                Value::Null if self.text => Value::from(""),
                Value::Number(number) if self.text => Value::from(number.to_string()),
                Value::Bool(truth) if self.text => Value::from(truth.to_string()),
                value => value.clone(),
            };
            map.insert(name.clone(), value);
        }
    }
}
