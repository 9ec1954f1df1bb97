//! SQLite: two files, each with one writer, and several readers that see both.
//!
//! `events.db` is the journal: only appends write to it (and, now and then, the list of events that are applied), so an
//! ack waits for no other transaction. `waypost.db` has everything that comes of the events. A reader has the journal
//! attached, so queries name tables of both. Promises that what a query finds in `waypost.db` it finds in the journal
//! too: SQLite begins to read the files in the order in which they were attached, the journal last.

use super::session::{Line, Session, database_error, values};
use super::shelf::{Shelf, Taken};
use super::sqlite_copy::{self, size};
use super::sqlite_file::{SqliteFile, options, pool};
use super::{events, sql};
use crate::domain::Position;
use crate::ports::StoreError;
use crate::priority::give_way;
use sqlx::Executor as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Readers at the same time: pages, lists and the stages' reads; more would not go faster on a few cores.
const READERS_MAX: u32 = 4;
/// Rows of the list of unapplied events that one transaction of the journal takes away; an ack waits for it.
const APPLIED_CHUNK: usize = 256;
/// The journal's file name.
const JOURNAL: &str = "events.db";

/// An open SQLite database.
pub(super) struct SqliteDatabase {
    /// Bookings, changes, runs, links.
    pub truth: SqliteFile,
    /// Events.
    pub journal: SqliteFile,
    readers: Shelf,
    /// Applied events that the journal still lists as unapplied.
    applied: Mutex<Vec<Position>>,
}

impl SqliteDatabase {
    /// Opens or makes the files. The journal is beside the other one.
    pub(super) async fn open(file: &Path) -> Result<Self, StoreError> {
        let truth = giving_way(SqliteFile::open(file.to_owned())).await?;
        let beside = file.with_file_name(JOURNAL);
        let journal = SqliteFile::open(beside.clone()).await?;
        let Some(name) = beside.to_str().map(str::to_owned) else {
            return Err(StoreError::Unfit(format!(
                "The name of the data folder, {}, is not readable text. Choose another one.",
                file.display()
            )));
        };
        let readers = pool(READERS_MAX)
            .after_connect(move |connection, _| {
                let name = name.clone();
                Box::pin(async move {
                    let attach = sqlx::query("ATTACH DATABASE $1 AS journal").bind(name);
                    connection.execute(attach).await.map(|_| ())
                })
            })
            .connect_lazy_with(options(file).pragma("query_only", "ON"));
        let readers = Shelf::new(readers, READERS_MAX as usize);
        Ok(Self { truth, journal, readers, applied: Mutex::default() })
    }

    /// Makes an empty database in memory: one connection for all, gone when dropped.
    pub(super) async fn open_in_memory() -> Result<Self, StoreError> {
        let truth = SqliteFile::open_in_memory().await?;
        let (journal, readers) = (truth.clone(), truth.writer.clone());
        Ok(Self { truth, journal, readers, applied: Mutex::default() })
    }

    /// The writer's connection itself, for migrations.
    pub(super) async fn single_writer(&self) -> Result<Taken, StoreError> {
        self.truth.writer.take("open").await
    }

    pub(super) async fn read(&self, doing: &'static str) -> Result<Session, StoreError> {
        let connection = self.readers.take(doing).await?;
        Ok(Session::new(Line::SqliteRead(connection), doing))
    }

    fn applied(&self) -> MutexGuard<'_, Vec<Position>> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are applied, and committed: the journal's list is tidied some time later.
    pub(super) fn note_applied(&self, positions: impl IntoIterator<Item = Position>) {
        self.applied().extend(positions);
    }

    /// Takes applied events from the journal's list, in small transactions. That they are applied is found by their changes
    /// too, so this is a matter of speed only.
    pub(super) async fn tidy(&self) -> Result<(), StoreError> {
        let applied = std::mem::take(&mut *self.applied());
        let mut done = 0;
        for chunk in applied.chunks(APPLIED_CHUNK) {
            if let Err(error) = self.take_off_the_list(chunk).await {
                self.note_applied(applied[done..].iter().copied());
                return Err(error);
            }
            done += chunk.len();
        }
        Ok(())
    }

    async fn take_off_the_list(&self, positions: &[Position]) -> Result<(), StoreError> {
        let mut session = self.journal.write("tidy the list of events", false).await?;
        for piece in sql::padded(positions) {
            session.execute(events::applied_sql(piece.len()), values_of(&piece)).await?;
        }
        session.commit().await
    }

    /// Tidies the list, and moves what is in the write-ahead logs into the files, beside writers and readers. What fails
    /// keeps nothing else from being done.
    pub(super) async fn maintain(&self) -> Result<(), StoreError> {
        let tidied = self.tidy().await;
        let journal = self.journal.checkpoint().await;
        self.truth.checkpoint().await.and(journal).and(tidied)
    }

    /// Writes a whole copy to a file that must not be there yet.
    pub(super) async fn backup(&self, target: &Path) -> Result<(), StoreError> {
        sqlite_copy::backup(self, target).await
    }

    pub(super) async fn describe(&self) -> Result<String, StoreError> {
        let mut session = self.read("say what it is").await?;
        let row = session.row("SELECT sqlite_version() AS version", Vec::new()).await?;
        let version = row.map_or_else(|| Ok(String::from("?")), |row| row.text("version"))?;
        if self.truth.path.is_none() {
            return Ok(format!("SQLite {version}, in memory"));
        }
        Ok(format!("SQLite {version}, {}", size(self.bytes())))
    }

    /// Size of its files; 0 in memory.
    pub(super) fn bytes(&self) -> u64 {
        self.truth.bytes() + self.journal.bytes()
    }

    pub(super) async fn close(&self) {
        // Where it does not succeed, the next start finds them.
        let _ = self.tidy().await;
        self.readers.close().await;
        self.journal.close().await;
        self.truth.close().await;
    }
}

/// Opens what the ack does not wait for: the threads of its connections, which begin here, give way to those that answer
/// webhooks.
async fn giving_way<T: Send + 'static>(
    open: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let (done, opened) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        give_way();
        // Whoever waits may have gone away.
        let _ = done.send(runtime.block_on(open));
    });
    opened.await.unwrap_or_else(|error| Err(database_error("open", error)))
}

fn values_of(positions: &[&Position]) -> Vec<super::session::Value> {
    positions.iter().flat_map(|position| values![**position]).collect()
}
