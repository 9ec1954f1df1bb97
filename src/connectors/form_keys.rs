//! PURE: the first form of a source also asks for what is often at hand before the first webhook comes: the keys of the
//! system's API, and the secret that its webhooks are signed with. Each goes into the vault; the file names it.

use super::form::{
    Entries, FieldKind, FormField, FormValues, WrongField, field, source_entries, source_fields,
};
use super::manifest::Connector;
use serde_json::{Map, Value, json};

/// What is kept in the vault: its name there, and its value.
pub type GivenSecret = (String, String);

const LATER: &str = "May be empty, and be given later on its page. It is sealed and kept in the vault.";

/// What a form for a new source asks for.
pub fn source_new_fields(connector: &Connector) -> Vec<FormField> {
    let mut fields = source_fields(connector);
    fields.extend(secret_fields(connector));
    fields
}

/// Keys of the API are `key.NAME`, secrets of ways to sign in `sign.NAME`.
fn secret_fields(connector: &Connector) -> Vec<FormField> {
    let Some(spec) = &connector.source else { return Vec::new() };
    // An API without an address needs more than its keys, which its source's file says.
    let api = spec.api.as_ref().filter(|api| api.base_url.is_some());
    let keys = api.iter().flat_map(|api| &api.secrets).map(|key| {
        let help = [key.help.as_deref().unwrap_or_default(), LATER].join(" ");
        field(&format!("key.{}", key.name), &key.label, help.trim(), FieldKind::Secret)
    });
    let ways = spec.sign_in.iter().filter(|way| way.wants_secret()).map(|way| {
        let help = [way.help.as_str(), LATER].join(" ");
        field(&format!("sign.{}", way.name), &way.title, help.trim(), FieldKind::Secret)
    });
    keys.chain(ways).collect()
}

/// The entries of a new source's file, and what goes into the vault. Of several keys of an API all are given or none.
pub fn source_new_entries(
    connector: &Connector,
    name: &str,
    values: &FormValues,
) -> Result<(Entries, Vec<GivenSecret>), Vec<WrongField>> {
    let (mut wrong, mut entries) = match source_entries(connector, values) {
        Ok(entries) => (Vec::new(), entries),
        Err(wrong) => (wrong, Entries::new()),
    };
    let of = |key: &str| values.get(key).map(|value| value.trim()).filter(|value| !value.is_empty());
    let asked = secret_fields(connector);
    for field in
        asked.iter().filter(|field| of(&field.key).is_some_and(|value| value.contains(char::is_control)))
    {
        wrong.push((field.key.clone(), "Paste it as one line, as it was shown.".to_owned()));
    }
    let (mut given, mut api, mut ways) = (Vec::new(), Map::new(), vec![json!("address")]);
    for field in &asked {
        let Some(value) = of(&field.key) else { continue };
        let secret = if let Some(key) = field.key.strip_prefix("key.") {
            let secret = format!("source.{name}.api.{key}");
            api.insert(key.to_owned(), json!({ "secret": secret }));
            secret
        } else {
            let way = field.key.strip_prefix("sign.").unwrap_or(&field.key);
            let secret = format!("source.{name}.{way}");
            ways.push(json!({ way: { "secret": secret } }));
            secret
        };
        given.push((secret, value.to_owned()));
    }
    let keys = asked.iter().filter(|field| field.key.starts_with("key."));
    for field in keys.filter(|field| !api.is_empty() && of(&field.key).is_none()) {
        let sentence = format!("Give “{}” too, or leave all keys of the API empty for now.", field.label);
        wrong.push((field.key.clone(), sentence));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    if ways.len() > 1 {
        entries.push(("sign_in", Some(Value::Array(ways))));
    }
    if !api.is_empty() {
        entries.push(("api", Some(Value::Object(api))));
    }
    Ok((entries, given))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalogue, engine, try_source};
    use super::{FormValues, GivenSecret, source_new_entries, source_new_fields};
    use crate::document::with_entries;

    type Made = Result<(String, Vec<GivenSecret>), Vec<String>>;

    fn made(connector: &str, pairs: &[(&str, &str)]) -> Made {
        let engine = engine();
        let catalogue = catalogue(&engine);
        let values: FormValues =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (entries, given) = source_new_entries(&catalogue.connectors[connector], "one", &values)
            .map_err(|wrong| wrong.into_iter().map(|(field, _)| field).collect::<Vec<_>>())?;
        let text = with_entries("", &entries).expect("a file");
        let (read, told) = try_source(&engine, &text);
        assert!(read.is_some() && !told.contains("error"), "{told}\n{text}");
        Ok((text, given))
    }

    #[test]
    fn keys_and_secrets_are_named_by_the_file_and_kept_elsewhere() {
        let title = ("title", "One");
        let (text, given) = made("fareharbor", &[title]).expect("well");
        assert_eq!((text.as_str(), given.len()), ("connector: fareharbor\ntitle: One\n", 0));
        let keys = [title, ("key.app", " app-1 "), ("key.user", "user-1")];
        let (text, given) = made("fareharbor", &keys).expect("well");
        assert!(!text.contains("app-1") && text.contains("source.one.api.user"), "{text}");
        let kept = [("source.one.api.app", "app-1"), ("source.one.api.user", "user-1")];
        assert_eq!(given, kept.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let (text, given) = made("stripe", &[title, ("sign.signature", "whsec_1")]).expect("well");
        assert!(
            text.contains("sign_in: [address, { signature: { secret: source.one.signature } }]"),
            "{text}"
        );
        assert_eq!(given, [("source.one.signature".to_owned(), "whsec_1".to_owned())]);
        let both = [title, ("key.token", "t"), ("sign.password", "p")];
        assert_eq!(made("pretix", &both).expect("well").1.len(), 2);
    }

    #[test]
    fn half_of_the_keys_is_none_and_what_is_no_line_is_told() {
        let title = ("title", "One");
        assert_eq!(made("fareharbor", &[title, ("key.app", "a")]), Err(vec!["key.user".to_owned()]));
        assert_eq!(
            made("stripe", &[("sign.signature", "a\nb")]),
            Err(vec!["title".into(), "sign.signature".into()])
        );
        let engine = engine();
        let catalogue = catalogue(&engine);
        let keys = |name: &str| {
            let fields = source_new_fields(&catalogue.connectors[name]);
            fields.into_iter().map(|field| field.key).collect::<Vec<_>>()
        };
        assert_eq!(keys("pretix"), ["account", "key.token", "sign.password"]);
        assert_eq!(
            keys("webhook"),
            ["account", "sign.standard_webhooks_secret", "sign.bearer", "sign.password"]
        );
    }
}
