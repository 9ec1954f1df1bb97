//! SQLite: one writer behind the gate, several readers, checkpoints from a connection of their own, whole copies.
//! Promises WAL with `synchronous=FULL`, so that a commit is on disk when it returns, and a WAL of bounded size.

use super::gate::{Gate, Permit};
use super::session::{Line, Session, database_error};
use crate::ports::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, Sqlite};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a statement waits for another process's lock: longer than any transaction of ours.
const BUSY: Duration = Duration::from_secs(5);
/// How long a writer waits for its turn: as long as a lock and a slow disk may take, and then it is an error.
const TURN: Duration = Duration::from_secs(20);
/// Readers at the same time: pages, lists and the stages' reads; more would not go faster on a few cores.
const READERS_MAX: u32 = 4;
/// Prepared statements per connection: all sizes of all statements of the hot path.
const STATEMENTS_MAX: usize = 256;
/// A WAL of this size makes the next writer checkpoint itself.
const WAL_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// What is left of the WAL file once it is empty.
const WAL_BYTES_KEPT: u64 = 64 * 1024 * 1024;

/// An open SQLite database.
pub(super) struct SqliteDatabase {
    /// `None`: in memory, for rehearsals.
    file: Option<PathBuf>,
    writer: SqlitePool,
    readers: SqlitePool,
    gate: Gate,
    /// Size of the WAL when a writer last had to checkpoint it.
    checkpointed_at_bytes: AtomicU64,
}

/// What all connections have in common.
fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(BUSY)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .pragma("wal_autocheckpoint", "0")
        .pragma("journal_size_limit", WAL_BYTES_KEPT.to_string())
        .pragma("trusted_schema", "OFF")
        .statement_cache_capacity(STATEMENTS_MAX)
        .disable_statement_logging()
}

fn pool(connections_max: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(TURN)
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
}

impl SqliteDatabase {
    /// Opens or makes the file.
    pub(super) async fn open(file: &Path) -> Result<Self, StoreError> {
        let failed = |error| database_error("open", error);
        let writer = pool(1).connect_with(options(file).create_if_missing(true)).await.map_err(failed)?;
        let readers = pool(READERS_MAX).connect_lazy_with(options(file).pragma("query_only", "ON"));
        Ok(Self {
            file: Some(file.to_owned()),
            writer,
            readers,
            gate: Gate::default(),
            checkpointed_at_bytes: AtomicU64::new(0),
        })
    }

    /// Makes an empty database in memory: one connection, gone when dropped.
    pub(super) async fn open_in_memory() -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .in_memory(true)
            .statement_cache_capacity(STATEMENTS_MAX)
            .disable_statement_logging();
        let writer = pool(1)
            .min_connections(1)
            .connect_with(options)
            .await
            .map_err(|error| database_error("open", error))?;
        let readers = writer.clone();
        Ok(Self {
            file: None,
            writer,
            readers,
            gate: Gate::default(),
            checkpointed_at_bytes: AtomicU64::new(0),
        })
    }

    /// The writer's connection itself, for migrations.
    pub(super) async fn single_writer(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.writer.acquire().await.map_err(|error| database_error("open", error))
    }

    pub(super) async fn read(&self, doing: &'static str) -> Result<Session, StoreError> {
        let connection = self.readers.acquire().await.map_err(|error| database_error(doing, error))?;
        Ok(Session::new(Line::SqliteRead(connection), doing))
    }

    /// Begins to write once it is our turn. `urgent` goes before all who wait.
    pub(super) async fn write(&self, doing: &'static str, urgent: bool) -> Result<Session, StoreError> {
        let permit = tokio::time::timeout(TURN, self.gate.enter(urgent))
            .await
            .map_err(|_| database_error(doing, "the writer was busy for 20 s"))?;
        self.bound_the_wal(&permit).await;
        let transaction = match self.writer.begin_with("BEGIN IMMEDIATE").await {
            Err(error) if self.file.is_some() && is_of_the_connection(&error) => {
                self.replace_the_writer().await;
                self.writer.begin_with("BEGIN IMMEDIATE").await
            }
            begun => begun,
        };
        let transaction = transaction.map_err(|error| database_error(doing, error))?;
        Ok(Session::new(Line::SqliteWrite(transaction, permit), doing))
    }

    /// Closes the writer's connection; the pool opens another one.
    async fn replace_the_writer(&self) {
        if let Ok(connection) = self.writer.acquire().await
            && let Err(error) = connection.close().await
        {
            tracing::warn!(error = %error, "the writer's connection could not be closed");
        }
    }

    /// Checkpoints before writing where the WAL grew over its bound since the last time. A failure is no reason not to
    /// write: the disk will say so itself.
    async fn bound_the_wal(&self, _permit: &Permit) {
        let Some(file) = &self.file else { return };
        let wal_bytes = std::fs::metadata(beside(file, "-wal")).map_or(0, |data| data.len());
        let last = self.checkpointed_at_bytes.load(Ordering::Relaxed);
        if wal_bytes < last {
            self.checkpointed_at_bytes.store(0, Ordering::Relaxed);
        }
        if wal_bytes < last.min(wal_bytes) + WAL_BYTES_MAX {
            return;
        }
        self.checkpointed_at_bytes.store(wal_bytes, Ordering::Relaxed);
        if let Err(error) = checkpoint(file, "TRUNCATE").await {
            tracing::warn!(wal_bytes, error = %error, "the write-ahead log could not be emptied");
        }
    }

    /// Moves what is in the WAL into the database, beside writers and readers.
    pub(super) async fn checkpoint(&self) -> Result<(), StoreError> {
        match &self.file {
            Some(file) => checkpoint(file, "PASSIVE").await,
            None => Ok(()),
        }
    }

    /// Writes a whole copy to a file that must not be there yet.
    pub(super) async fn backup(&self, target: &Path) -> Result<(), StoreError> {
        let doing = "copy itself to a file";
        if target.exists() {
            return Err(StoreError::Unfit(format!(
                "There is a file at {} already. Choose another name for the backup, or move that file away.",
                target.display()
            )));
        }
        let Some(text) = target.to_str() else {
            return Err(StoreError::Unfit(format!(
                "The name of the backup, {}, is not readable text. Choose another one.",
                target.display()
            )));
        };
        let unfinished = beside(target, ".unfinished");
        let _ = std::fs::remove_file(&unfinished);
        let copied = match &self.file {
            Some(file) => {
                let mut connection = single(file).await.map_err(|error| database_error(doing, error))?;
                let copied = copy(&mut connection, &format!("{text}.unfinished")).await;
                let _ = connection.close().await;
                copied
            }
            None => match self.writer.acquire().await {
                Ok(mut connection) => copy(&mut connection, &format!("{text}.unfinished")).await,
                Err(error) => Err(error),
            },
        };
        let settled = copied.map_err(|error| database_error(doing, error)).and_then(|()| {
            std::fs::File::open(&unfinished)
                .and_then(|file| file.sync_all())
                .and_then(|()| std::fs::rename(&unfinished, target))
                .map_err(|error| database_error(doing, error))
        });
        if settled.is_err() {
            let _ = std::fs::remove_file(&unfinished);
        }
        settled
    }

    pub(super) async fn describe(&self) -> Result<String, StoreError> {
        let mut session = self.read("say what it is").await?;
        let row = session.row("SELECT sqlite_version() AS version", Vec::new()).await?;
        let version = row.map_or_else(|| Ok(String::from("?")), |row| row.text("version"))?;
        Ok(match &self.file {
            Some(file) => {
                let bytes = [file.clone(), beside(file, "-wal")]
                    .iter()
                    .filter_map(|file| std::fs::metadata(file).ok())
                    .map(|data| data.len())
                    .sum();
                format!("SQLite {version}, {}", size(bytes))
            }
            None => format!("SQLite {version}, in memory"),
        })
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Whether a transaction could not begin for what became of its connection, while another one may do. On a full disk
/// SQLite itself rolls back, and sqlx goes on counting that transaction as open; and a connection that was opened while
/// the folder was read-only stays so.
fn is_of_the_connection(error: &sqlx::Error) -> bool {
    const READ_ONLY: u32 = 8;
    let code = |told: &dyn sqlx::error::DatabaseError| told.code()?.parse::<u32>().ok();
    match error {
        sqlx::Error::InvalidSavePointStatement => true,
        sqlx::Error::Database(told) => code(&**told).is_some_and(|code| code & 0xff == READ_ONLY),
        _ => false,
    }
}

/// A connection outside the pools.
async fn single(file: &Path) -> Result<SqliteConnection, sqlx::Error> {
    options(file).create_if_missing(false).connect().await
}

/// `VACUUM INTO` a file.
async fn copy(connection: &mut SqliteConnection, target: &str) -> Result<(), sqlx::Error> {
    sqlx::query("VACUUM INTO $1").bind(target).execute(connection).await.map(|_| ())
}

async fn checkpoint(file: &Path, mode: &'static str) -> Result<(), StoreError> {
    let failed = |error: sqlx::Error| database_error("empty its write-ahead log", error);
    let mut connection = single(file).await.map_err(failed)?;
    let pragma = AssertSqlSafe(format!("PRAGMA wal_checkpoint({mode})"));
    let result = sqlx::query(pragma).fetch_one(&mut connection).await.map_err(failed);
    let _ = connection.close().await;
    let row = result?;
    let busy: i64 = row.try_get(0).map_err(failed)?;
    if busy != 0 {
        tracing::debug!(mode, "the write-ahead log is still being read");
    }
    Ok(())
}

/// The file with something added to its name.
fn beside(file: &Path, added: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(added);
    PathBuf::from(name)
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
