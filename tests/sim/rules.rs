//! The rules folder of the simulation, in variants that a person switches between: rules switched off and on, and a
//! mapping that changes. What they say is said once more, independently, in `model`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use waypost::rules::{Files, Ruleset, compile};

use crate::machine::lock;

const CONNECTOR: &str = r"
title: Tours of our own
source:
  records:
    - kind: booking
      at: /booking
      key: uuid
      account: company
      status: status
      chain: { from: rebooked_from, to: rebooked_to, status: rebooked }
      changes:
        - { is: stale, was: rebooked, status: [booked, cancelled] }
        - { is: rebooked, first: true, status: rebooked }
        - { is: rebooked, becomes: rebooked }
        - { is: cancelled, first: true, status: cancelled }
        - { is: cancelled, becomes: cancelled }
      children:
        - { list: people, key: pk, name: traveller }
      noise: [seen_at]
      view: { person: { name: name, email: email }, trip: { code: uuid, status: status } }
      schema:
        uuid: text
        company: text
        status: text
        email: text
        name: text
        phone: text
        total: number
        rev: number
        seen_at: number
        rebooked_from: text
        rebooked_to: text
        people: [ { pk: number, name: text } ]
";

const SOURCE: &str = "connector: tours\ntitle: Tours\ntoken: { env: WAYPOST_SIM_TOKEN }\n";

const CRM: &str = r#"
connector: http
title: The CRM
base_url: http://crm.test
retry: { schedule: [1s, 5s, 30s], give_up_after: 9000h }
actions:
  upsert_contact:
    method: PUT
    path: "/contacts/{{ input.key }}"
    object: contact
    key: [key]
    update: { method: PATCH, path: "/contacts/{{ link.id }}", query: { key: "{{ input.key }}" } }
    outputs: { id: /id }
  upsert_stay:
    method: PUT
    path: "/stays/{{ input.key }}"
    object: stay
    key: [key]
    outputs: { id: /id }
  upsert_deal:
    method: PUT
    path: "/deals/{{ input.key }}"
    object: deal
    key: [key]
    update: { method: PATCH, path: "/deals/{{ link.id }}", query: { key: "{{ input.key }}" } }
    outputs: { id: /id }
  add_note:
    method: POST
    path: /notes
    body: { text: "{{ input.text }}", ref: "{{ step.ref }}" }
    find: { method: GET, path: /notes, query: { ref: "{{ step.ref }}" }, id: /0/id }
    outputs: { id: /id }
"#;

const DESK: &str = r#"
connector: http
title: The front desk's program
base_url: http://desk.test
limits: { per_second: 5, concurrency: 2 }
retry: { schedule: [1s, 20s, 10m], give_up_after: 9000h }
actions:
  upsert_log: { method: PUT, path: "/logs/{{ input.key }}", object: log, key: [key], outputs: { id: /id } }
  upsert_person: { method: PUT, path: "/persons/{{ input.key }}", object: person, key: [key], outputs: { id: /id } }
  send_mail:
    method: POST
    path: /mails
    body: { text: "{{ input.text }}", ref: "{{ step.ref }}" }
  add_task:
    method: POST
    path: /tasks
    body: { text: "{{ input.text }}", ref: "{{ step.ref }}" }
    find: { method: GET, path: /tasks, query: { ref: "{{ step.ref }}" }, id: /0/id }
    outputs: { id: /id }
"#;

/// Two upserts, the second reads the first's output. Supersedes.
const GUESTS: &str = r#"
title: Guests
from: tours
when: present(booking.email)
steps:
  - id: contact
    use: crm.upsert_contact
    with: { key: "{{ booking.email }}", name: "{{ booking.name }}", phone: "PREFIX{{ booking.phone }}" }
  - id: stay
    use: crm.upsert_stay
    if: booking.total > 0
    with: { key: "{{ booking.uuid }}", total: "{{ booking.total }}", status: "{{ booking.status }}", contact: "{{ steps.contact.id }}" }
"#;

/// Reads `change`: each of its runs counts.
const LOGS: &str = r#"
title: Logs
from: tours
steps:
  - id: log
    use: desk.upsert_log
    with: { key: "{{ booking.uuid }}", last: "{{ change.kind }}", rev: "{{ booking.rev }}" }
"#;

/// A create that can be looked up.
const NOTES: &str = r#"
title: Notes
from: tours
on: [created, updated, cancelled]
steps:
  - id: note
    use: crm.add_note
    with: { text: "{{ booking.uuid }} {{ booking.rev }}" }
"#;

/// A create that can't.
const MAILS: &str = r#"
title: Mails
from: tours
on: [created, cancelled]
enabled: ENABLED
steps:
  - id: mail
    use: desk.send_mail
    with: { text: "{{ booking.uuid }} {{ booking.rev }}" }
"#;

/// Two connections, another field of the guests' contact, then a create.
const MIXED: &str = r#"
title: Mixed
from: tours
when: present(booking.email)
enabled: ENABLED
steps:
  - id: tag
    use: crm.upsert_contact
    with: { key: "{{ booking.email }}", tag: "{{ booking.status }}" }
  - id: task
    use: desk.add_task
    with: { text: "{{ booking.uuid }} {{ booking.rev }} {{ steps.tag.id }}" }
"#;

/// One run per traveller.
const PEOPLE: &str = r#"
title: People
from: tours
on: [created, updated, cancelled, traveller.removed]
each: booking.people
steps:
  - id: person
    use: desk.upsert_person
    with: { key: "{{ booking.uuid }}-{{ traveller.pk }}", name: "{{ traveller.name }}", kind: "{{ change.kind }}" }
"#;

/// A create of which only the latest is wanted.
const LATEST: &str = r#"
title: Latest
from: tours
latest_only: true
steps:
  - id: latest
    use: desk.add_task
    with: { text: "latest {{ booking.uuid }} {{ booking.rev }}" }
"#;

/// Several bookings in one lane.
const QUEUE: &str = r#"
title: Queue
from: tours
lane: booking.company
steps:
  - id: queued
    use: desk.upsert_log
    with: { key: "queue-{{ booking.company }}", rev: "{{ booking.rev }}", of: "{{ booking.uuid }}" }
"#;

/// Another contact of the same booking.
const OFFICE: &str = r#"
title: Office
from: tours
steps:
  - id: office
    use: crm.upsert_contact
    with: { key: "{{ booking.company }}@example.org", name: "Office", last: "{{ booking.uuid }}" }
"#;

/// One record for a chain of rebookings.
const KEPT: &str = r#"
title: Kept
from: tours
rebooking: move
steps:
  - id: deal
    use: crm.upsert_deal
    with: { key: "{{ booking.uuid }}", total: "{{ booking.total }}", status: "{{ booking.status }}" }
"#;

/// Rules whose records no two bookings of a chain share, and the one that moves them: for simulations with rebookings.
pub const OF_CHAINS: [&str; 6] = ["kept", "latest", "logs", "mails", "notes", "people"];

/// All rules: name, and text.
const RULES: [(&str, &str); 10] = [
    ("guests", GUESTS),
    ("kept", KEPT),
    ("latest", LATEST),
    ("logs", LOGS),
    ("mails", MAILS),
    ("mixed", MIXED),
    ("notes", NOTES),
    ("office", OFFICE),
    ("people", PEOPLE),
    ("queue", QUEUE),
];

/// Names of all rules but the one that is about rebookings.
pub fn names() -> Vec<&'static str> {
    RULES.iter().map(|(name, _)| *name).filter(|name| *name != "kept").collect()
}

/// Which rules there are, and how they stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// Rules of this simulation.
    pub rules: Vec<&'static str>,
    /// Those with `enabled: ENABLED` are on.
    pub enabled: bool,
    /// What `guests` writes before each phone.
    pub prefix: u32,
}

impl Variant {
    /// The text that stands before phones.
    pub fn prefix_text(&self) -> String {
        if self.prefix == 0 { String::new() } else { format!("v{} ", self.prefix) }
    }

    /// The folder's files.
    fn files(&self) -> Files {
        let mut files = Files::default();
        let fixed = [
            ("connectors/tours.yaml", CONNECTOR),
            ("sources/tours.yaml", SOURCE),
            ("connections/crm.yaml", CRM),
            ("connections/desk.yaml", DESK),
        ];
        for (path, text) in fixed {
            files.texts.insert(path.to_owned(), text.to_owned());
        }
        for (name, text) in RULES.iter().filter(|(name, _)| self.rules.contains(name)) {
            let text = text
                .replace("PREFIX", &self.prefix_text())
                .replace("ENABLED", if self.enabled { "true" } else { "false" });
            files.texts.insert(format!("{name}.yaml"), text);
        }
        files
    }

    /// The folder, compiled; once for all simulations.
    pub fn folder(&self) -> Folder {
        Folder::of(self.files())
    }
}

/// A rules folder.
#[derive(Clone)]
pub struct Folder {
    /// Its files.
    pub files: Files,
    /// What they mean.
    pub ruleset: Arc<Ruleset>,
}

impl Folder {
    /// Compiled; once for all simulations.
    pub fn of(files: Files) -> Self {
        static COMPILED: OnceLock<Mutex<HashMap<String, Arc<Ruleset>>>> = OnceLock::new();
        let hash = files.hash();
        let compiled = COMPILED.get_or_init(Mutex::default);
        if let Some(ruleset) = lock(compiled).get(&hash) {
            return Self { files, ruleset: ruleset.clone() };
        }
        let made = compile(&files, None);
        let ruleset = made.ruleset.unwrap_or_else(|| panic!("the rules are wrong: {:#?}", made.diagnostics));
        lock(compiled).insert(hash, ruleset.clone());
        Self { files, ruleset }
    }
}
