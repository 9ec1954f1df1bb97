//! Opening the store: which database, is it fit, is it ours alone, is its schema up to date.

use super::lock;
use super::postgres::PostgresDatabase;
use super::session::database_error;
use super::sqlite::SqliteDatabase;
use super::{Database, SqlStore, migrations, sqlite_copy};
use crate::ports::{Store, StoreError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The database's file in the data folder.
const FILE: &str = "waypost.db";
/// Tries of 50 ms for the node's lock: a predecessor that is being stopped lets go of it within 2 s.
const NODE_TRIES: u32 = 40;
/// Tries of 50 ms while another start changes the schema: a minute, for the backup of a big database.
const SCHEMA_TRIES: u32 = 1_200;

/// What to open, and as whom.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The folder that SQLite's file, locks and backups live in. Made when absent.
    pub data_dir: PathBuf,
    /// A `postgres://` URL; `None` is SQLite in `data_dir`.
    pub database_url: Option<String>,
    /// True for the one node that serves (a second is refused); false for commands that work beside it.
    pub exclusive: bool,
    /// Where the copy goes that is made before a migration (SQLite); `None`: `data_dir/backups`.
    pub backup_dir: Option<PathBuf>,
}

impl OpenOptions {
    /// SQLite in this folder, for a command beside a running node.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), database_url: None, exclusive: false, backup_dir: None }
    }
}

/// Opens the store, bringing its schema up to date.
pub async fn open(options: &OpenOptions) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(connect(options).await?))
}

/// The same, as what it is.
pub(super) async fn connect(options: &OpenOptions) -> Result<SqlStore, StoreError> {
    match &options.database_url {
        Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            open_postgres(url, options).await
        }
        Some(_) => Err(StoreError::Unfit(String::from(
            "The database URL is of a kind that Waypost does not know. Give one that begins with postgres://, or leave \
             it out to use the built-in database.",
        ))),
        None => open_sqlite(options).await,
    }
}

async fn open_postgres(url: &str, options: &OpenOptions) -> Result<SqlStore, StoreError> {
    let database = PostgresDatabase::open(url, options.exclusive).await?;
    migrations::migrate_postgres(&database).await?;
    Ok(SqlStore {
        database: Database::Postgres(Box::new(database)),
        _node: None,
        node_file: None,
        all_have_cards: false.into(),
    })
}

async fn open_sqlite(options: &OpenOptions) -> Result<SqlStore, StoreError> {
    let folder = &options.data_dir;
    std::fs::create_dir_all(folder).map_err(|error| database_error("make its folder", error))?;
    let node_file = folder.join("waypost.lock");
    let node = if options.exclusive {
        let node = lock::take(&node_file, NODE_TRIES).await?;
        let Some(node) = node else {
            return Err(StoreError::Unfit(format!(
                "Another Waypost is serving from {}. Stop it first, or give this one another folder with --data.",
                folder.display()
            )));
        };
        Some(node)
    } else {
        None
    };
    let Some(schema) = lock::take(&folder.join("schema.lock"), SCHEMA_TRIES).await? else {
        return Err(StoreError::Unfit(format!(
            "Another Waypost has been changing the database in {} for a minute. Wait until it is done and start again.",
            folder.display()
        )));
    };
    let database = SqliteDatabase::open(&folder.join(FILE)).await?;
    let backups = options.backup_dir.clone().unwrap_or_else(|| folder.join("backups"));
    let lock_node = node.is_none().then_some(node_file.as_path());
    sqlite_copy::make_journal(&database.journal).await?;
    migrations::migrate_sqlite(&database, &backups, lock_node).await?;
    if sqlite_copy::has_events(&database).await? {
        let _held = migrations::keep_nodes_away(lock_node).await?;
        sqlite_copy::adopt_events(&database).await?;
    }
    if node.is_some() {
        sqlite_copy::go_on_after_the_last(&database).await?;
        sqlite_copy::find_applied(&database).await?;
    }
    drop(schema);
    Ok(SqlStore {
        database: Database::Sqlite(database),
        _node: node,
        node_file: Some(node_file),
        all_have_cards: false.into(),
    })
}

/// An empty store in memory, for rehearsals and tests: the same SQL, gone when dropped.
pub async fn open_in_memory() -> Result<Arc<dyn Store>, StoreError> {
    let database = SqliteDatabase::open_in_memory().await?;
    migrations::migrate_sqlite(&database, Path::new(""), None).await?;
    let mut session = database.truth.write("make the journal", false).await?;
    session.execute("DROP TABLE events", Vec::new()).await?;
    session.commit().await?;
    sqlite_copy::make_journal(&database.journal).await?;
    Ok(Arc::new(SqlStore {
        database: Database::Sqlite(database),
        _node: None,
        node_file: None,
        all_have_cards: false.into(),
    }))
}
