//! Posting as a booking system does, and looking whether everything that was acked has arrived, once.

use crate::process::{Crm, Home};
use crate::support::{Booking, client};
use std::collections::BTreeMap;
use std::time::Duration;

/// One upsert and one create per booking.
pub const GUESTS: &str = r#"
title: Guests
from: tours
on: [created, updated, cancelled]
steps:
  - id: contact
    use: crm.upsert_contact
    with: { id: "{{ booking.contact.email }}", booking: "{{ booking.uuid }}" }
  - id: note
    use: crm.add_note
    with: { text: "{{ booking.uuid }}" }
"#;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status; 0 where the connection broke.
    pub status: u16,
    /// Whether it says when to come back.
    pub retry_after: bool,
}

/// Posts and remembers what was acked.
pub struct Poster {
    client: reqwest::Client,
    url: String,
    /// Uuids of the bookings whose webhook was acked.
    pub acked: Vec<String>,
    /// Uuids of all others: they may have been taken or not.
    pub unacked: Vec<String>,
}

impl Poster {
    /// To this home's source.
    pub fn new(home: &Home) -> Self {
        Self { client: client(), url: home.hook(), acked: Vec::new(), unacked: Vec::new() }
    }

    /// Posts one booking, once.
    pub async fn post(&mut self, booking: &Booking) -> Answer {
        let request = self.client.post(&self.url).body(booking.body.to_string());
        let answer = match request.timeout(Duration::from_secs(60)).send().await {
            Ok(answer) => Answer {
                status: answer.status().as_u16(),
                retry_after: answer.headers().contains_key("retry-after"),
            },
            Err(_) => Answer { status: 0, retry_after: false },
        };
        let list = if answer.status == 200 { &mut self.acked } else { &mut self.unacked };
        list.push(booking.uuid().to_owned());
        answer
    }

    /// Posts bookings that must be acked.
    pub async fn post_all(&mut self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            let answer = self.post(&Booking::new(number)).await;
            assert_eq!(answer.status, 200, "booking {number}");
        }
    }

    /// Posts one again and again until it is acked, as booking systems do.
    pub async fn post_until_acked(&mut self, home: &Home, booking: &Booking) {
        home.until("a webhook is acked again", async || self.post(booking).await.status == 200).await;
    }

    /// Once all is quiet: each acked booking has its contact and exactly one note, and nothing has two.
    pub async fn all_arrived_once(&self, home: &Home, crm: &Crm) {
        home.quiet().await;
        let mut notes: BTreeMap<String, usize> = BTreeMap::new();
        for note in crm.records("notes").await {
            *notes.entry(note["fields"]["text"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let contacts: Vec<String> = crm
            .records("contacts")
            .await
            .iter()
            .filter_map(|contact| Some(contact["fields"]["booking"].as_str()?.to_owned()))
            .collect();
        let lost: Vec<_> =
            self.acked.iter().filter(|uuid| !notes.contains_key(*uuid) || !contacts.contains(uuid)).collect();
        assert!(lost.is_empty(), "acked, and not in the CRM: {lost:?}\n{}", home.log_end());
        let odd: Vec<_> = notes
            .iter()
            .filter(|(uuid, times)| {
                **times != 1 || !(self.acked.contains(uuid) || self.unacked.contains(uuid))
            })
            .collect();
        assert!(odd.is_empty(), "notes that came twice, or from nowhere: {odd:?}");
        let app = home.beside().await;
        let counts = app.store.counts().await.expect("the counts");
        app.store.close().await;
        let bad: Vec<_> =
            counts.runs.iter().filter(|(state, ..)| state == "failed" || state == "held").collect();
        assert!(bad.is_empty(), "{bad:?}");
    }
}
