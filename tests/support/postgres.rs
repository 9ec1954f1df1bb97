//! A throw-away Postgres for tests: the server that `WAYPOST_TEST_POSTGRES` names, else one that `tests/postgres.sh` starts
//! and that all test processes of this machine's target folder share. Each test gets a database of its own.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// URL of the server, and the lock that keeps it running as long as this process lives.
fn server() -> &'static str {
    static SERVER: OnceLock<(String, Option<File>)> = OnceLock::new();
    let (url, _) = SERVER.get_or_init(|| {
        if let Ok(url) = std::env::var("WAYPOST_TEST_POSTGRES") {
            return (url, None);
        }
        let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres");
        std::fs::create_dir_all(&state).expect("the target folder can be written");
        let lock = |name: &str| {
            File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(state.join(name))
                .expect("a lock file")
        };
        let users = lock("users");
        users.lock_shared().expect("the lock of the users");
        let starting = lock("starting");
        starting.lock().expect("the lock of the one who starts");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres.sh");
        let out = Command::new(script).arg(&state).output().expect("tests/postgres.sh can be started");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        (String::from_utf8_lossy(&out.stdout).trim().to_owned(), Some(users))
    });
    url
}

/// The same URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let (head, query) = url.split_once('?').map_or((url, None), |(head, query)| (head, Some(query)));
    let host_at = head.find("://").map_or(0, |at| at + 3);
    let head = head[host_at..].find('/').map_or(head, |at| &head[..host_at + at]);
    query.map_or_else(|| format!("{head}/{name}"), |query| format!("{head}/{name}?{query}"))
}

/// A fresh database.
pub struct TestDatabase {
    name: String,
    /// Its URL.
    pub url: String,
}

impl TestDatabase {
    /// Makes it.
    pub async fn create() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let since = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_micros());
        let name = format!("waypost_test_{}_{number}_{since}", std::process::id());
        Self::run(&format!("CREATE DATABASE {name}")).await;
        let url = with_database(server(), &name);
        Self { name, url }
    }

    /// Removes it. Where a test failed it stays, for a look.
    pub async fn remove(self) {
        Self::run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).await;
    }

    /// A connection of the test's own.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("the test's database answers")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a statement beside the test's database.
    pub async fn run(statement: &str) {
        let mut connection = PgConnection::connect(server()).await.expect("the test's Postgres answers");
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut connection)
            .await
            .expect("the test's Postgres does it");
    }
}
