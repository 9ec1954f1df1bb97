//! Calls to booking systems' APIs between the fetch stage and a vendor of the simulation's: which arrive, what is answered,
//! and when the answer comes back. The production client makes them (`source_api`), through a way out that is made here.

use crate::machine::lock;
use crate::node::{Did, Who};
use crate::sim::Sim;
use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use waypost::fetch::Fetched;
use waypost::ports::{Answer, Clock, Outbound, OutboundFailure, OutboundRequest, Secrets};
use waypost::source_api::{ApiCall, ApiClient, ApiTrouble};
use waypost::walk::{SourceCall, SourceCalls};

/// Who walks, among the callers.
pub const WALKER: usize = usize::MAX;

/// What a call may meet, each with a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiFate {
    /// It is answered.
    Done,
    /// The request never arrives.
    RequestLost,
    /// The answer never arrives.
    AnswerLost,
    /// Certainly not sent.
    NotSent,
    /// The limit is used up: 429, maybe with `Retry-After`.
    Throttled,
    /// 500.
    Broken,
    /// 503 with `Retry-After`.
    Away,
    /// All tokens end before their time, and the call is answered so.
    TokensEnd,
}

/// All troubles.
pub const API_TROUBLES: [(ApiFate, u32); 7] = [
    (ApiFate::RequestLost, 60),
    (ApiFate::AnswerLost, 40),
    (ApiFate::NotSent, 40),
    (ApiFate::Throttled, 40),
    (ApiFate::Broken, 60),
    (ApiFate::Away, 40),
    (ApiFate::TokensEnd, 40),
];

/// A booking system's API.
pub trait Vendor {
    /// What is answered at this time.
    fn serve(&mut self, request: &OutboundRequest, now: i64) -> Answer;
    /// The tokens that it gave out are good no more.
    fn end_tokens(&mut self) {}
}

/// An answer with a JSON body; null: none.
pub fn answer(status: u16, body: &serde_json::Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Answer { status, headers: Vec::new(), body: Bytes::from(body), cut: false }
}

type Result = std::result::Result<Answer, OutboundFailure>;

/// Requests on their way, and the answers that came back for them.
#[derive(Default)]
pub struct ApiWay(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    number: u64,
    /// Who is being polled.
    caller: usize,
    asked: BTreeMap<u64, (usize, OutboundRequest)>,
    came: BTreeMap<u64, Result>,
}

struct Awaited {
    way: Arc<ApiWay>,
    number: u64,
}

impl Future for Awaited {
    type Output = Result;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result> {
        let mut waiting = lock(&self.way.0);
        match waiting.came.remove(&self.number) {
            Some(came) => {
                waiting.asked.remove(&self.number);
                Poll::Ready(came)
            }
            None => Poll::Pending,
        }
    }
}

impl ApiWay {
    /// Who is polled next.
    pub fn caller(&self, caller: usize) {
        lock(&self.0).caller = caller;
    }

    /// Whether this caller waits for an answer, or for a token that somebody else asked for.
    pub fn waits(&self, caller: usize) -> bool {
        let waiting = lock(&self.0);
        waiting.asked.values().any(|(who, request)| *who == caller || request.method == "POST")
    }

    /// Nobody waits any more.
    pub fn forget(&self) {
        let mut waiting = lock(&self.0);
        waiting.asked.clear();
        waiting.came.clear();
    }

    /// Requests that have no answer yet.
    pub fn open(&self) -> Vec<u64> {
        let waiting = lock(&self.0);
        waiting.asked.keys().filter(|number| !waiting.came.contains_key(number)).copied().collect()
    }
}

/// The way out of one process.
pub struct ApiOut(pub Arc<ApiWay>);

#[async_trait]
impl Outbound for ApiOut {
    async fn send(&self, request: OutboundRequest) -> Result {
        let number = {
            let mut waiting = lock(&self.0.0);
            waiting.number += 1;
            let (number, caller) = (waiting.number, waiting.caller);
            waiting.asked.insert(number, (caller, request));
            number
        };
        Awaited { way: self.0.clone(), number }.await
    }
}

/// How walks call: as in production, by the one client.
pub struct WalkCalls(pub Arc<ApiClient>);

#[async_trait]
impl SourceCalls for WalkCalls {
    async fn call(&self, asked: SourceCall<'_>) -> std::result::Result<serde_json::Value, ApiTrouble> {
        let Some(api) = &asked.source.reach else {
            return Err(ApiTrouble::NeedsAuth("there is no access".to_owned()));
        };
        let call = ApiCall { api, call: asked.call, inputs: asked.inputs, patient: true };
        self.0.call(&asked.ruleset.engine, call).await.map(|answer| answer.body)
    }
}

/// Every secret has a value.
pub struct Known;

impl Secrets for Known {
    fn vault(&self, name: &str) -> Option<SecretString> {
        Some(format!("value-of-{name}").into())
    }

    fn environment(&self, name: &str) -> Option<SecretString> {
        self.vault(name)
    }
}

impl Sim {
    /// A request to the vendor arrives, or an answer comes back. False: there is none.
    pub fn move_an_api_call(&mut self) -> bool {
        let open: Vec<u64> =
            self.api.open().into_iter().filter(|number| !self.coming.contains_key(number)).collect();
        let arrives = self.chance.pick(&open).copied();
        let coming: Vec<u64> = self.coming.keys().copied().collect();
        let comes = self.chance.pick(&coming).copied();
        match (arrives, comes) {
            (Some(number), None) => self.api_call_arrives(number),
            (Some(number), Some(_)) if self.chance.per_mille(500) => self.api_call_arrives(number),
            (_, Some(number)) => {
                let came = self.coming.remove(&number);
                let mut waiting = lock(&self.api.0);
                // Who asked may be gone.
                if waiting.asked.contains_key(&number) {
                    waiting.came.extend(came.map(|came| (number, came)));
                }
            }
            (None, None) => return false,
        }
        true
    }

    fn api_call_arrives(&mut self, number: u64) {
        let Some((_, request)) = lock(&self.api.0).asked.get(&number).cloned() else { return };
        let weights: Vec<u32> = self.api_fates.iter().map(|(_, weight)| *weight).collect();
        let fate = self.api_fates[self.chance.weighted(&weights)].0;
        let now = self.clock.now();
        let Some(vendor) = &mut self.vendor else { return };
        if fate == ApiFate::TokensEnd {
            vendor.end_tokens();
        }
        let short = |status, wait: Option<u32>| {
            let headers = wait.map(|wait| ("retry-after".to_owned(), wait.to_string())).into_iter().collect();
            Ok(Answer { status, headers, body: Bytes::new(), cut: false })
        };
        let result = match fate {
            ApiFate::Done | ApiFate::TokensEnd => Ok(vendor.serve(&request, now)),
            ApiFate::RequestLost | ApiFate::AnswerLost => {
                Err(OutboundFailure::Unknown("no answer in time".into()))
            }
            ApiFate::NotSent => Err(OutboundFailure::NotSent("no connection".into())),
            ApiFate::Throttled if self.chance.per_mille(500) => short(429, Some(7)),
            ApiFate::Throttled => short(429, None),
            ApiFate::Broken => short(500, None),
            ApiFate::Away => short(503, Some(3)),
        };
        let told = match &result {
            Ok(answer) => answer.status.to_string(),
            Err(failure) => failure.to_string(),
        };
        self.tell(format!("  API {} {}: {fate:?} {told}", request.method, request.url));
        self.meets(format!("API {fate:?}"));
        self.coming.insert(number, result);
    }

    /// A call that waits for its turn under a limit waits by the clock of the machine: it is told to come again instead.
    pub fn stop_waiting_for_turns(&mut self) -> bool {
        let waits = |who: &Who| match who {
            Who::Fetching(number) => !self.api.waits(*number),
            Who::Walk => !self.api.waits(WALKER),
            _ => false,
        };
        let Some(at) = self.steps.iter().position(|(who, _)| waits(who)) else { return false };
        let (who, step) = self.steps.remove(at);
        drop(step);
        if who == Who::Walk {
            self.walk_again_at = Some(self.clock.now() + 1_000);
        }
        if let Who::Fetching(number) = who
            && let Some(row) = self.fetching.remove(&number)
        {
            let until = self.clock.now() + 1_000;
            let trouble = ApiTrouble::Rests { until, said: false, why: "its turn has not come".to_owned() };
            self.fetched.push(Fetched { row, result: Err(trouble), also: Vec::new() });
        }
        true
    }

    /// What the fetch stage did.
    pub fn take_fetching(&mut self, did: Did) {
        match did {
            Did::Claimed(claim, failed) => {
                if let Some(failed) = failed {
                    self.tell(format!("fetching: {failed}"));
                }
                let Some(claim) = claim else { return };
                self.fetch_again_at = claim.again_at;
                if !claim.work.is_empty() {
                    self.tell(format!("fetching: {} calls", claim.work.len()));
                }
                for work in claim.work {
                    self.fetches_begun += 1;
                    let number = self.fetches_begun;
                    self.fetching.insert(number, work.row.clone());
                    if let Some(node) = &self.node {
                        self.steps.push((Who::Fetching(number), node.call(number, work)));
                    }
                }
            }
            Did::Fetched(number, fetched) => {
                self.fetching.remove(&number);
                self.fetched.push(*fetched);
            }
            _ => {}
        }
    }
}
