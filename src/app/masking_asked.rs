//! What is masked for viewers of fetches and walks: what their sentences and keys may hold of a guest. Part of `masking`,
//! whose invariant holds here too: every read of `ports::FetchStore` and `ports::WalkStore` stands below.

use super::masking::{HIDDEN, Mask, is_masked};
use crate::domain::{BookingKey, ChangeRef, MASK, Millis, Position, has_odd_letters, mask_path};
use crate::ports::{
    DuePlaces, FetchCount, FetchEnd, FetchRow, FetchStore, FindingQuery, HeardAsked, HereBooking, KnownBy,
    LastHeard, NewFetch, NewWalk, PlaceRow, PutOff, Store, StoreError, StoredEvent, WalkAct, WalkFilter,
    WalkFinding, WalkRow, WalkStore, WalkWrite,
};
use std::sync::Arc;

/// Fetches and walks as the faces have them.
pub(super) struct MaskedAsked {
    /// The database's own.
    pub(super) inner: Arc<dyn Store>,
}

/// A sentence that may quote what a booking system answered.
fn hide(told: &mut Option<String>) {
    if let Some(told) = told {
        HIDDEN.clone_into(told);
    }
}

impl Mask for FetchRow {
    fn mask(&mut self) {
        hide(&mut self.told);
        if has_odd_letters(&self.key.key) {
            MASK.clone_into(&mut self.key.key);
        }
    }
}

impl Mask for WalkRow {
    fn mask(&mut self) {
        hide(&mut self.note);
    }
}

impl Mask for (WalkRow, bool) {
    fn mask(&mut self) {
        self.0.mask();
    }
}

impl Mask for PlaceRow {
    fn mask(&mut self) {
        "{}".clone_into(&mut self.what);
        hide(&mut self.aside);
    }
}

impl Mask for WalkFinding {
    fn mask(&mut self) {
        hide(&mut self.note);
        if has_odd_letters(&self.key) {
            MASK.clone_into(&mut self.key);
        }
        self.paths.iter_mut().for_each(|path| *path = mask_path(path));
    }
}

/// One line per method of the trait, as in `masking`.
macro_rules! around {
    ($trait:ident by $part:ident; $($what:ident $name:ident($($arg:ident: $type:ty),*) -> $gives:ty;)*) => {
        #[async_trait::async_trait]
        impl $trait for MaskedAsked {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$gives, StoreError> {
                around!(@ $what self.inner.$part().$name($($arg),*).await?)
            })*
        }
    };
    (@ masks $read:expr) => {{
        let mut gives = $read;
        if is_masked() {
            gives.mask();
        }
        Ok(gives)
    }};
    (@ passes $read:expr) => {
        Ok($read)
    };
}

around! { FetchStore by fetches;
    passes recover_fetches(now: Millis) -> i64;
    passes claim_fetches(except: &[String], now: Millis, limit: i64) -> Vec<FetchRow>;
    passes next_fetch_at(except: &[String]) -> Option<Millis>;
    passes end_fetch(row: &FetchRow, end: &FetchEnd, now: Millis) -> ();
    passes put_off_fetches(rows: &[FetchRow], off: PutOff<'_>, now: Millis) -> ();
    passes give_back(id: &str, now: Millis) -> ();
    masks ask_fetch(fetch: &NewFetch, by: &str) -> FetchRow;
    passes hurry_fetches(source: &str, now: Millis) -> i64;
    passes hurry_some(ids: &[String], now: Millis) -> ();
    passes hurry_down(source: &str, since: Millis, now: Millis) -> ();
    passes revive_fetches(source: Option<&str>, now: Millis) -> i64;
    passes ended_unknown(keys: &[BookingKey]) -> Vec<(BookingKey, Position)>;
    passes pull_in_fetches(later: Millis, now: Millis) -> i64;
    masks fetch_row(id: &str) -> Option<FetchRow>;
    masks fetch_of_change(change: ChangeRef) -> Option<FetchRow>;
    masks fetches_of_source(source: &str, limit: i64) -> Vec<FetchRow>;
    passes count_fetches() -> Vec<FetchCount>;
    passes last_of_source(asked: HeardAsked<'_>) -> LastHeard;
    passes fetches_to_go_by(before: Millis, limit: i64) -> Vec<(FetchRow, StoredEvent)>;
    passes hints_of(fetch: &str, until: Position, and: Option<Position>, limit: i64) -> Vec<StoredEvent>;
    passes known_by(key: &BookingKey, until: Position) -> KnownBy;
    passes last_position() -> Position;
}

around! { WalkStore by walks;
    masks begin_walk(new: &NewWalk) -> (WalkRow, bool);
    masks walk(seq: i64) -> Option<WalkRow>;
    masks walks(filter: &WalkFilter) -> Vec<WalkRow>;
    passes act_on_walk(seq: i64, act: WalkAct, now: Millis) -> bool;
    passes due_places(walk: i64, now: Millis, limit: i64) -> DuePlaces;
    masks aside_places(walk: i64, limit: i64) -> Vec<PlaceRow>;
    passes findings_of(walk: i64, keys: &[(String, String)]) -> Vec<WalkFinding>;
    masks findings(query: &FindingQuery) -> Vec<WalkFinding>;
    passes here_by_key(keys: &[BookingKey]) -> Vec<HereBooking>;
    passes here_after(after: &str, limit: i64) -> Vec<HereBooking>;
    passes write_walk(write: &WalkWrite) -> bool;
    passes tidy_walks() -> bool;
    passes a_node_walks() -> bool;
}
