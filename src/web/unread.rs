//! What came in the last 24 hours and became nothing, as sentences for Today and the API: worst where a source's webhooks all
//! did.

use super::outlook::Sentence;
use super::rates::Rate;
use super::words::Tone;
use crate::app::App;
use crate::ports::StoreError;

/// A sentence for each source of which somebody should know.
pub(super) async fn unread(app: &App, rates: &[Rate]) -> Result<Vec<Sentence>, StoreError> {
    let unread = app.unread().await?;
    let sentence = |rate: &Rate| {
        let of = unread.get(&rate.name)?;
        let text = of.told(&rate.title, rate.lately)?;
        let tone = if of.all(rate.lately) { Tone::Bad } else { Tone::Waiting };
        let kind = if of.unreadable > 0 { "unreadable" } else { "ignored" };
        Some(Sentence { tone, text, way: Some((format!("/events?kind={kind}").into(), "See what came")) })
    };
    Ok(rates.iter().filter_map(sentence).collect())
}
