//! What is wrong now: reads the little that the store keeps of each connection, of runs by their state, of webhooks by the
//! hour, and asks how much room the disk has. Reads a handful of rows, however much is stored. Called by `Watcher::look`.

use crate::domain::{Millis, OutageKind, RATE_WEEKS, Rhythm, VerdictCode};
use crate::ports::{ConnectionState, Glance, Outage, Store, StoreError};
use crate::rules::Ruleset;
use std::sync::{Mutex, PoisonError};

const HOUR: Millis = 3_600_000;
/// Hours change slowly: they are read so often.
const SILENCE_EVERY_MS: Millis = 5 * 60_000;
/// Causes of trouble that are looked at, those with the newest trouble first.
const CAUSES_MAX: i64 = 20;
/// Less room on the disk than this is told.
const DISK_BYTES_MIN: u64 = 1 << 30;
/// More room than this is well again: in between nothing changes.
const DISK_BYTES_WELL: u64 = DISK_BYTES_MIN / 4 * 5;

/// What is not in the store.
#[derive(Clone, Copy, Default)]
pub struct World<'a> {
    /// The active ruleset.
    pub ruleset: Option<&'a Ruleset>,
    /// Bytes that are free on the disk of the data folder, where that is known.
    pub disk_free: Option<u64>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Sign {
    /// What it is about.
    pub kind: OutageKind,
    /// Its name.
    pub object: String,
    /// What people call it.
    pub title: String,
    /// Since when, where that is known.
    pub since: Option<Millis>,
    /// Runs that wait, or need somebody.
    pub waiting: i64,
    /// What it is.
    pub why: Why,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// It does not answer.
    NoAnswer,
    /// It does not take its credential.
    Credential,
    /// Runs failed, or are held, for one cause.
    NeedsYou {
        /// So many guests.
        guests: i64,
        /// What people call the rule.
        rule: String,
        /// Their answers were lost.
        lost: bool,
    },
    /// Nothing comes in; usually so many an hour.
    Silent(f64),
    /// So many bytes are free.
    Disk(u64),
}

/// All of it, with the outages that are open.
pub struct Signs {
    pub found: Vec<Sign>,
    pub open: Vec<Outage>,
    /// Of these it can't be said now whether they are well.
    unknown: Vec<(OutageKind, Option<String>)>,
}

impl Signs {
    /// What is wrong with that.
    pub fn of(&self, kind: OutageKind, object: &str) -> Option<&Sign> {
        self.found.iter().find(|sign| sign.kind == kind && sign.object == object)
    }

    /// Whether it can't be said how that is.
    pub fn unknown(&self, outage: &Outage) -> bool {
        self.unknown.iter().any(|(kind, object)| {
            *kind == outage.kind && object.as_ref().is_none_or(|object| *object == outage.object)
        })
    }
}

/// What was found about silence the last time, and when.
#[derive(Default)]
pub struct Silence(Mutex<Option<(Millis, Vec<Sign>)>>);

/// Reads what is wrong now.
pub async fn read(
    store: &dyn Store,
    silence: &Silence,
    world: &World<'_>,
    now: Millis,
) -> Result<Signs, StoreError> {
    let open = store.alerts().open_outages().await?;
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    let glance = store.glance().await?;
    match world.ruleset {
        Some(ruleset) => {
            for state in store.connections().await? {
                connection(&state, ruleset, &glance, &mut found, &mut unknown);
            }
            found.extend(silent(store, silence, ruleset, now).await?);
        }
        None => unknown.extend([(OutageKind::Connection, None), (OutageKind::Silence, None)]),
    }
    needs_you(store, world.ruleset, &open, &mut found).await?;
    match world.disk_free {
        Some(free) if free < DISK_BYTES_MIN => found.push(disk(free)),
        Some(free) if free >= DISK_BYTES_WELL => {}
        _ => unknown.push((OutageKind::Disk, None)),
    }
    Ok(Signs { found, open, unknown })
}

fn connection(
    state: &ConnectionState,
    ruleset: &Ruleset,
    glance: &Glance,
    found: &mut Vec<Sign>,
    unknown: &mut Vec<(OutageKind, Option<String>)>,
) {
    let Some(known) = ruleset.connections.get(&state.name) else { return };
    let (why, since) = match (&state.needs_auth, state.tripped_since) {
        (Some(_), _) => (Why::Credential, state.stopped_since),
        // Nobody tries it: whoever paused it knows.
        _ if state.paused => {
            unknown.push((OutageKind::Connection, Some(state.name.clone())));
            return;
        }
        (None, Some(since)) => (Why::NoAnswer, Some(since)),
        (None, None) => return,
    };
    found.push(Sign {
        kind: OutageKind::Connection,
        object: state.name.clone(),
        title: titled(&known.title, &state.name),
        since,
        waiting: runs(glance, &["waiting", "working", "paused"], &state.name),
        why,
    });
}

/// Runs that need a person, by their causes: one outage for a cause, however many guests it has.
async fn needs_you(
    store: &dyn Store,
    ruleset: Option<&Ruleset>,
    open: &[Outage],
    found: &mut Vec<Sign>,
) -> Result<(), StoreError> {
    let mut groups = store.open_causes(None, CAUSES_MAX).await?;
    // One that is too old for that list is not over.
    for outage in open.iter().filter(|outage| outage.kind == OutageKind::NeedsYou) {
        if !groups.iter().any(|group| group.key == outage.object) {
            groups.extend(store.cause(&outage.object).await?.filter(|group| !group.is_closed()));
        }
    }
    // What a person held needs nobody to be told.
    for group in groups.into_iter().filter(|group| group.cause.code != VerdictCode::ByHand) {
        let connection = ruleset.and_then(|ruleset| ruleset.connections.get(&group.cause.connection));
        let rule = ruleset.and_then(|ruleset| ruleset.rules.get(&group.cause.rule));
        found.push(Sign {
            kind: OutageKind::NeedsYou,
            title: connection
                .map_or_else(|| group.cause.connection.clone(), |known| titled(&known.title, &known.name)),
            since: Some(group.first_at),
            waiting: group.needs + group.under_way,
            why: Why::NeedsYou {
                guests: group.guests.max(1),
                rule: rule.map_or_else(
                    || group.cause.rule.clone(),
                    |known| titled(&known.title, &group.cause.rule),
                ),
                lost: group.cause.code == VerdictCode::OutcomeUnknown,
            },
            object: group.key,
        });
    }
    Ok(())
}

async fn silent(
    store: &dyn Store,
    silence: &Silence,
    ruleset: &Ruleset,
    now: Millis,
) -> Result<Vec<Sign>, StoreError> {
    let known = silence.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((at, signs)) = known
        && (at..at + SILENCE_EVERY_MS).contains(&now)
    {
        return Ok(signs);
    }
    let names: Vec<String> = ruleset.sources.keys().cloned().collect();
    let hours = store.source_hours(now / HOUR - (RATE_WEEKS + 1) * 7 * 24).await?;
    let last = store.last_webhooks(&names).await?;
    let mut signs = Vec::new();
    for (name, last) in names.into_iter().zip(last) {
        let own = hours.iter().filter(|hour| hour.source == name).map(|hour| (hour.hour, hour.events));
        let Some(found) = last.and_then(|last| Rhythm::of(own).silence(last, now)) else { continue };
        signs.push(Sign {
            kind: OutageKind::Silence,
            title: ruleset
                .sources
                .get(&name)
                .map_or_else(|| name.clone(), |source| titled(&source.title, &name)),
            object: name,
            since: Some(found.since),
            waiting: 0,
            why: Why::Silent(found.usually),
        });
    }
    *silence.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, signs.clone()));
    Ok(signs)
}

fn disk(free: u64) -> Sign {
    Sign {
        kind: OutageKind::Disk,
        object: String::new(),
        title: String::new(),
        since: None,
        waiting: 0,
        why: Why::Disk(free),
    }
}

fn runs(glance: &Glance, states: &[&str], connection: &str) -> i64 {
    let wanted = |(state, name, _): &&(String, String, i64)| {
        states.contains(&state.as_str()) && name.as_str() == connection
    };
    glance.runs.iter().filter(wanted).map(|(_, _, count)| count).sum()
}

fn titled(title: &str, name: &str) -> String {
    if title.trim().is_empty() { name.to_owned() } else { title.trim().to_owned() }
}
