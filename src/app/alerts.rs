//! Alerts, as far as a person asks for something: when they are sent, a test of a channel, and how full the disk is. What is
//! sent by itself is the stage's (`crate::alerts`).

use super::{App, ChannelError, Who};
use crate::alerts::{OPTIONS_FACT, Postman, test_letter};
use crate::domain::AlertOptions;
use crate::ports::{Sending, StoreError};
use std::sync::Arc;

impl App {
    /// Says who hands out letters. The first time counts.
    pub fn send_letters_by(&self, postman: Arc<Postman>) {
        let _ = self.postman.set(postman);
    }

    /// Bytes that are free on the disk of the data folder, for whoever is not root.
    pub fn disk_free(&self) -> Option<u64> {
        let told = rustix::fs::statvfs(&self.places.data).ok()?;
        told.f_bavail.checked_mul(told.f_frsize)
    }

    /// When alerts are sent; `None`: nobody chose yet.
    pub async fn alert_options(&self) -> Result<Option<AlertOptions>, StoreError> {
        let kept = self.store.fact(OPTIONS_FACT).await?;
        Ok(kept.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps when alerts are sent.
    pub async fn set_alert_options(&self, who: &Who, options: &AlertOptions) -> Result<(), StoreError> {
        let text = serde_json::to_string(options).map_err(|error| StoreError::Corrupt {
            what: String::from("alert options"),
            why: error.to_string(),
        })?;
        self.store.set_fact(OPTIONS_FACT, &text).await?;
        let details = format!(
            "told after {} min, reminded after {} h, times in {}",
            options.delay_minutes, options.remind_hours, options.zone
        );
        self.audit(who, "alerts.options", "alerts", &details).await;
        Ok(())
    }

    /// Sends a test by a channel, says what came of it, and keeps that. `base` is where people reach the pages.
    pub async fn test_alert_channel(&self, who: &Who, id: &str, base: &str) -> Result<Sending, ChannelError> {
        let channels = self.store.alerts().alert_channels().await?;
        let channel = channels.into_iter().find(|channel| channel.id == id).ok_or(ChannelError::Unknown)?;
        let Some(postman) = self.postman.get() else {
            return Err(ChannelError::NotNow("Letters are sent while `waypost serve` runs.".into()));
        };
        let now = self.clock.now();
        let letter = test_letter(base, now);
        let outcome = postman.send(&channel, &self.entropy.id_of("test_", now), &letter, now).await;
        let good = outcome.is_ok();
        let (Ok(text) | Err(text)) = outcome;
        let sending = Sending { at: self.clock.now(), good, text };
        self.store.alerts().note_sending(&channel.id, &sending).await?;
        let came = if good { "taken" } else { "not taken" };
        self.audit(who, "alerts.tested", &channel.name, came).await;
        Ok(sending)
    }
}
