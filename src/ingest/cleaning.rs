//! Between a body and its storage: what is never stored goes out of it. Only for sources whose connector names something; a body
//! of any other is not looked at.
//!
//! It promises: an answer is never kept from a sender by what stands in a body. What can't be looked through is stored as it came,
//! and a note among the headers says so.

use super::{Intake, NotStored, Reserved};
use crate::domain::BODY_NOTE;
use crate::ports::{Cleaned, Cleaner};
use actix_web::web::{self, Bytes};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Bytes of a body that are looked through at once; a larger or packed one would keep other webhooks of its thread waiting.
const AT_ONCE_BYTES_MAX: usize = 64 << 10;

const LEFT_OUT: &str = "What this connector never stores (cards, accounts that guests pay with, secrets) was left out before this \
                        was stored. The rest is as it came.";
const LEFT_OUT_UNPACKED: &str = "What this connector never stores (cards, accounts that guests pay with, secrets) was left out \
                                 before this was stored, and it was unpacked for that. The rest is as it came.";

/// What is stored of a body, with the memory that it holds where it was unpacked. `written`: the headers `content-encoding` and
/// `content-type`.
pub(super) async fn cleaned(
    cleaner: &Arc<dyn Cleaner>,
    body: Bytes,
    written: (&str, &str),
    headers: &mut Map<String, Value>,
    intake: &Intake,
) -> Result<(Bytes, Option<Reserved>), NotStored> {
    let (encoding, content_type) = (written.0.to_owned(), written.1.to_owned());
    let is_packed = !encoding.is_empty() || body.starts_with(&[0x1f, 0x8b]);
    let look = {
        let (cleaner, body) = (cleaner.clone(), body.clone());
        move || catch_unwind(AssertUnwindSafe(|| cleaner.clean(&body, &encoding, &content_type))).ok()
    };
    let found = if is_packed || body.len() > AT_ONCE_BYTES_MAX {
        web::block(look).await.ok().flatten()
    } else {
        look()
    };
    match found.unwrap_or(Cleaned::NotLookedThrough(Cow::Borrowed("a mistake of Waypost came up"))) {
        Cleaned::AsItCame => Ok((body, None)),
        Cleaned::Without(body) => {
            let reserved = intake.reserve(body.len())?;
            headers.remove("content-encoding");
            let note = if is_packed { LEFT_OUT_UNPACKED } else { LEFT_OUT };
            headers.insert(BODY_NOTE.to_owned(), note.into());
            Ok((body.into(), Some(reserved)))
        }
        Cleaned::NotLookedThrough(why) => {
            let note = format!(
                "It is stored as it came, also where it holds what this connector never stores: it could not be looked through, \
                 since {why}."
            );
            headers.insert(BODY_NOTE.to_owned(), note.into());
            Ok((body, None))
        }
    }
}
