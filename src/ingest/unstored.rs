//! What is never stored, not even of a body as it came: cards and the accounts that guests pay with, where a booking system
//! puts them into a webhook. Their names are the connector's (`never_stored: "**.NAME"`).
//!
//! It promises: a body that names none of them, or is no JSON, stays byte for byte; it costs one look over the body, and that
//! only where the connector names something. The signature is checked before, over the body as it was sent.

use bytes::Bytes;
use serde_json::Value;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The body without what stands below these names, wherever they are and in whatever case.
pub(super) fn without_unstored(body: Bytes, names: &[String]) -> Bytes {
    if !names.iter().any(|name| mentions(&body, name.as_bytes())) {
        return body;
    }
    let text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&body);
    let Ok(mut value) = serde_json::from_slice::<Value>(text) else { return body };
    if !remove(&mut value, names) {
        return body;
    }
    serde_json::to_vec(&value).map_or(body, Bytes::from)
}

fn mentions(body: &[u8], name: &[u8]) -> bool {
    !name.is_empty() && body.windows(name.len()).any(|window| window.eq_ignore_ascii_case(name))
}

/// Whether something was there to remove.
fn remove(value: &mut Value, names: &[String]) -> bool {
    match value {
        Value::Object(map) => {
            let before = map.len();
            map.retain(|key, _| !names.iter().any(|name| name.eq_ignore_ascii_case(key)));
            let mut removed = map.len() < before;
            for inner in map.values_mut() {
                removed |= remove(inner, names);
            }
            removed
        }
        Value::Array(items) => {
            let mut removed = false;
            for item in items {
                removed |= remove(item, names);
            }
            removed
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::without_unstored;
    use bytes::Bytes;

    #[test]
    fn what_is_never_stored_goes_and_all_else_stays() {
        let names = ["paymentAccount".to_owned(), "registeredCard".to_owned()];
        for (body, kept) in [
            (r#"{"a": 1.10,  "b":[ ]}"#, r#"{"a": 1.10,  "b":[ ]}"#),
            (r#"{"note": "the paymentAccount",  "n":1}"#, r#"{"note": "the paymentAccount",  "n":1}"#),
            (
                r#"{"z": 12345678901234567890.10, "data": {"PaymentAccount": {"n": "4111"}, "x": [{"registeredcard": 5}]}}"#,
                r#"{"z":12345678901234567890.10,"data":{"x":[{}]}}"#,
            ),
            ("\u{feff}[{\"paymentAccount\": null}]", "[{}]"),
            (r#"{"hasActivePaymentAccount": true}"#, r#"{"hasActivePaymentAccount": true}"#),
            (r#"{"paymentAccount": "#, r#"{"paymentAccount": "#),
            ("", ""),
        ] {
            let left = without_unstored(Bytes::from(body), &names);
            assert_eq!(std::str::from_utf8(&left), Ok(kept), "{body}");
        }
        let body = Bytes::from_static(br#"{"paymentAccount": 1}"#);
        assert_eq!(
            without_unstored(body.clone(), &[]),
            body,
            "where a connector names nothing, nothing goes"
        );
    }
}
