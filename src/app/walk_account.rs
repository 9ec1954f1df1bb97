//! Of which account a source's API is, where what it answers does not say so and its webhooks do: the source's file says it, or
//! the only webhooks so far, or the API itself is asked, by its manifest, and the answer is kept. So a first backfill needs
//! neither a webhook nor the account in the file.

use super::{App, AskError};
use crate::connectors::Source;
use crate::rules::Ruleset;
use crate::source_api::ApiCall;
use crate::walk::{API_ACCOUNT, ApiAccountKept, account_of, needs_account};
use serde_json::Map;

impl App {
    /// Makes sure that the account is known where a walk needs it. `Err`: why it can't be.
    pub(super) async fn know_account(&self, ruleset: &Ruleset, source: &Source) -> Result<(), AskError> {
        let kept = self.kept_account(source).await?;
        let credential = source.reach.as_ref().and_then(|reach| reach.credential(&*self.secrets));
        let known = account_of(&*self.store, source).await?;
        // What an earlier credential said is not what this one would say.
        let old = kept
            .is_some_and(|kept| known.as_ref() == Some(&kept.account) && Some(kept.credential) != credential);
        let known = known.filter(|_| !old || source.account.is_some());
        let Err(why) = needs_account(source, known.as_deref()) else { return Ok(()) };
        let Some((reach, spec)) =
            source.reach.as_ref().and_then(|reach| Some((reach, reach.spec.account.as_ref()?)))
        else {
            return Err(AskError::NotNow(why));
        };
        let inputs = Map::new();
        let call = ApiCall { api: reach, call: &spec.call, inputs: &inputs, patient: false };
        let title = &source.connector.title;
        let way_out = "try again, or write the account into the source's settings";
        let answer = self.api_client().call(&ruleset.engine, call).await.map_err(|trouble| {
            AskError::NotNow(format!(
                "{title} could not be asked of which account its keys are ({trouble}); {way_out}"
            ))
        })?;
        let account = spec.read(&answer.body).ok_or_else(|| {
            AskError::NotNow(format!("{title} did not say of which account its keys are; {way_out}"))
        })?;
        let kept = ApiAccountKept { account, credential: credential.unwrap_or_default() };
        let text = serde_json::to_string(&kept).unwrap_or_default();
        self.store.set_fact(&format!("{API_ACCOUNT}{}", source.name), &text).await?;
        Ok(())
    }

    async fn kept_account(&self, source: &Source) -> Result<Option<ApiAccountKept>, AskError> {
        let text = self.store.fact(&format!("{API_ACCOUNT}{}", source.name)).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}
