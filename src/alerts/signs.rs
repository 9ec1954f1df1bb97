//! What is wrong now: reads the little that the store keeps of each connection, of runs by their state, of webhooks by the
//! hour, and asks how much room the disk has. Reads a handful of rows, however much is stored. Called by `Watcher::look`.

use crate::connectors::OnSilence;
use crate::domain::{
    CertificateGrade, CertificateSeen, CertificateWatch, Millis, OutageKind, RATE_WEEKS, Rhythm, Stretch,
    VerdictCode, downtimes, refused_in_words,
};
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
    /// What was seen of the certificate of the address for webhooks.
    pub certificate: Option<&'a CertificateWatch>,
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
    /// Nothing comes in.
    Silent(Box<Silent>),
    /// So many bytes are free.
    Disk(u64),
    /// The certificate of the address for webhooks is so.
    Certificate(CertificateGrade, Box<CertificateSeen>),
}

/// What is known of a source that is silent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Silent {
    /// So many usually come in an hour.
    pub usually: f64,
    /// So many usually come in such a time.
    pub missed: f64,
    /// What it may be, as sentences.
    pub causes: Vec<String>,
    /// What its booking system asks of the certificate, as a sentence; may be empty.
    pub certificate: String,
    /// A sentence, where webhooks were refused of late.
    pub refused: Option<String>,
    /// When Waypost itself was not running since the last webhook: the last of these times.
    pub away: Option<Stretch>,
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
pub struct Silence(Mutex<Option<(Millis, Heard)>>);

impl Silence {
    /// The last webhook of each source, as far as they were listened to.
    fn lasts(&self) -> Vec<(String, Option<Millis>)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|(_, heard)| heard.lasts.clone()).unwrap_or_default()
    }
}

/// What was heard of the sources.
#[derive(Clone, Default)]
struct Heard {
    /// Those that are silent.
    silent: Vec<Sign>,
    /// The last webhook of each.
    lasts: Vec<(String, Option<Millis>)>,
}

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
            let heard = listen(store, silence, ruleset, now).await?;
            found.extend(heard.silent.iter().cloned());
            unknown.extend(still_silent(&heard, &open).map(|name| (OutageKind::Silence, Some(name))));
        }
        None => unknown.extend([(OutageKind::Connection, None), (OutageKind::Silence, None)]),
    }
    needs_you(store, world.ruleset, &open, &mut found).await?;
    certificate(world.certificate, &silence.lasts(), now, (&mut found, &mut unknown));
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

/// Of these nothing came since their outage began: it is not over, even if nothing is usual any more by now.
fn still_silent(heard: &Heard, open: &[Outage]) -> impl Iterator<Item = String> {
    let nothing_since = |(name, last): &&(String, Option<Millis>)| {
        open.iter().any(|outage| {
            outage.kind == OutageKind::Silence
                && outage.object == *name
                && last.is_none_or(|last| last <= outage.opened_at)
        }) && !heard.silent.iter().any(|sign| sign.object == *name)
    };
    heard.lasts.iter().filter(nothing_since).map(|(name, _)| name.clone()).collect::<Vec<_>>().into_iter()
}

/// Which sources are silent for longer than usual. Those that are switched off, or whose file says that nobody cares, are left
/// out.
async fn listen(
    store: &dyn Store,
    silence: &Silence,
    ruleset: &Ruleset,
    now: Millis,
) -> Result<Heard, StoreError> {
    let known = silence.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((at, heard)) = known
        && (at..at + SILENCE_EVERY_MS).contains(&now)
    {
        return Ok(heard);
    }
    let watched = ruleset.sources.values().filter(|one| one.enabled && one.on_silence != OnSilence::Ignore);
    let sources: Vec<_> = watched.collect();
    let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    let hours = store.source_hours(now / HOUR - 2 * RATE_WEEKS * 7 * 24).await?;
    let lasts = store.last_webhooks(&names).await?;
    let refused = store.pulse().refused_webhooks(now.div_euclid(HOUR) - 23).await?;
    let oldest = lasts.iter().flatten().min().copied().unwrap_or(now);
    let downs = downtimes(&store.pulse().uptimes(oldest).await?, oldest);
    let mut heard = Heard::default();
    for (source, last) in sources.into_iter().zip(lasts) {
        let name = &source.name;
        heard.lasts.push((name.clone(), last));
        let own = hours.iter().filter(|hour| hour.source == *name).map(|hour| (hour.hour, hour.events));
        let Some(found) = last.and_then(|last| Rhythm::of(own).silence(last, now, &downs)) else { continue };
        let spec = source.connector.source.as_ref().and_then(|spec| spec.silence.as_ref());
        let counts = refused.iter().filter(|one| one.source == *name).map(|one| (one.status, one.answers));
        let failures = spec.map(|spec| spec.failures.as_str()).unwrap_or_default();
        let told = refused_in_words(&counts.collect::<Vec<_>>());
        heard.silent.push(Sign {
            kind: OutageKind::Silence,
            object: name.clone(),
            title: titled(&source.title, name),
            since: Some(found.since),
            waiting: 0,
            why: Why::Silent(Box::new(Silent {
                usually: found.usually,
                missed: found.missed,
                causes: spec.map(|spec| spec.causes.clone()).unwrap_or_default(),
                certificate: spec.map(|spec| spec.certificate.clone()).unwrap_or_default(),
                refused: told.map(|told| format!("{told} {failures}").trim_end().to_owned()),
                away: downs.iter().rfind(|down| down.to > found.since).copied(),
            })),
        });
    }
    *silence.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, heard.clone()));
    Ok(heard)
}

/// What is wrong with the certificate of the address for webhooks.
fn certificate(
    watch: Option<&CertificateWatch>,
    lasts: &[(String, Option<Millis>)],
    now: Millis,
    (found, unknown): (&mut Vec<Sign>, &mut Vec<(OutageKind, Option<String>)>),
) {
    let seen = match watch {
        None | Some(CertificateWatch::Off) => return,
        Some(CertificateWatch::NotYet) => {
            unknown.push((OutageKind::Certificate, None));
            return;
        }
        Some(CertificateWatch::Seen(seen)) => seen,
    };
    let last = lasts.iter().filter_map(|(_, last)| *last).max();
    let grade = seen.told(last, now, &|_| String::new()).grade;
    if grade > CertificateGrade::Well {
        found.push(Sign {
            kind: OutageKind::Certificate,
            object: String::new(),
            title: seen.host.clone(),
            since: seen.bad_since,
            waiting: 0,
            why: Why::Certificate(grade, Box::new(seen.clone())),
        });
    } else if seen.found.is_err() && last <= seen.bad_since {
        // It may be a moment only: neither is known.
        unknown.push((OutageKind::Certificate, None));
    }
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
