//! The schema's steps, embedded, the same names for both databases, and how they are run: never on a database of a newer
//! version, and with a backup before. Called once by `open`. A migration takes constant time; data moves later.

use super::postgres::PostgresDatabase;
use super::session::database_error;
use super::sqlite::SqliteDatabase;
use crate::ports::StoreError;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};
use std::borrow::Cow;
use std::path::Path;

/// One migration in both languages. The same name is used for both, so they can't come apart.
struct Step {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! steps {
    ($($version:literal $name:literal),+ $(,)?) => {
        &[$(Step {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("migrations/postgres/", $name, ".sql")),
        }),+]
    };
}

/// All migrations. Never edited once landed; only added to.
const STEPS: &[Step] = steps![1 "0001_first"];

/// The newest version that this program knows.
fn newest() -> i64 {
    STEPS.last().map_or(0, |step| step.version)
}

fn migrator(text: impl Fn(&Step) -> &'static str) -> Migrator {
    let migrations = STEPS.iter().map(|step| {
        let sql = AssertSqlSafe(Cow::Borrowed(text(step))).into_sql_str();
        Migration::new(step.version, Cow::Borrowed(step.name), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// What has to be done.
enum Due {
    Nothing,
    /// An empty database.
    Everything,
    /// An older one; this is the first missing version.
    From(i64),
}

async fn due<C: Migrate>(connection: &mut C, migrator: &Migrator) -> Result<Due, StoreError> {
    let table = migrator.table_name.as_ref();
    connection.ensure_migrations_table(table).await.map_err(migration_failed)?;
    let applied = connection.list_applied_migrations(table).await.map_err(migration_failed)?;
    let Some(last) = applied.iter().map(|step| step.version).max() else { return Ok(Due::Everything) };
    if last > newest() {
        return Err(StoreError::Unfit(format!(
            "This database was written by a newer Waypost (its schema is {last}, this one knows {}). Start the newer \
             version, or restore the backup that was made before it first ran.",
            newest()
        )));
    }
    Ok(if last == newest() { Due::Nothing } else { Due::From(last + 1) })
}

fn migration_failed(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMismatch(version) | MigrateError::VersionMissing(version) => {
            StoreError::Unfit(format!(
                "Step {version} of this database's schema is not the one that this Waypost knows. It was made by \
                 another build; start that one, or restore a backup."
            ))
        }
        other => database_error("bring its schema up to date", other),
    }
}

/// Brings a SQLite database up to date; the copy before is at `backups/before-N.db`.
pub(super) async fn migrate_sqlite(database: &SqliteDatabase, backups: &Path) -> Result<(), StoreError> {
    let migrator = migrator(|step| step.sqlite);
    let mut connection = database.writer().acquire().await.map_err(|error| database_error("open", error))?;
    let due = due(&mut *connection, &migrator).await?;
    drop(connection);
    match due {
        Due::Nothing => {}
        Due::Everything => {}
        Due::From(version) => {
            std::fs::create_dir_all(backups)
                .map_err(|error| database_error("make the backups folder", error))?;
            let file = free_name(backups, version);
            database.backup(&file).await?;
            tracing::info!(file = %file.display(), "a backup was made before the schema is changed");
        }
    }
    let mut connection = database.writer().acquire().await.map_err(|error| database_error("open", error))?;
    migrator.run_direct(None, &mut *connection, false).await.map_err(migration_failed)
}

/// Brings a Postgres database up to date. Its backup is its owner's: the log says how.
pub(super) async fn migrate_postgres(database: &PostgresDatabase) -> Result<(), StoreError> {
    let migrator = migrator(|step| step.postgres);
    let mut connection = database.single().await?;
    if let Due::From(version) = due(&mut connection, &migrator).await? {
        tracing::warn!(
            version,
            "the schema of this Postgres database is being changed; a copy from before is made with \
             `pg_dump --format=custom --file=before.dump DATABASE` while the older version is installed"
        );
    }
    migrator.run_direct(None, &mut connection, false).await.map_err(migration_failed)
}

/// `before-2.db`, or `before-2-1.db` where that is there from an earlier try.
fn free_name(folder: &Path, version: i64) -> std::path::PathBuf {
    let first = folder.join(format!("before-{version}.db"));
    if !first.exists() {
        return first;
    }
    (1_u32..)
        .map(|number| folder.join(format!("before-{version}-{number}.db")))
        .find(|file| !file.exists())
        .unwrap_or(first)
}
