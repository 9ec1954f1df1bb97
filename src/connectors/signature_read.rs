//! Reads how a signature is made: `hmac:` below `sign_in:`.

use crate::document::{Diagnostic, Fields, Node};
use crate::domain::{BytesAs, HashName, SignatureScheme, SignedPart};
use std::time::Duration;

/// How old a signed request may be where nothing else is said: what most senders name.
const TOLERANCE: Duration = Duration::from_secs(300);
/// A tolerance above this makes none.
const TOLERANCE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Reads the keys of a signature. `None` where something is wrong, which has been told.
pub(super) fn read_signature(file: &str, mut fields: Fields<'_, '_>) -> Option<SignatureScheme> {
    let header = fields.required_text("header");
    let hash = fields.text("algorithm");
    let written = fields.text("encoding");
    let prefix = fields.text("prefix").unwrap_or_default();
    let parts = fields.node("fields");
    let separator = fields.text("separator");
    let time_header = fields.text("time_header");
    let tolerance = fields.duration("tolerance");
    let signed = fields.text("signed");
    let key = fields.text("secret_encoding");
    let key_prefix = fields.text("secret_prefix").unwrap_or_default();
    let place = fields.place();
    let mut told: Vec<Diagnostic> = Vec::new();
    let mut wrong = |message: String, hint: &str| {
        told.push(Diagnostic::error(file, Some(place), message).hint(hint));
    };
    let hash = match hash.as_deref() {
        None | Some("sha256") => Some(HashName::Sha256),
        Some("sha1") => Some(HashName::Sha1),
        Some("sha512") => Some(HashName::Sha512),
        Some(other) => {
            wrong(
                format!("`{other}` is no algorithm of a signature."),
                "it is one of sha256, sha512 and sha1",
            );
            None
        }
    };
    let written = match written.as_deref() {
        None | Some("hex") => Some(BytesAs::Hex),
        Some("base64") => Some(BytesAs::Base64),
        Some("base64url") => Some(BytesAs::Base64Url),
        Some("any") => Some(BytesAs::Any),
        Some(other) => {
            wrong(
                format!("A signature is never written as `{other}`."),
                "it is one of hex, base64, base64url and any",
            );
            None
        }
    };
    let key = match key.as_deref() {
        None | Some("text") => Some(BytesAs::Plain),
        Some("hex") => Some(BytesAs::Hex),
        Some("base64") => Some(BytesAs::Base64),
        Some(other) => {
            wrong(format!("A secret is never written as `{other}`."), "it is one of text, hex and base64");
            None
        }
    };
    let separator = match separator.as_deref().map(|text| (text.chars().next(), text.chars().count())) {
        None => None,
        Some((Some(separator), 1)) => Some(separator),
        Some(_) => {
            wrong(
                "`separator` is one character.".to_owned(),
                "write `separator: \" \"`, or `separator: \",\"`",
            );
            None
        }
    };
    let signed = match signed.as_deref().unwrap_or("{body}").trim() {
        "body" => Ok(vec![SignedPart::Body]),
        text => read_signed(text),
    };
    let signed = signed.map_err(|message| wrong(message, SIGNED_HINT)).ok();
    if tolerance.is_some_and(|tolerance| tolerance > TOLERANCE_MAX || tolerance.is_zero()) {
        wrong("`tolerance` is at least a second and at most a day.".to_owned(), "write `tolerance: 5m`");
    }
    let header = header.map(|header| header.trim().to_ascii_lowercase());
    let time_header = time_header.map(|header| header.trim().to_ascii_lowercase());
    if let (Some(time), Some(signed)) = (&time_header, &signed)
        && !signs_header(signed, time)
    {
        wrong(
            format!(
                "The time in `{time}` is not signed: who copies a webhook could write another time there."
            ),
            "let `signed` have {time} in it, as the vendor signs it; where the vendor does not sign the time, leave \
             `time_header` out",
        );
    }
    if parts.is_some() && signed.as_ref().is_some_and(|signed| !signed.contains(&SignedPart::Time)) {
        wrong(
            "The time beside the signature is not signed: who copies a webhook could write another time there."
                .to_owned(),
            "let `signed` have {time} in it, as the vendor signs it",
        );
    }
    let well = told.is_empty();
    for diagnostic in told {
        fields.report(diagnostic);
    }
    let names = parts.map(|node| read_fields(file, node, &mut fields));
    fields.finish();
    let names = match names {
        None => None,
        Some(read) => Some(read?),
    };
    let (signed, has_time) = (signed?, names.is_some() || time_header.is_some());
    let scheme = SignatureScheme {
        header: header?,
        hash: hash?,
        written: written?,
        prefix,
        fields: names,
        separator,
        time_header,
        // A time that goes with the signature is looked at also where the tolerance is not said.
        tolerance_ms: has_time.then(|| tolerance.unwrap_or(TOLERANCE).as_millis() as i64),
        signed,
        key: key?,
        key_prefix,
    };
    well.then_some(scheme)
}

/// Whether a header's value is part of what is signed.
fn signs_header(signed: &[SignedPart], header: &str) -> bool {
    signed.iter().any(|part| match part {
        SignedPart::Time => true,
        SignedPart::Header(name) => name == header,
        SignedPart::Headers(prefix) => header.starts_with(prefix.as_str()),
        _ => false,
    })
}

const SIGNED_HINT: &str = "write a text with {body}, {time}, {url}, {header:NAME} or {headers:PREFIX} in it, such as \
                           \"{time}.{body}\"";

/// `fields: { time: t, signature: v1 }`.
fn read_fields(file: &str, node: &Node, outer: &mut Fields<'_, '_>) -> Option<(String, String)> {
    let mut told = Vec::new();
    let mut fields = Fields::new(file, "the header's fields", node, &mut told);
    let (time, signature) = (fields.required_text("time"), fields.required_text("signature"));
    fields.finish();
    for diagnostic in told {
        outer.report(diagnostic);
    }
    time.zip(signature)
}

/// Reads `{time}.{body}`.
fn read_signed(text: &str) -> Result<Vec<SignedPart>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            parts.push(SignedPart::Text(before.to_owned()));
        }
        let Some((name, behind)) = after.split_once('}') else {
            return Err("What is signed has a `{` without a `}`.".to_owned());
        };
        parts.push(match name.split_once(':') {
            None if name == "body" => SignedPart::Body,
            None if name == "time" => SignedPart::Time,
            None if name == "url" => SignedPart::Url,
            Some(("header", name)) if !name.is_empty() => SignedPart::Header(name.to_ascii_lowercase()),
            Some(("headers", prefix)) if !prefix.is_empty() => {
                SignedPart::Headers(prefix.to_ascii_lowercase())
            }
            _ => return Err(format!("Nothing of a request is called `{{{name}}}`.")),
        });
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(SignedPart::Text(rest.to_owned()));
    }
    if parts.iter().all(|part| matches!(part, SignedPart::Text(_) | SignedPart::Time | SignedPart::Url)) {
        return Err("What is signed must have something of the request in it.".to_owned());
    }
    Ok(parts)
}

/// The scheme that standardwebhooks.com describes, with a shared secret.
pub(super) fn standard_webhooks(tolerance: Option<Duration>) -> SignatureScheme {
    SignatureScheme {
        header: "webhook-signature".to_owned(),
        hash: HashName::Sha256,
        written: BytesAs::Base64,
        prefix: "v1,".to_owned(),
        fields: None,
        separator: Some(' '),
        time_header: Some("webhook-timestamp".to_owned()),
        tolerance_ms: Some(tolerance.unwrap_or(TOLERANCE).as_millis() as i64),
        signed: vec![
            SignedPart::Header("webhook-id".to_owned()),
            SignedPart::Text(".".to_owned()),
            SignedPart::Time,
            SignedPart::Text(".".to_owned()),
            SignedPart::Body,
        ],
        key: BytesAs::Base64,
        key_prefix: "whsec_".to_owned(),
    }
}
