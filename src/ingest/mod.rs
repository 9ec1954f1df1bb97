//! Stage 1: authenticate, batch, append, answer. Nothing else: no rule, no delivery, no page is on this path.
//!
//! The whole ack path: [`doors`] looks the source up and compares what signs in (no lock but a pointer's read), the body is
//! read within its limits and its signature checked where there is one, [`cleaning`] takes out what is never stored where the
//! connector names any, [`Intake::store`] hands it to the one batch that is being filled and waits for that batch's commit.
//! Requests that arrive together share one commit; `runner` calls [`Batch::commit`] for each batch.

mod cleaning;
mod doors;
mod http;
mod refusals;
mod sender;
mod signature;
mod token;

pub use doors::{Door, Doors, Entrance, OldToken, Refusal, Shown, Way, hash_token};
pub use http::{HookLimits, Hooks, hooks};
pub use refusals::Refusals;
pub use sender::Reached;
pub use signature::{SignedRequest, signing_key};
pub use token::TokenCheck;

use crate::domain::{EventId, Millis, Position};
use crate::ports::{Clock, Entropy, NewEvent, Store};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Events of one commit.
const BATCH_EVENTS_MAX: usize = 256;
/// Bytes of bodies of one commit.
const BATCH_BYTES_MAX: usize = 16 << 20;
/// Requests that wait for a commit; more are answered 503.
const QUEUE_EVENTS_MAX: usize = 16_384;
/// Bytes of bodies in memory, being read or waiting for a commit; more are answered 503.
pub const BODY_BYTES_IN_MEMORY_MAX: usize = 256 << 20;

/// Why an event was not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    /// Too many wait already.
    #[error("too many webhooks wait to be stored")]
    Flooded,
    /// The commit failed.
    #[error("the database did not store it")]
    Failed,
    /// Waypost is stopping.
    #[error("Waypost is stopping")]
    Stopping,
}

struct Waiting {
    event: NewEvent,
    answer: oneshot::Sender<Result<Position, NotStored>>,
}

/// Where requests hand in what they read.
#[derive(Clone)]
pub struct Intake {
    queue: mpsc::Sender<Waiting>,
    in_memory: Arc<AtomicUsize>,
}

/// The other end: takes batches and commits them.
pub struct Batches {
    queue: mpsc::Receiver<Waiting>,
    store: Arc<dyn Store>,
}

/// What one commit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Events that it was to store.
    pub events: usize,
    /// Events that it stored, together or one by one.
    pub stored: usize,
    /// Bytes of their bodies.
    pub bytes: usize,
    /// How long the database took, in microseconds; `None`: it did not take all of them together.
    pub took_us: Option<i64>,
}

/// What a webhook brings.
pub struct Delivered {
    /// Its id.
    pub id: EventId,
    /// Name of the source.
    pub source: String,
    /// When its body had been read.
    pub received_at: Millis,
    /// `domain::ORIGIN_…`.
    pub origin: &'static str,
    /// Allowed headers as JSON text.
    pub headers: String,
    /// The body.
    pub body: Bytes,
}

/// A queue and its two ends.
pub fn intake(store: Arc<dyn Store>) -> (Intake, Batches) {
    let (sender, queue) = mpsc::channel(QUEUE_EVENTS_MAX);
    (Intake { queue: sender, in_memory: Arc::new(AtomicUsize::new(0)) }, Batches { queue, store })
}

impl Intake {
    /// Stores an event durably, together with whatever else arrived; its position once it is committed and fsynced.
    pub async fn store(&self, delivered: Delivered) -> Result<Position, NotStored> {
        let Delivered { id, source, received_at, origin, headers, body } = delivered;
        let (answer, stored) = oneshot::channel();
        let event = NewEvent { id, source, received_at, origin, headers, body };
        self.queue.try_send(Waiting { event, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotStored::Flooded,
            mpsc::error::TrySendError::Closed(_) => NotStored::Stopping,
        })?;
        stored.await.unwrap_or(Err(NotStored::Stopping))
    }

    /// Reserves memory for a body; given back when the guard is dropped.
    pub fn reserve(&self, bytes: usize) -> Result<Reserved, NotStored> {
        let before = self.in_memory.fetch_add(bytes, Ordering::Relaxed);
        let reserved = Reserved { in_memory: self.in_memory.clone(), bytes };
        if before + bytes > BODY_BYTES_IN_MEMORY_MAX { Err(NotStored::Flooded) } else { Ok(reserved) }
    }

    /// Names events. Kept here so that handlers need no other port.
    pub fn event_id(entropy: &dyn Entropy, now: Millis) -> EventId {
        entropy.event_id(now)
    }
}

/// Memory held by a body.
pub struct Reserved {
    in_memory: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.in_memory.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Batches {
    /// Waits for the first of a batch, takes whatever else is there, commits, and answers all of them.
    /// `None`: nobody can hand anything in any more.
    pub async fn commit_next(&mut self, clock: &dyn Clock) -> Option<Committed> {
        let first = self.queue.recv().await?;
        let mut bytes = first.event.body.len();
        let mut answers = vec![first.answer];
        let mut events = vec![first.event];
        while events.len() < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX {
            let Ok(next) = self.queue.try_recv() else { break };
            bytes += next.event.body.len();
            answers.push(next.answer);
            events.push(next.event);
        }
        let mut committed = Committed { events: events.len(), stored: 0, bytes, took_us: None };
        let began = clock.monotonic_us();
        match self.store.append_events(&events).await {
            Ok(positions) => {
                committed.took_us = Some(clock.monotonic_us() - began);
                committed.stored = committed.events;
                for (answer, position) in answers.into_iter().zip(positions) {
                    // Whoever hung up meanwhile gets no answer; the event is stored all the same.
                    let _ = answer.send(Ok(position));
                }
            }
            Err(error) => committed.stored = self.one_by_one(events, answers, &error).await,
        }
        Some(committed)
    }

    /// A batch was refused: one of its events may be to blame, the others are not. Gives how many were stored.
    async fn one_by_one(
        &self,
        events: Vec<NewEvent>,
        answers: Vec<oneshot::Sender<Result<Position, NotStored>>>,
        error: &crate::ports::StoreError,
    ) -> usize {
        tracing::error!(error = %error, cause = error.cause(), "webhooks could not be stored");
        if events.len() == 1 {
            for answer in answers {
                let _ = answer.send(Err(NotStored::Failed));
            }
            return 0;
        }
        let (mut failing, mut stored) = (false, 0);
        for (event, answer) in events.into_iter().zip(answers) {
            // After one more failure the database is away: the rest is not tried one by one.
            let result = if failing {
                Err(NotStored::Failed)
            } else {
                match self.store.append_events(std::slice::from_ref(&event)).await {
                    Ok(positions) => positions.first().copied().ok_or(NotStored::Failed),
                    Err(_) => {
                        failing = true;
                        Err(NotStored::Failed)
                    }
                }
            };
            stored += usize::from(result.is_ok());
            let _ = answer.send(result);
        }
        stored
    }
}
