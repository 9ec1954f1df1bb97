//! Stage between the journal and the bookings, where webhooks only hint at what changed, or are not believed: what is hinted
//! at becomes calls to the booking system's API, and what it answers becomes events of the journal.
//!
//! Nothing here loops for ever, sleeps, spawns or asks the time. [`Fetcher::claim`] takes due fetches and gives the calls to
//! make; [`Fetcher::settle`] takes what came back. A document is appended to the journal like a webhook; applying it ends
//! the fetch, in the same transaction. `runner` makes the calls in between, and calls [`Fetcher::recover`] at the start.
//!
//! Promises: a fetch is never lost (a row is there until its document has been applied); what came in after a request began
//! is fetched again; an API that is away, rests or refuses the credential costs few calls and no fetch; what is never
//! stored is dropped before it gets into the journal.

mod behind;
mod closed;
mod go_by;
mod not_there;
mod own;
mod schedule;

use crate::connectors::{AlsoFetched, ApiAnswer, ApiTrouble, Call, FetchSpec, RecordSpec, SourceApi};
use crate::domain::{BookingKey, DocumentHead, Millis, ORIGIN_FETCH, Position};
use crate::ports::{Entropy, FetchEnd, FetchRow, NewEvent, PutOff, Secrets, Store, StoreError};
use crate::rules::Ruleset;
use behind::Standing;
use bytes::Bytes;
use closed::Closed;
use own::{Own, Turned};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Fetches under way at once.
pub const FETCHES_MAX: usize = 16;
/// What can't be asked for (no keys, another connector) is looked at again after this time; at once with other keys.
const UNABLE_MS: i64 = 300_000;
/// What has waited so long for a source that was removed, or is of another system now, waits for nothing.
const GONE_MS: i64 = 24 * 3_600_000;

/// One call to make.
pub struct FetchWork {
    /// What is fetched.
    pub row: FetchRow,
    /// The API.
    pub api: Arc<SourceApi>,
    /// The call.
    pub call: Arc<Call>,
    /// What else is asked for once it is answered.
    pub also: Vec<AlsoFetched>,
    /// What its templates see.
    pub inputs: Map<String, Value>,
}

/// What came of it.
pub struct Fetched {
    /// What was fetched.
    pub row: FetchRow,
    /// The answer.
    pub result: Result<ApiAnswer, ApiTrouble>,
    /// The answers to the further calls, by their names.
    pub also: Vec<(String, Value)>,
}

/// What a claim did.
#[derive(Default)]
pub struct FetchClaim {
    /// Calls to make now.
    pub work: Vec<FetchWork>,
    /// When to claim again at the latest, where something is known to become due.
    pub again_at: Option<Millis>,
    /// Webhooks that are gone by meanwhile were appended: there is something to apply.
    pub appended: bool,
}

/// What a settle did, for whoever counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchOutcome {
    /// So many documents were appended to the journal.
    Came(usize),
    /// The API does not know it.
    Refused,
    /// The same, and it is known here by unverified webhooks alone: what ends it was appended to the journal.
    Disowned,
    /// It is tried again.
    Again,
}

impl FetchOutcome {
    /// As it is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Came(_) => "came",
            Self::Refused | Self::Disowned => "refused",
            Self::Again => "again",
        }
    }
}

/// The stage.
pub struct Fetcher {
    store: Arc<dyn Store>,
    entropy: Arc<dyn Entropy>,
    secrets: Arc<dyn Secrets>,
    /// Sources whose API is not asked before a time: one call that was told so speaks for all.
    closed: Mutex<BTreeMap<String, Closed>>,
    /// Of what is turned away: whose trouble it is.
    own: Mutex<Own>,
    /// Fetches whose webhook was appended, and up to which hint: until that is applied, nothing else says so.
    gone_by: Mutex<BTreeMap<String, Position>>,
    /// When fetches were claimed last.
    last_at: AtomicI64,
    /// The database failed while fetches were taken: some may be taken by nobody.
    unsure: AtomicBool,
}

impl Fetcher {
    /// The stage over its ports.
    pub fn new(store: Arc<dyn Store>, entropy: Arc<dyn Entropy>, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            store,
            entropy,
            secrets,
            closed: Mutex::default(),
            own: Mutex::default(),
            gone_by: Mutex::default(),
            // What an earlier process put off is looked at too.
            last_at: AtomicI64::new(Millis::MAX),
            unsure: AtomicBool::new(false),
        }
    }

    /// Part of the start: what was under way when the process stopped is due now. Gives how many.
    pub async fn recover(&self, now: Millis) -> Result<i64, StoreError> {
        self.pull_in(now).await?;
        self.nobody_asks();
        // Keys may have been changed meanwhile.
        self.store.fetches().revive_fetches(None, now).await?;
        self.store.fetches().recover_fetches(now).await
    }

    /// What is due later than anything is ever put off was put off before the clock was set back.
    async fn pull_in(&self, now: Millis) -> Result<(), StoreError> {
        if now < self.last_at.load(Ordering::SeqCst) {
            self.store.fetches().pull_in_fetches(now + schedule::LATEST_MS, now).await?;
        }
        self.last_at.store(now, Ordering::SeqCst);
        Ok(())
    }

    /// Sources whose refused credential was changed are asked again at once.
    async fn reopen(&self, ruleset: &Ruleset, now: Millis) -> Result<(), StoreError> {
        let changed: Vec<String> = {
            let mut closed = self.closed();
            let has_changed = |source: &String, closed: &Closed| {
                let is_another = |refused: &String| {
                    credential(ruleset, &*self.secrets, source).unwrap_or_default() != *refused
                };
                closed.refused.as_ref().is_some_and(is_another)
            };
            let changed = closed.iter().filter(|(source, closed)| has_changed(source, closed));
            let changed: Vec<String> = changed.map(|(source, _)| source.clone()).collect();
            closed.retain(|source, _| !changed.contains(source));
            changed
        };
        for source in changed {
            self.store.fetches().revive_fetches(Some(&source), now).await?;
            self.store.fetches().hurry_fetches(&source, now).await?;
        }
        Ok(())
    }

    /// Takes due fetches, at most so many. Where the database fails half-way, nobody knows which were taken: they are due
    /// again as soon as no call is under way.
    pub async fn claim(&self, ruleset: &Ruleset, room: usize, now: Millis) -> Result<FetchClaim, StoreError> {
        if room == FETCHES_MAX && self.unsure.load(Ordering::SeqCst) {
            self.nobody_asks();
            self.store.fetches().recover_fetches(now).await?;
            self.unsure.store(false, Ordering::SeqCst);
        }
        self.pull_in(now).await?;
        let claim = self.claim_due(ruleset, room, now).await;
        self.unsure.fetch_or(claim.is_err(), Ordering::SeqCst);
        claim
    }

    async fn claim_due(&self, ruleset: &Ruleset, room: usize, now: Millis) -> Result<FetchClaim, StoreError> {
        let mut claim =
            FetchClaim { appended: self.go_by_webhooks(ruleset, now).await?, ..FetchClaim::default() };
        if room == 0 {
            return Ok(claim);
        }
        self.reopen(ruleset, now).await?;
        let (except, _) = self.closed_now(now);
        let rows = self.store.fetches().claim_fetches(&except, now, room as i64).await?;
        let full = rows.len() == room;
        let mut unable: BTreeMap<(String, Unable), Vec<FetchRow>> = BTreeMap::new();
        let mut back = Vec::new();
        for row in rows {
            match work(ruleset, row) {
                Ok(work) if self.lets_in(&work.row.source, now) => claim.work.push(work),
                Ok(work) => back.push(work.row),
                Err((row, why)) => unable.entry((row.source.clone(), why)).or_default().push(row),
            }
        }
        // They are due as ever, once the one that was let in is answered.
        for row in back {
            self.store.fetches().give_back(&row.id, row.due_at).await?;
        }
        for ((source, why), rows) in unable {
            self.unable(ruleset, (&source, why), rows, now).await?;
        }
        let (except, opens_at) = self.closed_now(now);
        let next = if full { Some(now) } else { self.store.fetches().next_fetch_at(&except).await? };
        claim.again_at = next.into_iter().chain(opens_at).min();
        Ok(claim)
    }

    /// Fetches for which there is no call. All of a source that can't be asked at all are left in peace; those that have waited
    /// for one that is gone for long enough end.
    async fn unable(
        &self,
        ruleset: &Ruleset,
        (source, why): (&str, Unable),
        rows: Vec<FetchRow>,
        now: Millis,
    ) -> Result<(), StoreError> {
        let due_at = now + UNABLE_MS;
        let of_all = matches!(why, Unable::NoKeys | Unable::AnyAccount);
        if of_all || why == Unable::Removed {
            let refused = credential(ruleset, &*self.secrets, source).unwrap_or_default();
            self.close(source, Closed::without(refused, due_at), now);
        }
        let is_over =
            |row: &FetchRow| !of_all && row.failing_since.is_some_and(|since| now - since > GONE_MS);
        let (over, waiting): (Vec<FetchRow>, Vec<FetchRow>) = rows.into_iter().partition(is_over);
        for row in over {
            let end = FetchEnd::Refused { told: format!("{}: nothing was changed", why.told()) };
            self.store.fetches().end_fetch(&row, &end, now).await?;
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let trouble = if why == Unable::AnyAccount { "account" } else { "needs_auth" };
        let off = PutOff { due_at, trouble, told: why.told() };
        self.store.fetches().put_off_fetches(&waiting, off, now).await
    }

    /// Takes what came back.
    pub async fn settle(
        &self,
        ruleset: &Ruleset,
        fetched: Fetched,
        now: Millis,
    ) -> Result<FetchOutcome, StoreError> {
        let Fetched { row, result, also } = fetched;
        // That it does not know something is an answer too: the API is well.
        self.is_answered(&row.source);
        if matches!(&result, Ok(_) | Err(ApiTrouble::NotThere(_))) {
            self.opens(&row, now).await?;
        }
        let documents = match result {
            Ok(answer) => read(ruleset, &row, answer, &also),
            Err(trouble) => Err(trouble),
        };
        let end = match documents {
            Err(trouble @ ApiTrouble::NotThere(_)) => {
                return self.not_known(ruleset, &row, &trouble, now).await;
            }
            // A list that is empty says the same.
            Ok(documents) if documents.is_empty() => {
                let nothing = ApiTrouble::NotThere("the list is empty".to_owned());
                return self.not_known(ruleset, &row, &nothing, now).await;
            }
            Ok(documents) => {
                let standing = match documents.as_slice() {
                    [(_, document)] => self.standing_of(ruleset, &row, document, now).await?,
                    _ => Standing::Fine,
                };
                if let Standing::Behind(end) = standing {
                    self.store.fetches().end_fetch(&row, &end, now).await?;
                    return Ok(FetchOutcome::Again);
                }
                let count = documents.len();
                let events: Vec<NewEvent> = self.events(&row, documents, &standing, now);
                self.store.append_events(&events).await?;
                return Ok(FetchOutcome::Came(count));
            }
            Err(trouble) => self.again(ruleset, &row, trouble, now),
        };
        self.store.fetches().end_fetch(&row, &end, now).await?;
        Ok(match end {
            FetchEnd::Refused { .. } | FetchEnd::Forbidden { .. } => FetchOutcome::Refused,
            FetchEnd::Again { .. } | FetchEnd::Behind { .. } => FetchOutcome::Again,
        })
    }

    /// The fetch is tried again; where the trouble is not its own, the others of its source wait with it.
    fn again(&self, ruleset: &Ruleset, row: &FetchRow, trouble: ApiTrouble, now: Millis) -> FetchEnd {
        let word = trouble.word().to_owned();
        let told = trouble.to_string();
        let (due_at, failed) = match trouble {
            ApiTrouble::Rests { until, said, .. } => {
                let until = until.max(now + 1);
                self.close(&row.source, Closed::until(until), now);
                if !said {
                    (until, false)
                } else {
                    match self.own().turned_away(row, until, now) {
                        Turned::Again(due_at) => (due_at, false),
                        end => return turned_away_for_good(ruleset, row, end, &told),
                    }
                }
            }
            ApiTrouble::NeedsAuth(_) => {
                let until = now + schedule::SIGN_IN_MS;
                let refused = credential(ruleset, &*self.secrets, &row.source);
                let refused = refused.unwrap_or_default();
                self.close(&row.source, Closed::not_taken(refused, until), now);
                match self.own().turned_away(row, until, now) {
                    Turned::Again(due_at) => (due_at, false),
                    end => return turned_away_for_good(ruleset, row, end, &told),
                }
            }
            ApiTrouble::Down { until, .. } => {
                // Without a time it is not closed; but it is known since when it is in trouble.
                self.close(&row.source, Closed::until(until.unwrap_or(now)), now);
                let due_at = now + schedule::interval_ms(row.tries);
                // Where the API as a whole is away, the fetch is made when it is back.
                (until.map_or(due_at, |until| until.max(now + 1)), true)
            }
            ApiTrouble::Refused(_) | ApiTrouble::NotThere(_) => {
                (now + schedule::interval_ms(row.tries), true)
            }
        };
        FetchEnd::Again { due_at, trouble: word, told, failed }
    }

    /// The documents of an answer as events; the last one ends the fetch.
    fn events(
        &self,
        row: &FetchRow,
        documents: Vec<(String, Value)>,
        standing: &Standing,
        now: Millis,
    ) -> Vec<NewEvent> {
        let last = documents.len() - 1;
        let again_at = if let Standing::TakenAgainAt(at) = standing { Some(*at) } else { None };
        let event = |(index, (key, document)): (usize, (String, Value))| {
            let key = BookingKey { key, ..row.key.clone() };
            let head = DocumentHead {
                fetch: (index == last).then(|| row.id.clone()),
                again_at,
                insists: matches!(standing, Standing::Insists),
                ..DocumentHead::of(key, row.begun.unwrap_or_default())
            };
            self.event(&row.source, &head, &document, now)
        };
        documents.into_iter().enumerate().map(event).collect()
    }

    fn event(&self, source: &str, head: &DocumentHead, document: &Value, now: Millis) -> NewEvent {
        NewEvent {
            id: self.entropy.event_id(now),
            source: source.to_owned(),
            received_at: now,
            origin: ORIGIN_FETCH,
            headers: head.to_headers(),
            body: Bytes::from(document.to_string()),
        }
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is no call for a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unable {
    Removed,
    OtherConnector,
    NoKeys,
    AnyAccount,
    OtherAccount,
    NoWay,
}

impl Unable {
    fn told(self) -> &'static str {
        match self {
            Self::Removed => "its source was removed",
            Self::OtherConnector => "its source has another connector now",
            Self::NoKeys => "the source has no keys for the booking system's API: add `api:` to its file",
            Self::AnyAccount => {
                "who signs in says of which account they are, and the keys below `api:` are of one account only: write \
                 `account:` into the source's file"
            }
            Self::OtherAccount => "its source is for another account now",
            Self::NoWay => "its connector does not say any more how it is fetched",
        }
    }
}

/// The name of a source's credential; empty where it has no value.
fn credential(ruleset: &Ruleset, secrets: &dyn Secrets, source: &str) -> Option<String> {
    let reach = ruleset.sources.get(source)?.reach.as_ref()?;
    Some(reach.credential(secrets).unwrap_or_default())
}

/// The call of a fetch. `Err`: why there is none.
fn work(ruleset: &Ruleset, row: FetchRow) -> Result<FetchWork, (FetchRow, Unable)> {
    let found = record_of(ruleset, &row).and_then(|(record, api)| {
        let fetch = record.fetch_in(row.way).ok_or(Unable::NoWay)?;
        let parts: Vec<String> =
            record.parts_of(&row.key.key, row.way).into_iter().map(str::to_owned).collect();
        Ok((api, fetch.call.clone(), fetch.also.clone(), parts))
    });
    match found {
        Ok((api, call, also, parts)) => {
            let inputs = json!({ "key": row.key.key, "parts": parts, "account": row.key.account });
            let inputs = if let Value::Object(inputs) = inputs { inputs } else { Map::new() };
            Ok(FetchWork { row, api, call, also, inputs })
        }
        Err(why) => Err((row, why)),
    }
}

/// The record's kind and the API, as the source has them now.
fn record_of<'r>(ruleset: &'r Ruleset, row: &FetchRow) -> Result<(&'r RecordSpec, Arc<SourceApi>), Unable> {
    let source = ruleset.sources.get(&row.source).ok_or(Unable::Removed)?;
    let spec = source.connector.source.as_ref().filter(|_| source.connector.name == row.key.connector);
    let record = spec.ok_or(Unable::OtherConnector)?.record(&row.key.kind).ok_or(Unable::NoWay)?;
    let api = source.reach.clone().ok_or(Unable::NoKeys)?;
    // Keys of one account never answer for another one.
    if source.sign_in.claims_account() {
        match &source.account {
            None => return Err(Unable::AnyAccount),
            Some(account) if *account != row.key.account => return Err(Unable::OtherAccount),
            Some(_) => {}
        }
    }
    Ok((record, api))
}

/// The records of an answer. What they are not as they should be is the API's trouble.
fn read(
    ruleset: &Ruleset,
    row: &FetchRow,
    answer: ApiAnswer,
    also: &[(String, Value)],
) -> Result<Vec<(String, Value)>, ApiTrouble> {
    let refused = |told: &str| ApiTrouble::Refused(told.to_owned());
    let (record, _) = record_of(ruleset, row).map_err(|why| refused(why.told()))?;
    let fetch: &FetchSpec =
        record.fetch_in(row.way).ok_or_else(|| refused("nothing says any more how it is fetched"))?;
    let documents = record.documents(fetch, answer.body, also).map_err(ApiTrouble::Refused)?;
    if row.way == 0 && documents.iter().any(|told| told.key != row.key.key) {
        return Err(refused("the answer is about something else than what was asked for"));
    }
    if documents.iter().any(|told| told.account.as_ref().is_some_and(|account| *account != row.key.account)) {
        return Err(refused("the answer is about another account than the one that was asked for"));
    }
    Ok(documents.into_iter().map(|told| (told.key, told.entity)).collect())
}

fn title<'r>(ruleset: &'r Ruleset, row: &FetchRow) -> &'r str {
    ruleset.sources.get(&row.source).map_or("The booking system", |source| &source.connector.title)
}

/// It is not asked for again by itself.
fn turned_away_for_good(ruleset: &Ruleset, row: &FetchRow, end: Turned, told: &str) -> FetchEnd {
    let (title, kind, why) = (title(ruleset, row), &row.key.kind, told.trim_end_matches('.'));
    match end {
        Turned::Forbidden => FetchEnd::Forbidden {
            told: format!(
                "{title}'s API did not let us read this {kind} for a day: {why}. Nothing was changed. It is fetched when somebody \
                 asks for it, or when the keys are changed or taken again"
            ),
        },
        Turned::Again(_) | Turned::Own => FetchEnd::Refused {
            told: format!(
                "{title}'s API answers for others, and does not let us read this {kind}: {why}. Nothing was changed"
            ),
        },
    }
}
