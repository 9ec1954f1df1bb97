//! Webhooks that were answered with something else than 200, in words. Pure. The same sentence stands on pages, in the doctor's
//! findings, in the API and in alerts.

/// What an answer says of a webhook.
fn reason(status: u16) -> &'static str {
    match status {
        401 => "it did not prove who sent it",
        404 => "a wrong or old address",
        408 => "the body came too slowly",
        413 => "the body was too large",
        503 => "it could not be stored just then",
        _ => "it was not taken",
    }
}

/// `3 webhooks were answered with 503 (it could not be stored just then) and 1 with 404 (a wrong or old address) in the last 24
/// hours.` `None`: all is well. `refused` has statuses with how often each was given.
pub fn refused_in_words(refused: &[(u16, i64)]) -> Option<String> {
    let mut sorted: Vec<(u16, i64)> = refused.iter().copied().filter(|(_, answers)| *answers > 0).collect();
    sorted.sort_by_key(|(status, answers)| (-answers, *status));
    let mut parts =
        sorted.iter().map(|(status, answers)| format!("{answers} with {status} ({})", reason(*status)));
    let first = parts.next()?.replacen(" with ", " webhooks were answered with ", 1);
    let first = match sorted.first() {
        Some((_, 1)) => first.replacen("webhooks were", "webhook was", 1),
        _ => first,
    };
    let rest: Vec<String> = parts.collect();
    let all = match rest.split_last() {
        None => first,
        Some((last, [])) => format!("{first} and {last}"),
        Some((last, between)) => format!("{first}, {} and {last}", between.join(", ")),
    };
    Some(format!("{all} in the last 24 hours."))
}

#[cfg(test)]
mod tests {
    use super::refused_in_words;

    #[test]
    fn refused_webhooks_are_one_sentence() {
        let told = |refused: &[(u16, i64)]| refused_in_words(refused).unwrap_or_default();
        assert_eq!(told(&[]), "");
        assert_eq!(told(&[(503, 0)]), "");
        assert_eq!(
            told(&[(503, 1)]),
            "1 webhook was answered with 503 (it could not be stored just then) in the last 24 hours."
        );
        assert_eq!(
            told(&[(404, 1), (503, 12), (413, 1), (418, 2)]),
            "12 webhooks were answered with 503 (it could not be stored just then), 2 with 418 (it was not taken), 1 with 404 \
             (a wrong or old address) and 1 with 413 (the body was too large) in the last 24 hours."
        );
    }
}
