//! One short way through the store, end to end.
use crate::samples::*;
use waypost::domain::*;
use waypost::ports::*;
use waypost::store::{OpenOptions, open, open_in_memory};

#[tokio::test]
async fn the_whole_way_leads_through_the_store() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..2 {
        let store = if round == 0 {
            open_in_memory().await.unwrap()
        } else {
            open(&OpenOptions::new(folder.path())).await.unwrap()
        };
        let p =
            store.append_events(&[event("1", b"{}"), event("2", b"{}"), event("3", b"{}")]).await.unwrap();
        assert_eq!(p, [1, 2, 3]);
        let un = store.unapplied_events(10, 1000).await.unwrap();
        assert_eq!(un.len(), 3);
        store
            .apply_events(&[
                created("a", 1, vec![run("1", "a", 1), run("2", "a", 1)]),
                created("b", 2, vec![run("3", "b", 2)]),
            ])
            .await
            .unwrap();
        assert_eq!(store.due_connections().await.unwrap(), [(CRM.to_owned(), 3000)]);
        let q = DueQuery { connection: CRM.into(), due_by: Some(9999), limit: 10 };
        let due = store.due_runs(&q).await.unwrap();
        assert_eq!(due.iter().map(|d| d.run.id.as_str()).collect::<Vec<_>>(), ["run_1", "run_3"]);
        let mut w = write(&due[0].run, RunState::Working, 4000);
        w.begin = Some(begin("1", &due[0].run.id));
        w.links = vec![put("x", "a", None)];
        assert_eq!(
            store.write_delivery(&[w.clone(), write(&due[1].run, RunState::Done, 4000)]).await.unwrap(),
            [Written::Yes; 2]
        );
        assert_eq!(store.write_delivery(&[w]).await.unwrap(), [Written::Overtaken]);
        assert_eq!(store.lost_attempts(Some("node-1"), 0).await.unwrap().len(), 1);
        let r = store.run_with_context(&due[0].run.id).await.unwrap().unwrap();
        let mut w = write(&r.run, RunState::Done, 5000);
        w.end = Some(end("1", "done"));
        w.links = vec![put("x", "a", Some("h"))];
        assert_eq!(store.write_delivery(&[w]).await.unwrap(), [Written::Yes]);
        let due = store.due_runs(&q).await.unwrap();
        assert_eq!(due.iter().map(|d| d.run.id.as_str()).collect::<Vec<_>>(), ["run_2"]);
        println!("{:?}", store.counts().await.unwrap());
        println!("{:?}", store.links_of_records(&[record("x")]).await.unwrap());
        println!("{:?}", store.links_of_booking(&booking_id("a"), "", CRM).await.unwrap());
        println!("{:?}", store.list_events(&ListFilter::default()).await.unwrap());
        println!("{:?}", store.list_bookings(&ListFilter { limit: 1, ..Default::default() }).await.unwrap());
        println!(
            "{:?}",
            store
                .list_runs(&ListFilter {
                    state: Some("done".into()),
                    source: Some(SOURCE.into()),
                    ..Default::default()
                })
                .await
                .unwrap()
        );
        println!("{:?}", store.attempts(&RunId::new("run_1")).await.unwrap());
        assert_eq!(store.pause_runs(CRM, true, 6000, 10).await.unwrap(), 1);
        assert_eq!(store.pause_runs(CRM, false, 6000, 10).await.unwrap(), 1);
        assert_eq!(store.mend_lanes(1).await.unwrap(), 0);
        assert_eq!(store.retry_runs(&[RunId::new("run_2")], false, 7000).await.unwrap().len(), 1);
        println!("{}", store.describe().await.unwrap());
        store.maintain().await.unwrap();
        store.close().await;
    }
}
