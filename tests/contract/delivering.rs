//! Deliveries are written whole or not at all, attempt by attempt.

use crate::place::{due, first_due, on_both, row};
use crate::samples::{CRM, begin, created, end, event, link, put, run, write};
use serde_json::json;
use std::sync::Arc;
use waypost::domain::{AttemptId, RunId, RunState, StepProgress, StepState, Verdict, VerdictCode};
use waypost::ports::{DueQuery, ListFilter, Store, Written};

/// Bookings `0`…, each with one run of the same name in its own lane.
async fn with_runs(store: &Arc<dyn Store>, count: i64) {
    let events: Vec<_> = (0..count).map(|n| event(&format!("{n:03}"), b"{}")).collect();
    let positions = store.append_events(&events).await.unwrap();
    let applied: Vec<_> = positions
        .iter()
        .enumerate()
        .map(|(n, position)| {
            let name = n.to_string();
            created(&name, *position, vec![run(&name, &name, *position)])
        })
        .collect();
    store.apply_events(&applied).await.unwrap();
}

on_both! {
    async fn a_run_comes_back_as_it_was_written(place: &Place) {
        let store = place.open().await;
        with_runs(&store, 1).await;
        let mut failing = write(&row(&store, "0").await, RunState::Waiting, 70_000);
        failing.run.verdict = Some(Verdict::new(VerdictCode::Refused, "The CRM said no: „naïve“."));
        failing.run.connection = String::from("other");
        failing.run.ruleset = Some("abc".to_owned());
        failing.run.steps = vec![StepProgress {
            id: "contact".to_owned(),
            uses: "crm.upsert".to_owned(),
            state: StepState::Done,
            attempts: 2,
            calls_done: 0,
            outputs: [("id".to_owned(), json!(12_345_678_901_234_567_890_u64))].into(),
            verdict: None,
            known_id: None,
            started_over: false,
        }];
        failing.run.failures = 2;
        failing.run.failing_since = Some(4_000);
        failing.run.failing_stopped_ms = 50;
        failing.run.uncertain = true;
        assert_eq!(store.write_delivery(&[failing.clone()]).await.unwrap(), [Written::Yes]);
        let kept = row(&store, "0").await;
        let wanted = failing.run;
        assert_eq!((kept.state, kept.next_at, kept.revision), (wanted.state, Some(70_000), wanted.revision + 1));
        assert_eq!((&kept.verdict, &kept.connection, &kept.ruleset), (&wanted.verdict, &wanted.connection, &wanted.ruleset));
        assert_eq!((&kept.steps, kept.failures, kept.failing_since), (&wanted.steps, 2, Some(4_000)));
        assert_eq!((kept.failing_stopped_ms, kept.uncertain, kept.updated_at), (50, true, 70_000));
        assert_eq!(store.due_connections().await.unwrap(), [first_due("other", 70_000)]);
    }

    async fn an_overtaken_write_leaves_nothing_and_the_others_go_through(place: &Place) {
        let store = place.open().await;
        with_runs(&store, 3).await;
        let stale = row(&store, "1").await;
        store.write_delivery(&[write(&stale, RunState::Waiting, 3_500)]).await.unwrap();
        let mut writes = Vec::new();
        for (n, present) in [row(&store, "0").await, stale, row(&store, "2").await].iter().enumerate() {
            let mut begun = write(present, RunState::Working, 4_000);
            begun.begin = Some(begin(&n.to_string(), &present.id));
            begun.links = vec![put(&n.to_string(), &n.to_string(), None)];
            writes.push(begun);
        }
        let mut unknown = writes[0].clone();
        unknown.run.id = RunId::new("run_none");
        unknown.begin = None;
        writes.push(unknown);
        let written = store.write_delivery(&writes).await.unwrap();
        assert_eq!(written, [Written::Yes, Written::Overtaken, Written::Yes, Written::Overtaken]);
        assert_eq!(row(&store, "1").await.state, RunState::Waiting);
        assert!(store.attempt(&AttemptId::new("att_1")).await.unwrap().is_none());
        assert!(store.attempt(&AttemptId::new("att_2")).await.unwrap().is_some());
        let links = store.links_of_records(&[link("0").record, link("1").record, link("2").record]).await.unwrap();
        assert_eq!(links.len(), 2);
        assert_eq!(store.write_delivery(&[]).await.unwrap(), []);
    }

    async fn one_batch_may_take_a_run_further_twice(place: &Place) {
        let store = place.open().await;
        with_runs(&store, 2).await;
        let present = row(&store, "0").await;
        let mut begun = write(&present, RunState::Working, 4_000);
        begun.begin = Some(begin("x", &present.id));
        let mut ended = write(&present, RunState::Done, 5_000);
        ended.run.revision += 1;
        ended.end = Some(end("x", "done"));
        let other = write(&row(&store, "1").await, RunState::Done, 4_500);
        let again = ended.clone();
        let written = store.write_delivery(&[begun, other, ended, again]).await.unwrap();
        assert_eq!(written, [Written::Yes, Written::Yes, Written::Yes, Written::Overtaken]);
        assert_eq!(row(&store, "0").await.state, RunState::Done);
    }

    async fn an_attempt_is_sending_until_it_ends_once(place: &Place) {
        let store = place.open().await;
        with_runs(&store, 1).await;
        let present = row(&store, "0").await;
        let mut begun = write(&present, RunState::Working, 4_000);
        begun.begin = Some(begin("x", &present.id));
        store.write_delivery(&[begun]).await.unwrap();
        let sending = store.attempt(&AttemptId::new("att_x")).await.unwrap().unwrap();
        assert_eq!((sending.outcome.as_str(), sending.status, sending.duration_ms), ("sending", None, None));
        let lost = store.lost_attempts(Some("node-1"), 0).await.unwrap();
        assert_eq!((lost.len(), lost[0].at, lost[0].kind.as_str()), (1, 4_000, "call"));
        assert_eq!(lost[0].run, row(&store, "0").await);
        assert!(store.lost_attempts(Some("node-2"), 9_999).await.unwrap().is_empty());
        assert!(store.lost_attempts(None, 4_000).await.unwrap().is_empty());
        assert_eq!(store.lost_attempts(None, 4_001).await.unwrap().len(), 1);
        let mut done = write(&row(&store, "0").await, RunState::Waiting, 6_000);
        done.end = Some(end("x", "retry"));
        assert_eq!(store.write_delivery(&[done]).await.unwrap(), [Written::Yes]);
        let ended = store.attempts(&present.id).await.unwrap();
        assert_eq!((ended[0].outcome.as_str(), ended[0].status, ended[0].duration_ms), ("retry", Some(200), Some(120)));
        assert!(store.lost_attempts(Some("node-1"), 0).await.unwrap().is_empty());
        // An end of what has ended takes no effect, and neither does the rest of its write.
        let mut twice = write(&row(&store, "0").await, RunState::Done, 7_000);
        twice.end = Some(end("x", "done"));
        assert_eq!(store.write_delivery(&[twice]).await.unwrap(), [Written::Overtaken]);
        assert_eq!(row(&store, "0").await.state, RunState::Waiting);
    }

    async fn a_batch_that_the_database_refuses_is_rolled_back_whole(place: &Place) {
        let store = place.open().await;
        with_runs(&store, 2).await;
        let mut writes = Vec::new();
        for name in ["0", "1"] {
            let present = row(&store, name).await;
            let mut begun = write(&present, RunState::Working, 4_000);
            begun.begin = Some(begin("same", &present.id));
            writes.push(begun);
        }
        store.write_delivery(&writes).await.unwrap_err();
        assert_eq!(row(&store, "0").await.state, RunState::Waiting);
        assert!(store.attempts(&RunId::new("run_0")).await.unwrap().is_empty());
        assert_eq!(store.write_delivery(&writes[..1]).await.unwrap(), [Written::Yes]);
    }

    async fn big_batches_are_written_whole(place: &Place) {
        let store = place.open().await;
        with_runs(&store, 150).await;
        let taken = store.due_runs(&due(CRM)).await.unwrap();
        assert_eq!(taken.len(), 150);
        let writes: Vec<_> = taken
            .iter()
            .enumerate()
            .map(|(n, due)| {
                let mut begun = write(&due.run, RunState::Working, 4_000);
                begun.begin = Some(begin(&n.to_string(), &due.run.id));
                begun.links = vec![put(&format!("r{}", n % 40), "0", None)];
                begun
            })
            .collect();
        assert_eq!(store.write_delivery(&writes).await.unwrap(), vec![Written::Yes; 150]);
        assert_eq!(store.lost_attempts(Some("node-1"), 0).await.unwrap().len(), 150);
        let working = ListFilter { state: Some("working".to_owned()), limit: 1_000, ..ListFilter::default() };
        assert_eq!(store.list_runs(&working).await.unwrap().len(), 150);
        assert_eq!(store.counts().await.unwrap().runs, [("working".to_owned(), CRM.to_owned(), 150)]);
    }

    async fn due_runs_come_longest_due_first_and_bounded(place: &Place) {
        let store = place.open().await;
        with_runs(&store, 3).await;
        store.write_delivery(&[write(&row(&store, "0").await, RunState::Waiting, 9_000)]).await.unwrap();
        store.write_delivery(&[write(&row(&store, "2").await, RunState::Waiting, 2_000)]).await.unwrap();
        let names = async |due_by, limit| {
            let query = DueQuery { connection: CRM.to_owned(), due_by, limit, body_bytes_max: i64::MAX };
            let due = store.due_runs(&query).await.unwrap();
            due.iter().map(|due| crate::place::name_of(&due.run)).collect::<Vec<_>>()
        };
        assert_eq!(names(Some(3_000), 10).await, ["2", "1"]);
        assert_eq!(names(Some(1_000), 10).await, Vec::<String>::new());
        assert_eq!(names(None, 10).await, ["2", "1", "0"]);
        assert_eq!(names(None, 1).await, ["2"]);
        let within = async |bytes| {
            let query =
                DueQuery { connection: CRM.to_owned(), due_by: None, limit: 10, body_bytes_max: bytes };
            store.due_runs(&query).await.unwrap().len()
        };
        // Bodies of two bytes each: the first always, a further one while those before it are fewer than that.
        assert_eq!((within(1).await, within(2).await, within(3).await, within(5).await), (1, 1, 2, 3));
        let other = DueQuery { connection: "other".to_owned(), due_by: None, limit: 9, body_bytes_max: i64::MAX };
        assert!(store.due_runs(&other).await.unwrap().is_empty());
    }
}
