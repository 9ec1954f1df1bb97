//! A guest is erased from a booking and all that came of it, whole or not at all, and what the promises rest on stays.

use crate::place::{Place, on_both};
use crate::samples::{
    CRM, begin, booking_id, booking_write, change, created, end, event, key, link, run, write,
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row as _};
use std::sync::Arc;
use waypost::domain::{
    BookingId, ChangeKind, ChangeRef, EventId, LinkKey, RecordKey, RunId, RunState, StepProgress, StepState,
    Verdict, VerdictCode, fetch_id, search_words,
};
use waypost::ports::{
    AppliedEvent, AttemptBegin, AttemptEnd, BookingQuery, DeliveryWrite, Erased, Erasure, FetchEnd,
    FetchPolicy, FindingQuery, LinkBooking, LinkWrite, NewChange, NewEvent, NewFetch, NewWalk, Store,
    WalkFinding, WalkOutcome, WalkPurpose, WalkWrite,
};

const WHY: &str = "The guest's data were erased on 14 March 2027, as they had asked.";
/// What must be nowhere afterwards, however it is written.
const TRACES: [&str; 8] = [
    "guest1@example.org",
    "guest1%40example.org",
    "Siobh",
    "siobhan",
    "Bhriain",
    "bhriain",
    "123 456789",
    "vegan",
];

fn document(version: i64) -> Value {
    json!({
        "uuid": "00000000-0000-4000-8000-000000000001", "pk": 70_000_001, "status": "booked",
        "contact": { "name": "Siobhán Ní Bhriain", "email": "guest1@example.org", "phone": "+49 123 456789" },
        "note": format!("vegan, as she said {version} times"), "item": "Whale watch",
    })
}

fn record() -> RecordKey {
    RecordKey { key: json!(["guest1@example.org"]).to_string(), ..crate::samples::record("x") }
}

fn by_address() -> LinkKey {
    LinkKey { record: record(), ..link("x") }
}

fn put(booking: &str) -> LinkWrite {
    LinkWrite::Put {
        key: by_address(),
        remote_id: Some("1551".into()),
        position: 1,
        hash: Some("sent".into()),
        outputs: Some([("id".into(), json!("1551")), ("email".into(), json!("guest1@example.org"))].into()),
        booking: Some(LinkBooking {
            booking: booking_id(booking),
            item: String::new(),
            hash: Some("sent".into()),
            position: 1,
        }),
        at: 5_000,
    }
}

/// A booking with two versions and a run, which has this state; its names are everywhere.
async fn guest(store: &Arc<dyn Store>, name: &str, state: RunState) -> RunId {
    let raw = |version: i64| document(version).to_string().into_bytes();
    let events: Vec<NewEvent> =
        (1..=2).map(|version| event(&format!("{name}{version}"), &raw(version))).collect();
    let positions = store.append_events(&events).await.unwrap();
    let planned = waypost::ports::NewRun {
        item: "guest1@example.org".into(),
        lane: format!("guests|{name}|guest1@example.org"),
        ..run(name, name, positions[0])
    };
    let mut first = created(name, positions[0], vec![planned]);
    first.changes[0].body = Some(document(1).to_string());
    first.changes[0].note = Some("Siobhán booked".into());
    first.bookings[0].view.trip =
        json!({ "code": "#70000001", "title": "Whale watch", "starts_at": "2027-03-14T09:30:00-1000" });
    let mut second = AppliedEvent {
        position: positions[1],
        changes: vec![change(
            name,
            ChangeKind::Updated,
            2,
            Some(ChangeRef { position: positions[0], ordinal: 0 }),
        )],
        bookings: vec![booking_write(name, positions[1], 2)],
        runs: Vec::new(),
        ..AppliedEvent::default()
    };
    second.changes[0].body = Some(document(2).to_string());
    second.changes[0].paths = vec!["note".into()];
    second.bookings[0].view.trip.clone_from(&first.bookings[0].view.trip);
    let terms = ["70000001", "bhriain", "guest1@example.org", "siobhan"].map(str::to_owned);
    first.bookings[0].terms = terms.to_vec();
    second.bookings[0].terms = terms.to_vec();
    store.apply_events(&[first]).await.unwrap();
    let due = store.due_runs(&crate::place::due(CRM)).await.unwrap();
    let due = due.into_iter().find(|due| due.run.booking == booking_id(name)).unwrap();
    let mut begun = write(&due.run, RunState::Working, 4_000);
    let request =
        json!({ "method": "PUT", "url": "https://crm.example/guest1%40example.org", "body": document(1) });
    begun.begin = Some(AttemptBegin { request: request.to_string(), ..begin(name, &due.run.id) });
    store.write_delivery(&[begun]).await.unwrap();
    let run = store.run_with_context(&due.run.id).await.unwrap().unwrap().run;
    let mut ended: DeliveryWrite = write(&run, state, 4_200);
    ended.run.verdict =
        state.is_end().then(|| Verdict::new(VerdictCode::Refused, "no phone: Siobhán Ní Bhriain"));
    ended.run.steps = vec![StepProgress {
        id: "contact".into(),
        uses: "crm.upsert".into(),
        state: StepState::Done,
        attempts: 1,
        calls_done: 1,
        outputs: [("id".into(), json!("1551")), ("email".into(), json!("guest1@example.org"))].into(),
        known_id: Some("guest1@example.org".into()),
        started_over: false,
        verdict: Some(Verdict::new(VerdictCode::Refused, "Bhriain")),
    }];
    ended.end = Some(AttemptEnd {
        answer: Some(json!({ "body": "guest1@example.org" }).to_string()),
        message: Some("guest1@example.org is wrong".into()),
        ..end(name, "refused")
    });
    ended.links = vec![put(name)];
    store.write_delivery(&[ended]).await.unwrap();
    store.apply_events(&[second]).await.unwrap();
    due.run.id
}

fn erasure(name: &str) -> Erasure {
    Erasure { booking: booking_id(name), now: 9_000, why: WHY.to_owned() }
}

/// All that the database holds, as text: a copy of it, or each of its tables.
async fn everything(place: &Place, store: &Arc<dyn Store>) -> String {
    let Some(database) = &place.postgres else {
        let copy = place.folder.path().join("copy.db");
        store.backup(&copy).await.unwrap();
        let bytes = std::fs::read(&copy).unwrap();
        std::fs::remove_file(copy).unwrap();
        let mut all = String::from_utf8_lossy(&bytes).into_owned();
        // And the files themselves, with what they have in unused space.
        for file in std::fs::read_dir(place.folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
            all.push_str(&String::from_utf8_lossy(&bytes));
        }
        return all;
    };
    let mut connection = database.connect().await;
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()";
    let tables = sqlx::query(tables).fetch_all(&mut connection).await.unwrap();
    let mut all = String::new();
    for table in tables {
        let name: String = table.get(0);
        let text = format!("SELECT t::text FROM {name} AS t");
        for row in sqlx::query(AssertSqlSafe(text)).fetch_all(&mut connection).await.unwrap() {
            all.push_str(&row.get::<String, _>(0));
        }
    }
    let bodies = "SELECT encode(body, 'escape') FROM events";
    for row in sqlx::query(bodies).fetch_all(&mut connection).await.unwrap() {
        all.push_str(&row.get::<String, _>(0));
    }
    all
}

on_both! {
    async fn an_erased_guest_is_nowhere_and_what_the_promises_rest_on_stays(place: &Place) {
        let store = place.open().await;
        let run = guest(&store, "a", RunState::Failed).await;
        let before = everything(place, &store).await;
        for trace in TRACES {
            assert!(before.contains(trace), "{trace}: it was there before");
        }
        let done = store.keeping().erase_booking(&erasure("a")).await.unwrap();
        assert_eq!(done, Erased::Done { webhooks: 2, runs: 1 });
        assert!(store.keeping().forget_logs().await.unwrap());
        let after = everything(place, &store).await;
        for trace in TRACES {
            assert!(!after.contains(trace), "{trace} is still there");
        }

        let (view, document) = store.booking(&booking_id("a")).await.unwrap().unwrap();
        assert_eq!((view.key, view.status.as_str()), (key("a"), "booked"));
        assert_eq!(view.view.person, json!({}));
        assert_eq!(view.view.trip["title"], "Whale watch");
        let left = json!({
            "uuid": "00000000-0000-4000-8000-000000000001", "pk": 70_000_001, "status": "booked", "item": "Whale watch",
        });
        // `status` is the booking's own word, which the trip here does not repeat.
        let mut told: Value = serde_json::from_str(&document).unwrap();
        if told.get("status").is_none() {
            told["status"] = json!("booked");
        }
        assert_eq!(told, left);
        let pairs = [(booking_id("a"), "hash-1".to_owned()), (booking_id("a"), "hash-2".to_owned())];
        assert_eq!(store.known_hashes(&pairs).await.unwrap().len(), 2, "a copy is still known as one");
        assert_eq!(store.bookings_by_key(&[key("a")]).await.unwrap()[0].hash, "hash-2");
        let links = store.links_of_booking(&booking_id("a")).await.unwrap();
        assert_eq!((links.len(), links[0].remote_id.as_deref(), links[0].hash.as_deref()), (1, Some("1551"), Some("sent")));
        assert_eq!(links[0].outputs, [("id".to_owned(), json!("1551"))].into());
        let row = store.run_with_context(&run).await.unwrap().unwrap().run;
        assert_eq!((row.state, row.steps[0].attempts), (RunState::Cancelled, 1), "nobody is needed any more");
        assert_eq!(row.verdict.unwrap().text, WHY);
        assert!(store.retry_runs(&[run], true, 10_000).await.unwrap().is_empty(), "nothing is left to send");
        let query = |text: &str| BookingQuery { words: search_words(text), limit: 9, ..BookingQuery::default() };
        assert_eq!(store.find_bookings(&query("70000001")).await.unwrap().bookings.len(), 1);
        assert_eq!(store.find_bookings(&query("bhriain")).await.unwrap().bookings.len(), 0);
        let erased = store.keeping().erased_booking(&booking_id("a")).await.unwrap().unwrap();
        assert_eq!((erased.at, erased.position, erased.why.as_str()), (9_000, 2, WHY));
        // Once more changes nothing, and is no mistake.
        assert!(matches!(store.keeping().erase_booking(&erasure("a")).await.unwrap(), Erased::Done { .. }));
    }

    async fn a_guest_with_something_on_the_way_is_left_as_a_whole(place: &Place) {
        let store = place.open().await;
        guest(&store, "a", RunState::Waiting).await;
        let before = everything(place, &store).await;
        assert_eq!(store.keeping().erase_booking(&erasure("a")).await.unwrap(), Erased::UnderWay(1));
        assert_eq!(store.keeping().erase_booking(&erasure("none")).await.unwrap(), Erased::Unknown);
        let after = everything(place, &store).await;
        assert_eq!(before.matches("Bhriain").count(), after.matches("Bhriain").count());
        assert_eq!(store.keeping().erased_booking(&booking_id("a")).await.unwrap(), None);
    }

    async fn a_guest_whose_booking_is_about_to_be_fetched_is_left_as_a_whole(place: &Place) {
        let store = place.open().await;
        guest(&store, "a", RunState::Done).await;
        let id = fetch_id(&key("a"), 0);
        let asked = NewFetch {
            id: id.clone(),
            key: key("a"),
            way: 0,
            source: "tours".into(),
            policy: FetchPolicy::Hold,
            due_at: 8_000,
            at: 8_000,
        };
        store.fetches().ask_fetch(&asked, "ann").await.unwrap();
        assert_eq!(store.keeping().erase_booking(&erasure("a")).await.unwrap(), Erased::BeingFetched);
        let row = store.fetches().claim_fetches(&[], 9_000, 1).await.unwrap().remove(0);
        assert_eq!(store.keeping().erase_booking(&erasure("a")).await.unwrap(), Erased::BeingFetched);
        assert!(everything(place, &store).await.contains("Bhriain"));
        let told = "it answered 404: no booking of Siobhán Ní Bhriain".to_owned();
        let end = FetchEnd::Refused { told };
        store.fetches().end_fetch(&row, &end, 9_000).await.unwrap();
        assert!(matches!(store.keeping().erase_booking(&erasure("a")).await.unwrap(), Erased::Done { .. }));
        assert!(store.keeping().forget_logs().await.unwrap());
        let after = everything(place, &store).await;
        assert!(!after.contains("Bhriain"), "{after}");
    }

    async fn what_a_walk_told_of_a_guest_goes_with_the_guest(place: &Place) {
        let store = place.open().await;
        guest(&store, "a", RunState::Done).await;
        let new = NewWalk {
            source: "tours".into(),
            purpose: WalkPurpose::Reconcile,
            from_day: "2027-01-01".into(),
            to_day: "2027-01-31".into(),
            report: None,
            end_gone: false,
            who: "ann".into(),
            at: 5_000,
        };
        let (walk, _) = store.walks().begin_walk(&new).await.unwrap();
        let finding = WalkFinding {
            account: key("a").account.clone(),
            key: "a".into(),
            outcome: WalkOutcome::Differs,
            booking: Some(booking_id("a")),
            paths: vec!["custom_fields.Siobhán Ní Bhriain".into()],
            note: Some("guest1@example.org can't be read".into()),
            at: 5_000,
        };
        let write = WalkWrite { walk: walk.clone(), findings: vec![finding], ..WalkWrite::default() };
        assert!(store.walks().write_walk(&write).await.unwrap());
        assert!(everything(place, &store).await.contains("can't be read"));
        store.keeping().erase_booking(&erasure("a")).await.unwrap();
        assert!(store.keeping().forget_logs().await.unwrap());
        let after = everything(place, &store).await;
        assert!(!after.contains("Bhriain") && !after.contains("guest1@example.org"), "{after}");
        let query = FindingQuery { walk: walk.seq, outcomes: WalkOutcome::ALL.to_vec(), after: None, limit: 9 };
        let left = store.walks().findings(&query).await.unwrap();
        assert_eq!((left.len(), left[0].outcome), (1, WalkOutcome::Differs), "that it differed stays");
    }

    async fn a_record_that_others_point_to_is_left_to_them(place: &Place) {
        let store = place.open().await;
        guest(&store, "a", RunState::Done).await;
        guest(&store, "b", RunState::Done).await;
        store.keeping().erase_booking(&erasure("a")).await.unwrap();
        assert!(store.links_of_booking(&booking_id("a")).await.unwrap().is_empty());
        let links = store.links_of_records(&[record()]).await.unwrap();
        let pointers: Vec<&BookingId> = links[0].bookings.iter().map(|pointer| &pointer.booking).collect();
        assert_eq!(pointers, [&booking_id("b")]);
        assert_eq!(links[0].outputs.len(), 2, "it is about the other booking's guest");
        store.keeping().erase_booking(&erasure("b")).await.unwrap();
        assert!(store.keeping().forget_logs().await.unwrap());
        let after = everything(place, &store).await;
        assert!(!after.contains("guest1@example.org"));
    }

    async fn a_webhook_about_two_keeps_what_is_the_others(place: &Place) {
        let store = place.open().await;
        let other = json!({ "uuid": "key-b", "contact": { "name": "Mary Lee", "email": "guest2@example.org" } });
        let mine = json!({ "uuid": "key-a", "contact": { "name": "Siobhán Ní Bhriain", "email": "guest1@example.org" } });
        let body = json!({ "bookings": [mine, other], "for": "Siobhan" }).to_string();
        let position = store.append_events(&[event("both", body.as_bytes())]).await.unwrap()[0];
        let mut both = created("a", position, Vec::new());
        let of_b = created("b", position, Vec::new());
        both.changes.extend(of_b.changes.into_iter().map(|change| NewChange { ordinal: 1, ..change }));
        both.bookings.extend(of_b.bookings);
        both.bookings[1].change.ordinal = 1;
        for (booking, document) in both.bookings.iter_mut().zip([&mine, &other]) {
            booking.key.key = document["uuid"].as_str().unwrap().to_owned();
            booking.view.person = document["contact"].clone();
            booking.terms.clear();
        }
        both.changes[0].body = Some(mine.to_string());
        both.changes[1].body = Some(other.to_string());
        store.apply_events(&[both]).await.unwrap();
        let raw = async || {
            let event = store.event(&EventId::new("evt_both")).await.unwrap().unwrap().1;
            String::from_utf8(event.body).unwrap()
        };
        store.keeping().erase_booking(&erasure("a")).await.unwrap();
        assert!(store.keeping().forget_logs().await.unwrap());
        let told: Value = serde_json::from_str(&raw().await).unwrap();
        assert_eq!(told, json!({ "bookings": [{ "uuid": "key-a" }, other] }));
        let removed = store.keeping().removed_body(position).await.unwrap().unwrap();
        assert!(removed.partly, "{removed:?}");
        let after = everything(place, &store).await;
        for trace in ["guest1@example.org", "Siobh", "siobhan", "Bhriain"] {
            assert!(!after.contains(trace), "{trace} is still there");
        }
        assert!(after.contains("guest2@example.org"));
        store.keeping().erase_booking(&erasure("b")).await.unwrap();
        assert_eq!(raw().await, "", "nobody's is left");
        let gone = store.keeping().removed_body(position).await.unwrap().unwrap();
        assert_eq!((gone.partly, gone.hash), (false, removed.hash), "the hash is of what came");
        assert!(store.keeping().forget_logs().await.unwrap());
        assert!(!everything(place, &store).await.contains("guest2@example.org"));
    }

    async fn what_was_read_again_goes_with_what_came_first(place: &Place) {
        let store = place.open().await;
        let body = json!({ "uuid": "key-a", "contact": { "name": "Siobhán Ní Bhriain", "email": "guest1@example.org" } });
        let bytes = body.to_string().into_bytes();
        let copy_of = |name: &str, first: &str| NewEvent {
            origin: waypost::domain::ORIGIN_AGAIN,
            headers: json!({ waypost::domain::READ_AGAIN_OF: first }).to_string(),
            ..event(name, &bytes)
        };
        // Read again twice; and one that nothing became of to this day, and that nobody read again.
        let events = [event("first", &bytes), copy_of("second", "evt_first"), copy_of("third", "evt_second"), event("other", b"{}")];
        let positions = store.append_events(&events).await.unwrap();
        let nothing = |position: i64| AppliedEvent {
            position,
            changes: vec![NewChange {
                booking: None,
                hash: None,
                body: None,
                note: Some("it tells of Siobhán".into()),
                ..change("a", ChangeKind::Unreadable, 1, None)
            }],
            ..AppliedEvent::default()
        };
        let mut applied = created("a", positions[2], Vec::new());
        applied.bookings[0].view.person = body["contact"].clone();
        applied.bookings[0].terms.clear();
        applied.changes[0].body = Some(body.to_string());
        store.apply_events(&[nothing(positions[0]), nothing(positions[1]), applied]).await.unwrap();
        assert!(everything(place, &store).await.contains("Siobh"));
        let done = store.keeping().erase_booking(&erasure("a")).await.unwrap();
        assert_eq!(done, Erased::Done { webhooks: 3, runs: 0 });
        assert!(store.keeping().forget_logs().await.unwrap());
        let after = everything(place, &store).await;
        for trace in ["guest1@example.org", "Siobh", "siobhan", "Bhriain"] {
            assert!(!after.contains(trace), "{trace} is still there");
        }
        for (position, gone) in positions.iter().zip([true, true, true, false]) {
            let removed = store.keeping().removed_body(*position).await.unwrap();
            assert_eq!(removed.is_some(), gone, "{position}");
        }
    }

    async fn a_body_whose_process_ended_before_it_went_goes_afterwards(place: &Place) {
        let store = place.open().await;
        guest(&store, "a", RunState::Done).await;
        place.execute("INSERT INTO removed_bodies (position, at, hash, why, rest) VALUES (1, 5, 'h', 'w', '[7]')").await;
        place.execute("INSERT INTO removed_bodies (position, at, hash, why) VALUES (2, 5, 'h', 'w')").await;
        store.keeping().finish_removals().await.unwrap();
        for (event, left) in [("evt_a1", "[7]"), ("evt_a2", "")] {
            let body = store.event(&EventId::new(event)).await.unwrap().unwrap().1.body;
            assert_eq!(String::from_utf8(body).unwrap(), left);
        }
    }

    async fn a_booking_that_was_put_off_lets_the_others_go_first(place: &Place) {
        let store = place.open().await;
        for name in ["a", "b"] {
            guest(&store, name, RunState::Done).await;
        }
        let keeping = store.keeping();
        let past = async |now: i64| keeping.past_bookings("2027-03-15", now, 1).await.unwrap();
        assert_eq!(past(10_000).await, [booking_id("a")]);
        keeping.put_off(&booking_id("a"), 10_000).await.unwrap();
        assert_eq!(past(10_001).await, [booking_id("b")]);
        assert_eq!(keeping.bookings_put_off(9).await.unwrap(), [booking_id("a")]);
        assert_eq!(past(10_000 + 6 * 3_600_000).await, [booking_id("a")], "it is looked at again");
        keeping.erase_booking(&erasure("a")).await.unwrap();
        assert!(keeping.bookings_put_off(9).await.unwrap().is_empty());
    }

    async fn what_comes_in_after_an_erasure_comes_in_as_ever(place: &Place) {
        let store = place.open().await;
        guest(&store, "a", RunState::Done).await;
        store.keeping().erase_booking(&erasure("a")).await.unwrap();
        let position = store.append_events(&[event("a3", b"again")]).await.unwrap()[0];
        let mut third = AppliedEvent {
            position,
            changes: vec![change("a", ChangeKind::Updated, 3, Some(ChangeRef { position: 2, ordinal: 0 }))],
            bookings: vec![booking_write("a", position, 3)],
            runs: Vec::new(),
            ..AppliedEvent::default()
        };
        third.changes[0].body = Some(document(3).to_string());
        store.apply_events(&[third]).await.unwrap();
        let (view, _) = store.booking(&booking_id("a")).await.unwrap().unwrap();
        assert_eq!(view.view.person["email"], "guest1@example.org");
        let erased = store.keeping().erased_booking(&booking_id("a")).await.unwrap().unwrap();
        assert!(erased.position < view.position);
        let found = BookingQuery { words: search_words("bhriain"), limit: 9, ..BookingQuery::default() };
        assert_eq!(store.find_bookings(&found).await.unwrap().bookings.len(), 1);
        store.keeping().erase_booking(&erasure("a")).await.unwrap();
        assert!(store.keeping().forget_logs().await.unwrap());
        assert!(!everything(place, &store).await.contains("guest1@example.org"));
    }

    async fn bookings_whose_tour_is_past_are_found_until_they_are_erased(place: &Place) {
        let store = place.open().await;
        guest(&store, "a", RunState::Done).await;
        guest(&store, "b", RunState::Failed).await;
        let keeping = store.keeping();
        assert!(keeping.past_bookings("2027-03-14", 0, 9).await.unwrap().is_empty(), "that is its day");
        assert_eq!(keeping.past_bookings("2027-03-15", 0, 9).await.unwrap(), [booking_id("a")], "b needs somebody");
        keeping.erase_booking(&erasure("a")).await.unwrap();
        assert!(keeping.past_bookings("2027-03-15", 0, 9).await.unwrap().is_empty());
    }
}
