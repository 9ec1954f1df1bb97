//! Rules over existing bookings: bookings as they stand, how far an applying got, the history of the rules.

use crate::place::{on_both, row};
use crate::samples::{created, event, run, write};
use std::sync::Arc;
use waypost::domain::{BookingId, RunState};
use waypost::ports::{
    ApplyCounts, ApplyFilter, ApplyRow, ApplyState, ApplyStep, NewApply, NewRun, PresentQuery, RulesetNote,
    Store,
};

fn asked() -> NewApply {
    NewApply { rule: "guests".into(), who: "Ada".into(), at: 5_000, ..NewApply::default() }
}

fn step(row: &ApplyRow, last: &str, runs: Vec<NewRun>) -> ApplyStep {
    ApplyStep {
        seq: row.seq,
        after: row.last_booking.clone(),
        last_booking: last.to_owned(),
        state: ApplyState::Open,
        note: None,
        counts: ApplyCounts { looked: 1, runs: runs.len() as i64, ..ApplyCounts::default() },
        runs,
        at: 6_000,
    }
}

async fn with_bookings(store: &Arc<dyn Store>, names: &[&str]) {
    for name in names {
        let position = store.append_events(&[event(name, b"{}")]).await.unwrap()[0];
        store.apply_events(&[created(name, position, vec![])]).await.unwrap();
    }
}

async fn open(store: &Arc<dyn Store>) -> Vec<ApplyRow> {
    store.applies(&ApplyFilter { rule: None, open: true, limit: 10 }).await.unwrap()
}

on_both! {
    async fn bookings_as_they_stand_are_paged_by_their_ids(place: &Place) {
        let store = place.open().await;
        with_bookings(&store, &["c", "a", "b"]).await;
        let ids = async |query: PresentQuery| {
            let found = store.present_bookings(&query).await.unwrap();
            found.iter().map(|one| one.booking.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(ids(PresentQuery::After(String::new(), 2)).await, ["bkg_a", "bkg_b"]);
        assert_eq!(ids(PresentQuery::After("bkg_b".into(), 2)).await, ["bkg_c"]);
        assert_eq!(ids(PresentQuery::Newest(2)).await, ["bkg_b", "bkg_a"]);
        assert_eq!(ids(PresentQuery::One(BookingId::new("bkg_c"))).await, ["bkg_c"]);
        let one = store.present_bookings(&PresentQuery::After(String::new(), 1)).await.unwrap().remove(0);
        assert_eq!((one.event.as_str(), one.change.position, one.previous), ("evt_a", 2, None));
        assert!(one.body.contains("\"uuid\":\"a\""), "{}", one.body);
    }

    async fn a_rule_is_applied_once_at_a_time_and_a_batch_counts_once(place: &Place) {
        let store = place.open().await;
        with_bookings(&store, &["a", "b"]).await;
        let (first, began) = store.begin_apply(&asked()).await.unwrap();
        assert!(began);
        let (again, began) = store.begin_apply(&NewApply { who: "Ben".into(), ..asked() }).await.unwrap();
        assert!(!began);
        assert_eq!(again, first);
        let (other, began) = store.begin_apply(&NewApply { rule: "notes".into(), ..asked() }).await.unwrap();
        assert!(began && other.seq > first.seq);
        assert_eq!(open(&store).await, [other, first.clone()]);
        // Two do the same batch: one plans.
        let planned = step(&first, "bkg_a", vec![run("1", "a", 1)]);
        assert!(store.step_apply(&planned).await.unwrap());
        let second = ApplyStep { runs: vec![run("2", "a", 1)], ..planned };
        assert!(!store.step_apply(&second).await.unwrap());
        assert!(store.run_with_context(&second.runs[0].id).await.unwrap().is_none());
        let filter = ApplyFilter { rule: Some("guests".into()), open: false, limit: 10 };
        let stands = store.applies(&filter).await.unwrap().remove(0);
        assert_eq!((stands.last_booking.as_str(), stands.counts.runs, stands.updated_at), ("bkg_a", 1, 6_000));
        // Once it has ended nothing goes on, and it can be begun anew.
        let end = ApplyStep { state: ApplyState::Done, ..step(&stands, "bkg_b", vec![]) };
        assert!(store.step_apply(&end).await.unwrap());
        let late = step(&ApplyRow { last_booking: "bkg_b".into(), ..stands }, "bkg_c", vec![run("3", "b", 2)]);
        assert!(!store.step_apply(&late).await.unwrap());
        let (anew, began) = store.begin_apply(&asked()).await.unwrap();
        assert!(began && anew.seq > first.seq && anew.last_booking.is_empty());
    }

    async fn what_is_on_its_way_by_the_same_rules_is_found(place: &Place) {
        let store = place.open().await;
        with_bookings(&store, &["a"]).await;
        store.plan_runs(&[run("1", "a", 1)]).await.unwrap();
        let wanted = [run("x", "a", 1), NewRun { item: "7".into(), ..run("y", "a", 1) }];
        assert_eq!(store.open_alike(&wanted, "now").await.unwrap(), [0]);
        let newer = [NewRun { position: 2, ..run("z", "a", 1) }];
        assert!(store.open_alike(&newer, "now").await.unwrap().is_empty(), "an older one is no reason");
        // Once begun it goes by its own rules, which may be older ones.
        let present = row(&store, "1").await;
        let mut begun = write(&present, RunState::Waiting, 7_000);
        begun.run.ruleset = Some("before".into());
        store.write_delivery(&[begun]).await.unwrap();
        assert!(store.open_alike(&wanted, "now").await.unwrap().is_empty());
        assert_eq!(store.open_alike(&wanted, "before").await.unwrap(), [0]);
        let done = row(&store, "1").await;
        store.write_delivery(&[write(&done, RunState::Done, 8_000)]).await.unwrap();
        assert!(store.open_alike(&wanted, "before").await.unwrap().is_empty());
    }

    async fn the_history_says_which_rules_were_at_work_and_who_said_so(place: &Place) {
        let store = place.open().await;
        assert!(!store.note_ruleset(&RulesetNote::default()).await.unwrap());
        for (hash, at) in [("one", 1_000), ("two", 2_000), ("one", 3_000)] {
            store.activate_ruleset(hash, "{}", at).await.unwrap();
        }
        let note = RulesetNote {
            hash: "one".into(),
            who: "Ada".into(),
            email: "ada@example.org".into(),
            reason: "The older one was right".into(),
            commit: None,
        };
        assert!(store.note_ruleset(&note).await.unwrap());
        assert!(store.note_ruleset(&RulesetNote { commit: Some("c0ffee".into()), ..note.clone() }).await.unwrap());
        assert!(store.note_ruleset(&note).await.unwrap(), "and the commit stays");
        let history = store.ruleset_history(None, 2).await.unwrap();
        let told: Vec<_> = history.iter().map(|one| (one.at, one.note.hash.as_str(), one.note.who.as_str())).collect();
        assert_eq!(told, [(3_000, "one", "Ada"), (2_000, "two", "")]);
        assert_eq!(history[0].note.commit.as_deref(), Some("c0ffee"));
        let older = store.ruleset_history(Some(history[1].seq), 9).await.unwrap();
        assert_eq!(older.iter().map(|one| (one.at, one.note.who.as_str())).collect::<Vec<_>>(), [(1_000, "")]);
        assert_eq!(store.active_hash().await.unwrap().as_deref(), Some("one"));
    }
}
