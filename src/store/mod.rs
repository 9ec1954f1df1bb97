//! ADAPTER: the store on SQLite and on Postgres. The only place with SQL.
//!
//! One text for both databases: each statement is written once and goes through `session`, which binds values for
//! either. What truly differs is in `sqlite`, `postgres` (opening, who may write when) and the migrations.
//! Promises: a method that returns `Ok` has committed, and fsynced; one that fails or is dropped half-way has done
//! nothing; no value of a row gets into a log or an error. Called through `ports::Store` by all stages and faces.
//!
//! Invariant: writes go one after the other (by the gate on SQLite, by an advisory lock on Postgres), so a transaction
//! may look first and write afterwards. Appends of events wait for other appends only: on SQLite the journal is a file
//! of its own, on Postgres they have a lock of their own.

mod alerts;
mod applies;
mod apply;
mod bulks;
mod cards;
mod causes;
mod chains;
mod delivery;
mod doubts;
mod ended;
mod erase;
mod events;
mod fetches;
mod figures;
mod finding;

mod gate;
mod heard;
mod hours;
mod lanes;
mod lately;
mod links;
mod lists;
mod lock;
mod memory;
mod migrations;
mod open;
mod people;
mod people_doors;
mod people_log;
mod plans;
mod postgres;
mod pulse;
mod retention;
mod rows;
mod ruleset_history;
mod runs;
mod seen;
mod session;
mod shelf;
mod sooner;
mod sql;
mod sqlite;
mod sqlite_copy;
mod sqlite_file;
mod the_trait;
mod walk_places;
mod walks;

pub use open::{OpenOptions, open, open_in_memory};
pub use plans::{Plan, plans};

use crate::ports::StoreError;
use session::Session;

/// Which database it is.
enum Database {
    Sqlite(sqlite::SqliteDatabase),
    Postgres(Box<postgres::PostgresDatabase>),
}

/// The store.
struct SqlStore {
    database: Database,
    /// Whether all bookings have a card: what is new needs no look at what it was before.
    all_have_cards: std::sync::atomic::AtomicBool,
    /// Held as long as the store lives; `None` for commands beside a running node, and on Postgres.
    _node: Option<lock::NodeLock>,
    /// The file that a serving node keeps locked; `None` in memory, and on Postgres.
    node_file: Option<std::path::PathBuf>,
}

impl SqlStore {
    /// A session that reads.
    async fn read(&self, doing: &'static str) -> Result<Session, StoreError> {
        match &self.database {
            Database::Sqlite(database) => database.read(doing).await,
            Database::Postgres(database) => database.read(doing).await,
        }
    }

    /// A transaction that writes, when it is its turn. On SQLite to everything but the journal.
    async fn write(&self, doing: &'static str) -> Result<Session, StoreError> {
        match &self.database {
            Database::Sqlite(database) => database.truth.write(doing, false).await,
            Database::Postgres(database) => database.write(doing, false).await,
        }
    }

    /// A transaction that appends to the journal, before all others that wait.
    async fn write_urgently(&self, doing: &'static str) -> Result<Session, StoreError> {
        match &self.database {
            Database::Sqlite(database) => database.journal.write(doing, true).await,
            Database::Postgres(database) => database.write(doing, true).await,
        }
    }

    /// A short transaction that writes to the journal when nobody appends.
    async fn write_journal(&self, doing: &'static str) -> Result<Session, StoreError> {
        match &self.database {
            Database::Sqlite(database) => database.journal.write(doing, false).await,
            Database::Postgres(database) => database.write(doing, false).await,
        }
    }

    fn is_postgres(&self) -> bool {
        matches!(self.database, Database::Postgres(_))
    }

    /// These events are applied.
    fn note_applied(&self, positions: impl IntoIterator<Item = crate::domain::Position>) {
        if let Database::Sqlite(database) = &self.database {
            database.note_applied(positions);
        }
    }
}
