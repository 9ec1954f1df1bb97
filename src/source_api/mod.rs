//! Adapter: calls to booking systems' APIs, all of them: fetches, backfill, reconcile, subscriptions, tests of a credential.
//!
//! It promises: the calls of one credential share one set of limits, whoever makes them, also over a restart and over all
//! processes beside each other (what may be called is written down before it is); 429 and what the manifest calls a limit rest the credential; a token is
//! asked for by one at a time, renewed before it ends, and once more where the API does not take it. It waits for its turn
//! a moment at most: who would wait longer is told until when.
//!
//! Invariant: secrets and tokens are in outgoing requests only, never in an [`ApiTrouble`] or the log
//! (`a_trouble_never_tells_a_secret` keeps it).

mod book;
mod meter;
#[cfg(test)]
mod tests;
mod token;

pub use crate::connectors::{ApiAnswer, ApiStanding, ApiTrouble};

use crate::connectors::{AnswerClass, Call, Classified, SourceApi, classify_failure};
use crate::domain::Millis;
use crate::expr::Engine;
use crate::ports::{Answer, Clock, Outbound, Secrets, Store};
use book::Book;
use meter::{Meter, Turn, longest};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use token::HeldToken;
use tokio::sync::Notify;

/// Who would have to wait longer for a turn is told until when.
const WAIT_MS_MAX: i64 = 3_000;
/// So long one waits for calls in flight to end.
const IN_FLIGHT_WAIT_MS_MAX: i64 = 30_000;
/// Between two looks whether it is one's turn, where nothing says so.
const LOOK_AGAIN_MS: i64 = 200;
/// Credentials that are remembered; one that was changed is another one.
const CREDENTIALS_MAX: usize = 256;
/// So often the book is written anew where another process wrote it meanwhile.
const SWAPS_MAX: usize = 20;
/// Name of the fact that holds what was called lately with a credential.
const FACT: &str = "api.calls.";

/// One call to make.
#[derive(Clone, Copy)]
pub struct ApiCall<'a> {
    /// The API, as the source reaches it.
    pub api: &'a SourceApi,
    /// The call.
    pub call: &'a Call,
    /// What its templates see.
    pub inputs: &'a Map<String, Value>,
    /// True for long walks: they leave a tenth of each limit to calls that somebody waits for.
    pub patient: bool,
}

/// One credential.
struct Lane {
    meter: Mutex<Meter>,
    token: tokio::sync::Mutex<Option<HeldToken>>,
    /// A call ended.
    freed: Notify,
    /// The book of what was called is read by the first, and written by one at a time.
    ledger: tokio::sync::Mutex<Place>,
}

/// This process's place in a credential's book.
#[derive(Default)]
struct Place {
    read: bool,
    number: Option<u64>,
}

/// The way to booking systems.
pub struct ApiClient {
    outbound: Arc<dyn Outbound>,
    secrets: Arc<dyn Secrets>,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    lanes: Mutex<BTreeMap<String, Arc<Lane>>>,
    /// The wall's clock and the one that never goes back, as they were at the beginning.
    began: (Millis, Millis),
}

impl ApiClient {
    /// The client over its ports.
    pub fn new(
        outbound: Arc<dyn Outbound>,
        secrets: Arc<dyn Secrets>,
        clock: Arc<dyn Clock>,
        store: Arc<dyn Store>,
    ) -> Self {
        let began = (clock.now(), clock.monotonic());
        Self { outbound, secrets, clock, store, lanes: Mutex::default(), began }
    }

    /// The time that meters go by. Somebody may set the wall's clock: then nothing stays closed for as long as it was set back,
    /// and what was called lately is not forgotten where it was put forward.
    fn steady(&self) -> Millis {
        let (wall, monotonic) = self.began;
        wall + (self.clock.monotonic() - monotonic)
    }

    /// How far the wall's clock is ahead of it: what is told and written down is told by the wall's.
    fn ahead(&self) -> Millis {
        self.clock.now() - self.steady()
    }

    /// Makes one call, in its turn.
    pub async fn call(&self, engine: &Engine, call: ApiCall<'_>) -> Result<ApiAnswer, ApiTrouble> {
        let ApiCall { api, call: of, inputs, patient } = call;
        let request = api.render(engine, of, inputs).map_err(|error| ApiTrouble::Refused(error.message))?;
        let Some(credential) = api.credential(&*self.secrets) else {
            let missing = api.missing_secret(&*self.secrets).map(ToString::to_string).unwrap_or_default();
            return Err(ApiTrouble::NeedsAuth(format!("{missing} has no value.")));
        };
        let lane = self.lane(&credential);
        let mut renewed = false;
        loop {
            let token = if api.needs_token() { Some(self.token(api, &lane).await?) } else { None };
            self.turn(api, &lane, &credential, patient).await?;
            let signed_by = (&*self.secrets, token.as_ref().map(|token| &token.value));
            let signed = api
                .authorise(engine, request.clone(), signed_by, self.clock.now())
                .map_err(|secret| ApiTrouble::NeedsAuth(format!("{secret} has no value that can be sent.")));
            let ready = match signed {
                Ok(ready) => ready,
                Err(trouble) => {
                    lane.ended();
                    return Err(trouble);
                }
            };
            // The turn is given back however the call ends, also where nobody waits for it any more.
            let flight = Flight(&lane);
            let result = self.outbound.send(ready).await;
            drop(flight);
            let now = self.clock.now();
            let told = match &result {
                Ok(answer) => api.classify(answer, now),
                Err(failure) => classify_failure(failure),
            };
            if let (Ok(answer), Some(token)) = (&result, &token)
                && answer.status == 401
                && !renewed
            {
                renewed = true;
                lane.forget_token(token).await;
                continue;
            }
            let status = result.as_ref().map_or(0, |answer| answer.status);
            let until = if is_about_all(api, told.class, status) {
                lane.meter().learn(&told, self.steady()).map(|until| until + self.ahead())
            } else {
                None
            };
            if let Some(until) = until.filter(|_| told.class == AnswerClass::Throttle) {
                self.share_rest(&lane, &credential, until).await;
            }
            // 429 and a wait that is named are about the limit; a 403 that is taken for one may be about what was asked for.
            let sure = told.wait_ms.is_some() || matches!(&result, Ok(answer) if answer.status == 429);
            return match (result, told.class) {
                (Ok(answer), AnswerClass::Done) => read(answer),
                _ => Err(in_words(told, until).about_the_limit(sure)),
            };
        }
    }

    /// What is known of the source's credential now.
    pub fn standing(&self, api: &SourceApi) -> ApiStanding {
        let Some(credential) = api.credential(&*self.secrets) else {
            let needs_auth =
                api.missing_secret(&*self.secrets).map(|secret| format!("{secret} has no value."));
            return ApiStanding { needs_auth, ..ApiStanding::default() };
        };
        let ahead = self.ahead();
        let standing = self.lane(&credential).meter().standing(self.steady());
        let by_wall = |at: Option<Millis>| at.map(|at| at + ahead);
        ApiStanding {
            rests_until: by_wall(standing.rests_until),
            down_since: by_wall(standing.down_since),
            ..standing
        }
    }

    fn lane(&self, credential: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= CREDENTIALS_MAX && !lanes.contains_key(credential) {
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let new = || {
            Arc::new(Lane {
                meter: Mutex::default(),
                token: tokio::sync::Mutex::default(),
                freed: Notify::new(),
                ledger: tokio::sync::Mutex::default(),
            })
        };
        lanes.entry(credential.to_owned()).or_insert_with(new).clone()
    }

    /// Waits for the turn and takes it.
    async fn turn(
        &self,
        api: &SourceApi,
        lane: &Lane,
        credential: &str,
        patient: bool,
    ) -> Result<(), ApiTrouble> {
        let began = self.clock.monotonic();
        self.load_ledger(lane, credential).await?;
        loop {
            let now = self.steady();
            let turn = lane.meter().turn(&api.limits, patient, now);
            let wait_ms = match turn {
                Turn::Go => return Ok(()),
                Turn::WriteDown => {
                    self.write_down(api, lane, credential).await?;
                    continue;
                }
                Turn::At(until, trouble) => {
                    if until - now > WAIT_MS_MAX || self.clock.monotonic() - began > IN_FLIGHT_WAIT_MS_MAX {
                        return Err(trouble.at(until + self.ahead()));
                    }
                    (until - now).clamp(1, LOOK_AGAIN_MS)
                }
                Turn::InFlight => {
                    if self.clock.monotonic() - began > IN_FLIGHT_WAIT_MS_MAX {
                        let why = format!("{} calls are under way already", api.title);
                        let until = self.clock.now() + 1_000;
                        return Err(ApiTrouble::Rests { until, said: false, why });
                    }
                    LOOK_AGAIN_MS
                }
            };
            tokio::select! {
                () = lane.freed.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(wait_ms as u64)) => {}
            }
        }
    }

    /// What other processes called counts too, and earlier ones.
    async fn load_ledger(&self, lane: &Lane, credential: &str) -> Result<(), ApiTrouble> {
        let mut place = lane.ledger.lock().await;
        if !place.read {
            let text =
                self.store.fact(&format!("{FACT}{credential}")).await.map_err(|error| no_store(&error))?;
            let book = Book::read(text.as_deref(), self.ahead());
            lane.meter().called_by_others(book.of_others(None), book.rests_until, self.steady());
            place.read = true;
        }
        Ok(())
    }

    /// The next calls are written down before the first of them is made.
    async fn write_down(&self, api: &SourceApi, lane: &Lane, credential: &str) -> Result<(), ApiTrouble> {
        let mut place = lane.ledger.lock().await;
        let name = format!("{FACT}{credential}");
        for _ in 0..SWAPS_MAX {
            let text = self.store.fact(&name).await.map_err(|error| no_store(&error))?;
            let (now, ahead) = (self.steady(), self.ahead());
            let book = Book::read(text.as_deref(), ahead);
            let granted = {
                let mut meter = lane.meter();
                meter.called_by_others(book.of_others(place.number), book.rests_until, now);
                meter.next_grant(&api.limits, now)
            };
            let Some((ledger, granted)) = granted else { return Ok(()) };
            let (book, number) = book.with(place.number, ledger.clone(), now - longest(&api.limits));
            let swapped = self.store.swap_fact(&name, text.as_deref(), &book.write(ahead)).await;
            if swapped.map_err(|error| no_store(&error))? {
                place.number = Some(number);
                lane.meter().grant(ledger, granted);
                return Ok(());
            }
        }
        let why = "others write down their calls at the same time".to_owned();
        Err(ApiTrouble::Rests { until: self.clock.now() + 1_000, said: false, why })
    }

    /// The API asked to wait: that holds for all processes. Where it can't be written down, each learns of it by itself.
    async fn share_rest(&self, lane: &Lane, credential: &str, until: Millis) {
        let _one_at_a_time = lane.ledger.lock().await;
        let name = format!("{FACT}{credential}");
        for _ in 0..SWAPS_MAX {
            let Ok(text) = self.store.fact(&name).await else { return };
            // `until` is told by the wall's clock, as what is written down.
            let book = Book::read(text.as_deref(), 0).resting(until);
            if self.store.swap_fact(&name, text.as_deref(), &book.write(0)).await.unwrap_or(true) {
                return;
            }
        }
    }

    /// A token that is good now.
    async fn token(&self, api: &SourceApi, lane: &Lane) -> Result<HeldToken, ApiTrouble> {
        // Held over the call: whoever comes meanwhile waits for the same token.
        let mut held = lane.token.lock().await;
        let now = self.clock.monotonic();
        if let Some(token) = held.as_ref().filter(|token| token.is_fresh(now)) {
            return Ok(token.clone());
        }
        let closed = lane.meter().closed(self.steady());
        if let Some((until, why)) = closed {
            return Err(why.at(until + self.ahead()));
        }
        let request = match api.token_request(&*self.secrets) {
            Ok(Some(request)) => request,
            Ok(None) => return Err(ApiTrouble::Refused("the API gives out no tokens".to_owned())),
            Err(secret) => return Err(ApiTrouble::NeedsAuth(format!("{secret} has no value."))),
        };
        let result = self.outbound.send(request).await;
        let wall = self.clock.now();
        let told = match result {
            Ok(answer) => match api.read_token(&answer, wall) {
                Ok(token) => {
                    let token = HeldToken::new(token, self.clock.monotonic());
                    *held = Some(token.clone());
                    return Ok(token);
                }
                Err(told) => told,
            },
            Err(failure) => classify_failure(&failure),
        };
        // One that is about to end is still better than none.
        if let Some(token) = held.as_ref().filter(|token| token.is_alive(now)) {
            return Ok(token.clone());
        }
        let until = lane.meter().learn(&told, self.steady()).map(|until| until + self.ahead());
        Err(in_words(told, until))
    }
}

impl Lane {
    fn meter(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self) {
        self.meter().ended();
        self.freed.notify_waiters();
    }

    /// The API did not take it; somebody may have got a newer one meanwhile.
    async fn forget_token(&self, refused: &HeldToken) {
        let mut held = self.token.lock().await;
        if held.as_ref().is_some_and(|token| token.is(refused)) {
            *held = None;
        }
    }
}

/// A call in flight.
struct Flight<'l>(&'l Lane);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.ended();
    }
}

/// Whether an answer says something of the credential's other calls. What is served elsewhere (subscriptions) may be down, or
/// closed to it, while bookings can be read as ever; a limit, and a token that is not taken, are the credential's own.
fn is_about_all(api: &SourceApi, class: AnswerClass, status: u16) -> bool {
    api.elsewhere.is_none()
        || class == AnswerClass::Throttle
        || (class == AnswerClass::NeedsAuth && status == 401)
}

fn read(answer: Answer) -> Result<ApiAnswer, ApiTrouble> {
    let bytes = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(ApiAnswer { status: answer.status, body: Value::Null });
    }
    match serde_json::from_slice(bytes) {
        Ok(body) => Ok(ApiAnswer { status: answer.status, body }),
        Err(_) => Err(ApiTrouble::Refused("the answer is no JSON".to_owned())),
    }
}

fn in_words(told: Classified, until: Option<Millis>) -> ApiTrouble {
    let why = told.message;
    match told.class {
        AnswerClass::Gone => ApiTrouble::NotThere(why),
        AnswerClass::NeedsAuth => ApiTrouble::NeedsAuth(why),
        AnswerClass::Throttle => ApiTrouble::Rests { until: until.unwrap_or_default(), said: true, why },
        AnswerClass::Retry | AnswerClass::MaybeDone => ApiTrouble::Down { until, why },
        AnswerClass::Done | AnswerClass::Refused | AnswerClass::Conflict => ApiTrouble::Refused(why),
    }
}

fn no_store(error: &crate::ports::StoreError) -> ApiTrouble {
    ApiTrouble::Down { until: None, why: error.to_string() }
}
