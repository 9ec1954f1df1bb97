//! The check-up of a source's API: whether its keys are taken, and what waits to be fetched with them.

use super::App;
use super::doctor::{Finding, Health};
use crate::connectors::Source;
use crate::ports::StoreError;
use crate::rules::Ruleset;
use crate::source_api::{ApiCall, ApiTrouble};
use serde_json::{Map, Value};

impl App {
    /// Of each source whose booking system is asked.
    pub(super) async fn look_at_apis(
        &self,
        ruleset: &Ruleset,
        findings: &mut Vec<Finding>,
    ) -> Result<(), StoreError> {
        for source in ruleset.sources.values() {
            let about = format!("source {}", source.name);
            if source.reach.is_some() {
                findings.push(self.try_api(ruleset, source, &about).await);
            }
            findings.extend(self.try_subscriptions(ruleset, source, &about).await?);
            let Some(fetching) = self.fetching(source).await? else { continue };
            if let Some(trouble) = &fetching.trouble {
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
        Ok(())
    }

    async fn try_api(&self, ruleset: &Ruleset, source: &Source, about: &str) -> Finding {
        let title = &source.connector.title;
        let Some(api) = &source.reach else { return Finding::well(about, "") };
        let Some(test) = &api.spec.test else {
            return Finding::new(about, Health::Notice, format!("{title} has no call that tests its keys."));
        };
        let mut inputs = Map::new();
        inputs.extend(
            source.account.iter().map(|account| ("account".to_owned(), Value::from(account.as_str()))),
        );
        let call = ApiCall { api, call: &test.call, inputs: &inputs, patient: false };
        match self.api_client().call(&ruleset.engine, call).await {
            Ok(answer) => {
                let reached = test.reached_in(&answer);
                let whom = if reached.is_empty() { String::new() } else { format!(": {reached}") };
                Finding::well(about, format!("{title}'s API takes its keys{whom}."))
            }
            Err(ApiTrouble::NeedsAuth(why)) => Finding::amiss(
                about,
                format!("{title}'s API does not take its keys: {}.", why.trim_end_matches('.')),
                "set its secrets anew: waypost secret set NAME",
            ),
            Err(trouble) => Finding::amiss(
                about,
                format!("{title}'s API could not be tried: {}.", trouble.to_string().trim_end_matches('.')),
                "look whether this machine reaches it, and try again in a moment",
            ),
        }
    }
}
