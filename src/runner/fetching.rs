//! The loop of the fetch stage: takes what is due, makes the calls, writes down what came.

use super::{POLL, Runner};
use crate::connectors::AlsoFetched;
use crate::fetch::{FETCHES_MAX, FetchOutcome, FetchWork, Fetched};
use crate::rules::Ruleset;
use crate::source_api::{ApiCall, ApiClient};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

impl Runner {
    /// Fetches what webhooks hinted at. At a stop nobody waits for answers: what is under way is fetched again.
    pub(super) async fn fetch(self: Arc<Self>) {
        while !self.stopping() {
            match self.fetcher.recover(self.app.clock.now()).await {
                Ok(_) => break,
                Err(error) => self.complain("take back fetches", &error).await,
            }
        }
        let mut calls: JoinSet<Fetched> = JoinSet::new();
        let (mut wait, mut lost) = (Duration::ZERO, false);
        while !self.stopping() {
            let mut stop = self.stop.clone();
            let mut ended = None;
            tokio::select! {
                Some(came) = calls.join_next(), if !calls.is_empty() => ended = Some(came),
                () = self.app.hints.fetch.notified() => {}
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            match ended {
                Some(Ok(came)) => self.fetched(came).await,
                // What it had in hand is due again when nothing else is under way.
                Some(Err(_)) => {
                    tracing::error!("a fetch ended with a mistake");
                    lost = true;
                }
                None => {}
            }
            if lost && calls.is_empty() {
                lost = self.fetcher.recover(self.app.clock.now()).await.is_err();
            }
            wait = POLL;
            let Some(ruleset) = self.app.active() else { continue };
            let now = self.app.clock.now();
            let room = FETCHES_MAX.saturating_sub(calls.len());
            match self.fetcher.claim(&ruleset, room, now).await {
                Ok(claim) => {
                    if claim.appended {
                        self.app.hints.apply.notify_one();
                    }
                    if let Some(at) = claim.again_at.filter(|_| calls.len() + claim.work.len() < FETCHES_MAX)
                    {
                        wait = Duration::from_millis((at - now).max(1) as u64).min(POLL);
                    }
                    for work in claim.work {
                        let (client, ruleset) = (self.app.api_client(), ruleset.clone());
                        calls.spawn(async move { fetched_by(&client, &ruleset, work).await });
                    }
                }
                Err(error) => self.complain("take due fetches", &error).await,
            }
        }
    }

    /// Writes down what came of a fetch. Where the database is in the way it is fetched again.
    async fn fetched(&self, came: Fetched) {
        let Some(ruleset) = self.app.active() else { return };
        let (source, id) = (came.row.source.clone(), came.row.id.clone());
        match self.fetcher.settle(&ruleset, came, self.app.clock.now()).await {
            Ok(outcome) => {
                self.app.metrics.fetched(&source, outcome.as_str());
                if matches!(outcome, FetchOutcome::Came(_) | FetchOutcome::Disowned) {
                    self.app.hints.apply.notify_one();
                }
            }
            Err(error) => {
                self.complain("write down what was fetched", &error).await;
                let _ = self.app.store.fetches().give_back(&id, self.app.clock.now()).await;
            }
        }
    }
}

/// Makes the calls of one fetch, one after the other. One that fails ends it: a record is fetched whole or not at all.
async fn fetched_by(client: &ApiClient, ruleset: &Ruleset, work: FetchWork) -> Fetched {
    let FetchWork { row, api, call, also: further, mut inputs } = work;
    let first = ApiCall { api: &api, call: &call, inputs: &inputs, patient: false };
    let mut result = client.call(&ruleset.engine, first).await;
    let mut also = Vec::new();
    if let Ok(answer) = &result
        && !further.is_empty()
    {
        let body = answer.body.clone();
        let needed = further.iter().filter(|one| one.is_needed(&body));
        inputs.insert("answer".to_owned(), body.clone());
        for AlsoFetched { name, call, .. } in needed {
            let one = ApiCall { api: &api, call, inputs: &inputs, patient: false };
            match client.call(&ruleset.engine, one).await {
                Ok(answer) => also.push((name.clone(), answer.body)),
                Err(trouble) => {
                    result = Err(trouble.of_further(name));
                    break;
                }
            }
        }
    }
    Fetched { row, result, also }
}
