//! What applying has to do with fetching: which webhooks only hint at what their system's API has to tell, what becomes of
//! hints when it came, and which changes look like late copies that the API is asked about.

use super::{Candidate, StoredEvent};
use crate::connectors::{Hinted, RecordSpec, Source, Told, Verify, WhenDown};
use crate::domain::{
    BookingId, BookingKey, ChangeKind, DocumentHead, KNOWS_NO_SUCH, Millis, fetch_id, is_document,
};
use crate::ports::{FetchPolicy, FetchWrite, NewFetch};
use std::collections::HashSet;

/// Several hints at one thing within this time make one fetch.
const TOGETHER_MS: i64 = 300;

/// What could not be used is asked for again after this time.
const UNFIT_AGAIN_MS: i64 = 60_000;
/// The same where a mistake of Waypost came up: it would again, until there is another version.
const MISTAKE_AGAIN_MS: i64 = 3_600_000;

/// A document that is older than what is known by now.
pub(super) const TOO_LATE: &str = "something newer came in while it was fetched; it is fetched again";
/// A document of a record that has ended since.
pub(super) const ENDED_SINCE: &str = "it was deleted while it was fetched: there is nothing to keep";
/// An end that is older than what is known by now.
pub(super) const ENDS_NOT: &str = "something newer came in while it was asked for, so it does not end";
/// A record that ended before it was known.
pub(super) const NEVER_READ: &str = "deleted before it could be read: there is nothing to keep";
/// What looks like a late copy.
pub(super) const LATE_COPY: &str = "possible late copy: the booking system is asked how the booking is now";

/// Where a change is.
pub(super) struct Place<'a> {
    pub key: &'a BookingKey,
    pub event: &'a StoredEvent,
    pub ordinal: i64,
    pub now: Millis,
}

/// In which way the system's API is asked before what was told is believed; `None`: it is believed as it is.
pub(super) fn asks_first(
    source: &Source,
    spec: &RecordSpec,
    told: &Told,
    event: &StoredEvent,
) -> Option<i64> {
    match told.hint {
        Some(Hinted::Changed(way)) => Some(way),
        Some(Hinted::Deleted) => None,
        // Where the keys are of one account and the webhooks are of any, what is to be verified waits: see `can_ask`.
        None => (source.verify != Verify::Never && has_api(source, spec, event)).then_some(0),
    }
}

/// Whether the system's API can be asked about what a webhook told. Keys of one account are no help where whoever signs in says
/// of which account they are: then what looks like a late copy is taken as it came.
pub(super) fn can_ask(source: &Source, spec: &RecordSpec, event: &StoredEvent) -> bool {
    has_api(source, spec, event) && !source.is_of_any_account()
}

fn has_api(source: &Source, spec: &RecordSpec, event: &StoredEvent) -> bool {
    source.reach.is_some() && spec.fetch.is_some() && !is_document(&event.origin)
}

/// The hint at something that is to be fetched.
pub(super) fn hint(source: &Source, way: i64, place: &Place<'_>) -> FetchWrite {
    let thin = source.connector.source.as_ref().and_then(|spec| spec.record(&place.key.kind));
    let policy = match source.verify {
        _ if thin.is_some_and(|record| !record.hints.is_empty()) => FetchPolicy::Hint,
        Verify::Always(WhenDown::Payload) => FetchPolicy::Payload,
        // A late copy, which is asked about also where nothing else is verified, is never gone by.
        Verify::Always(WhenDown::Hold) | Verify::Never => FetchPolicy::Hold,
    };
    let fetch = NewFetch {
        id: fetch_id(place.key, way),
        key: place.key.clone(),
        way,
        source: source.name.clone(),
        policy,
        due_at: place.now + TOGETHER_MS,
        at: place.now,
    };
    FetchWrite::Hint { fetch, ordinal: place.ordinal }
}

/// The booking that took another one's place, and that nobody has told of yet: its own webhook may be lost. What is told
/// here is no webhook about it, so that no change waits for the fetch, and it is never gone by.
pub(super) fn successor(source: &Source, spec: &RecordSpec, place: &Place<'_>) -> Option<FetchWrite> {
    if source.reach.is_none() || spec.fetch.is_none() || source.is_of_any_account() {
        return None;
    }
    let FetchWrite::Hint { fetch, .. } = hint(source, 0, place) else { return None };
    let policy = if fetch.policy == FetchPolicy::Payload { FetchPolicy::Hold } else { fetch.policy };
    Some(FetchWrite::Hint { fetch: NewFetch { policy, ..fetch }, ordinal: -1 - place.ordinal })
}

/// What is said of a webhook that waits.
pub(super) fn waits(source: &Source) -> String {
    match &source.reach {
        Some(reach) => format!("{} is asked how it is now", reach.title),
        None => format!(
            "{} only says that something changed, and the source has no keys to ask what",
            source.connector.title
        ),
    }
}

/// A document was applied: the fetch that it ends, and the fetch of the record itself, where there is one.
pub(super) fn came(
    head: Option<&DocumentHead>,
    place: &Place<'_>,
    booking: Option<&BookingId>,
) -> Vec<FetchWrite> {
    let Some(head) = head else { return Vec::new() };
    // What ends a fetch that way says so itself (`disowned`).
    if head.gone && head.fetch.is_some() {
        return Vec::new();
    }
    let event = &place.event.id;
    let note = if head.unverified {
        format!("it could not be verified so far; the booking goes by it, see {event}")
    } else {
        format!("what it hinted at came with {event}")
    };
    let own = fetch_id(&head.key, 0);
    let other = head.fetch.clone().filter(|fetch| *fetch != own);
    std::iter::once(own)
        .chain(other)
        .map(|fetch| FetchWrite::Came {
            fetch,
            begun: head.begun,
            booking: booking.cloned(),
            note: note.clone(),
            again_at: head.again_at.or(head.unverified.then_some(place.now)),
            unverified: head.unverified,
            behind: head.again_at.is_some(),
            at: place.now,
        })
        .collect()
}

/// A document is older than what is known: its hints are done with, and it is fetched again. One that a walk brought, which
/// no fetch asked for, is a hint itself where `asks` says so.
pub(super) fn came_too_late(
    head: Option<&DocumentHead>,
    asks: Option<(&Source, &RecordSpec)>,
    place: &Place<'_>,
) -> (ChangeKind, Option<FetchWrite>) {
    let Some(head) = head else { return (ChangeKind::Stale, None) };
    let Some(fetch) = head.fetch.clone() else {
        return match asks.filter(|(_, spec)| spec.fetch.is_some()) {
            Some((source, _)) => (ChangeKind::Fetching, Some(hint(source, 0, place))),
            None => (ChangeKind::Stale, None),
        };
    };
    let came = FetchWrite::Came {
        fetch,
        begun: head.begun,
        booking: None,
        note: format!("what it hinted at came with {}, too late; it is fetched again", place.event.id),
        again_at: Some(place.now),
        unverified: false,
        behind: false,
        at: place.now,
    };
    (ChangeKind::Stale, Some(came))
}

/// A document can't be used: its fetch is made again after a while, and what waits for it goes on waiting.
pub(super) fn unfit(head: &DocumentHead, now: Millis) -> Option<FetchWrite> {
    Some(FetchWrite::Came {
        fetch: head.fetch.clone()?,
        begun: 0,
        booking: None,
        note: String::new(),
        again_at: Some(now + UNFIT_AGAIN_MS),
        unverified: false,
        behind: false,
        at: now,
    })
}

/// Why nothing that a document tells was taken in.
#[derive(Clone, Copy)]
pub(super) enum NotUsed<'a> {
    /// What it is about is not known here any more: its source was removed, say.
    Unfit,
    /// A mistake of Waypost came up.
    Mistake,
    /// It was put aside for good, with this note.
    PutAside(&'a str),
}

/// A document's fetch ends when it is applied. Where that told its fetch nothing, whatever the reason, it is told here, so that
/// none is under way for ever. One that was put aside is not asked for again before something hints at it.
pub(super) fn not_used(
    event: &StoredEvent,
    fetches: &[FetchWrite],
    why: NotUsed<'_>,
    now: Millis,
) -> Option<FetchWrite> {
    let head = DocumentHead::read(&event.headers).filter(|_| is_document(&event.origin))?;
    let fetch = head.fetch.clone()?;
    let is_told = |write: &FetchWrite| matches!(write, FetchWrite::Came { fetch: told, .. } | FetchWrite::Disowned { fetch: told, .. } if *told == fetch);
    if fetches.iter().any(is_told) {
        return None;
    }
    let again = |after| FetchWrite::Came {
        fetch: fetch.clone(),
        begun: 0,
        booking: None,
        note: String::new(),
        again_at: Some(now + after),
        unverified: false,
        behind: false,
        at: now,
    };
    Some(match why {
        NotUsed::Unfit => again(UNFIT_AGAIN_MS),
        NotUsed::Mistake => again(MISTAKE_AGAIN_MS),
        NotUsed::PutAside(note) => FetchWrite::Came {
            fetch,
            begun: head.begun,
            booking: None,
            note: format!("what was fetched for it could not be used, see {}: {note}", event.id),
            again_at: None,
            unverified: false,
            behind: false,
            at: now,
        },
    })
}

/// Why a record ended that no event told the end of: a walk missed it, or its fetch ends it, since nothing but webhooks that
/// were never verified told of it.
pub(super) fn unknown_there(source: &Source, head: &DocumentHead) -> String {
    let title = &source.connector.title;
    match head.fetch {
        None => format!("{title} does not know it any more: it was asked twice"),
        Some(_) => format!("{title} does not know it: the webhook that told of it was not verified"),
    }
}

/// The fetch of a record that the API does not know: all webhooks that told of it are refused after all.
pub(super) fn disowned(
    head: &DocumentHead,
    source: &Source,
    place: &Place<'_>,
    booking: Option<&BookingId>,
) -> Option<FetchWrite> {
    let (title, kind) = (&source.connector.title, &head.key.kind);
    let note = match booking {
        None => format!("{title}'s {KNOWS_NO_SUCH} {kind}: nothing was changed"),
        Some(_) => format!(
            "{title}'s {KNOWS_NO_SUCH} {kind}: it was gone by while {title} did not answer, and ended with {}",
            place.event.id
        ),
    };
    Some(FetchWrite::Disowned {
        fetch: head.fetch.clone()?,
        begun: head.begun,
        booking: booking.cloned(),
        note,
        at: place.now,
    })
}

/// A record ended by the word of an event: what waits for it can't be fetched any more.
pub(super) fn ended(place: &Place<'_>, booking: Option<&BookingId>) -> FetchWrite {
    FetchWrite::Came {
        fetch: fetch_id(place.key, 0),
        begun: place.event.position,
        booking: booking.cloned(),
        note: format!("it was deleted before it could be read, as {} says", place.event.id),
        again_at: None,
        unverified: false,
        behind: false,
        at: place.now,
    }
}

/// A record ended before it was known. That is remembered: an answer may be under way that was given before.
pub(super) fn ended_unknown(place: &Place<'_>) -> FetchWrite {
    FetchWrite::Ended { key: place.key.clone(), source: place.event.source.clone(), at: place.now }
}

/// The note of a document's change.
pub(super) fn noted(head: Option<&DocumentHead>, source: &Source, note: Option<String>) -> Option<String> {
    let (title, Some(head)) = (&source.connector.title, head) else { return note };
    let of_head = if head.unverified {
        format!("unverified: {title} did not answer, so this is what its webhook said")
    } else if head.insists {
        format!(
            "a webhook told of something newer: {title} was asked two more times, and its answer is taken"
        )
    } else if head.again_at.is_some() {
        format!("older than what its webhook told: {title} is asked again")
    } else {
        return note;
    };
    Some(match note {
        Some(note) => format!("{of_head}; {note}"),
        None => of_head,
    })
}

/// Changes that look like late copies, found while a batch was computed.
#[derive(Default)]
pub(super) struct Late {
    found: HashSet<(i64, i64)>,
    rounds: usize,
}

impl Late {
    /// Whether the API is asked about this change.
    pub fn doubts(&self, event: &StoredEvent, ordinal: i64) -> bool {
        self.found.contains(&(event.position, ordinal))
    }

    /// Takes in what was found. True where that makes a difference: the batch is computed anew.
    pub fn learn(&mut self, events: &[StoredEvent], found: &[(usize, Candidate)], rounds_max: usize) -> bool {
        if self.rounds >= rounds_max {
            return false;
        }
        self.rounds += 1;
        let before = self.found.len();
        for (index, candidate) in found.iter().filter(|(_, candidate)| candidate.asks) {
            self.found.extend(events.get(*index).map(|event| (event.position, candidate.ordinal)));
        }
        self.found.len() > before
    }
}
