//! One SQLite file with its writer: WAL with `synchronous=FULL`, whoever writes goes through the gate, and the
//! write-ahead log (WAL) is emptied by connections of their own, so that no commit waits for that. Called by `sqlite`.

use super::gate::{Gate, Permit};
use super::session::{Line, Session, database_error};
use super::shelf::{Shelf, Taken};
use super::sqlite_copy::beside;
use crate::ports::StoreError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a statement waits for another process's lock: longer than any transaction of ours.
const BUSY: Duration = Duration::from_secs(5);
/// How long emptying the WAL may keep writers waiting for a slow reader: then it is left for the next time.
const BUSY_CHECKPOINT: Duration = Duration::from_millis(5);
/// How long cutting it off may wait for a reader.
const BUSY_EMPTY: Duration = Duration::from_millis(500);
/// How long a writer waits for its turn: as long as a lock and a slow disk may take, and then it is an error.
pub(super) const TURN: Duration = Duration::from_secs(20);
/// Prepared statements per connection: all sizes of all statements of the hot path.
pub(super) const STATEMENTS_MAX: usize = 256;
/// Rows that a connection's thread reads ahead of who asked: above a claim's and a batch's, so that the two threads don't
/// wait for each other row by row.
const ROWS_BUFFERED: usize = 512;
/// A WAL of so many pages of 4 KiB (32 MiB) is begun anew. Every query looks into it, so a short one is a quick one.
const WAL_FRAMES_MAX: i64 = 8 * 1024;
/// What is left of the WAL file when writers begin it anew by themselves.
const WAL_BYTES_KEPT: u64 = 64 * 1024 * 1024;

/// A file and who writes to it. Clones are the same.
#[derive(Clone)]
pub(super) struct SqliteFile {
    /// `None`: in memory, for rehearsals.
    pub path: Option<PathBuf>,
    pub writer: Shelf,
    gate: Gate,
    /// Empties the WAL.
    sweeper: Arc<Mutex<Option<SqliteConnection>>>,
}

/// What all connections to a file have in common.
pub(super) fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(BUSY)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .pragma("wal_autocheckpoint", "0")
        .pragma("journal_size_limit", WAL_BYTES_KEPT.to_string())
        .pragma("trusted_schema", "OFF")
        // What goes is overwritten in the file, also what a later row took the place of: a guest may be erased one day.
        .pragma("secure_delete", "ON")
        .statement_cache_capacity(STATEMENTS_MAX)
        .row_buffer_size(ROWS_BUFFERED)
        .disable_statement_logging()
}

pub(super) fn pool(connections_max: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(TURN)
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
}

impl SqliteFile {
    /// Opens or makes it.
    pub(super) async fn open(file: PathBuf) -> Result<Self, StoreError> {
        let writer = pool(1)
            .connect_with(options(&file).create_if_missing(true))
            .await
            .map_err(|error| database_error("open", error))?;
        Ok(Self {
            path: Some(file),
            writer: Shelf::new(writer, 1),
            gate: Gate::default(),
            sweeper: Arc::default(),
        })
    }

    /// Makes an empty one in memory: one connection, gone when dropped.
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
        Ok(Self {
            path: None,
            writer: Shelf::in_memory(writer),
            gate: Gate::default(),
            sweeper: Arc::default(),
        })
    }

    /// Begins to write once it is our turn. `urgent` goes before all who wait.
    pub(super) async fn write(&self, doing: &'static str, urgent: bool) -> Result<Session, StoreError> {
        let permit = self.turn(doing, urgent).await?;
        let begun = match self.begin(doing).await? {
            Err(error) if self.path.is_some() && is_of_the_connection(&error) => self.begin(doing).await?,
            begun => begun,
        };
        let connection = begun.map_err(|error| database_error(doing, error))?;
        Ok(Session::new(Line::SqliteWrite(connection, permit), doing))
    }

    /// Begins a transaction on the writer's connection; one that can't is closed, and the next try has a new one.
    async fn begin(&self, doing: &'static str) -> Result<Result<Taken, sqlx::Error>, StoreError> {
        let mut connection = self.writer.take(doing).await?;
        connection.in_transaction = true;
        let begun = connection.execute("BEGIN IMMEDIATE").await;
        Ok(begun.map(|_| connection))
    }

    async fn turn(&self, doing: &'static str, urgent: bool) -> Result<Permit, StoreError> {
        tokio::time::timeout(TURN, self.gate.enter(urgent))
            .await
            .map_err(|_| database_error(doing, "the writer was busy for 20 s"))
    }

    /// Moves what is in the WAL into the file, beside writers and readers. Where the WAL has grown over its bound, it is
    /// then begun anew: what was written meanwhile is little, so writers hardly wait; and not at all where a reader is
    /// slow (that is the next call's business).
    pub(super) async fn checkpoint(&self) -> Result<(), StoreError> {
        let Some(path) = &self.path else { return Ok(()) };
        let failed = |error: sqlx::Error| database_error("empty its write-ahead log", error);
        let mut sweeper = self.sweeper.lock().await;
        let mut connection = match sweeper.take() {
            Some(connection) => connection,
            None => single(path, BUSY_CHECKPOINT).await.map_err(|error| database_error("open", error))?,
        };
        let frames = checkpoint(&mut connection, "PASSIVE").await.map_err(failed)?;
        if frames > WAL_FRAMES_MAX {
            // The first took a while; the second leaves next to nothing for the moment in which writers wait.
            checkpoint(&mut connection, "PASSIVE").await.map_err(failed)?;
            let _turn = self.turn("empty its write-ahead log", true).await?;
            checkpoint(&mut connection, "RESTART").await.map_err(failed)?;
        }
        // One that failed is not used again.
        *sweeper = Some(connection);
        Ok(())
    }

    /// Moves all of the WAL into the file and cuts it off: nothing of how pages were before stays in it. `false`: a reader was
    /// in the way.
    pub(super) async fn empty_log(&self) -> Result<bool, StoreError> {
        let doing = "empty its write-ahead log";
        let Some(path) = &self.path else { return Ok(true) };
        let failed = |error: sqlx::Error| database_error(doing, error);
        let mut connection = single(path, BUSY_EMPTY).await.map_err(failed)?;
        let _turn = self.turn(doing, true).await?;
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await;
        let busy: i64 = row.and_then(|row| row.try_get(0)).map_err(failed)?;
        connection.close().await.map_err(failed)?;
        Ok(busy == 0)
    }

    /// Closes its connections; waits for those in use.
    pub(super) async fn close(&self) {
        let sweeper = self.sweeper.lock().await.take();
        if let Some(connection) = sweeper {
            let _ = connection.close().await;
        }
        self.writer.close().await;
    }

    /// Size of the WAL file.
    pub(super) fn wal_bytes(&self) -> u64 {
        self.path
            .as_deref()
            .and_then(|path| std::fs::metadata(beside(path, "-wal")).ok())
            .map_or(0, |data| data.len())
    }

    /// Size of the file and its WAL.
    pub(super) fn bytes(&self) -> u64 {
        let file = self.path.as_deref().and_then(|path| std::fs::metadata(path).ok());
        file.map_or(0, |data| data.len()) + self.wal_bytes()
    }
}

/// Whether a transaction could not begin for what became of its connection, while another one may do: one that was opened
/// while the folder was read-only stays so.
fn is_of_the_connection(error: &sqlx::Error) -> bool {
    const READ_ONLY: u32 = 8;
    let code = |told: &dyn sqlx::error::DatabaseError| told.code()?.parse::<u32>().ok();
    match error {
        sqlx::Error::Database(told) => code(&**told).is_some_and(|code| code & 0xff == READ_ONLY),
        _ => false,
    }
}

/// A connection outside the pools.
pub(super) async fn single(file: &Path, busy: Duration) -> Result<SqliteConnection, sqlx::Error> {
    options(file).busy_timeout(busy).create_if_missing(false).connect().await
}

/// Gives how many pages are in the log.
async fn checkpoint(connection: &mut SqliteConnection, mode: &'static str) -> Result<i64, sqlx::Error> {
    let pragma = AssertSqlSafe(format!("PRAGMA wal_checkpoint({mode})"));
    let row = sqlx::query(pragma).fetch_one(connection).await?;
    let (busy, frames): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if busy != 0 {
        tracing::debug!(mode, "the write-ahead log is still being read");
    }
    Ok(frames)
}
