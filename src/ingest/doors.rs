//! Which sources there are and which tokens open them. Read on every webhook, replaced whole when the ruleset or a secret
//! changes.

use crate::domain::Millis;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use subtle::ConstantTimeEq;

/// SHA-256 of a token: tokens are compared by it, so that the comparison takes the same time for any of them.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// One source, as ingest sees it.
#[derive(Clone, Debug)]
pub struct Door {
    /// Hashes of its tokens; several where its file names several.
    pub tokens: Vec<[u8; 32]>,
    /// The token before, which is taken until a time.
    pub old: Option<OldToken>,
    /// False while a token's value is missing altogether: 503, never 404.
    pub ready: bool,
    /// Header names (lower case) that are kept.
    pub headers: Vec<String>,
}

/// A token that another one took the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldToken {
    /// Its hash.
    pub hash: [u8; 32],
    /// It is taken until then, and not at that time any more.
    pub until: Millis,
}

/// All doors.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    doors: HashMap<String, Door>,
}

/// What a request finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entrance<'d> {
    /// Come in; these headers are kept.
    Open(&'d [String]),
    /// The source is known, and can't check any token now.
    NotReady,
    /// Unknown source or wrong token: nothing is learned.
    Unknown,
}

impl Doors {
    /// All doors by source name.
    pub fn new(doors: HashMap<String, Door>) -> Self {
        Self { doors }
    }

    /// Whether there is such a source.
    pub fn knows(&self, source: &str) -> bool {
        self.doors.contains_key(source)
    }

    /// Checks a token that comes now. Takes the same time for an unknown source and for a wrong token.
    pub fn enter(&self, source: &str, token: &str, now: Millis) -> Entrance<'_> {
        let presented = hash_token(token);
        let Some(door) = self.doors.get(source) else {
            let _ = presented.ct_eq(&[0; 32]);
            return Entrance::Unknown;
        };
        let mut open = subtle::Choice::from(0);
        for known in &door.tokens {
            open |= presented.ct_eq(known);
        }
        if let Some(old) = &door.old {
            open |= presented.ct_eq(&old.hash) & subtle::Choice::from(u8::from(now < old.until));
        }
        match (bool::from(open), door.ready) {
            (true, _) => Entrance::Open(&door.headers),
            (false, false) => Entrance::NotReady,
            (false, true) => Entrance::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_token_opens_a_door_until_its_time_is_over() {
        let old = |until| Some(OldToken { hash: hash_token("old"), until });
        let door = Door {
            tokens: vec![hash_token("one"), hash_token("two")],
            old: old(100),
            ready: true,
            headers: vec!["content-type".into()],
        };
        let doors = Doors::new(HashMap::from([("tours".to_owned(), door)]));
        for (source, token, now, open) in [
            ("tours", "one", 500, true),
            ("tours", "two", 500, true),
            ("tours", "old", 99, true),
            ("tours", "old", 100, false),
            ("tours", "", 0, false),
            ("rooms", "old", 0, false),
        ] {
            let entrance = doors.enter(source, token, now);
            assert_eq!(matches!(entrance, Entrance::Open(_)), open, "{source} {token} at {now}");
        }
    }

    #[test]
    fn a_door_without_a_token_is_not_ready_rather_than_unknown() {
        let door = Door { tokens: vec![], old: None, ready: false, headers: vec![] };
        let doors = Doors::new(HashMap::from([("tours".to_owned(), door)]));
        assert_eq!(doors.enter("tours", "anything", 0), Entrance::NotReady);
    }
}
