//! Beside the stages: walks over all that a source's API has of a range of days. Backfill brings in what is new or differs,
//! reconcile reports it, repair does both and ends what the source does not know any more.
//!
//! One call of [`Walker::step`] does one bounded piece and says what it did; `runner` (or a command, where nothing runs)
//! calls it again. What is still to be asked for is kept as rows: a place goes in the same transaction in which all that it
//! led to is noted, so a kill at any moment loses nothing and begins nothing anew. The deepest places come first, so few
//! wait, whatever the size of the whole. What is found goes into the journal and the ordinary way from there; what is here
//! already is compared before, and not appended again.
//!
//! Invariant: a document is compared with the booking as of a moment before its request began. Where something came in for
//! that booking since, it is fetched again.

mod ask;
mod compare;
mod gone;
#[cfg(test)]
mod gone_tests;
mod look;
mod note;
#[cfg(test)]
mod tests;

use crate::connectors::{ApiTrouble, Call, RecordSpec, Source, WAIT_MS_MAX, WalkPlace, WalkSpec};
use crate::domain::Millis;
use crate::ports::{
    Clock, Entropy, PlaceRow, Store, StoreError, WHOLE_SHARE, WalkPhase, WalkRow, WalkState, WalkWrite,
};
use crate::rules::Ruleset;
use async_trait::async_trait;
use jiff::civil::Date;
use note::Noting;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Records that are fetched at once.
const RECORDS_AT_ONCE: usize = 32;
/// Lists that are asked for at once: their answers may be large.
const LISTS_AT_ONCE: usize = 8;
/// So few places that are left are the last ones.
const LAST: i64 = 8;
/// Name of the fact that says through which sources bodies of an account came in.
const DOORS: &str = "doors";
/// Places put aside that are counted at the end.
const ASIDE: i64 = 1_000;
/// Names of the facts that say of which account a source's API is begin with this.
pub const API_ACCOUNT: &str = "api.account.";
/// Time that counts as work between two steps; more is a stop.
const WORK_MS_MAX: i64 = 600_000;

/// How a source's API is asked. Limits and sign-in are its business.
#[async_trait]
pub trait SourceCalls: Send + Sync {
    /// Makes one call, when it is its turn. Null where the answer has no body.
    async fn call(&self, asked: SourceCall<'_>) -> Result<Value, ApiTrouble>;
}

/// One call to a source's API.
#[derive(Clone, Copy)]
pub struct SourceCall<'c> {
    /// The ruleset that the call is of.
    pub ruleset: &'c Ruleset,
    /// The source.
    pub source: &'c Source,
    /// The call.
    pub call: &'c Call,
    /// What its templates see.
    pub inputs: &'c Map<String, Value>,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walked {
    /// It got on; so many documents went into the journal.
    On(usize),
    /// There is nothing to do before then.
    Rests(Millis),
    /// It has ended, is paused, or is not known.
    Over,
    /// Somebody else did it meanwhile, or a person acted on it: nothing was noted.
    Overtaken,
}

/// The walker.
pub struct Walker {
    store: Arc<dyn Store>,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
    calls: Arc<dyn SourceCalls>,
}

/// What a step is about.
struct Scene<'s> {
    ruleset: &'s Arc<Ruleset>,
    source: &'s Arc<Source>,
    spec: &'s WalkSpec,
    record: &'s RecordSpec,
    /// The account of records that tell none.
    account: Option<String>,
    now: Millis,
}

impl Walker {
    /// The walker over its ports.
    pub fn new(
        store: Arc<dyn Store>,
        entropy: Arc<dyn Entropy>,
        clock: Arc<dyn Clock>,
        calls: Arc<dyn SourceCalls>,
    ) -> Self {
        Self { store, entropy, clock, calls }
    }

    /// Does one piece of a walk.
    pub async fn step(&self, ruleset: &Arc<Ruleset>, seq: i64) -> Result<Walked, StoreError> {
        let now = self.clock.now();
        let Some(row) = self.store.walks().walk(seq).await? else { return Ok(Walked::Over) };
        if row.state != WalkState::Open {
            return Ok(Walked::Over);
        }
        // One that rests for longer than it ever does was sent to rest before the clock was set back.
        if let Some(until) = row.rests_until.filter(|until| (now + 1..=now + WAIT_MS_MAX).contains(until)) {
            return Ok(Walked::Rests(until));
        }
        let mut noting = Noting::begin(row, now);
        let source = noting.walk.asked.source.clone();
        let account = match ruleset.sources.get(&source) {
            Some(source) => account_of(&*self.store, source).await?,
            None => None,
        };
        let scene = match scene_of(ruleset, &source, account, now) {
            Ok(scene) => scene,
            Err(why) => {
                noting.end(WalkState::Stopped, Some(why));
                return self.write(noting).await;
            }
        };
        let mut places = self.store.walks().due_places(seq, now, RECORDS_AT_ONCE as i64).await?;
        if places.next_at.is_some_and(|at| at > now + 2 * WAIT_MS_MAX) {
            places = self.store.walks().due_places(seq, Millis::MAX, RECORDS_AT_ONCE as i64).await?;
        }
        if let Some(first) = places.due.first() {
            let level = first.level;
            let records = level >= scene.spec.depth_of_records();
            places.due.retain(|place| place.level == level);
            places.due.truncate(if records { RECORDS_AT_ONCE } else { LISTS_AT_ONCE });
            // One that was in trouble is asked for alone, when all others of its level were: so it shows whose trouble it is.
            if places.due.iter().any(|place| place.failing_since.is_none()) {
                places.due.retain(|place| place.failing_since.is_none());
            } else {
                places.due.truncate(1);
                if (self.store.walks().due_places(seq, Millis::MAX, LAST).await?.due.len() as i64) < LAST {
                    noting.is_among_the_last();
                }
            }
            return self.ask(&scene, noting, places.due).await;
        }
        if let Some(next_at) = places.next_at {
            // Where something is in the way, the page says until when.
            if let Some(why) = noting.walk.note.clone() {
                noting.rest(next_at, why);
                return self.write(noting).await;
            }
            return Ok(Walked::Rests(next_at));
        }
        match noting.walk.phase {
            WalkPhase::Begin if noting.walk.asked.report.is_some() => {
                noting.walk.phase = WalkPhase::Repair;
                self.write(noting).await
            }
            WalkPhase::Begin => self.begin(&scene, noting).await,
            WalkPhase::Walk if noting.walk.asked.purpose.compares() => {
                noting.walk.phase = WalkPhase::Compare;
                self.write(noting).await
            }
            WalkPhase::Walk => self.through(noting, None).await,
            WalkPhase::Compare => self.compare_more(&scene, noting).await,
            WalkPhase::Repair => self.repair_more(&scene, noting).await,
        }
    }

    /// The places that all else comes of.
    async fn begin(&self, scene: &Scene<'_>, mut noting: Noting) -> Result<Walked, StoreError> {
        let asked = &noting.walk.asked;
        let days = (asked.from_day.parse::<Date>(), asked.to_day.parse::<Date>());
        let (Ok(from), Ok(to)) = days else {
            noting.end(WalkState::Stopped, Some("its days can't be read".into()));
            return self.write(noting).await;
        };
        let places = scene.spec.begin(scene.source.account.as_deref(), (from, to));
        noting.walk.counts.accounts.extend(scene.source.account.clone());
        noting.make(scene.spec, places, WHOLE_SHARE)?;
        noting.walk.phase = WalkPhase::Walk;
        self.write(noting).await
    }

    /// All was asked for. What was put aside and read at a later try does not count any more. `more`: what else there is
    /// to say, a sentence without its end.
    async fn through(&self, mut noting: Noting, more: Option<String>) -> Result<Walked, StoreError> {
        let aside = self.store.walks().aside_places(noting.walk.seq, ASIDE).await?;
        if (aside.len() as i64) < ASIDE {
            let records =
                aside.iter().filter(|row| matches!(place_of(row), Some(WalkPlace::Record(_)))).count();
            noting.walk.counts.aside = records as i64;
            noting.walk.counts.unseen = (aside.len() - records) as i64;
        }
        let counts = &noting.walk.counts;
        let records = match counts.aside {
            0 => None,
            1 => Some("one booking could not be read".to_owned()),
            many => Some(format!("{many} bookings could not be read")),
        };
        let lists = match counts.unseen {
            0 => None,
            1 => Some("one list could not be read, so that what it holds was not looked at".to_owned()),
            many => Some(format!("{many} lists could not be read, so that what they hold was not looked at")),
        };
        let all: Vec<String> = [records, lists, more].into_iter().flatten().collect();
        let note = (!all.is_empty()).then(|| all.join("; "));
        noting.end(WalkState::Done, note);
        self.write(noting).await
    }

    /// Notes the step.
    async fn write(&self, noting: Noting) -> Result<Walked, StoreError> {
        let rests = noting.walk.rests_until;
        let (over, brought_in) = (noting.walk.state.is_end(), noting.brought_in);
        let write: WalkWrite = noting.into_write();
        if !self.store.walks().write_walk(&write).await? {
            return Ok(Walked::Overtaken);
        }
        Ok(match rests {
            _ if over => Walked::Over,
            Some(until) if brought_in == 0 => Walked::Rests(until),
            _ => Walked::On(brought_in),
        })
    }
}

/// What a walk of this source goes by, or why there can be none: a sentence without its end.
fn scene_of<'s>(
    ruleset: &'s Arc<Ruleset>,
    source: &str,
    account: Option<String>,
    now: Millis,
) -> Result<Scene<'s>, String> {
    let source = ruleset.sources.get(source).ok_or("its source is not there any more")?;
    let (spec, record) = walkable(source)?;
    needs_account(source, account.as_deref())?;
    Ok(Scene { ruleset, source, spec, record, account, now })
}

/// The account that a source's API said its credential is of, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ApiAccountKept {
    /// The account.
    pub account: String,
    /// The name of the credential that it is of.
    pub credential: String,
}

/// The account of a source's records that tell none: what its file says, else the only one that its webhooks were of so far
/// (which `bookings` keeps as a fact), else what its API said.
pub async fn account_of(store: &dyn Store, source: &Source) -> Result<Option<String>, StoreError> {
    if source.account.is_some() {
        return Ok(source.account.clone());
    }
    let text = store.fact(DOORS).await?.unwrap_or_default();
    let doors: BTreeMap<String, BTreeSet<String>> = serde_json::from_str(&text).unwrap_or_default();
    let of_connector = format!("{}/", source.connector.name);
    let mut accounts = doors
        .iter()
        .filter(|(_, sources)| sources.contains(&source.name))
        .filter_map(|(account, _)| account.strip_prefix(&of_connector));
    let (first, more) = (accounts.next(), accounts.next());
    if let (Some(only), None) = (first, more) {
        return Ok(Some(only.to_owned()));
    }
    let kept = store.fact(&format!("{API_ACCOUNT}{}", source.name)).await?;
    let kept: Option<ApiAccountKept> = kept.and_then(|text| serde_json::from_str(&text).ok());
    Ok(kept.map(|kept| kept.account))
}

/// Why a walk can't be gone without knowing the account: a sentence without its end.
pub fn needs_account(source: &Source, known: Option<&str>) -> Result<(), String> {
    let (_, record) = walkable(source)?;
    let by_webhook =
        source.connector.source.as_ref().is_some_and(|spec| spec.tells_account_by_webhook_only(record));
    if by_webhook && known.is_none() {
        return Err(format!(
            "what {} answers does not say of which account it is; write the account into the source's settings",
            source.connector.title
        ));
    }
    Ok(())
}

/// How a source's API is walked, or why it can't be: a sentence without its end.
pub fn walkable(source: &Source) -> Result<(&WalkSpec, &RecordSpec), String> {
    let title = &source.connector.title;
    if !source.enabled {
        return Err("the source is switched off".into());
    }
    let spec = source.connector.source.as_ref();
    let walk = spec.and_then(|spec| spec.walk.as_deref());
    let walk =
        walk.ok_or_else(|| format!("the connector does not say how all bookings of {title} are found"))?;
    let record = spec.and_then(|spec| spec.record(&walk.kind));
    let record = record.ok_or_else(|| format!("the connector knows no record of the kind {}", walk.kind))?;
    if source.reach.is_none() {
        return Err(format!(
            "there is no access to {title}'s API, so it can't be known what is missing here; put the API's keys into the \
             source's settings"
        ));
    }
    Ok((walk, record))
}

/// What a place is.
fn place_of(row: &PlaceRow) -> Option<WalkPlace> {
    serde_json::from_str(&row.what).ok()
}

/// A walk as it stands, with the time that it was at work added.
fn worked(mut row: WalkRow, now: Millis) -> WalkRow {
    // A rest that the limits ask for is part of its pace; one in which nothing is answered is not.
    let idle_until = row.rests_until.filter(|_| row.failures > 0).unwrap_or(row.updated_at);
    let since = idle_until.max(row.updated_at);
    row.counts.worked_ms += (now - since).clamp(0, WORK_MS_MAX);
    row
}
