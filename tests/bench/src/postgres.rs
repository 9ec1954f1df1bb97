//! A throw-away Postgres, by `tests/postgres.sh` like the tests have it: durable as in earnest, reachable by a socket only,
//! gone once the bench has ended. `WAYPOST_TEST_POSTGRES` names another server on which databases may be made.

use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The server, for as long as this lives.
pub struct Server {
    url: String,
    /// Its first process, where the bench started it.
    pub pid: Option<u32>,
    /// As long as it is held, the server runs.
    _users: Option<File>,
}

impl Server {
    /// Starts it, or takes the one that is named. `state` is a folder of the bench.
    pub fn start(state: &Path) -> Result<Self> {
        if let Ok(url) = std::env::var("WAYPOST_TEST_POSTGRES") {
            return Ok(Self { url, pid: None, _users: None });
        }
        // The script removes files there later by their path, from another folder.
        let state = std::path::absolute(state)?;
        fs::create_dir_all(&state)?;
        let users = File::create(state.join("users"))?;
        users.lock_shared()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../postgres.sh");
        let started =
            Command::new(script).arg(&state).output().context("tests/postgres.sh can't be started")?;
        if !started.status.success() {
            bail!(
                "Postgres can't be started; POSTGRES=0 leaves it out. {}",
                String::from_utf8_lossy(&started.stderr).trim()
            );
        }
        let url = String::from_utf8_lossy(&started.stdout).trim().to_owned();
        let home = fs::read_to_string(state.join("home")).unwrap_or_default();
        let pid_file = Path::new(home.trim()).join("data/postmaster.pid");
        let pid = fs::read_to_string(pid_file).ok().and_then(|text| text.lines().next()?.parse().ok());
        Ok(Self { url, pid, _users: Some(users) })
    }

    /// Makes an empty database.
    pub fn create_database(&self) -> Result<Database> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("waypost_bench_{}_{number}", std::process::id());
        sql(&self.url, &[&format!("CREATE DATABASE {name}")])?;
        Ok(Database { url: with_database(&self.url, &name), server: self.url.clone(), name })
    }
}

/// A database of one home; dropping it removes it.
pub struct Database {
    /// What `waypost serve --database` takes.
    pub url: String,
    server: String,
    name: String,
}

impl Database {
    /// How many events are stored.
    pub fn stored_events(&self) -> Result<u64> {
        Ok(sql(&self.url, &["SELECT count(*) FROM events"])?.parse()?)
    }

    /// Its size on the disk once all is written back. What later runs would have to wait for is written back with it.
    pub fn bytes(&self) -> Result<u64> {
        Ok(sql(&self.url, &["CHECKPOINT", "SELECT pg_database_size(current_database())"])?.parse()?)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let remove = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        if let Err(error) = sql(&self.server, &[&remove, "CHECKPOINT"]) {
            eprintln!("the database {} stays: {error:#}", self.name);
        }
    }
}

/// Runs statements one by one; what the last one answers.
fn sql(url: &str, statements: &[&str]) -> Result<String> {
    let mut psql = Command::new("psql");
    psql.args([
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "-v",
        "ON_ERROR_STOP=1",
        "--dbname",
        url,
    ]);
    for statement in statements {
        psql.args(["--command", statement]);
    }
    let done = psql.output().context("psql can't be started; it comes with Postgres")?;
    if !done.status.success() {
        bail!(
            "Postgres refuses `{}`: {}",
            statements.join("; "),
            String::from_utf8_lossy(&done.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

/// The same URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let (head, query) = url.split_once('?').map_or((url, None), |(head, query)| (head, Some(query)));
    let host_at = head.find("://").map_or(0, |at| at + 3);
    let head = head[host_at..].find('/').map_or(head, |at| &head[..host_at + at]);
    query.map_or_else(|| format!("{head}/{name}"), |query| format!("{head}/{name}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn another_database_of_the_same_server() {
        assert_eq!(
            with_database("postgres://waypost@localhost/postgres?host=/run/pg", "b1"),
            "postgres://waypost@localhost/b1?host=/run/pg"
        );
        assert_eq!(with_database("postgres://a:b@c:5432", "b1"), "postgres://a:b@c:5432/b1");
    }
}
