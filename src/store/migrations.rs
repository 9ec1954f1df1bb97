//! The schema's steps, embedded, the same names for both databases, and how they are run: never on a database of a newer
//! version, and with a backup before. Called once by `open`. A migration takes constant time; data moves later.

use super::lock;
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
const STEPS: &[Step] = steps![
    1 "0001_first",
    2 "0002_position_of_pointers",
    3 "0003_list_of_unapplied",
    4 "0004_people",
    5 "0005_search_and_counts",
    6 "0006_causes",
    7 "0007_ruleset_history",
    8 "0008_alerts",
    9 "0009_privacy",
    10 "0010_seen_events",
    11 "0011_fetches",
    12 "0012_rebookings",
    13 "0013_missed_webhooks",
    14 "0014_walks",
    15 "0015_certificates_and_doors",
];

fn migrator(steps: &[Step], text: impl Fn(&Step) -> &'static str) -> Migrator {
    let migrations = steps.iter().map(|step| {
        let sql = AssertSqlSafe(Cow::Borrowed(text(step))).into_sql_str();
        Migration::new(step.version, Cow::Borrowed(step.name), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// The first missing version, where the database is an older one; `None` where it is empty or up to date.
async fn first_missing<C: Migrate>(
    connection: &mut C,
    migrator: &Migrator,
) -> Result<Option<i64>, StoreError> {
    let table = migrator.table_name.as_ref();
    connection.ensure_migrations_table(table).await.map_err(migration_failed)?;
    let applied = connection.list_applied_migrations(table).await.map_err(migration_failed)?;
    let Some(last) = applied.iter().map(|step| step.version).max() else { return Ok(None) };
    let newest = migrator.iter().map(|step| step.version).max().unwrap_or(0);
    if last > newest {
        return Err(StoreError::Unfit(format!(
            "This database was written by a newer Waypost (its schema is {last}, this one knows {newest}). Start the \
             newer version, or restore the backup that was made before it first ran."
        )));
    }
    Ok((last < newest).then_some(last + 1))
}

/// What a command says that would change the schema under a running node.
fn node_is_older() -> StoreError {
    StoreError::Unfit(String::from(
        "The Waypost that is serving is of an older version than this command. Stop it and start the new version; \
         then the command works.",
    ))
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

/// Brings a SQLite database up to date; the copy before is at `backups/before-N.db`. `node_lock` is taken meanwhile where
/// the caller does not hold it already.
pub(super) async fn migrate_sqlite(
    database: &SqliteDatabase,
    backups: &Path,
    node_lock: Option<&Path>,
) -> Result<(), StoreError> {
    migrate_sqlite_by(STEPS, database, backups, node_lock).await
}

/// Takes the node's lock, where the caller does not hold it already.
pub(super) async fn keep_nodes_away(node_lock: Option<&Path>) -> Result<Option<lock::NodeLock>, StoreError> {
    match node_lock {
        Some(file) => Ok(Some(lock::take(file, 1).await?.ok_or_else(node_is_older)?)),
        None => Ok(None),
    }
}

async fn migrate_sqlite_by(
    steps: &[Step],
    database: &SqliteDatabase,
    backups: &Path,
    node_lock: Option<&Path>,
) -> Result<(), StoreError> {
    let migrator = migrator(steps, |step| step.sqlite);
    let mut connection = database.single_writer().await?;
    let missing = first_missing(&mut *connection, &migrator).await?;
    drop(connection);
    let mut held = None;
    if let Some(version) = missing {
        held = keep_nodes_away(node_lock).await?;
        std::fs::create_dir_all(backups).map_err(|error| database_error("make the backups folder", error))?;
        let file = free_name(backups, version);
        database.backup(&file).await?;
        tracing::info!(file = %file.display(), "a backup was made before the schema is changed");
    }
    let mut connection = database.single_writer().await?;
    let done = migrator.run_direct(None, &mut *connection, false).await.map_err(migration_failed);
    drop(held);
    done
}

/// Brings a Postgres database up to date. Its backup is its owner's: the log says how.
pub(super) async fn migrate_postgres(database: &PostgresDatabase) -> Result<(), StoreError> {
    let migrator = migrator(STEPS, |step| step.postgres);
    let mut connection = database.single().await?;
    // One start at a time, from the first look on. The lock goes with the connection in any case.
    connection.lock().await.map_err(migration_failed)?;
    let mut held = None;
    if let Some(version) = first_missing(&mut connection, &migrator).await? {
        held = database.lock_out_nodes().await.map_err(|error| match error {
            StoreError::Unfit(_) => node_is_older(),
            other => other,
        })?;
        tracing::warn!(
            version,
            "the schema of this Postgres database is being changed; a copy from before is made with \
             `pg_dump --format=custom --file=before.dump DATABASE` while the older version is installed"
        );
    }
    let done = migrator.run_direct(None, &mut connection, false).await.map_err(migration_failed);
    drop(held);
    connection.unlock().await.map_err(migration_failed)?;
    done
}

/// `before-2.db`, or `before-2-1.db` where that is there from an earlier try.
fn free_name(folder: &Path, version: i64) -> std::path::PathBuf {
    let first = folder.join(format!("before-{version}.db"));
    if !first.exists() {
        return first;
    }
    (1_u32..10_000)
        .map(|number| folder.join(format!("before-{version}-{number}.db")))
        .find(|file| !file.exists())
        .unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::{STEPS, Step, migrate_sqlite_by};
    use crate::ports::StoreError;
    use crate::store::lock;
    use crate::store::session::values;
    use crate::store::sqlite::SqliteDatabase;
    use crate::store::sqlite_copy;

    const LATER: [Step; 2] = [
        Step { version: 1, name: STEPS[0].name, sqlite: STEPS[0].sqlite, postgres: STEPS[0].postgres },
        Step { version: 2, name: "0002_later", sqlite: "CREATE TABLE later (x BIGINT)", postgres: "" },
    ];

    #[tokio::test]
    async fn a_backup_is_made_before_an_older_database_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let database = SqliteDatabase::open(&folder.path().join("waypost.db")).await.unwrap();
        sqlite_copy::make_journal(&database.journal).await.unwrap();
        let backups = folder.path().join("backups");
        migrate_sqlite_by(&LATER[..1], &database, &backups, None).await.unwrap();
        assert!(!backups.exists(), "an empty database needs no backup");
        let mut session = database.truth.write("test", false).await.unwrap();
        session.execute("INSERT INTO facts (name, value) VALUES ($1, $2)", values!["a", "b"]).await.unwrap();
        session.commit().await.unwrap();

        // Not under the feet of a running node of the older version.
        let node_file = folder.path().join("waypost.lock");
        let node = lock::take(&node_file, 1).await.unwrap();
        let refused = migrate_sqlite_by(&LATER, &database, &backups, Some(&node_file)).await;
        assert!(matches!(refused, Err(StoreError::Unfit(_))));
        drop(node);
        migrate_sqlite_by(&LATER, &database, &backups, Some(&node_file)).await.unwrap();

        let copy = SqliteDatabase::open(&backups.join("before-2.db")).await.unwrap();
        let mut session = copy.read("test").await.unwrap();
        let row = session.row("SELECT value FROM facts", values![]).await.unwrap().unwrap();
        assert_eq!(row.text("value").unwrap(), "b");
        assert!(session.rows("SELECT x FROM later", values![]).await.is_err());
        drop(session);
        migrate_sqlite_by(&LATER, &database, &backups, None).await.unwrap();
        assert_eq!(
            std::fs::read_dir(&backups)
                .unwrap()
                .filter(|file| {
                    // An opened copy has a journal of its own beside it.
                    file.as_ref().is_ok_and(|file| {
                        let name = file.file_name().to_string_lossy().into_owned();
                        name.starts_with("before-")
                            && file.path().extension().is_some_and(|kind| kind == "db")
                    })
                })
                .count(),
            1
        );
    }
}
