//! The check-up of what is fetched from booking systems: what waits for it, and what is in the way; of what they are told to
//! send; and of sources that are gone and still sent to.

use super::App;
use super::doctor::{Finding, Health};
use crate::ports::StoreError;
use crate::rules::Ruleset;

impl App {
    /// Of each source whose booking system is asked.
    pub(super) async fn look_at_fetching(
        &self,
        ruleset: &Ruleset,
        findings: &mut Vec<Finding>,
    ) -> Result<(), StoreError> {
        for source in ruleset.sources.values() {
            let about = format!("source {}", source.name);
            findings.extend(self.try_subscriptions(ruleset, source, &about).await?);
            let Some(fetching) = self.fetching(source).await? else { continue };
            // That its keys are not taken was found by trying them.
            let told = source.reach.as_ref().is_some_and(|reach| {
                let tried = reach.spec.test.is_some() || reach.missing_secret(&*self.secrets).is_some();
                tried && self.api_client().standing(reach).needs_auth.is_some()
            });
            if let Some(trouble) = fetching.trouble.as_ref().filter(|_| !told) {
                findings.push(Finding::amiss(
                    &about,
                    trouble,
                    "mend it there, or the keys in its file below `api:`",
                ));
            }
            if fetching.waiting > 0 {
                let text = format!("{} bookings wait to be fetched, the oldest since", fetching.waiting);
                findings
                    .push(Finding { at: fetching.oldest_at, ..Finding::new(&about, Health::Notice, text) });
            }
            if fetching.unverified > 0 {
                let text =
                    format!("{} bookings go by a webhook that was not verified so far.", fetching.unverified);
                findings.push(Finding::new(&about, Health::Notice, text));
            }
        }
        findings.extend(self.removed_sources().await?.iter().map(super::RemovedSource::finding));
        Ok(())
    }
}
