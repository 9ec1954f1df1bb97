//! Where a test runs: a fresh SQLite folder or a fresh Postgres database, and the macro that runs one body on both.

use crate::postgres::TestDatabase;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::sync::Arc;
use tempfile::TempDir;
use waypost::domain::Millis;
use waypost::ports::{DueConnection, DueQuery, RunRow, Store};
use waypost::store::{OpenOptions, open};

/// A fresh place for a store.
pub struct Place {
    pub folder: TempDir,
    pub postgres: Option<TestDatabase>,
}

impl Place {
    pub fn on_sqlite() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), postgres: None }
    }

    pub async fn on_postgres() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), postgres: Some(TestDatabase::create().await) }
    }

    pub fn options(&self) -> OpenOptions {
        let mut options = OpenOptions::new(self.folder.path());
        options.database_url = self.postgres.as_ref().map(|database| database.url.clone());
        options
    }

    pub async fn open(&self) -> Arc<dyn Store> {
        open(&self.options()).await.unwrap()
    }

    /// Runs a statement behind the store's back.
    pub async fn execute(&self, statement: &'static str) {
        if let Some(database) = &self.postgres {
            let mut connection = database.connect().await;
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        } else {
            let mut connection = self.sqlite("waypost.db").await;
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
    }

    /// A connection of the test's own to a SQLite file.
    pub async fn sqlite(&self, file: &str) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.folder.path().join(file)).connect().await.unwrap()
    }

    pub async fn remove(self) {
        if let Some(database) = self.postgres {
            database.remove().await;
        }
    }
}

/// Runs each body on both databases.
macro_rules! on_both {
    ($(async fn $name:ident($place:ident: &Place) $body:block)+) => {$(
        async fn $name($place: &$crate::place::Place) $body
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let place = $crate::place::Place::on_sqlite();
                super::$name(&place).await;
                place.remove().await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                let place = $crate::place::Place::on_postgres().await;
                super::$name(&place).await;
                place.remove().await;
            }
        }
    )+};
}
pub(crate) use on_both;

/// All that is due, however late.
pub fn due(connection: &str) -> DueQuery {
    DueQuery {
        connection: connection.to_owned(),
        due_by: Some(i64::MAX),
        limit: 1_000,
        body_bytes_max: i64::MAX,
    }
}

/// A connection that nobody has paused, with when the first of its runs is due.
pub fn first_due(connection: &str, at: Millis) -> DueConnection {
    DueConnection { name: connection.to_owned(), first_due: at, paused: false }
}

/// Ids of the runs that are due, in their order, without `run_`.
pub async fn due_names(store: &Arc<dyn Store>) -> Vec<String> {
    let due = store.due_runs(&due(crate::samples::CRM)).await.unwrap();
    due.iter().map(|due| name_of(&due.run)).collect()
}

pub fn name_of(run: &RunRow) -> String {
    run.id.as_str().trim_start_matches("run_").to_owned()
}

/// One run's row.
pub async fn row(store: &Arc<dyn Store>, name: &str) -> RunRow {
    let id = waypost::domain::RunId::new(format!("run_{name}"));
    store.run_with_context(&id).await.unwrap().expect("the run is there").run
}
