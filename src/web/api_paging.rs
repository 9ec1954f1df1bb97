//! Pages of lists of the API: some items and where to go on. A cursor says behind which item the next page begins, never how
//! many to leave out, so that what comes in between moves nothing. What is inside is nobody's business but ours.

use super::api_error::ApiError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

/// Items of a page, where nothing else is said, and at most.
const LIMIT: i64 = 50;
const LIMIT_MAX: i64 = 200;
/// Bytes of a cursor.
const CURSOR_BYTES_MAX: usize = 2_000;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The items of this page. There may be fewer than asked for although there are more on the next page.
    pub items: Vec<T>,
    /// Where the next page begins: give it as `after`. Null: this is the last one.
    pub next: Option<String>,
}

/// How many items are wanted.
pub(super) fn limit(asked: Option<i64>) -> Result<i64, ApiError> {
    match asked.unwrap_or(LIMIT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => Err(wrong_limit()),
    }
}

/// A limit that no list takes.
pub(super) fn wrong_limit() -> ApiError {
    ApiError::wrong_parameter(&format!("limit must be a number from 1 to {LIMIT_MAX}"))
}

/// Where the next page of a list begins.
pub(super) fn cursor(list: &str, place: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list} {place}"))
}

/// The place behind which a page of this list begins.
pub(super) fn place(list: &str, after: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(after) = after else { return Ok(None) };
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(after).ok().filter(|_| after.len() <= CURSOR_BYTES_MAX)?;
        let text = String::from_utf8(bytes).ok()?;
        let (of, place) = text.split_once(' ')?;
        (of == list).then(|| place.to_owned())
    };
    read().map(Some).ok_or_else(wrong_cursor)
}

/// The same where the place is a number.
pub(super) fn number(list: &str, after: Option<&str>) -> Result<Option<i64>, ApiError> {
    place(list, after)?.map(|place| place.parse().map_err(|_| wrong_cursor())).transpose()
}

/// A cursor that this list did not give.
pub(super) fn wrong_cursor() -> ApiError {
    ApiError::wrong_parameter("after is what this list gave as next, unchanged").called("wrong_cursor")
}

#[cfg(test)]
mod tests {
    use super::{cursor, limit, number, place};

    #[test]
    fn a_cursor_leads_back_in_its_own_list_only() {
        let next = cursor("runs", "41");
        assert!(next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{next}");
        assert_eq!(number("runs", Some(&next)).unwrap(), Some(41));
        assert_eq!(number("runs", None).unwrap(), None);
        for wrong in [next.as_str(), "", "41", "a b", "\u{0}", "%%%", &"A".repeat(500)] {
            assert!(number("events", Some(wrong)).is_err(), "{wrong:?}");
        }
        assert!(number("runs", Some(&cursor("runs", "x"))).is_err());
        assert_eq!(place("runs", Some(&cursor("runs", "a b"))).unwrap().as_deref(), Some("a b"));
    }

    #[test]
    fn a_page_has_its_bounds() {
        assert_eq!((limit(None).unwrap(), limit(Some(200)).unwrap()), (50, 200));
        assert!(limit(Some(0)).is_err() && limit(Some(201)).is_err() && limit(Some(-1)).is_err());
    }
}
