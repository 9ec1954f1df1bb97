//! Which records in which CRM hold a booking: their ids, a link where the manifest knows the address, and whether they are up
//! to date. Used by a booking's page and the API.

use super::scene::Scene;
use super::words::{Mark, Tone};
use crate::app::App;
use crate::domain::{RecordKey, RunState};
use crate::ports::{LinkRow, RunRow};
use crate::rules::Ruleset;

/// Records shown; a booking with guests of its own may have many.
const RECORDS_MAX: usize = 24;
/// Characters of an id.
const ID_CHARS_MAX: usize = 60;

/// A record, told.
#[derive(Clone, Debug)]
pub struct RecordTold {
    /// What the connection is called.
    pub connection: String,
    /// `contact`.
    pub object: String,
    /// Its id there, where known.
    pub id: Option<String>,
    /// Where a person sees it.
    pub url: Option<String>,
    /// Whether it is up to date.
    pub mark: Mark,
}

/// The records of these links, each once.
pub fn records(app: &App, scene: &Scene, links: &[LinkRow], runs: &[RunRow]) -> Vec<RecordTold> {
    let active = app.active();
    let mut known: Vec<&RecordKey> = Vec::new();
    let mut told = Vec::new();
    for link in links {
        let record = &link.key.record;
        if known.contains(&record) || told.len() >= RECORDS_MAX {
            continue;
        }
        known.push(record);
        let of_record = || links.iter().filter(|link| link.key.record == *record);
        let id = of_record().find_map(|link| link.remote_id.clone());
        let url = id.as_ref().and_then(|id| record_url(active.as_deref(), record, id));
        let sent = of_record().any(|link| link.hash.is_some());
        told.push(RecordTold {
            connection: scene.connection(&record.connection),
            object: record.object.replace('_', " "),
            id: id.map(|id| super::diff::capped(&id, ID_CHARS_MAX)),
            url,
            mark: mark(&record.connection, sent, runs),
        });
    }
    told
}

/// Where a person sees a record, where the manifest knows the address. A connection that now reaches another account has
/// other records: the old ids lead nowhere.
pub(super) fn record_url(active: Option<&Ruleset>, record: &RecordKey, id: &str) -> Option<String> {
    let connection = active?.connections.get(&record.connection)?;
    if connection.account != record.account {
        return None;
    }
    let mut of_object = connection.actions.values().filter(|action| action.object == record.object);
    of_object.find_map(|action| action.record_url.as_ref()?.of(id, &connection.spec.settings))
}

fn mark(connection: &str, sent: bool, runs: &[RunRow]) -> Mark {
    let any = |states: &[RunState]| {
        runs.iter().any(|run| run.connection == connection && states.contains(&run.state))
    };
    if any(&[RunState::Failed, RunState::Held]) {
        Mark::new(Tone::Bad, "a change needs you")
    } else if any(&[RunState::Waiting, RunState::Working, RunState::Paused]) {
        Mark::new(Tone::Waiting, "a change waits")
    } else if sent {
        Mark::new(Tone::Good, "up to date")
    } else {
        Mark::new(Tone::Quiet, "not known")
    }
}

#[cfg(test)]
impl RecordTold {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, runs};
        let one = |id: Option<&str>, url: Option<&str>, mark| Self {
            connection: HOSTILE.to_owned(),
            object: HOSTILE.to_owned(),
            id: id.map(str::to_owned),
            url: url.map(str::to_owned),
            mark,
        };
        vec![
            one(Some("1551"), Some("https://crm.example/1551"), mark("crm", true, &runs())),
            one(Some(HOSTILE), None, mark("other", true, &[])),
            one(None, None, mark("other", false, &[])),
        ]
    }
}
