//! API tokens: made by an admin, shown once, known afterwards by their hash. One is taken until it ends, is revoked, or its
//! maker may no longer sign in.

use super::App;
use super::people::{PeopleError, Who, hash_of, read_name};
use super::people_sign_in::SEEN_MS;
use crate::domain::{Millis, Scope};
use crate::ports::{StoreError, TokenRow};
use crate::workspace::generate_token;

/// How each token begins, so that one that got into a log or a repository is known for what it is.
pub const TOKEN_PREFIX: &str = "wp_";

impl App {
    /// Makes a token; the text is shown once and kept nowhere.
    pub async fn make_api_token(
        &self,
        who: &Who,
        name: &str,
        scopes: Vec<Scope>,
        days: Option<i64>,
    ) -> Result<(TokenRow, String), PeopleError> {
        self.make_api_token_of((who, who), name, scopes, days).await
    }

    /// The same where who makes it and whose it is are not the same: a token that a token makes is its owner's, so that it
    /// goes with them.
    pub async fn make_api_token_of(
        &self,
        (who, owner): (&Who, &Who),
        name: &str,
        scopes: Vec<Scope>,
        days: Option<i64>,
    ) -> Result<(TokenRow, String), PeopleError> {
        let name = read_name(name)?;
        if scopes.is_empty() {
            return Err(PeopleError::Wrong("choose what the token may be used for"));
        }
        let now = self.clock.now();
        let text = format!("{TOKEN_PREFIX}{}", generate_token(&*self.entropy));
        let told: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        let line = self.line(who, "token.made", &name, told.join(" "));
        let token = TokenRow {
            hash: hash_of("token", &text),
            id: self.entropy.id_of("tok_", now),
            name,
            scopes,
            made_by: owner.id.clone(),
            made_by_name: owner.name.clone(),
            created_at: now,
            used_at: None,
            expires_at: days.map(|days| now + days * 24 * 3_600_000),
            revoked_at: None,
            maker_disabled: false,
        };
        self.store.people().add_token(&token, &line).await?;
        Ok((token, text))
    }

    /// The token of this text, where it is good.
    pub async fn api_token(&self, text: &str) -> Result<Option<TokenRow>, StoreError> {
        if !text.starts_with(TOKEN_PREFIX) || text.len() > 100 {
            return Ok(None);
        }
        let hash = hash_of("token", text);
        let now = self.clock.now();
        let over = |at: Option<Millis>| at.is_some_and(|at| at <= now);
        let found = self.store.people().token(&hash).await?;
        let Some(token) = found
            .filter(|token| token.revoked_at.is_none() && !over(token.expires_at) && !token.maker_disabled)
        else {
            return Ok(None);
        };
        if token.used_at.is_none_or(|used| now - used > SEEN_MS) {
            self.store.people().see_token(&hash, now).await?;
        }
        Ok(Some(token))
    }

    /// Revokes a token.
    pub async fn revoke_api_token(&self, who: &Who, id: &str) -> Result<(), PeopleError> {
        let known = self.store.people().tokens().await?.into_iter().find(|token| token.id == id);
        let token = known.ok_or(PeopleError::Unknown)?;
        self.store.people().revoke_token(id, &self.line(who, "token.revoked", &token.name, "")).await?;
        Ok(())
    }
}
