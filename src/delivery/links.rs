//! What the links of a record say about a step that is about to be sent.

use super::rows::own_pointer;
use super::work::{Sending, Work};
use crate::connectors::Which;
use crate::domain::{LinkKey, Millis, RecordKey, Verdict, VerdictCode};
use crate::ports::{LinkBooking, LinkRow, LinkWrite};
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Among a link's outputs: a person made the record and told its id, and nothing was sent to it since. No output has this
/// name, since it is no word; the next good answer replaces all of them.
const MADE_BY_HAND: &str = "made by hand";

/// Outputs of a link whose record a person made.
pub(super) fn made_by_hand(mut outputs: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    outputs.insert(MADE_BY_HAND.to_owned(), Value::Bool(true));
    outputs
}

/// The record that a booking pointed to before its key changed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MovedFrom {
    /// The former record.
    pub record: RecordKey,
    /// Its id in the CRM.
    pub remote_id: String,
}

/// What to do with a step.
pub(super) enum Decision {
    /// The CRM holds it already, or something newer.
    Have {
        /// Outputs of the link.
        outputs: BTreeMap<String, Value>,
        /// Why nothing is sent.
        verdict: Verdict,
        /// What to write.
        links: Vec<LinkWrite>,
    },
    /// Send it.
    Call {
        /// Which call.
        which: Which,
        /// The CRM's id of the record, where known.
        remote_id: Option<String>,
        /// The former record, where its key changed.
        moved_from: Option<MovedFrom>,
    },
}

/// Everything known of a record and of a booking's other records.
pub(super) struct Known<'a> {
    /// Links of the record, all rules and steps.
    pub of_record: &'a [LinkRow],
    /// Links that the booking points to in this connection.
    pub of_booking: &'a [LinkRow],
    /// Links of those other records, with all pointers.
    pub of_former: &'a [LinkRow],
}

/// Decides. The record is taken, so nothing changes meanwhile.
pub(super) fn decide(
    work: &Work,
    sending: &Sending,
    record: &RecordKey,
    known: &Known<'_>,
    now: Millis,
) -> Decision {
    let run = &work.due.run;
    let key = link_key(work, sending.step, record);
    let own_link = known.of_record.iter().find(|link| link.key == key);
    let remote_id = own_link
        .and_then(|link| link.remote_id.clone())
        .or_else(|| known.of_record.iter().find_map(|link| link.remote_id.clone()));
    if work.ends_apart()
        && work.steps[sending.step].calls_done == 0
        && !run.uncertain
        && let Some(text) = nothing_to_end(work, sending, record, own_link)
    {
        let outputs = own_link.map(|link| link.outputs.clone()).unwrap_or_default();
        let verdict = Verdict::new(VerdictCode::NothingToSend, text);
        return Decision::Have { outputs, verdict, links: Vec::new() };
    }
    if let (Some(id), Some(_), 0) =
        (&work.steps[sending.step].known_id, &sending.action.update, work.steps[sending.step].calls_done)
    {
        return Decision::Call { which: Which::Update, remote_id: Some(id.clone()), moved_from: None };
    }
    if sending.action.repeatable
        && work.steps[sending.step].calls_done == 0
        && !run.as_it_was
        && let Some(newer) = newer_elsewhere(work, sending.step, record, known)
    {
        let text = "something newer of this booking was sent already, to another record";
        return have(newer, Verdict::new(VerdictCode::Stale, text), Vec::new());
    }
    if !sending.action.repeatable
        && work.steps[sending.step].calls_done == 0
        && !run.uncertain
        && let Some(link) = made_for_older(work, sending.step, record, known)
    {
        let text = "nothing to send: it was made for the booking whose place this one took";
        let points = LinkWrite::Put {
            key: link.key.clone(),
            remote_id: None,
            position: work.position_on(Some(link)).max(link.position),
            hash: link.hash.clone(),
            outputs: None,
            booking: Some(LinkBooking {
                booking: run.booking.clone(),
                item: run.item.clone(),
                hash: Some(sending.hash.clone()),
                position: run.position,
            }),
            at: now,
        };
        return have(link, Verdict::new(VerdictCode::Unchanged, text), vec![points]);
    }
    if sending.action.repeatable
        && let Some(link) = own_link
        && work.steps[sending.step].calls_done == 0
    {
        let own = own_pointer(link, run);
        if work.newer_points_to(link) && !run.as_it_was {
            let text = "the booking that took this one's place was sent to this record already";
            return have(link, Verdict::new(VerdictCode::Stale, text), Vec::new());
        }
        let position = work.position_on(Some(link));
        let put = |position, hash, own_position| LinkWrite::Put {
            key: key.clone(),
            remote_id: None,
            position,
            hash: link.hash.clone(),
            outputs: None,
            booking: Some(LinkBooking {
                booking: run.booking.clone(),
                item: run.item.clone(),
                hash,
                position: own_position,
            }),
            at: now,
        };
        if position < link.position && !run.as_it_was {
            let text = "something newer was sent to this record already";
            // It is this booking's record all the same: no other booking may give it another key.
            let points = own.is_none().then(|| put(link.position, None, 0));
            return have(link, Verdict::new(VerdictCode::Stale, text), points.into_iter().collect());
        }
        // The pointer goes on either way; the link only where it holds just this.
        let own_position = own.map_or(0, |own| own.position).max(run.position);
        let put = |position| put(position, Some(sending.hash.clone()), own_position);
        if link.hash.as_ref() == Some(&sending.hash) {
            let put = put(position.max(link.position));
            let verdict =
                Verdict::new(VerdictCode::Unchanged, "nothing to send: it holds the same fields already");
            return have(link, verdict, vec![put]);
        }
        let shared = link.bookings.iter().any(|b| b.booking != run.booking || b.item != run.item);
        if shared && own.is_some_and(|own| own.hash.as_ref() == Some(&sending.hash)) {
            let text = "nothing to send: this booking's own fields are as it sent them; \
                        another booking wrote to the record since";
            return have(link, Verdict::new(VerdictCode::Unchanged, text), vec![put(link.position)]);
        }
    }
    // The key may not be the one under which the person made it: it is found by the id that they told.
    let by_hand = own_link.filter(|link| link.outputs.contains_key(MADE_BY_HAND));
    if let (Some(id), Some(_), 0) = (
        by_hand.and_then(|link| link.remote_id.clone()),
        &sending.action.update,
        work.steps[sending.step].calls_done,
    ) {
        return Decision::Call { which: Which::Update, remote_id: Some(id), moved_from: None };
    }
    let moved_from = (remote_id.is_none() && sending.action.update.is_some())
        .then(|| former_record(work, sending.step, record, known))
        .flatten();
    match moved_from {
        Some(moved) => Decision::Call {
            which: Which::Update,
            remote_id: Some(moved.remote_id.clone()),
            moved_from: Some(moved),
        },
        None => Decision::Call { which: Which::Call, remote_id, moved_from: None },
    }
}

/// Why the record of a booking whose place was taken is left as it is. It is ended only where the newer booking has one of
/// its own: else that one takes it over.
fn nothing_to_end(
    work: &Work,
    sending: &Sending,
    record: &RecordKey,
    own_link: Option<&LinkRow>,
) -> Option<&'static str> {
    let own = link_key(work, sending.step, record);
    let Some(link) = own_link.filter(|link| own_pointer(link, &work.due.run).is_some()) else {
        return Some("the booking was rebooked, and it has no record here");
    };
    if work.newer_points_to(link) {
        return Some("the booking was rebooked: the one that took its place keeps this record");
    }
    if !sending.action.repeatable {
        return Some("the booking was rebooked: what was made for it stays, and is not made again");
    }
    let theirs = work
        .inherited
        .iter()
        .filter(|link| link.key.rule == own.rule && link.key.step == own.step)
        .filter(|link| same_kind(&link.key.record, record) && link.key.record != *record)
        .any(|link| work.newer_points_to(link));
    (!theirs).then_some("the booking was rebooked: the one that took its place takes over this record")
}

/// A link of this rule, step and booking to another record of the same kind, to which this booking sent something newer
/// (what other bookings sent there is not about it): its key changed since, and a run from before (tried again by a
/// person) must not change it back.
fn newer_elsewhere<'a>(
    work: &Work,
    step: usize,
    record: &RecordKey,
    known: &Known<'a>,
) -> Option<&'a LinkRow> {
    let own = link_key(work, step, record);
    known
        .of_booking
        .iter()
        .filter(|link| link.key.rule == own.rule && link.key.step == own.step)
        .filter(|link| same_kind(&link.key.record, record) && link.key.record != *record)
        .find(|link| own_pointer(link, &work.due.run).is_some_and(|own| own.position > work.due.run.position))
}

/// The record of the same kind that this step wrote for the booking before, if no other booking points to it. Its id may
/// be known through any rule. What other steps and rules wrote for the booking is theirs: they may name another record.
fn former_record(work: &Work, step: usize, record: &RecordKey, known: &Known<'_>) -> Option<MovedFrom> {
    let run = &work.due.run;
    let own = link_key(work, step, record);
    known
        .of_booking
        .iter()
        .filter(|link| link.key.rule == own.rule && link.key.step == own.step)
        .filter(|link| same_kind(&link.key.record, record) && link.key.record != *record)
        .filter(|link| {
            known
                .of_former
                .iter()
                .filter(|other| other.key.record == link.key.record)
                .flat_map(|other| &other.bookings)
                .all(|pointer| work.stands_for(&pointer.booking) && pointer.item == run.item)
        })
        .max_by_key(|link| (Reverse(nearest(work, link)), link.position))
        .and_then(|link| {
            let mut others = known.of_former.iter().filter(|other| other.key.record == link.key.record);
            let remote_id = link.remote_id.as_ref().or(others.find_map(|other| other.remote_id.as_ref()));
            Some(MovedFrom { record: link.key.record.clone(), remote_id: remote_id?.clone() })
        })
}

/// What this step, which is no upsert, made for a booking whose place this one took, where it made nothing for this one yet.
fn made_for_older<'a>(
    work: &Work,
    step: usize,
    record: &RecordKey,
    known: &Known<'a>,
) -> Option<&'a LinkRow> {
    if !work.takes_over() {
        return None;
    }
    let run = &work.due.run;
    let own = link_key(work, step, record);
    let links = known.of_record.iter().chain(known.of_booking);
    let links: Vec<&LinkRow> = links
        .filter(|link| link.key.rule == own.rule && link.key.step == own.step)
        .filter(|link| same_kind(&link.key.record, record))
        .collect();
    if links.iter().any(|link| own_pointer(link, run).is_some()) {
        return None;
    }
    let theirs = |pointer: &LinkBooking| work.stands_for(&pointer.booking) && pointer.item == run.item;
    links
        .into_iter()
        .filter(|link| link.hash.is_some() || link.remote_id.is_some())
        .filter(|link| link.bookings.iter().any(theirs))
        .min_by_key(|link| nearest(work, link))
}

/// How near the nearest booking is that points to a link. Of several records in a chain, the nearest one's is the living.
fn nearest(work: &Work, link: &LinkRow) -> usize {
    let of = |pointer: &LinkBooking| work.distance(&pointer.booking);
    link.bookings
        .iter()
        .filter(|pointer| work.stands_for(&pointer.booking))
        .map(of)
        .min()
        .unwrap_or(usize::MAX)
}

/// Records of the same kind that the booking points to by this rule and step, but for this one.
pub(super) fn former_records(
    work: &Work,
    step: usize,
    record: &RecordKey,
    of_booking: &[LinkRow],
) -> Vec<RecordKey> {
    of_booking
        .iter()
        .map(|link| &link.key)
        .filter(|key| key.rule == work.rule.name && key.step == work.steps[step].id)
        .filter(|key| same_kind(&key.record, record) && key.record != *record)
        .map(|key| key.record.clone())
        .collect()
}

/// Records of the booking that a call after the main one names by their ids in the CRM.
pub(super) fn named_records(
    sending: &Sending,
    after: usize,
    of_booking: &[LinkRow],
) -> Vec<(RecordKey, String)> {
    let fields = sending.action.after[after].needs.iter().filter_map(|name| sending.fields.get(name));
    let ids: Vec<String> = fields.map(id_text).collect();
    let named = of_booking.iter().filter_map(|link| {
        let id = link.remote_id.clone().filter(|id| ids.contains(id))?;
        Some((link.key.record.clone(), id))
    });
    named.collect()
}

/// An id in the CRM as a text.
pub(super) fn id_text(id: &Value) -> String {
    match id {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn same_kind(one: &RecordKey, other: &RecordKey) -> bool {
    one.connection == other.connection && one.account == other.account && one.object == other.object
}

/// The link of a run's step to a record.
pub(super) fn link_key(work: &Work, step: usize, record: &RecordKey) -> LinkKey {
    LinkKey { record: record.clone(), rule: work.rule.name.clone(), step: work.steps[step].id.clone() }
}

fn have(link: &LinkRow, verdict: Verdict, links: Vec<LinkWrite>) -> Decision {
    let mut outputs = link.outputs.clone();
    outputs.remove(MADE_BY_HAND);
    Decision::Have { outputs, verdict, links }
}
