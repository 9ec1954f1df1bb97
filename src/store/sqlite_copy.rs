//! Copies of the whole: a backup is one file that has the journal's events inside; opening one that has them (a restored
//! backup, or a database from before the journal had a file of its own) moves them into the journal.
//! Promises that a copy is never older in its events than in what came of them, and that nothing is lost where the
//! process is killed in the middle: events leave one file after they are on disk in the other.

use super::session::{Session, database_error, values};
use super::sqlite::SqliteDatabase;
use super::sqlite_file::{SqliteFile, options, single};
use crate::domain::Position;
use crate::ports::StoreError;
use sqlx::sqlite::{SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The journal's schema.
pub(super) const SCHEMA: &str = include_str!("migrations/journal.sql");
/// Columns of an event.
const COLUMNS: &str = "position, id, source, received_at, origin, body_bytes, headers, body";
/// Events moved by one transaction.
const MOVE_EVENTS: i64 = 500;
/// How long a copy waits for a lock.
const BUSY: Duration = Duration::from_secs(20);

/// Writes a whole copy to a file that must not be there yet.
pub(super) async fn backup(database: &SqliteDatabase, target: &Path) -> Result<(), StoreError> {
    let doing = "copy itself to a file";
    if target.exists() {
        return Err(StoreError::Unfit(format!(
            "There is a file at {} already. Choose another name for the backup, or move that file away.",
            target.display()
        )));
    }
    let unfinished = beside(target, ".unfinished");
    let Some(name) = unfinished.to_str() else {
        return Err(StoreError::Unfit(format!(
            "The name of the backup, {}, is not readable text. Choose another one.",
            target.display()
        )));
    };
    let _ = std::fs::remove_file(&unfinished);
    let copied = match (&database.truth.path, &database.journal.path) {
        (Some(truth), Some(journal)) => {
            copy(truth, journal, &unfinished, name).await.map_err(|error| database_error(doing, error))
        }
        _ => Err(StoreError::Unfit(String::from(
            "This database is in memory alone and goes with the process: there is nothing to copy.",
        ))),
    };
    let settled = copied.and_then(|()| {
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

async fn copy(truth: &Path, journal: &Path, target: &Path, name: &str) -> Result<(), sqlx::Error> {
    let mut connection = single(truth, BUSY).await?;
    let copied = sqlx::query("VACUUM INTO $1").bind(name).execute(&mut connection).await;
    connection.close().await?;
    copied?;
    // The journal after the rest: what is not applied in the copy yet will be, when it is opened.
    let mut connection = options(target)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .busy_timeout(BUSY)
        .connect()
        .await?;
    let attach = sqlx::query("ATTACH DATABASE $1 AS journal").bind(journal.to_string_lossy().into_owned());
    connection.execute(attach).await?;
    let events = format!(
        "CREATE TABLE IF NOT EXISTS main.events (
             position INTEGER PRIMARY KEY, id TEXT, source TEXT, received_at BIGINT, origin TEXT, body_bytes BIGINT,
             headers TEXT, body BLOB);
         INSERT OR IGNORE INTO main.events ({COLUMNS}) SELECT {COLUMNS} FROM journal.events ORDER BY position"
    );
    connection.execute(AssertSqlSafe(events)).await?;
    connection.close().await
}

/// Whether `waypost.db` has events in it that belong into the journal.
pub(super) async fn has_events(database: &SqliteDatabase) -> Result<bool, StoreError> {
    let mut session = database.read("look for events").await?;
    let row = session
        .row("SELECT 1 AS found FROM main.sqlite_master WHERE type = 'table' AND name = 'events'", vec![])
        .await?;
    Ok(row.is_some())
}

/// Makes the journal's tables where they are not there yet.
pub(super) async fn make_journal(journal: &SqliteFile) -> Result<(), StoreError> {
    let failed = |error| database_error("make the journal", error);
    let mut connection = journal.writer.take("make the journal").await?;
    connection.execute(SCHEMA).await.map(|_| ()).map_err(failed)
}

/// Moves events from `waypost.db` into the journal, and lists those as unapplied that nothing came of yet. Begun anew where
/// it was cut off: the table goes when all of it is in the journal.
pub(super) async fn adopt_events(database: &SqliteDatabase) -> Result<(), StoreError> {
    let failed = |error: sqlx::Error| database_error("move the events", error);
    let (Some(truth), Some(journal)) = (&database.truth.path, &database.journal.path) else { return Ok(()) };
    let mut connection = single(journal, BUSY).await.map_err(failed)?;
    let attach = sqlx::query("ATTACH DATABASE $1 AS old").bind(truth.to_string_lossy().into_owned());
    connection.execute(attach).await.map_err(failed)?;
    let mut moved = 0;
    let mut after: Position = 0;
    while let Some(last) = move_events(&mut connection, after, &mut moved).await.map_err(failed)? {
        after = last;
    }
    connection.close().await.map_err(failed)?;
    if moved > 0 {
        tracing::info!(moved, "events were moved into a file of their own, events.db");
    }
    let mut session = database.truth.write("move the events", false).await?;
    session.execute("DROP TABLE main.events", vec![]).await?;
    session.commit().await
}

/// The next events after a position; gives the last of them.
async fn move_events(
    connection: &mut SqliteConnection,
    after: Position,
    moved: &mut u64,
) -> Result<Option<Position>, sqlx::Error> {
    let last: Option<Position> = sqlx::query_scalar(
        "SELECT MAX(position) FROM (SELECT position FROM old.events WHERE position > $1 ORDER BY position LIMIT $2)",
    )
    .bind(after)
    .bind(MOVE_EVENTS)
    .fetch_one(&mut *connection)
    .await?;
    let Some(last) = last else { return Ok(None) };
    let events = format!(
        "INSERT INTO main.events ({COLUMNS})
         SELECT {COLUMNS} FROM old.events WHERE position > $1 AND position <= $2 ORDER BY position
         ON CONFLICT DO NOTHING"
    );
    let unapplied = "
        INSERT INTO main.unapplied (position, body_bytes)
        SELECT e.position, e.body_bytes
        FROM   old.events AS e
        WHERE  e.position > $1 AND e.position <= $2
        AND    NOT EXISTS (SELECT 1 FROM old.changes AS c WHERE c.position = e.position)
        ON CONFLICT DO NOTHING";
    let done = sqlx::query(AssertSqlSafe(events)).bind(after).bind(last).execute(&mut *connection).await?;
    sqlx::query(unapplied).bind(after).bind(last).execute(connection).await?;
    *moved += done.rows_affected();
    Ok(Some(last))
}

/// Notes the events that were applied when the process last ended, and are listed as unapplied still.
pub(super) async fn find_applied(database: &SqliteDatabase) -> Result<(), StoreError> {
    let mut session = database.read("look for applied events").await?;
    let rows = session
        .rows(
            "SELECT u.position
             FROM   unapplied AS u
             WHERE  u.position <= (SELECT COALESCE(MAX(position), 0) FROM changes)
             AND    EXISTS (SELECT 1 FROM changes AS c WHERE c.position = u.position)",
            vec![],
        )
        .await?;
    let applied = rows.iter().map(|row| row.int("position")).collect::<Result<Vec<_>, _>>()?;
    database.note_applied(applied);
    Ok(())
}

/// A journal that was lost, or is older than what came of its events, must not give a position a second time: the event
/// would be taken for one that is applied.
pub(super) async fn go_on_after_the_last(database: &SqliteDatabase) -> Result<(), StoreError> {
    let last = |row: Option<super::session::Row>| row.map_or(Ok(0), |row| row.int("last"));
    let mut session: Session = database.truth.write("look for the last position", false).await?;
    let applied = last(session.row("SELECT COALESCE(MAX(position), 0) AS last FROM changes", vec![]).await?)?;
    drop(session);
    let mut session = database.journal.write("go on after the last position", false).await?;
    let given = last(
        session
            .row("SELECT COALESCE(MAX(seq), 0) AS last FROM sqlite_sequence WHERE name = 'events'", vec![])
            .await?,
    )?;
    if given >= applied {
        return Ok(());
    }
    tracing::warn!(given, applied, "the journal, events.db, is older than what came of its events");
    session.execute("DELETE FROM sqlite_sequence WHERE name = 'events'", vec![]).await?;
    session
        .execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', $1)", values![applied])
        .await?;
    session.commit().await
}

/// The file with something added to its name.
pub(super) fn beside(file: &Path, added: &str) -> PathBuf {
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
