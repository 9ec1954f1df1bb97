//! Lanes: order, release, superseding, pausing, and what people put back.

use crate::place::{due, due_names, first_due, name_of, on_both, row};
use crate::samples::{CRM, created, event, run, write};
use std::sync::Arc;
use waypost::domain::{RunId, RunState, Verdict, VerdictCode};
use waypost::ports::{DueConnection, NewRun, Store, Written};

/// A store with booking `a` at position 1, and these runs planned.
async fn with_runs(store: &Arc<dyn Store>, runs: Vec<NewRun>) {
    store.append_events(&[event("1", b"{}")]).await.unwrap();
    store.apply_events(&[created("a", 1, vec![])]).await.unwrap();
    store.plan_runs(&runs).await.unwrap();
}

fn of_lane(name: &str, lane: &str) -> NewRun {
    NewRun { lane: lane.to_owned(), ..run(name, "a", 1) }
}

fn upsert(name: &str) -> NewRun {
    NewRun { supersedes: true, ..of_lane(name, "lane") }
}

/// Brings a run into a state.
async fn set(store: &Arc<dyn Store>, name: &str, state: RunState, at: i64) {
    let present = row(store, name).await;
    assert_eq!(store.write_delivery(&[write(&present, state, at)]).await.unwrap(), [Written::Yes]);
}

fn ids(names: &[&str]) -> Vec<RunId> {
    names.iter().map(|name| RunId::new(format!("run_{name}"))).collect()
}

on_both! {
    async fn only_the_first_of_a_lane_is_due_and_the_next_when_it_ends(place: &Place) {
        let store = place.open().await;
        with_runs(&store, vec![of_lane("1", "x"), of_lane("2", "x"), of_lane("3", "y")]).await;
        store.plan_runs(&[of_lane("4", "x")]).await.unwrap();
        assert_eq!(due_names(&store).await, ["1", "3"]);
        set(&store, "1", RunState::Working, 4_000).await;
        assert_eq!(due_names(&store).await, ["3"]);
        set(&store, "1", RunState::Waiting, 9_000).await;
        assert_eq!(due_names(&store).await, ["3", "1"]);
        set(&store, "1", RunState::Done, 9_500).await;
        assert_eq!(due_names(&store).await, ["3", "2"]);
        assert_eq!(row(&store, "2").await.next_at, Some(9_500));
        set(&store, "2", RunState::Skipped, 9_600).await;
        assert_eq!(row(&store, "4").await.next_at, Some(9_600));
        assert_eq!(store.due_connections().await.unwrap(), [first_due(CRM, 3_000)]);
    }

    async fn failed_and_held_runs_do_not_block_their_lane(place: &Place) {
        let store = place.open().await;
        with_runs(&store, vec![of_lane("1", "x"), of_lane("2", "x"), of_lane("3", "x")]).await;
        set(&store, "1", RunState::Failed, 4_000).await;
        assert_eq!(due_names(&store).await, ["2"]);
        set(&store, "2", RunState::Held, 4_000).await;
        assert_eq!(due_names(&store).await, ["3"]);
    }

    async fn a_paused_run_blocks_its_lane(place: &Place) {
        let store = place.open().await;
        with_runs(&store, vec![of_lane("1", "x"), of_lane("2", "x")]).await;
        set(&store, "1", RunState::Paused, 4_000).await;
        assert!(due_names(&store).await.is_empty());
        store.plan_runs(&[of_lane("3", "x")]).await.unwrap();
        assert!(due_names(&store).await.is_empty());
        assert!(store.due_connections().await.unwrap().is_empty());
        set(&store, "1", RunState::Cancelled, 5_000).await;
        assert_eq!(due_names(&store).await, ["2"]);
    }

    async fn what_is_due_tells_at_once_who_paused_the_connection(place: &Place) {
        let store = place.open().await;
        with_runs(&store, vec![of_lane("1", "x")]).await;
        store.set_paused(CRM, true, 4_000).await.unwrap();
        let paused = DueConnection { paused: true, ..first_due(CRM, 3_000) };
        assert_eq!(store.due_connections().await.unwrap(), [paused]);
        store.set_paused(CRM, false, 5_000).await.unwrap();
        assert_eq!(store.due_connections().await.unwrap(), [first_due(CRM, 3_000)]);
    }

    async fn a_newer_run_supersedes_those_before_it(place: &Place) {
        let store = place.open().await;
        with_runs(&store, vec![upsert("1")]).await;
        set(&store, "1", RunState::Waiting, 60_000).await;
        store.plan_runs(&[NewRun { at: 7_000, ..upsert("2") }]).await.unwrap();
        let first = row(&store, "1").await;
        assert_eq!((first.state, first.next_at, first.updated_at), (RunState::Superseded, None, 7_000));
        assert_eq!(first.verdict.unwrap().code, VerdictCode::Superseded);
        assert_eq!(due_names(&store).await, ["2"]);
        // Within one batch too, also where the newest ends at once.
        let skipped = NewRun {
            state: RunState::Skipped,
            verdict: Some(Verdict::new(VerdictCode::When, "The rule's condition was not true.")),
            ..upsert("4")
        };
        store.plan_runs(&[upsert("3"), skipped]).await.unwrap();
        assert_eq!(row(&store, "2").await.state, RunState::Superseded);
        assert_eq!(row(&store, "3").await.state, RunState::Superseded);
        assert_eq!(row(&store, "4").await.verdict.unwrap().code, VerdictCode::When);
        assert!(due_names(&store).await.is_empty());
    }

    async fn runs_that_each_count_and_runs_in_a_call_are_not_superseded(place: &Place) {
        let store = place.open().await;
        with_runs(&store, vec![of_lane("1", "lane"), upsert("2")]).await;
        store.plan_runs(&[upsert("3")]).await.unwrap();
        assert_eq!(row(&store, "1").await.state, RunState::Waiting);
        assert_eq!(row(&store, "2").await.state, RunState::Superseded);
        assert_eq!(due_names(&store).await, ["1"]);
        set(&store, "1", RunState::Done, 4_000).await;
        set(&store, "3", RunState::Working, 4_000).await;
        store.plan_runs(&[upsert("4")]).await.unwrap();
        assert_eq!(row(&store, "3").await.state, RunState::Working);
        assert!(due_names(&store).await.is_empty());
        set(&store, "3", RunState::Done, 8_000).await;
        assert_eq!(due_names(&store).await, ["4"]);
    }

    async fn an_uncertain_run_becomes_due_and_the_newer_waits_for_it(place: &Place) {
        let store = place.open().await;
        with_runs(&store, vec![upsert("1")]).await;
        let mut later = write(&row(&store, "1").await, RunState::Waiting, 60_000);
        later.run.uncertain = true;
        store.write_delivery(&[later]).await.unwrap();
        store.plan_runs(&[NewRun { at: 7_000, ..upsert("2") }]).await.unwrap();
        let first = row(&store, "1").await;
        assert_eq!((first.state, first.next_at), (RunState::Waiting, Some(7_000)));
        assert_eq!(row(&store, "2").await.next_at, None);
        let taken = store.due_runs(&due(CRM)).await.unwrap();
        assert_eq!((name_of(&taken[0].run), taken[0].newer_waits), ("1".to_owned(), true));
        let newest = store.newest_in_lane("lane", first.seq).await.unwrap().unwrap();
        assert_eq!((name_of(&newest.run), newest.newer_waits), ("2".to_owned(), false));
        assert!(store.newest_in_lane("lane", newest.run.seq).await.unwrap().is_none());
        set(&store, "1", RunState::Done, 8_000).await;
        assert_eq!(due_names(&store).await, ["2"]);
    }

    async fn an_older_run_tried_again_goes_first_and_the_other_keeps_its_time(place: &Place) {
        let store = place.open().await;
        with_runs(&store, vec![of_lane("1", "x"), of_lane("2", "x")]).await;
        set(&store, "1", RunState::Failed, 4_000).await;
        set(&store, "2", RunState::Waiting, 90_000).await;
        let stolen = row(&store, "2").await;
        assert_eq!(store.retry_runs(&ids(&["1"]), true, 5_000).await.unwrap(), ids(&["1"]));
        let first = row(&store, "1").await;
        assert_eq!((first.state, first.next_at, first.as_it_was), (RunState::Waiting, Some(5_000), true));
        assert_eq!((first.verdict, first.failures, first.ruleset), (None, 0, None));
        assert_eq!(due_names(&store).await, ["1"]);
        assert_eq!(store.due_connections().await.unwrap(), [first_due(CRM, 5_000)]);
        // Whoever had claimed the other meanwhile does not get to call.
        let begun = write(&stolen, RunState::Working, 5_000);
        assert_eq!(store.write_delivery(&[begun]).await.unwrap(), [Written::Overtaken]);
        set(&store, "1", RunState::Done, 6_000).await;
        assert_eq!(row(&store, "2").await.next_at, Some(90_000));
    }

    async fn an_older_run_tried_again_waits_for_the_call_in_flight(place: &Place) {
        let store = place.open().await;
        with_runs(&store, vec![of_lane("1", "x"), of_lane("2", "x")]).await;
        set(&store, "1", RunState::Held, 4_000).await;
        set(&store, "2", RunState::Working, 4_500).await;
        store.retry_runs(&ids(&["1"]), false, 5_000).await.unwrap();
        assert!(due_names(&store).await.is_empty());
        // The call failed: the older one goes first, the other keeps the time of its next try.
        set(&store, "2", RunState::Waiting, 70_000).await;
        assert_eq!(due_names(&store).await, ["1"]);
        assert_eq!(row(&store, "2").await.next_at, None);
        set(&store, "1", RunState::Failed, 71_000).await;
        assert_eq!(row(&store, "2").await.next_at, Some(71_000));
    }

    async fn only_what_can_be_tried_again_is_taken(place: &Place) {
        let store = place.open().await;
        let lanes: Vec<NewRun> = (1..=6).map(|n| of_lane(&n.to_string(), &format!("lane-{n}"))).collect();
        with_runs(&store, lanes).await;
        let states = [
            RunState::Done, RunState::Superseded, RunState::Cancelled, RunState::Working, RunState::Paused,
        ];
        for (n, state) in states.into_iter().enumerate() {
            set(&store, &(n + 1).to_string(), state, 4_000).await;
        }
        set(&store, "6", RunState::Waiting, 90_000).await;
        let asked = ids(&["6", "5", "4", "3", "2", "1", "none", "6"]);
        assert_eq!(store.retry_runs(&asked, false, 5_000).await.unwrap(), ids(&["6", "3"]));
        assert_eq!(row(&store, "6").await.next_at, Some(5_000));
        assert_eq!(due_names(&store).await, ["3", "6"]);
        assert!(store.retry_runs(&[], false, 5_000).await.unwrap().is_empty());
    }

    async fn a_connection_is_paused_and_resumed_in_pieces_with_its_lanes_kept(place: &Place) {
        let store = place.open().await;
        let other = NewRun { connection: "other".to_owned(), ..of_lane("6", "z") };
        let runs =
            vec![of_lane("1", "x"), of_lane("2", "x"), of_lane("3", "y"), of_lane("4", "y"), of_lane("5", "w"), other];
        with_runs(&store, runs).await;
        set(&store, "3", RunState::Working, 4_000).await;
        assert_eq!(store.pause_runs(CRM, true, 5_000, 3).await.unwrap(), 3);
        assert_eq!(store.pause_runs(CRM, true, 5_000, 3).await.unwrap(), 1);
        assert_eq!(store.pause_runs(CRM, true, 5_000, 3).await.unwrap(), 0);
        assert!(due_names(&store).await.is_empty());
        assert_eq!(row(&store, "6").await.state, RunState::Waiting);
        set(&store, "3", RunState::Done, 6_000).await;
        assert!(due_names(&store).await.is_empty());
        assert_eq!(store.pause_runs(CRM, false, 7_000, 2).await.unwrap(), 2);
        assert_eq!(due_names(&store).await, ["1"]);
        assert_eq!(store.pause_runs(CRM, false, 7_000, 100).await.unwrap(), 2);
        assert_eq!(due_names(&store).await, ["1", "4", "5"]);
        assert_eq!(row(&store, "2").await.next_at, None);
    }

    async fn runs_of_a_rule_that_are_not_begun_are_cancelled(place: &Place) {
        let store = place.open().await;
        let runs = (1..=4).map(|n| of_lane(&n.to_string(), "x")).collect();
        with_runs(&store, runs).await;
        let mut begun = write(&row(&store, "1").await, RunState::Working, 4_000);
        begun.begin = Some(crate::samples::begin("1", &RunId::new("run_1")));
        store.write_delivery(&[begun]).await.unwrap();
        set(&store, "1", RunState::Waiting, 50_000).await;
        let verdict = Verdict::new(VerdictCode::RuleOff, "The rule was switched off.");
        assert_eq!(store.cancel_runs_of_rule("guests", &verdict, 6_000, 2).await.unwrap(), 2);
        assert_eq!(store.cancel_runs_of_rule("guests", &verdict, 6_000, 2).await.unwrap(), 1);
        assert_eq!(store.cancel_runs_of_rule("guests", &verdict, 6_000, 2).await.unwrap(), 0);
        assert_eq!(store.cancel_runs_of_rule("other", &verdict, 6_000, 2).await.unwrap(), 0);
        assert_eq!(row(&store, "4").await.verdict, Some(verdict));
        assert_eq!(row(&store, "1").await.next_at, Some(50_000));
    }

    async fn hurrying_makes_later_runs_due_and_leaves_those_behind_others(place: &Place) {
        let store = place.open().await;
        with_runs(&store, vec![of_lane("1", "x"), of_lane("2", "x"), of_lane("3", "y"), of_lane("4", "z")]).await;
        set(&store, "1", RunState::Waiting, 60_000).await;
        set(&store, "3", RunState::Waiting, 50_000).await;
        assert_eq!(store.hurry_connection(CRM, 5_000, 1).await.unwrap(), 1);
        assert_eq!(row(&store, "3").await.next_at, Some(5_000));
        assert_eq!(store.hurry_connection(CRM, 5_000, 10).await.unwrap(), 1);
        assert_eq!(store.hurry_connection(CRM, 5_000, 10).await.unwrap(), 0);
        assert_eq!(row(&store, "4").await.next_at, Some(3_000));
        assert_eq!(row(&store, "2").await.next_at, None);
    }

    async fn a_lane_without_a_time_is_mended(place: &Place) {
        let store = place.open().await;
        with_runs(&store, vec![of_lane("1", "x"), of_lane("2", "x"), of_lane("3", "y"), of_lane("4", "z")]).await;
        set(&store, "3", RunState::Working, 4_000).await;
        store.plan_runs(&[of_lane("5", "y")]).await.unwrap();
        assert_eq!(store.mend_lanes(9_000).await.unwrap(), 0);
        place.execute("UPDATE runs SET next_at = NULL WHERE id IN ('run_1', 'run_4')").await;
        assert!(due_names(&store).await.is_empty());
        assert_eq!(store.mend_lanes(9_000).await.unwrap(), 2);
        assert_eq!(due_names(&store).await, ["1", "4"]);
    }
}
