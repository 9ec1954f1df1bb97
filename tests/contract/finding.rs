//! Bookings are found by words and filters, page by page; what is counted by the hour is what is there.

use crate::place::{due, on_both};
use crate::samples::{SOURCE, booking_id, booking_write, change, created, event, run, write};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use waypost::domain::{BookingId, ChangeKind, ChangeRef, ORIGIN_PROBE, RunState, Standing, search_words};
use waypost::ports::{
    AppliedEvent, BookingPage, BookingQuery, BookingWrite, CardFill, ListFilter, NewEvent, NewRun, Store,
};

const HOUR: i64 = 3_600_000;

/// Bookings with these names and terms, the first changed first, an hour apart.
async fn with_terms(store: &Arc<dyn Store>, bookings: &[(&str, &str)]) {
    for (index, (name, terms)) in bookings.iter().enumerate() {
        let position = store.append_events(&[event(name, b"{}")]).await.unwrap()[0];
        let mut one = created(name, position, Vec::new());
        one.bookings[0].terms = terms.split(' ').map(str::to_owned).collect();
        one.bookings[0].at = (index as i64 + 1) * HOUR;
        store.apply_events(&[one]).await.unwrap();
    }
}

fn typed(text: &str) -> BookingQuery {
    BookingQuery { words: search_words(text), limit: 30, ..BookingQuery::default() }
}

fn names(page: &BookingPage) -> Vec<String> {
    page.bookings
        .iter()
        .map(|(booking, _)| booking.id.as_str().trim_start_matches("bkg_").to_owned())
        .collect()
}

async fn found(store: &Arc<dyn Store>, text: &str) -> Vec<String> {
    names(&store.find_bookings(&typed(text)).await.unwrap())
}

/// The booking changes once more, and is found by other words.
async fn changed(store: &Arc<dyn Store>, name: &str, at: i64, set: impl Fn(&mut BookingWrite)) {
    let position = store.append_events(&[event(&format!("{name}-{at}"), b"{}")]).await.unwrap()[0];
    let mut booking = booking_write(name, position, position);
    booking.at = at;
    set(&mut booking);
    let updated = AppliedEvent {
        position,
        changes: vec![change(
            name,
            ChangeKind::Updated,
            position,
            Some(ChangeRef { position: 1, ordinal: 0 }),
        )],
        bookings: vec![booking],
        runs: Vec::new(),
        ..AppliedEvent::default()
    };
    store.apply_events(&[updated]).await.unwrap();
}

on_both! {
    async fn bookings_are_found_by_the_beginnings_of_all_words(place: &Place) {
        let store = place.open().await;
        with_terms(&store, &[
            ("a", "ozturk mehmet guest_1@example.org 4930901820 30901820"),
            ("b", "lee mary 70000001"),
            ("c", "leeds mary 70000002"),
            ("d", "山田 太郎 guestx1@example.org"),
        ]).await;
        assert_eq!(found(&store, "Öztürk").await, ["a"]);
        assert_eq!(found(&store, "lee").await, ["c", "b"], "the last changed first");
        assert_eq!(found(&store, "mary LEEDS").await, ["c"]);
        assert_eq!(found(&store, "mary ozturk").await, Vec::<String>::new());
        assert_eq!(found(&store, "+49 30 901820").await, ["a"]);
        assert_eq!(found(&store, "030 901820").await, ["a"]);
        assert_eq!(found(&store, "山田").await, ["d"]);
        assert_eq!(found(&store, "#70000002").await, ["c"]);
        assert_eq!(found(&store, "mehmet guest_1@").await, ["a"]);
        assert_eq!(found(&store, "mehmet guestx").await, Vec::<String>::new());
        assert_eq!(found(&store, "leee").await, Vec::<String>::new());
        assert_eq!(store.terms_like("le", 10).await.unwrap(), ["lee", "leeds"]);
        assert_eq!(store.terms_like("le", 1).await.unwrap(), ["lee"]);
        assert_eq!(store.bookings_with_term("mary", 10).await.unwrap(), 2);
        assert_eq!(store.bookings_with_term("lee", 10).await.unwrap(), 1, "and not those of leeds");
        assert_eq!(store.bookings_with_term("mary", 1).await.unwrap(), 1);
    }

    async fn a_booking_is_found_by_what_it_says_now(place: &Place) {
        let store = place.open().await;
        with_terms(&store, &[("a", "lee mary"), ("b", "lee john")]).await;
        changed(&store, "a", 9 * HOUR, |booking| booking.terms = vec!["mary".into(), "smith".into()]).await;
        assert_eq!(found(&store, "lee").await, ["b"]);
        assert_eq!(found(&store, "smith").await, ["a"]);
        assert_eq!(found(&store, "mary").await, ["a"]);
        assert_eq!(store.terms_like("", 10).await.unwrap(), ["john", "lee", "mary", "smith"]);
    }

    async fn filters_hold_together_and_pages_leave_nobody_out(place: &Place) {
        let store = place.open().await;
        let guests: Vec<(String, &str)> = (0..7).map(|n| (format!("g{n}"), "lee")).collect();
        let guests: Vec<(&str, &str)> = guests.iter().map(|(name, terms)| (name.as_str(), *terms)).collect();
        with_terms(&store, &guests).await;
        for (name, hour) in [("g1", 10), ("g2", 10), ("g3", 10)] {
            changed(&store, name, hour * HOUR, |booking| {
                booking.terms = vec!["lee".into()];
                booking.status = if name == "g3" { "cancelled".into() } else { "booked".into() };
                booking.source = if name == "g2" { "other".into() } else { SOURCE.into() };
                booking.view.trip = json!({ "starts_at": "2027-03-14T23:30:00-1000" });
            }).await;
        }
        let ask = async |set: &dyn Fn(&mut BookingQuery)| {
            let mut query = BookingQuery { limit: 30, ..BookingQuery::default() };
            set(&mut query);
            names(&store.find_bookings(&query).await.unwrap())
        };
        assert_eq!(ask(&|_| ()).await, ["g3", "g2", "g1", "g6", "g5", "g4", "g0"]);
        let days = |q: &mut BookingQuery, from: &str, to: &str| {
            let some = |day: &str| Some(day.to_owned()).filter(|day| !day.is_empty());
            (q.tour_from, q.tour_to) = (some(from), some(to));
        };
        let day = |q: &mut BookingQuery| days(q, "2027-03-14", "2027-03-14");
        assert_eq!(ask(&day).await, ["g3", "g2", "g1"]);
        assert_eq!(ask(&|q| { day(q); q.source = Some(SOURCE.into()); }).await, ["g3", "g1"]);
        // From a day, to a day, both; a booking without a day is on none.
        for (from, to) in [("2027-03-14", ""), ("", "2027-03-14"), ("2027-03-01", "2027-03-31"), ("", "2027-04-01")] {
            assert_eq!(ask(&|q| days(q, from, to)).await, ["g3", "g2", "g1"], "{from} to {to}");
            let lee = ask(&|q| { days(q, from, to); q.words = search_words("lee"); }).await;
            assert_eq!(lee, ["g3", "g2", "g1"], "{from} to {to}");
            let other = ask(&|q| { days(q, from, to); q.source = Some("other".into()); q.changed_from = Some(1); }).await;
            assert_eq!(other, ["g2"], "{from} to {to}");
        }
        for (from, to) in [("2027-03-15", ""), ("", "2027-03-13"), ("2027-03-15", "2027-03-13"), ("2027-03-01", "2027-03-13")] {
            assert_eq!(ask(&|q| days(q, from, to)).await, Vec::<String>::new(), "{from} to {to}");
        }
        assert_eq!(ask(&|q| { day(q); q.status = Some("cancelled".into()); }).await, ["g3"]);
        assert_eq!(ask(&|q| { q.words = search_words("lee"); q.source = Some("other".into()); }).await, ["g2"]);
        assert_eq!(ask(&|q| { q.changed_from = Some(6 * HOUR); q.changed_before = Some(7 * HOUR + 1); }).await, ["g6", "g5"]);
        assert_eq!(ask(&|q| q.standing = Some(Standing::NeedsYou)).await, Vec::<String>::new());
        for words in ["", "lee"] {
            let mut query = BookingQuery { limit: 2, ..typed(words) };
            query.limit = 2;
            let mut all = Vec::new();
            loop {
                let page = store.find_bookings(&query).await.unwrap();
                assert!(page.bookings.len() <= 2);
                all.extend(names(&page));
                query.after = page.next;
                if query.after.is_none() {
                    break;
                }
            }
            assert_eq!(all, ["g3", "g2", "g1", "g6", "g5", "g4", "g0"], "{words}");
        }
    }

    async fn a_long_look_ends_and_says_so(place: &Place) {
        let store = place.open().await;
        for batch in 0..9_i64 {
            let events: Vec<NewEvent> = (0..500).map(|n| event(&format!("{batch}-{n}"), b"{}")).collect();
            let positions = store.append_events(&events).await.unwrap();
            let applied: Vec<AppliedEvent> = positions.iter().enumerate().map(|(n, position)| {
                let mut one = created(&format!("{batch}-{n}"), *position, Vec::new());
                one.bookings[0].at = position * 1_000;
                one.bookings[0].terms = vec!["common".into(), "same".into()];
                if *position == 1 {
                    one.bookings[0].status = "cancelled".into();
                }
                one
            }).collect();
            store.apply_events(&applied).await.unwrap();
        }
        for query in [
            BookingQuery { status: Some("cancelled".into()), limit: 5, ..BookingQuery::default() },
            BookingQuery { status: Some("cancelled".into()), limit: 5, ..typed("common same") },
        ] {
            let first = store.find_bookings(&query).await.unwrap();
            assert!(first.bookings.is_empty() && first.looked_through >= 1_000, "{first:?}");
            let rest = BookingQuery { after: first.next, ..query };
            let second = store.find_bookings(&rest).await.unwrap();
            assert_eq!((names(&second), second.next, second.looked_through), (vec!["0-0".to_owned()], None, 0));
        }
        // Without a further filter a page is full at once.
        let page = store.find_bookings(&typed("common same")).await.unwrap();
        assert_eq!((page.bookings.len(), page.looked_through), (30, 0));
    }

    async fn webhooks_are_counted_once_each_and_probes_never(place: &Place) {
        let store = place.open().await;
        let of = |name: &str, source: &str, hour: i64| NewEvent {
            source: source.to_owned(),
            received_at: hour * HOUR + 5,
            ..event(name, b"{}")
        };
        let probe = NewEvent { origin: ORIGIN_PROBE, ..of("p", "probe", 3) };
        store.append_events(&[of("1", "a", 3), of("2", "a", 3), probe, of("3", "b", 3), of("4", "a", 5)]).await.unwrap();
        let mut looked_at = Vec::new();
        loop {
            looked_at.push(store.count_up_events(2).await.unwrap());
            if looked_at.last() == Some(&0) {
                break;
            }
        }
        assert_eq!(looked_at, [2, 2, 1, 0]);
        let hours = store.source_hours(0).await.unwrap();
        let told: Vec<_> = hours.iter().map(|one| (one.source.as_str(), one.hour, one.events)).collect();
        assert_eq!(told, [("a", 5, 1), ("a", 3, 2), ("b", 3, 1)]);
        assert_eq!(store.source_hours(4).await.unwrap().len(), 1);
        let asked = ["a".to_owned(), "none".to_owned()];
        assert_eq!(store.last_webhooks(&asked).await.unwrap(), [Some(5 * HOUR + 5), None]);
    }

    async fn what_is_counted_is_what_is_there_whatever_happens(place: &Place) {
        let store = place.open().await;
        let mut chance = Chance(7);
        let mut known: Vec<String> = Vec::new();
        for round in 0..60_i64 {
            match chance.below(6) {
                0 | 1 => {
                    let name = format!("n{round}");
                    let position = store.append_events(&[event(&name, b"{}")]).await.unwrap()[0];
                    let mut runs = Vec::new();
                    for one in 0..chance.below(3) {
                        let mut planned = NewRun { supersedes: chance.below(2) == 0, ..run(&format!("{round}-{one}"), &name, position) };
                        if chance.below(4) == 0 {
                            planned.state = RunState::Failed;
                        }
                        runs.push(planned);
                    }
                    let mut one = created(&name, position, runs);
                    one.bookings[0].at = chance.below(4) * HOUR;
                    store.apply_events(&[one]).await.unwrap();
                    known.push(name);
                }
                2 if !known.is_empty() => {
                    let name = known[chance.below(known.len() as i64) as usize].clone();
                    let at = chance.below(4) * HOUR + round;
                    changed(&store, &name, at, |_| ()).await;
                    let planned = NewRun { supersedes: true, ..run(&format!("{round}-again"), &name, 1) };
                    store.plan_runs(&[planned]).await.unwrap();
                }
                3 => {
                    let failed = ListFilter { state: Some("failed".into()), ..ListFilter::default() };
                    let ids: Vec<_> = store.list_runs(&failed).await.unwrap().into_iter().map(|run| run.id).collect();
                    store.retry_runs(&ids, false, 9_000).await.unwrap();
                }
                _ => {
                    let states = [RunState::Working, RunState::Done, RunState::Failed, RunState::Held, RunState::Skipped, RunState::Waiting];
                    let due = store.due_runs(&due("crm")).await.unwrap();
                    let writes: Vec<_> = due.iter().map(|due| write(&due.run, states[chance.below(6) as usize], 9_000)).collect();
                    store.write_delivery(&writes).await.unwrap();
                }
            }
            adds_up(&store, &format!("round {round}")).await;
        }
        assert!(known.len() > 5);

        // As a database from before there were cards: they are made later, and come to the same.
        for statement in ["DELETE FROM booking_cards", "DELETE FROM booking_terms", "DELETE FROM facts"] {
            place.execute(statement).await;
        }
        assert!(store.booking_hours(0).await.unwrap().is_empty());
        // One changes before its card is made: its runs are counted all the same.
        changed(&store, &known[0], 2 * HOUR, |_| ()).await;
        let mut filed = 0;
        loop {
            let unfiled = store.unfiled_bookings(4).await.unwrap();
            let fills: Vec<CardFill> = unfiled.into_iter().map(|one| CardFill {
                booking: one.booking, change: one.change, terms: vec!["filed".into()],
            }).collect();
            filed += fills.len();
            store.file_bookings(&fills).await.unwrap();
            if fills.is_empty() {
                break;
            }
        }
        assert_eq!(filed, known.len());
        adds_up(&store, "filed").await;
        let with = store.bookings_with_term("filed", 100).await.unwrap();
        assert_eq!(with, known.len() as i64 - 1, "the one that changed had its own card");
    }
}

/// Numbers without a pattern, the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % end
    }
}

/// How each booking stands by its runs, counted one by one, is what the hours have.
async fn adds_up(store: &Arc<dyn Store>, when: &str) {
    let mut expected: BTreeMap<(i64, Standing), i64> = BTreeMap::new();
    let all = store.list_bookings(&ListFilter { limit: 1_000, ..ListFilter::default() }).await.unwrap();
    for booking in all {
        let of = ListFilter { booking: Some(booking.id.to_string()), limit: 1_000, ..ListFilter::default() };
        let runs = store.list_runs(&of).await.unwrap();
        let any = |states: &[RunState]| runs.iter().any(|run| states.contains(&run.state));
        let standing = if any(&[RunState::Failed, RunState::Held]) {
            Standing::NeedsYou
        } else if any(&[RunState::Waiting, RunState::Working, RunState::Paused]) {
            Standing::Waiting
        } else if any(&[RunState::Done]) {
            Standing::Sent
        } else {
            Standing::Nothing
        };
        *expected.entry((booking.updated_at / HOUR, standing)).or_default() += 1;
        let told = store.standings(std::slice::from_ref(&booking.id)).await.unwrap();
        assert_eq!(told, [Some(standing)], "{when}: {}", booking.id);
    }
    let hours = store.booking_hours(0).await.unwrap();
    let told: BTreeMap<_, _> = hours.iter().map(|one| ((one.hour, one.standing), one.bookings)).collect();
    assert_eq!(told, expected, "{when}");
}

on_both! {
    async fn a_page_of_links_and_a_glance_are_told(place: &Place) {
        let store = place.open().await;
        let position = store.append_events(&[event("a", b"{}"), event("b", b"{}")]).await.unwrap()[0];
        let before = store.stamp().await.unwrap();
        store.apply_events(&[created("a", position, vec![run("1", "a", position)])]).await.unwrap();
        assert_ne!(store.stamp().await.unwrap(), before);
        assert_eq!(store.stamp().await.unwrap(), store.stamp().await.unwrap());
        let glance = store.glance().await.unwrap();
        assert_eq!(glance.runs, [("waiting".to_owned(), "crm".to_owned(), 1)]);
        assert_eq!((glance.unapplied, glance.has_bookings), (1, true));
        assert_eq!(glance.oldest_waiting, [("crm".to_owned(), 3_000)]);
        // What waits while its connection is paused waits all the same.
        assert_eq!(store.pause_runs("crm", true, 3_500, 9).await.unwrap(), 1);
        let paused = store.glance().await.unwrap();
        assert_eq!(paused.runs, [("paused".to_owned(), "crm".to_owned(), 1)]);
        assert_eq!(paused.oldest_waiting, [("crm".to_owned(), 3_000)]);
        assert_eq!(store.pause_runs("crm", false, 3_600, 9).await.unwrap(), 1);
        let due = store.due_runs(&due("crm")).await.unwrap();
        let mut done = write(&due[0].run, RunState::Done, 5_000);
        done.links = vec![crate::samples::put("r", "a", Some("h"))];
        store.write_delivery(&[done]).await.unwrap();
        let links = store.links_of_booking(&booking_id("a")).await.unwrap();
        assert_eq!(links.len(), 1);
        assert_eq!(links[0].key.record.object, "guest");
        assert!(store.links_of_booking(&BookingId::new("bkg_none")).await.unwrap().is_empty());
        assert_eq!(store.standings(&[BookingId::new("bkg_none"), booking_id("a")]).await.unwrap(), [None, Some(Standing::Sent)]);
    }
}
