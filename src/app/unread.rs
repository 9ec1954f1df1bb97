//! What came and became nothing, since it could not be read or nothing of it is kept: whether somebody should look at it.
//! Pages, the API and the doctor ask here.

use super::App;
use super::doctor::{Finding, Health};
use crate::connectors::is_unmeant;
use crate::domain::{ChangeKind, Millis};
use crate::ports::{StoreError, UnreadBodies};
use std::collections::BTreeMap;

const DAY: Millis = 24 * 3_600_000;

/// What of a source's last 24 hours became nothing and was not meant to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// Webhooks that could not be read.
    pub unreadable: i64,
    /// Webhooks that were read, and that the source's file passes over: no word of it says that they are to be.
    pub passed_over: i64,
    /// All that were passed over, also those that are to be.
    ignored: i64,
    /// What was said of the last of them.
    pub note: String,
    /// When that came.
    last_at: Millis,
}

impl Unread {
    /// Whether all of these webhooks became nothing.
    pub fn all(&self, lately: i64) -> bool {
        // They are counted a little later than they are read: without a count nothing is said of all.
        lately > 0 && self.passed_over + self.unreadable > 0 && self.ignored + self.unreadable >= lately
    }

    /// A sentence, where somebody should know.
    pub fn told(&self, title: &str, lately: i64) -> Option<String> {
        let count = if self.all(lately) { self.unreadable + self.passed_over } else { self.unreadable };
        let webhooks = match count {
            0 => return None,
            1 => "One webhook".to_owned(),
            many => format!("{many} webhooks"),
        };
        let became = if self.all(lately) {
            "came in the last 24 hours, and none became a booking"
        } else {
            "could not be read in the last 24 hours"
        };
        let note = self.note.trim_end_matches('.');
        Some(format!(
            "{webhooks} of {title} {became}. Of the last one: {note}. What came is kept, and can be read again when its file is \
             mended."
        ))
    }

    fn add(&mut self, bodies: &UnreadBodies) {
        let counts = match bodies.kind {
            ChangeKind::Unreadable => {
                self.unreadable += bodies.bodies;
                true
            }
            _ => {
                self.ignored += bodies.bodies;
                is_unmeant(&bodies.note)
            }
        };
        if counts && bodies.kind != ChangeKind::Unreadable {
            self.passed_over += bodies.bodies;
        }
        if counts && bodies.last_at >= self.last_at {
            self.last_at = bodies.last_at;
            self.note.clone_from(&bodies.note);
        }
    }
}

impl App {
    /// What became nothing in the last 24 hours, by source.
    pub async fn unread(&self) -> Result<BTreeMap<String, Unread>, StoreError> {
        let mut unread: BTreeMap<String, Unread> = BTreeMap::new();
        for bodies in self.store.pulse().unread_bodies(self.clock.now() - DAY).await? {
            unread.entry(bodies.source.clone()).or_default().add(&bodies);
        }
        Ok(unread)
    }

    /// The check-up of it, for these sources.
    pub(super) async fn look_at_bodies(
        &self,
        names: &[String],
        findings: &mut Vec<Finding>,
    ) -> Result<(), StoreError> {
        let unread = self.unread().await?;
        for pulse in self.pulses(names).await? {
            let Some(of) = unread.get(&pulse.name) else { continue };
            let Some(told) = of.told("this source", pulse.lately) else { continue };
            let health = if of.all(pulse.lately) { Health::Amiss } else { Health::Notice };
            let name = &pulse.name;
            let way_out = format!(
                "waypost events --source {name} --state {} shows them; then mend the file, and waypost replay EVENT",
                if of.unreadable > 0 { "unreadable" } else { "ignored" }
            );
            let finding = Finding::new(format!("source {name}"), health, told);
            let finding = Finding { way_out: Some(way_out), ..finding };
            findings.push(finding.on_page("They are among the webhooks that became no booking."));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{ChangeKind, Unread, UnreadBodies};

    fn bodies(kind: ChangeKind, bodies: i64, note: &str) -> UnreadBodies {
        UnreadBodies { source: "shop".into(), kind, note: note.into(), bodies, last_at: bodies }
    }

    #[test]
    fn somebody_is_told_of_what_became_nothing_unless_it_was_meant_to() {
        let odd = || bodies(ChangeKind::Unreadable, 2, "The body is empty.");
        let other =
            || bodies(ChangeKind::Ignored, 3, "x/y: events of this type are not among those that are read.");
        let meant = || bodies(ChangeKind::Ignored, 9, "system/check: apaleo checked this address");
        let told = |all: &[UnreadBodies], lately| {
            let mut unread = Unread::default();
            for one in all {
                unread.add(one);
            }
            unread.told("Shop", lately)
        };
        let kept = "What came is kept, and can be read again when its file is mended.";
        assert_eq!(
            told(&[odd()], 5).as_deref(),
            Some(format!("2 webhooks of Shop could not be read in the last 24 hours. Of the last one: The body is empty. {kept}").as_str())
        );
        assert_eq!(
            told(&[odd(), other()], 5).as_deref(),
            Some(
                format!(
                    "5 webhooks of Shop came in the last 24 hours, and none became a booking. Of the last one: x/y: events of this \
                     type are not among those that are read. {kept}"
                )
                .as_str()
            )
        );
        assert_eq!(told(&[other()], 4), None, "another one was of use");
        assert_eq!(told(&[meant()], 9), None, "nothing is wrong with a check of the address");
        assert!(told(&[meant(), other()], 12).is_some(), "the rest came to nothing");
    }
}
