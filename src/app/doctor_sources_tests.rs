//! What is said of certificates, refusals and downtimes.

use super::{Finding, Health, certificate, refused_way_out, try_address};
use crate::domain::CertificateState;
use crate::ports::{Answer, Outbound, OutboundFailure, OutboundRequest};
use async_trait::async_trait;
use bytes::Bytes;

const NOW: i64 = 1_800_000_000_000;
const DAY: i64 = 24 * 3_600_000;

fn told(finding: &Finding) -> String {
    format!("{:?}: {} -> {}\n", finding.health, finding.text, finding.way_out.as_deref().unwrap_or("-"))
}

#[test]
fn each_state_of_a_certificate_is_a_sentence_with_a_way_out() {
    let until = |days: i64| CertificateState::Good { until: Some(NOW + days * DAY + 1) };
    let states = [
        CertificateState::Good { until: None },
        until(63),
        until(14),
        until(13),
        until(3),
        until(2),
        until(1),
        until(0),
        CertificateState::Expired { at: Some(NOW - DAY) },
        CertificateState::Expired { at: None },
        CertificateState::NotYet { at: Some(NOW + DAY) },
        CertificateState::OtherName { names: vec!["a.example.com".into(), "b.example.com".into()] },
        CertificateState::OtherName { names: Vec::new() },
        CertificateState::SelfSigned,
        CertificateState::Unsigned { sent: 1 },
        CertificateState::Unsigned { sent: 3 },
        CertificateState::Refused("revoked".into()),
    ];
    let all = states.map(|state| told(&certificate("address", "hooks.example.com", &state, NOW)));
    insta::assert_snapshot!(all.concat());
}

/// Answers each look with this.
struct Always(Result<(u16, &'static str), OutboundFailure>);

#[async_trait]
impl Outbound for Always {
    async fn send(&self, request: OutboundRequest) -> Result<Answer, OutboundFailure> {
        assert_eq!(
            (request.method.as_str(), request.url.as_str()),
            ("GET", "https://h.example.com/hooks/a%2Fb")
        );
        assert!(request.headers.is_empty() && request.body.is_none());
        let (status, body) = self.0.clone()?;
        Ok(Answer { status, headers: Vec::new(), body: Bytes::from_static(body.as_bytes()), cut: false })
    }
}

#[tokio::test]
async fn each_answer_of_an_address_says_who_stands_there() {
    let greeting = "This address takes webhooks: and so on";
    let answers = [
        Ok((405, greeting)),
        Ok((405, "no")),
        Ok((200, greeting)),
        Ok((301, "")),
        Ok((401, "")),
        Ok((404, "")),
        Ok((502, "")),
        Err(OutboundFailure::NotSent("h.example.com:443 refused the connection.".into())),
    ];
    let mut all = String::new();
    for answer in answers {
        let finding = try_address(&Always(answer), "source a", "https://h.example.com", "a/b").await;
        assert_eq!(finding.health == Health::Well, finding.way_out.is_none());
        all.push_str(&told(&finding));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_to_do_about_refused_webhooks_is_told_by_the_most_of_them() {
    assert!(refused_way_out(&[(503, 3), (404, 5)]).starts_with("compare the address"));
    assert!(refused_way_out(&[(503, 6), (404, 5)]).starts_with("look at the disk"));
    assert!(refused_way_out(&[]).starts_with("look at the disk"));
}
