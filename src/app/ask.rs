//! What people ask for: replay, try again, pause, explain. Written down for the stages to obey.

use super::App;
use super::chains::{in_chains, root_of};
use super::masking::{HIDDEN, is_masked};
use super::read_again::ReadAgain;
use crate::bookings::{RunPlace, planned_runs};
use crate::connectors::SecretRef;
use crate::delivery::{Explained, explain};
use crate::domain::{EventId, RunId};
use crate::ports::{ListFilter, StoreError};
use crate::rules::ChangeContext;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such thing.
    #[error("there is no {what} \"{id}\"")]
    Unknown {
        /// `event`, `run`, `connection`…
        what: &'static str,
        /// As given.
        id: String,
    },
    /// It can't be done now.
    #[error("{0}")]
    NotNow(String),
    /// Too much is being looked ahead at the same time.
    #[error("too much is being looked ahead just now; try again in a few seconds")]
    Busy,
}

/// What a replay planned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Runs planned.
    pub runs: Vec<RunId>,
    /// Changes without effect, which plan nothing.
    pub without_effect: usize,
    /// It became nothing when it came, and is read again as this event.
    pub read_again: Option<EventId>,
    /// Why it would become nothing again.
    pub note: Option<String>,
}

/// A secret that the ruleset needs, or that the vault has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretState {
    /// Name; `env:NAME` for one of the environment.
    pub name: String,
    /// Whether it has a value.
    pub has_value: bool,
    /// Who needs it: `connection our-hubspot`, `source harbour-tours`.
    pub needed_by: Vec<String>,
}

impl App {
    /// Plans an event's changes once more, each against its booking's present state. Nothing is applied again; what became
    /// nothing when it came is read anew.
    pub async fn replay(&self, event: &EventId) -> Result<Replayed, AskError> {
        let unknown = || AskError::Unknown { what: "event", id: event.to_string() };
        let (view, stored) = self.store.event(event).await?.ok_or_else(unknown)?;
        let ruleset = self
            .active()
            .ok_or_else(|| AskError::NotNow("no ruleset is active yet, so nothing can be planned".into()))?;
        let now = self.clock.now();
        let mut replayed = Replayed::default();
        match self.read_again(&ruleset, (&view, &stored)).await? {
            ReadAgain::No => {}
            ReadAgain::As(id) => replayed.read_again = Some(id),
            ReadAgain::Why(why) => replayed.note = Some(why),
        }
        let mut runs = Vec::new();
        for change in &view.changes {
            let (Some(id), true) = (&change.booking, change.kind.has_effect()) else {
                replayed.without_effect += 1;
                continue;
            };
            let Some((booking, body)) = self.store.booking(id).await? else { continue };
            let erased = self.store.keeping().erased_booking(id).await?;
            if erased.is_some_and(|erased| erased.position >= booking.position) {
                let why = "the guest's data of this booking were erased, so there is nothing to send";
                return Err(AskError::NotNow(why.into()));
            }
            let present: Arc<serde_json::Value> = Arc::new(read(&body, "booking", id.as_str())?);
            let chain = in_chains(&*self.store, std::slice::from_ref(&booking.key)).await?;
            let chain = chain.into_values().next().unwrap_or_default();
            let before = self.store.change(change.reference).await?.and_then(|(_, before, _)| before);
            let previous = before.map(|text| read(&text, "booking", id.as_str())).transpose()?.map(Arc::new);
            let context = ChangeContext {
                source: view.source.clone(),
                doors: Vec::new(),
                account: booking.key.account.clone(),
                about: booking.key.kind.clone(),
                kind: change.kind,
                paths: change.paths.clone(),
                booking: present,
                previous,
                chain: chain.neighbours,
                view: booking.view.clone(),
                at: now,
                event: event.to_string(),
            };
            // About that change still, with the booking as it is now.
            let (change, position) = (change.reference, booking.position);
            let root = root_of(chain.first.as_ref(), id);
            let place = RunPlace { booking: id, root, change, position, trigger: "replay" };
            runs.extend(planned_runs(&*self.entropy, ruleset.plan(&context), &place, now));
        }
        self.store.plan_runs(&runs).await?;
        replayed.runs = runs.into_iter().map(|run| run.id).collect();
        self.hints.deliver.notify_one();
        Ok(replayed)
    }

    /// Tries runs again. Gives those that could be.
    pub async fn retry(&self, runs: &[RunId], as_it_was: bool) -> Result<Vec<RunId>, AskError> {
        let taken = self.store.retry_runs(runs, as_it_was, self.clock.now()).await?;
        self.hints.deliver.notify_one();
        Ok(taken)
    }

    /// Pauses or resumes a connection.
    pub async fn pause(&self, connection: &str, pause: bool) -> Result<(), AskError> {
        if let Some(active) = self.active()
            && !active.connections.contains_key(connection)
        {
            return Err(AskError::Unknown { what: "connection", id: connection.to_owned() });
        }
        self.store.set_paused(connection, pause, self.clock.now()).await?;
        self.hints.deliver.notify_one();
        Ok(())
    }

    /// Why a run's fields have their values, or why nothing was sent.
    pub async fn explain_run(&self, run: &RunId) -> Result<Explained, AskError> {
        let explained = explain(&self.store, &*self.rulesets, self.active().as_ref(), run).await?;
        let mut explained =
            explained.ok_or_else(|| AskError::Unknown { what: "run", id: run.to_string() })?;
        if is_masked() {
            // What a rule makes of a masked booking is neither true nor always masked.
            for (_, fields) in &mut explained.steps {
                *fields = Err(HIDDEN.to_owned());
            }
        }
        Ok(explained)
    }

    /// The runs that an event led to, oldest first.
    pub async fn runs_of_event(&self, event: &EventId) -> Result<Vec<crate::ports::RunRow>, AskError> {
        let filter = ListFilter { event: Some(event.to_string()), limit: 500, ..ListFilter::default() };
        let mut runs = self.store.list_runs(&filter).await?;
        runs.reverse();
        Ok(runs)
    }

    /// Secrets that the ruleset needs, and those that the vault has.
    pub async fn secret_states(&self) -> Result<Vec<SecretState>, AskError> {
        let mut states: Vec<SecretState> = Vec::new();
        let mut need = |secret: &SecretRef, by: String| {
            let name = match secret {
                SecretRef::Vault(name) => name.clone(),
                SecretRef::Env(name) => format!("env:{name}"),
            };
            match states.iter_mut().find(|state| state.name == name) {
                Some(state) if state.needed_by.contains(&by) => {}
                Some(state) => state.needed_by.push(by),
                None => {
                    states.push(SecretState {
                        name,
                        has_value: self.has_secret(secret),
                        needed_by: vec![by],
                    });
                }
            }
        };
        if let Some(active) = self.active() {
            for source in active.sources.values() {
                for (secret, _) in &source.tokens {
                    need(secret, format!("source {}", source.name));
                }
            }
            for connection in active.connections.values() {
                for (secret, _) in &connection.secrets {
                    need(secret, format!("connection {}", connection.name));
                }
            }
        }
        for channel in self.store.alerts().alert_channels().await? {
            for secret in channel.to.secrets() {
                need(&SecretRef::Vault(secret.to_owned()), format!("alert channel {}", channel.name));
            }
        }
        let known: BTreeSet<String> = states.iter().map(|state| state.name.clone()).collect();
        for sealed in self.store.secrets().await? {
            if !known.contains(&sealed.name) {
                states.push(SecretState { name: sealed.name, has_value: true, needed_by: Vec::new() });
            }
        }
        states.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(states)
    }
}

fn read(text: &str, what: &str, id: &str) -> Result<serde_json::Value, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Corrupt { what: format!("{what} {id}"), why: error.to_string() })
}
