//! The part of the store about alerts: channels, outages and the letters that are written of them. `src/store/alerts.rs`
//! implements it, `tests/contract/alerts.rs` tries it on both databases.
//!
//! An outage has one row, from the moment it is seen until it is over; each letter to each channel has one row, whose id
//! is made of the outage's, so that no letter can be written twice, and is tried until it is sent or given up.

use super::{NewAudit, StoreError};
use crate::domain::{ChannelTo, Letter, Millis, OutageKind};
use async_trait::async_trait;

/// Where alerts go.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertChannel {
    /// Its id: `chn_…`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether letters go there.
    pub enabled: bool,
    /// Where that is.
    pub to: ChannelTo,
    /// When it was made.
    pub created_at: Millis,
    /// What came of the last sending.
    pub last: Option<Sending>,
}

/// What came of a sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// When.
    pub at: Millis,
    /// Whether it was taken.
    pub good: bool,
    /// What happened, as a sentence.
    pub text: String,
}

/// Something that is or was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Its id: `out_…`.
    pub id: String,
    /// What it is about.
    pub kind: OutageKind,
    /// The connection, the source; empty where there is only one.
    pub object: String,
    /// What is wrong, in one line.
    pub headline: String,
    /// Since when it has been so.
    pub opened_at: Millis,
    /// Since when it has been well, while it is not certain that it stays so.
    pub good_since: Option<Millis>,
    /// When its alert was written.
    pub told_at: Option<Millis>,
    /// How many reminders were written.
    pub reminders: i64,
    /// When it was over.
    pub closed_at: Option<Millis>,
}

/// One thing that becomes of outages.
#[derive(Clone, Debug, PartialEq)]
pub enum OutageWrite {
    /// One is seen for the first time. Where one of that kind and object is open, nothing happens.
    Open(Outage),
    /// It has been well since then, or (`None`) is not.
    Good {
        /// The outage.
        id: String,
        /// Since when.
        since: Option<Millis>,
    },
    /// Its alert is written to these channels. Happens once.
    Tell {
        /// The outage.
        id: String,
        /// To whom.
        channels: Vec<String>,
        /// What.
        letter: Letter,
    },
    /// A reminder is written to whom the alert was.
    Remind {
        /// The outage.
        id: String,
        /// Which reminder, from 1.
        number: i64,
        /// What.
        letter: Letter,
    },
    /// It is over: letters that are still to be sent are not, and the all-clear is written to whom the alert was.
    Close {
        /// The outage.
        id: String,
        /// Since when it is well.
        at: Millis,
        /// What.
        letter: Letter,
    },
}

/// A letter that is due at a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct DueLetter {
    /// Its id: the same in all its tries.
    pub id: String,
    /// Channel.
    pub channel: String,
    /// How often it was tried.
    pub tries: i64,
    /// When it was written.
    pub created_at: Millis,
    /// What it says.
    pub letter: Letter,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TryEnd {
    /// It was taken.
    Sent,
    /// It was not; it is tried again.
    Again,
    /// It was not, and is not tried again.
    GivenUp,
}

/// The store of alerts.
#[async_trait]
pub trait AlertStore: Send + Sync {
    /// All channels, by name.
    async fn alert_channels(&self) -> Result<Vec<AlertChannel>, StoreError>;
    /// Makes or changes a channel. What came of its last sending stays.
    async fn put_alert_channel(&self, channel: &AlertChannel, audit: &NewAudit) -> Result<(), StoreError>;
    /// Removes a channel with what was to be sent to it; false where there is none.
    async fn remove_alert_channel(&self, id: &str, audit: &NewAudit) -> Result<bool, StoreError>;
    /// Writes down what came of a channel's last sending.
    async fn note_sending(&self, channel: &str, sending: &Sending) -> Result<(), StoreError>;
    /// Outages that last.
    async fn open_outages(&self) -> Result<Vec<Outage>, StoreError>;
    /// Outages, the last first, at most `limit`. Those that were over before anybody was told are left out.
    async fn told_outages(&self, limit: i64) -> Result<Vec<Outage>, StoreError>;
    /// Writes what became of outages, in one transaction, in the order given.
    async fn write_outages(&self, writes: &[OutageWrite], now: Millis) -> Result<(), StoreError>;
    /// Letters that are due, the longest first.
    async fn due_letters(&self, now: Millis, limit: i64) -> Result<Vec<DueLetter>, StoreError>;
    /// A try begins: written down before it does, with when the next comes if nothing is heard of it. False where
    /// somebody else took it.
    async fn begin_try(&self, letter: &DueLetter, next_at: Millis) -> Result<bool, StoreError>;
    /// A try ended; the channel knows of it too.
    async fn end_try(&self, letter: &DueLetter, end: &TryEnd, sending: &Sending) -> Result<(), StoreError>;
    /// Forgets outages that were over before then, at most `limit`, with their letters.
    async fn forget_outages(&self, before: Millis, limit: i64) -> Result<i64, StoreError>;
}
