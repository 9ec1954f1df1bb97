//! Groups of runs that need a person: they open, count, close and are listed; and what is done with many runs is done once.

use crate::place::{due_names, on_both, row};
use crate::samples::{cause_of, created, event, put, run, write};
use std::sync::Arc;
use waypost::domain::{RunId, RunState, Verdict, VerdictCode};
use waypost::ports::{
    Bulk, BulkAct, BulkPiece, CauseGroup, ListFilter, NewRun, Store, TroubleFilter, TroublePage, Written,
};

const REFUSED: &str = "HTTP 422: no such tag \"blue\"";

/// A booking with this run of its own lane, which supersedes.
async fn planned(store: &Arc<dyn Store>, name: &str) {
    let position = store.append_events(&[event(name, b"{}")]).await.unwrap()[0];
    let new = NewRun { supersedes: true, ..run(name, name, position) };
    store.apply_events(&[created(name, position, vec![new])]).await.unwrap();
}

/// A further run of a booking's lane.
async fn planned_next(store: &Arc<dyn Store>, name: &str, booking: &str, supersedes: bool) {
    let first = row(store, booking).await;
    let new = NewRun { supersedes, ..run(name, booking, first.position) };
    store.plan_runs(&[new]).await.unwrap();
}

async fn ends(store: &Arc<dyn Store>, name: &str, state: RunState, text: &str, at: i64) {
    let mut present = row(store, name).await;
    present.verdict = (state != RunState::Done).then(|| Verdict::new(VerdictCode::Refused, text));
    assert_eq!(store.write_delivery(&[write(&present, state, at)]).await.unwrap(), [Written::Yes]);
}

async fn open(store: &Arc<dyn Store>) -> Vec<CauseGroup> {
    store.open_causes(None, 100).await.unwrap()
}

fn ids(names: &[&str]) -> Vec<RunId> {
    names.iter().map(|name| RunId::new(format!("run_{name}"))).collect()
}

fn by_hand() -> Verdict {
    Verdict::new(VerdictCode::ByHand, "Cancelled by somebody.")
}

fn bulk(id: &str, act: BulkAct) -> Bulk {
    Bulk {
        id: id.into(),
        act,
        filter: TroubleFilter { rule: Some("guests".into()), ..TroubleFilter::default() },
        who: "somebody".into(),
        asked_at: 9_000,
        planned: 3,
        position: 0,
        done: 0,
        left_out: 0,
        ended_at: None,
    }
}

on_both! {
    async fn runs_that_fail_for_one_reason_are_one_group_until_they_went_through(place: &Place) {
        let store = place.open().await;
        for name in ["a", "b", "c", "d"] {
            planned(&store, name).await;
        }
        ends(&store, "c", RunState::Done, "", 4_500).await;
        assert!(open(&store).await.is_empty(), "nothing is written for runs that go well");
        ends(&store, "a", RunState::Failed, "no option \"Anna\" of guest1@example.org", 5_000).await;
        ends(&store, "b", RunState::Held, "no option \"Bert\" of guest2@example.org", 5_100).await;
        ends(&store, "d", RunState::Failed, REFUSED, 5_050).await;
        let groups = open(&store).await;
        assert_eq!(groups.len(), 2);
        let group = &groups[0];
        assert_eq!((group.needs, group.under_way, group.guests), (2, 0, 2));
        assert_eq!((group.first_at, group.last_at), (5_000, 5_100));
        assert_eq!(group.cause.pattern, "no option \"…\" of …");
        assert_eq!(group.message, "no option \"Bert\" of guest2@example.org");
        assert_eq!(groups[1].key, cause_of(&row(&store, "d").await).key());
        let pages = store.open_causes(Some((5_100, &group.key)), 100).await.unwrap();
        assert_eq!(pages.iter().map(|group| group.last_at).collect::<Vec<_>>(), [5_050]);
        let filter = ListFilter { cause: Some(group.key.clone()), ..ListFilter::default() };
        let listed = store.list_runs(&filter).await.unwrap();
        assert_eq!(listed.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["run_b", "run_a"]);

        // Tried again they are under way; one fails again, one goes through.
        assert_eq!(store.retry_runs(&ids(&["a", "b"]), false, 6_000).await.unwrap().len(), 2);
        let group = store.cause(&group.key).await.unwrap().unwrap();
        assert_eq!((group.needs, group.under_way, group.moved_at), (0, 2, 6_000));
        ends(&store, "a", RunState::Failed, "no option \"Anna\" of guest1@example.org", 6_100).await;
        ends(&store, "b", RunState::Done, "", 6_200).await;
        let group = store.cause(&group.key).await.unwrap().unwrap();
        assert_eq!((group.needs, group.under_way, group.first_at, group.last_at), (1, 0, 5_000, 6_100));
        assert!(store.closed_causes(0, 10).await.unwrap().is_empty());
        // For another reason: it changes the group, and the first one closes.
        store.retry_runs(&ids(&["a"]), false, 6_300).await.unwrap();
        ends(&store, "a", RunState::Failed, REFUSED, 6_400).await;
        let groups = open(&store).await;
        assert_eq!(groups.iter().map(|group| group.needs).collect::<Vec<_>>(), [2]);
        let closed = store.closed_causes(6_000, 10).await.unwrap();
        assert_eq!(closed.iter().map(|one| &one.key).collect::<Vec<_>>(), [&group.key]);
        assert!(closed[0].is_closed());
        // Cancelled is dealt with.
        store.cancel_runs(&ids(&["a", "d"]), &by_hand(), 7_000).await.unwrap();
        assert!(open(&store).await.is_empty());
        assert_eq!(store.closed_causes(7_000, 10).await.unwrap()[0].moved_at, 7_000);
        // It opens anew, since then.
        planned(&store, "e").await;
        ends(&store, "e", RunState::Failed, REFUSED, 8_000).await;
        assert_eq!(open(&store).await[0].first_at, 8_000);
        store.forget_causes(i64::MAX / 2).await.unwrap();
        assert!(store.cause(&group.key).await.unwrap().is_none());
        assert_eq!(open(&store).await.len(), 1);
    }

    async fn an_older_run_that_needs_a_person_is_superseded_by_a_newer_one_that_goes_through(place: &Place) {
        let store = place.open().await;
        for name in ["a", "b", "c"] {
            planned(&store, name).await;
            ends(&store, name, RunState::Failed, REFUSED, 5_000).await;
        }
        planned_next(&store, "a2", "a", true).await;
        planned_next(&store, "b2", "b", true).await;
        planned_next(&store, "c2", "c", false).await;
        ends(&store, "a2", RunState::Done, "", 6_000).await;
        ends(&store, "b2", RunState::Failed, REFUSED, 6_000).await;
        ends(&store, "c2", RunState::Done, "", 6_000).await;
        let a = row(&store, "a").await;
        assert_eq!((a.state, a.updated_at), (RunState::Superseded, 6_000));
        assert_eq!(a.verdict.unwrap().code, VerdictCode::Superseded);
        assert_eq!(row(&store, "b").await.state, RunState::Failed, "the newer one did not go through");
        assert_eq!(row(&store, "c").await.state, RunState::Failed, "the newer one does not take its place");
        assert_eq!(open(&store).await[0].needs, 3);
    }

    async fn a_rule_that_fails_as_it_is_planned_is_in_a_group_too(place: &Place) {
        let store = place.open().await;
        let position = store.append_events(&[event("a", b"{}")]).await.unwrap()[0];
        let failed = NewRun {
            state: RunState::Failed,
            verdict: Some(Verdict::new(VerdictCode::Mapping, "guests.yaml:12: no")),
            ..run("a", "a", position)
        };
        store.apply_events(&[created("a", position, vec![failed])]).await.unwrap();
        let groups = open(&store).await;
        assert_eq!((groups.len(), groups[0].needs, groups[0].cause.code), (1, 1, VerdictCode::Mapping));
    }

    async fn a_run_is_held_and_goes_on_as_it_was(place: &Place) {
        let store = place.open().await;
        planned(&store, "a").await;
        planned_next(&store, "a2", "a", false).await;
        let mut begun = write(&row(&store, "a").await, RunState::Waiting, 5_000);
        begun.run.ruleset = Some("pinned".into());
        store.write_delivery(&[begun]).await.unwrap();
        let verdict = Verdict::new(VerdictCode::ByHand, "Held by somebody.");
        assert_eq!(store.hold_runs(&ids(&["a", "none"]), &verdict, 6_000).await.unwrap(), ids(&["a"]));
        let held = row(&store, "a").await;
        assert_eq!((held.state, held.next_at, held.verdict), (RunState::Held, None, Some(verdict.clone())));
        assert_eq!(due_names(&store).await, ["a2"], "a held run keeps nobody waiting");
        let groups = open(&store).await;
        assert_eq!((groups[0].needs, groups[0].cause.pattern.as_str()), (1, ""));
        // One that is held or done can't be held.
        assert!(store.hold_runs(&ids(&["a"]), &verdict, 6_100).await.unwrap().is_empty());
        assert_eq!(store.retry_runs(&ids(&["a"]), false, 7_000).await.unwrap(), ids(&["a"]));
        let goes_on = row(&store, "a").await;
        assert_eq!((goes_on.state, goes_on.ruleset.as_deref()), (RunState::Waiting, Some("pinned")));
        assert_eq!(due_names(&store).await, ["a"], "it stands before the newer one again");
        ends(&store, "a", RunState::Done, "", 8_000).await;
        assert!(open(&store).await.is_empty());
        // What failed takes the present rules.
        ends(&store, "a2", RunState::Failed, REFUSED, 8_100).await;
        store.retry_runs(&ids(&["a2"]), false, 8_200).await.unwrap();
        assert_eq!(row(&store, "a2").await.ruleset, None);
    }

    async fn runs_are_cancelled_by_a_person_but_not_in_a_call(place: &Place) {
        let store = place.open().await;
        for name in ["waits", "failed", "held", "works", "done"] {
            planned(&store, name).await;
        }
        ends(&store, "failed", RunState::Failed, REFUSED, 5_000).await;
        ends(&store, "held", RunState::Held, REFUSED, 5_000).await;
        ends(&store, "works", RunState::Working, REFUSED, 5_000).await;
        ends(&store, "done", RunState::Done, REFUSED, 5_000).await;
        let all = ids(&["works", "held", "waits", "done", "failed", "held"]);
        let taken = store.cancel_runs(&all, &by_hand(), 6_000).await.unwrap();
        assert_eq!(taken, ids(&["held", "waits", "failed"]));
        let cancelled = row(&store, "failed").await;
        assert_eq!((cancelled.state, cancelled.verdict), (RunState::Cancelled, Some(by_hand())));
        assert!(open(&store).await.is_empty());
        let counts = store.counts().await.unwrap();
        assert!(counts.runs.contains(&("cancelled".into(), "crm".into(), 3)), "{counts:?}");
    }

    async fn a_filter_tells_which_runs_are_meant(place: &Place) {
        let store = place.open().await;
        for name in ["a", "b", "c"] {
            planned(&store, name).await;
        }
        ends(&store, "a", RunState::Failed, REFUSED, 5_000).await;
        ends(&store, "b", RunState::Held, REFUSED, 6_000).await;
        ends(&store, "c", RunState::Failed, "something else", 7_000).await;
        let key = open(&store).await[1].key.clone();
        let none = TroubleFilter::default();
        let cases = [
            (none.clone(), vec!["a", "b", "c"]),
            (TroubleFilter { cause: Some(key), ..none.clone() }, vec!["a", "b"]),
            (TroubleFilter { rule: Some("guests".into()), ..none.clone() }, vec!["a", "b", "c"]),
            (TroubleFilter { rule: Some("other".into()), ..none.clone() }, vec![]),
            (TroubleFilter { connection: Some("crm".into()), ..none.clone() }, vec!["a", "b", "c"]),
            (TroubleFilter { connection: Some("' OR 1 = 1".into()), ..none.clone() }, vec![]),
            (TroubleFilter { state: Some(RunState::Held), ..none.clone() }, vec!["b"]),
            (TroubleFilter { since: Some(6_000), ..none.clone() }, vec!["b", "c"]),
            (TroubleFilter { until: Some(6_000), rule: Some("guests".into()), ..none.clone() }, vec!["a", "b"]),
        ];
        for (filter, expected) in cases {
            let found = store.troubled_runs(&filter, TroublePage::After(0), 100).await.unwrap();
            let names: Vec<&str> = found.iter().map(|one| &one.run.id.as_str()[4..]).collect();
            assert_eq!(names, expected, "{filter:?}");
            let mut back = store.troubled_runs(&filter, TroublePage::Before(i64::MAX), 100).await.unwrap();
            back.reverse();
            assert_eq!(back, found, "{filter:?}");
            let counted: i64 = store.count_troubled(&filter).await.unwrap().iter().map(|(_, runs)| runs).sum();
            assert_eq!(counted, expected.len() as i64, "{filter:?}");
            if let Some(first) = found.first() {
                let rest = store.troubled_runs(&filter, TroublePage::After(first.run.seq), 1).await.unwrap();
                assert_eq!(rest.first(), found.get(1), "{filter:?}");
            }
        }
    }

    async fn a_piece_of_what_was_asked_is_done_once(place: &Place) {
        let store = place.open().await;
        for name in ["a", "b", "c"] {
            planned(&store, name).await;
            ends(&store, name, RunState::Failed, REFUSED, 5_000).await;
        }
        assert_eq!(store.next_bulk().await.unwrap(), None);
        assert!(store.ask_bulk(&bulk("blk_1", BulkAct::Retry)).await.unwrap());
        assert!(!store.ask_bulk(&bulk("blk_1", BulkAct::Cancel)).await.unwrap(), "asked twice, kept once");
        assert_eq!(store.next_bulk().await.unwrap(), Some(bulk("blk_1", BulkAct::Retry)));
        let seq = row(&store, "b").await.seq;
        let piece = |from, to, runs: &[&str], ends| BulkPiece {
            id: "blk_1".into(),
            act: BulkAct::Retry,
            from,
            to,
            runs: ids(runs),
            verdict: by_hand(),
            left_out: i64::from(ends),
            ends,
            at: 10_000,
        };
        assert!(store.carry_out(&piece(0, seq, &["a", "b"], false)).await.unwrap());
        assert_eq!(row(&store, "a").await.state, RunState::Waiting);
        ends(&store, "a", RunState::Failed, REFUSED, 11_000).await;
        // The same once more, from a process that read before: nothing of it is done.
        assert!(!store.carry_out(&piece(0, seq, &["a", "b"], false)).await.unwrap());
        assert_eq!(row(&store, "a").await.state, RunState::Failed);
        // What is not failed any more is left as it is.
        store.cancel_runs(&ids(&["c"]), &by_hand(), 11_000).await.unwrap();
        assert!(store.carry_out(&piece(seq, seq + 1, &["c"], true)).await.unwrap());
        assert_eq!(row(&store, "c").await.state, RunState::Cancelled);
        let told = store.bulk("blk_1").await.unwrap().unwrap();
        assert_eq!((told.done, told.left_out, told.position, told.ended_at), (2, 1, seq + 1, Some(10_000)));
        assert_eq!(store.next_bulk().await.unwrap(), None);
        assert!(!store.carry_out(&piece(seq + 1, seq + 2, &["a"], false)).await.unwrap(), "it is over");
        assert!(store.ask_bulk(&bulk("blk_2", BulkAct::Cancel)).await.unwrap());
        let cancel = BulkPiece { id: "blk_2".into(), act: BulkAct::Cancel, ..piece(0, seq, &["a"], true) };
        assert!(store.carry_out(&cancel).await.unwrap());
        assert_eq!(row(&store, "a").await.verdict, Some(by_hand()));
    }

    async fn runs_from_before_causes_were_kept_are_given_one_in_pieces(place: &Place) {
        let store = place.open().await;
        for (n, name) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
            planned(&store, name).await;
            let state = [RunState::Failed, RunState::Held, RunState::Done][n % 3];
            ends(&store, name, state, REFUSED, 5_000 + n as i64).await;
        }
        while store.name_causes(2).await.unwrap() {}
        assert_eq!(open(&store).await[0].needs, 4, "those that have one keep it");
        // As an older version left it.
        place.execute("DELETE FROM run_causes").await;
        place.execute("DELETE FROM causes").await;
        place.execute("INSERT INTO facts (name, value) VALUES ('causes.walk', 'failed 0')").await;
        let mut pieces = 0;
        while store.name_causes(1).await.unwrap() {
            pieces += 1;
        }
        assert!(pieces >= 4, "{pieces}");
        let groups = open(&store).await;
        assert_eq!((groups.len(), groups[0].needs, groups[0].guests), (1, 4, 4));
        let newest = store.troubled_runs(&TroubleFilter::default(), TroublePage::Before(i64::MAX), 1).await.unwrap();
        assert_eq!((newest[0].run.id.as_str(), newest[0].at), ("run_e", 5_004));
        assert!(!store.name_causes(1).await.unwrap());
    }

    async fn links_and_groups_are_written_with_the_run_or_not_at_all(place: &Place) {
        let store = place.open().await;
        planned(&store, "a").await;
        let mut overtaken = write(&row(&store, "a").await, RunState::Failed, 5_000);
        overtaken.run.revision += 7;
        overtaken.links = vec![put("a", "a", Some("h"))];
        assert_eq!(store.write_delivery(&[overtaken]).await.unwrap(), [Written::Overtaken]);
        assert!(open(&store).await.is_empty());
    }
}
