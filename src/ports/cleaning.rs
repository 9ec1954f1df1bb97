//! Takes out of a webhook's body what is never stored. Ingest asks for it without knowing of connectors.

use std::borrow::Cow;
use std::fmt;

/// What a body became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cleaned {
    /// Nothing of it is to go: it is stored byte for byte.
    AsItCame,
    /// Without what is never stored. It is plain text, whatever it was packed in.
    Without(Vec<u8>),
    /// It could not be looked through, and why, as the end of a sentence.
    NotLookedThrough(Cow<'static, str>),
}

/// What is never stored of one source's bodies.
pub trait Cleaner: fmt::Debug + Send + Sync {
    /// Looks through a body. `encoding` and `content_type` are the headers that say how it is written, empty where there are
    /// none.
    fn clean(&self, body: &[u8], encoding: &str, content_type: &str) -> Cleaned;
}
