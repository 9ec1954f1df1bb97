//! What the booking system sends while the router is killed: bookings of few guests, several changes each, in order per
//! booking; again until acked, or given up; some twice at once, some twice in a row. Remembers what was acked.

use crate::chance::Chance;
use crate::support::Booking;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

/// Senders at the same time. Each has guests and bookings of its own.
const SENDERS: u64 = 8;
/// Bookings that a sender has open at once; neighbours of these share a guest.
const OPEN: usize = 3;
/// The most changes of one booking.
const CHANGES_MAX: u64 = 5;
/// After a post that came to nothing.
const PAUSE: Duration = Duration::from_millis(5);

/// One body, and what became of it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The bytes.
    pub body: String,
    /// How often it was posted.
    pub posted: usize,
    /// How often that was answered with 200.
    pub acked: usize,
}

/// The senders.
pub struct Load {
    shared: Arc<Shared>,
    senders: JoinSet<Vec<Sent>>,
}

struct Shared {
    client: reqwest::Client,
    url: String,
    /// How many bodies may still be sent.
    allowed: Semaphore,
    acks: AtomicU64,
    acked: Notify,
    stop: AtomicBool,
    odd: std::sync::Mutex<Vec<String>>,
}

struct Open {
    booking: Booking,
    number: u32,
    changes: u64,
    change: u64,
}

struct Sender {
    shared: Arc<Shared>,
    chance: Chance,
    /// Of its next booking.
    number: u32,
    open: Vec<Open>,
    sent: Vec<Sent>,
}

impl Load {
    /// Begins to post to this address, as soon as something is allowed.
    pub fn start(client: reqwest::Client, url: String, chance: &Chance) -> Self {
        let shared = Arc::new(Shared {
            client,
            url,
            allowed: Semaphore::new(0),
            acks: AtomicU64::new(0),
            acked: Notify::new(),
            stop: AtomicBool::new(false),
            odd: std::sync::Mutex::default(),
        });
        let mut senders = JoinSet::new();
        for part in 1..=SENDERS {
            let sender = Sender {
                shared: shared.clone(),
                chance: chance.apart(part),
                number: part as u32 * 1_000_000,
                open: Vec::new(),
                sent: Vec::new(),
            };
            senders.spawn(sender.run());
        }
        Self { shared, senders }
    }

    /// Lets so many more bodies be sent, beside those that are left.
    pub fn allow(&self, bodies: usize) {
        let left = self.shared.allowed.available_permits();
        self.shared.allowed.add_permits(bodies.saturating_sub(left));
    }

    /// Waits for more acks than these.
    pub async fn more_acks_than(&self, acks: u64) {
        while self.acks() <= acks {
            self.shared.acked.notified().await;
        }
    }

    /// Acks so far.
    pub fn acks(&self) -> u64 {
        self.shared.acks.load(Ordering::Relaxed)
    }

    /// Ends once what is in hand was acked (the router must be up); gives everything that was sent.
    pub async fn finish(self) -> Vec<Sent> {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.allowed.close();
        let sent = self.senders.join_all().await.into_iter().flatten().collect();
        let odd = self.shared.odd.lock().expect("nobody panicked with it");
        assert!(odd.is_empty(), "answers that are neither 200 nor 503: {odd:?}");
        sent
    }
}

impl Sender {
    async fn run(mut self) -> Vec<Sent> {
        let shared = self.shared.clone();
        while let Ok(permit) = shared.allowed.acquire().await {
            permit.forget();
            let body = self.next_body();
            let sent = self.send(body).await;
            self.sent.push(sent);
        }
        self.sent
    }

    /// The next change of one of the open bookings.
    fn next_body(&mut self) -> String {
        while self.open.len() < OPEN {
            self.number += 1;
            let number = self.number;
            // Bookings 2 and 3 are one guest's, 4 and 5 the next one's: their runs meet at one record.
            let email = format!("guest{}@example.org", number / 2);
            let booking = Booking::new(number).with("/contact/email", email);
            let changes = 1 + self.chance.below(CHANGES_MAX);
            self.open.push(Open { booking, number, changes, change: 0 });
        }
        let at = self.chance.below(OPEN as u64) as usize;
        let cancels = self.chance.percent(40);
        let open = &mut self.open[at];
        open.change += 1;
        let note = format!("{}-{}", open.number, open.change);
        *open.booking.body.pointer_mut("/booking/note").expect("the field is there") = note.into();
        let last = open.change > open.changes;
        if last && cancels {
            *open.booking.body.pointer_mut("/booking/status").expect("the field is there") =
                "cancelled".into();
        }
        let body = open.booking.body.to_string();
        if last {
            self.open.swap_remove(at);
        }
        body
    }

    async fn send(&mut self, body: String) -> Sent {
        let mut sent = Sent { body, posted: 0, acked: 0 };
        loop {
            if self.chance.percent(15) {
                let (one, other) = tokio::join!(self.shared.post(&sent.body), self.shared.post(&sent.body));
                sent.posted += 2;
                sent.acked += usize::from(one) + usize::from(other);
            } else {
                sent.posted += 1;
                sent.acked += usize::from(self.shared.post(&sent.body).await);
            }
            let stop = self.shared.stop.load(Ordering::Relaxed);
            let again =
                if sent.acked > 0 { self.chance.percent(10) && !stop } else { !self.chance.percent(3) };
            if !again {
                return sent;
            }
            if sent.acked == 0 {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

impl Shared {
    /// Whether it was acked.
    async fn post(&self, body: &str) -> bool {
        let Ok(answer) = self.client.post(&self.url).body(body.to_owned()).send().await else { return false };
        match answer.status().as_u16() {
            200 => {
                self.acks.fetch_add(1, Ordering::Relaxed);
                self.acked.notify_one();
                true
            }
            503 => false,
            other => {
                let mut odd = self.odd.lock().expect("nobody panicked with it");
                odd.push(other.to_string());
                false
            }
        }
    }
}
