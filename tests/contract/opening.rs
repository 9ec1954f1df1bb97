//! Opening, refusing, locking, backing up, and coming back after trouble.

use crate::place::{Place, on_both};
use crate::postgres::TestDatabase;
use crate::samples::{created, event, run};
use sqlx::{Connection as _, SqliteConnection};
use std::time::Duration;
use waypost::ports::{ListFilter, StoreError};
use waypost::store::{OpenOptions, open};

fn unfit<T>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Unfit(sentence)) => sentence,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was taken"),
    }
}

fn exclusive(place: &Place) -> OpenOptions {
    OpenOptions { exclusive: true, ..place.options() }
}

on_both! {
    async fn all_is_found_again_after_an_abrupt_end(place: &Place) {
        let store = open(&exclusive(place)).await.unwrap();
        store.append_events(&[event("1", b"{}"), event("2", b"{}")]).await.unwrap();
        store.apply_events(&[created("a", 1, vec![run("1", "a", 1)])]).await.unwrap();
        let before = (store.counts().await.unwrap(), store.list_events(&ListFilter::default()).await.unwrap());
        drop(store);
        let store = open(&exclusive(place)).await.unwrap();
        let after = (store.counts().await.unwrap(), store.list_events(&ListFilter::default()).await.unwrap());
        assert_eq!(before, after);
        assert_eq!(store.append_events(&[event("3", b"{}")]).await.unwrap().len(), 1);
        store.close().await;
        store.append_events(&[event("4", b"{}")]).await.unwrap_err();
    }

    async fn a_second_node_is_refused_and_a_command_is_not(place: &Place) {
        let node = open(&exclusive(place)).await.unwrap();
        let sentence = unfit(open(&exclusive(place)).await);
        assert!(sentence.starts_with("Another Waypost is serving"), "{sentence}");
        let command = place.open().await;
        command.append_events(&[event("1", b"{}")]).await.unwrap();
        assert_eq!(node.unapplied_events(9, 99).await.unwrap().len(), 1);
    }

    async fn a_node_waits_for_its_predecessor_to_go(place: &Place) {
        let node = open(&exclusive(place)).await.unwrap();
        let options = exclusive(place);
        let next = tokio::spawn(async move { open(&options).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(node);
        next.await.unwrap().unwrap();
    }

    async fn a_database_of_a_newer_version_is_refused(place: &Place) {
        place.open().await.close().await;
        place
            .execute(
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 SELECT 99, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
            )
            .await;
        let sentence = unfit(open(&place.options()).await);
        assert!(sentence.starts_with("This database was written by a newer Waypost (its schema is 99"), "{sentence}");
    }

    async fn a_schema_of_another_build_is_refused(place: &Place) {
        place.open().await.close().await;
        place.execute("UPDATE _sqlx_migrations SET checksum = '\\x00'").await;
        unfit(open(&place.options()).await);
    }

    async fn two_first_starts_make_one_schema(place: &Place) {
        let (one, two) = (place.options(), place.options());
        let (one, two) = tokio::join!(open(&one), open(&two));
        one.unwrap().append_events(&[event("1", b"{}")]).await.unwrap();
        assert_eq!(two.unwrap().counts().await.unwrap().events, 1);
    }
}

#[tokio::test]
async fn a_backup_opens_and_holds_the_same() {
    let place = Place::on_sqlite();
    let store = place.open().await;
    store.append_events(&[event("1", b"{}"), event("2", b"{}")]).await.unwrap();
    store.apply_events(&[created("a", 1, vec![run("1", "a", 1)])]).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("waypost.db");
    store.backup(&file).await.unwrap();
    let sentence = unfit(store.backup(&file).await);
    assert!(sentence.starts_with("There is a file at"), "{sentence}");
    let names: Vec<_> =
        std::fs::read_dir(copy.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["waypost.db"]);
    let restored = open(&OpenOptions::new(copy.path())).await.unwrap();
    assert_eq!(restored.counts().await.unwrap(), store.counts().await.unwrap());
    let nowhere = store.backup(&copy.path().join("no/such/folder.db")).await;
    assert!(matches!(nowhere, Err(StoreError::Database { .. })));
}

#[tokio::test]
async fn a_restored_backup_has_its_events_and_goes_on_with_those_that_nothing_came_of() {
    let place = Place::on_sqlite();
    let store = place.open().await;
    store.append_events(&[event("1", b"{}"), event("2", b"{}"), event("3", b"{}")]).await.unwrap();
    store.apply_events(&[created("a", 1, vec![run("1", "a", 1)])]).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    store.backup(&copy.path().join("waypost.db")).await.unwrap();
    let restored = open(&OpenOptions::new(copy.path())).await.unwrap();
    assert_eq!(
        restored.list_events(&ListFilter::default()).await.unwrap(),
        store.list_events(&ListFilter::default()).await.unwrap()
    );
    let open_ones: Vec<_> =
        restored.unapplied_events(9, 99).await.unwrap().iter().map(|event| event.position).collect();
    assert_eq!(open_ones, [2, 3]);
    assert_eq!(restored.append_events(&[event("4", b"{}")]).await.unwrap(), [4]);
    // Opened once more, nothing is moved twice.
    restored.close().await;
    let again = open(&OpenOptions::new(copy.path())).await.unwrap();
    assert_eq!(again.counts().await.unwrap().events, 4);
}

#[tokio::test]
async fn what_was_applied_before_a_kill_is_taken_off_the_list_after_the_start() {
    let place = Place::on_sqlite();
    let listed = async |place: &Place| -> i64 {
        let mut journal = place.sqlite("events.db").await;
        sqlx::query_scalar("SELECT COUNT(*) FROM unapplied").fetch_one(&mut journal).await.unwrap()
    };
    let store = open(&exclusive(&place)).await.unwrap();
    store.append_events(&[event("1", b"{}"), event("2", b"{}"), event("3", b"{}")]).await.unwrap();
    store.apply_events(&[created("a", 1, vec![]), created("b", 2, vec![])]).await.unwrap();
    drop(store);
    assert_eq!(listed(&place).await, 3);
    let store = open(&exclusive(&place)).await.unwrap();
    store.maintain().await.unwrap();
    assert_eq!(listed(&place).await, 1);
    assert_eq!(store.unapplied_events(9, 99).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_long_write_ahead_log_is_begun_anew_and_a_slow_reader_is_not_waited_for() {
    let place = Place::on_sqlite();
    let store = place.open().await;
    let log = || std::fs::metadata(place.folder.path().join("events.db-wal")).unwrap().len();
    let body = vec![b'x'; 400_000];
    let mut reader = place.sqlite("events.db").await;
    sqlx::query("BEGIN").execute(&mut reader).await.unwrap();
    sqlx::query("SELECT COUNT(*) FROM events").execute(&mut reader).await.unwrap();
    for n in 0..100 {
        store.append_events(&[event(&n.to_string(), &body)]).await.unwrap();
    }
    let long = log();
    assert!(long > 32 << 20);
    store.maintain().await.unwrap();
    assert_eq!(log(), long, "it is being read");
    store.append_events(&[event("beside", b"{}")]).await.unwrap();
    sqlx::query("ROLLBACK").execute(&mut reader).await.unwrap();
    store.maintain().await.unwrap();
    let long = log();
    for n in 0..50 {
        store.append_events(&[event(&format!("again {n}"), &body)]).await.unwrap();
    }
    assert_eq!(log(), long, "it is written from its beginning again");
    assert_eq!(store.counts().await.unwrap().events, 151);
}

#[tokio::test]
async fn a_lost_journal_gives_no_position_a_second_time() {
    let place = Place::on_sqlite();
    let store = open(&exclusive(&place)).await.unwrap();
    store.append_events(&[event("1", b"{}"), event("2", b"{}")]).await.unwrap();
    store.apply_events(&[created("a", 1, vec![]), created("b", 2, vec![])]).await.unwrap();
    store.close().await;
    drop(store);
    for name in ["events.db", "events.db-wal", "events.db-shm"] {
        let _ = std::fs::remove_file(place.folder.path().join(name));
    }
    let store = open(&exclusive(&place)).await.unwrap();
    assert_eq!(store.append_events(&[event("3", b"{}")]).await.unwrap(), [3]);
    let unapplied = store.unapplied_events(9, 99).await.unwrap();
    assert_eq!(unapplied.len(), 1, "it is not taken for one that is applied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_stored_while_all_else_is_locked() {
    let place = Place::on_sqlite();
    let store = place.open().await;
    let mut other: SqliteConnection = place.sqlite("waypost.db").await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    assert_eq!(store.append_events(&[event("1", b"{}")]).await.unwrap(), [1]);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_written_is_an_error_and_not_a_hang() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let error = open(&OpenOptions::new(file.join("data"))).await.err().unwrap();
    assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    // A database whose file is something else altogether.
    std::fs::write(place.path().join("waypost.db"), "this is not a database, only a text".repeat(50))
        .unwrap();
    let error = open(&OpenOptions::new(place.path())).await.err().unwrap();
    assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    let mut rights = std::fs::metadata(place.path()).unwrap().permissions();
    rights.set_readonly(true);
    let read_only = tempfile::tempdir().unwrap();
    std::fs::set_permissions(read_only.path(), rights).unwrap();
    // Root may write everywhere; everybody else gets an error.
    if std::fs::write(read_only.path().join("try"), "").is_err() {
        let error = open(&OpenOptions::new(read_only.path())).await.err().unwrap();
        assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_database_is_an_error_and_not_a_hang() {
    let place = Place::on_sqlite();
    let store = place.open().await;
    let mut other: SqliteConnection = place.sqlite("events.db").await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let error = store.append_events(&[event("1", b"{}")]).await.unwrap_err();
    assert!(matches!(error, StoreError::Database { doing: "store the event", .. }), "{error:?}");
    assert!(store.unapplied_events(9, 99).await.unwrap().is_empty());
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    store.append_events(&[event("1", b"{}")]).await.unwrap();
}

#[tokio::test]
async fn the_write_ahead_log_is_emptied_into_the_file() {
    let place = Place::on_sqlite();
    let store = place.open().await;
    let bytes = |name: &str| std::fs::metadata(place.folder.path().join(name)).unwrap().len();
    let body = vec![b'x'; 50_000];
    for n in 0..20 {
        store.append_events(&[event(&n.to_string(), &body)]).await.unwrap();
    }
    let (file, log) = (bytes("events.db"), bytes("events.db-wal"));
    assert!(log > 1_000_000);
    store.maintain().await.unwrap();
    assert!(bytes("events.db") > file + 900_000);
    for n in 20..25 {
        store.append_events(&[event(&n.to_string(), &body)]).await.unwrap();
    }
    assert_eq!(bytes("events.db-wal"), log, "the log is used again from its start");
}

#[tokio::test]
async fn a_postgres_that_would_lie_about_commits_is_refused() {
    let place = Place::on_postgres().await;
    let name = place.postgres.as_ref().unwrap().name().to_owned();
    TestDatabase::run(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).await;
    let sentence = unfit(open(&place.options()).await);
    assert!(sentence.contains("synchronous_commit=off"), "{sentence}");
    place.remove().await;
}

#[tokio::test]
async fn a_database_url_of_another_kind_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = OpenOptions::new(folder.path());
    options.database_url = Some("mysql://somewhere".to_owned());
    unfit(open(&options).await);
    options.database_url = Some("postgres://user:pass@[broken".to_owned());
    let sentence = unfit(open(&options).await);
    assert!(!sentence.contains("pass@"), "{sentence}");
    options.database_url = Some("postgres://user:secret@127.0.0.1:1/none".to_owned());
    let error = open(&options).await.err().unwrap();
    assert!(matches!(error, StoreError::Database { .. }) && !format!("{error:?}").contains("secret"));
}

/// Ends all connections to the test's database but its own.
async fn kill_connections(place: &Place) {
    place
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_connections_that_were_killed_come_back() {
    let place = Place::on_postgres().await;
    let store = open(&exclusive(&place)).await.unwrap();
    store.append_events(&[event("1", b"{}")]).await.unwrap();
    kill_connections(&place).await;
    store.append_events(&[event("2", b"{}")]).await.unwrap();
    assert_eq!(store.unapplied_events(9, 99).await.unwrap().len(), 2);
    // The lock went with its connection; it is taken again, unless another node has it by now.
    store.maintain().await.unwrap();
    kill_connections(&place).await;
    let other = open(&exclusive(&place)).await.unwrap();
    unfit(store.maintain().await);
    other.close().await;
    // The server lets go of the lock when it hears that the connection ended, which may be a moment later.
    let mut taken = store.maintain().await;
    for _ in 0..1_500 {
        if taken.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        taken = store.maintain().await;
    }
    taken.unwrap();
    store.close().await;
    place.remove().await;
}

#[tokio::test]
async fn a_backup_of_postgres_says_what_to_use() {
    let place = Place::on_postgres().await;
    let store = place.open().await;
    let sentence = unfit(store.backup(std::path::Path::new("anywhere")).await);
    assert!(sentence.contains("pg_dump"), "{sentence}");
    store.close().await;
    place.remove().await;
}
