//! Postgres: a pool that survives restarts of the server, the refusal of settings under which an ack would lie, and the
//! lock that keeps a second node away. Transactions that touch lanes go one after the other by an advisory lock, and so
//! do appends, so that events become visible in the order of their positions.

use super::session::{Line, Session, database_error};
use crate::ports::StoreError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};
use std::str::FromStr as _;
use std::time::Duration;
use tokio::sync::Mutex;

/// Connections at the same time.
const CONNECTIONS_MAX: u32 = 8;
/// How long an operation waits for a connection before it is an error.
const ACQUIRE: Duration = Duration::from_secs(5);
/// Prepared statements per connection.
const STATEMENTS_MAX: usize = 256;
/// Tries to take the node's lock, and the pause between them: 10 s, as long as a killed predecessor may linger.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(200);

/// Settings of all connections. Every table here is reached by an index, so a plan that was made while a table was small
/// must not go on walking through it once it is big.
const SETTINGS: [(&str, &str); 4] = [
    ("lock_timeout", "10s"),
    // Shorter than what others wait for a lock: a transaction that its caller left holds them up no longer.
    ("idle_in_transaction_session_timeout", "5s"),
    ("enable_seqscan", "off"),
    ("jit", "off"),
];

/// Keys of the advisory locks: "waypost" and a number.
const NODE_KEY: i64 = 0x0077_6179_706F_7301;
const WRITE: &str = "BEGIN; SELECT pg_advisory_xact_lock(33602696433857282)";
const APPEND: &str = "BEGIN; SELECT pg_advisory_xact_lock(33602696433857283)";

/// An open Postgres database.
pub(super) struct PostgresDatabase {
    options: PgConnectOptions,
    pool: PgPool,
    /// The connection that holds the node's lock; `None` where no lock was asked for, or it was lost.
    node: Mutex<Option<PgConnection>>,
    exclusive: bool,
}

impl PostgresDatabase {
    /// Connects, looks at the settings, and takes the node's lock where asked to.
    pub(super) async fn open(url: &str, exclusive: bool) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| {
                StoreError::Unfit(String::from(
                    "The database URL can't be read. It looks like postgres://USER:PASSWORD@HOST:5432/DATABASE.",
                ))
            })?
            .application_name("waypost")
            .statement_cache_capacity(STATEMENTS_MAX)
            .options(SETTINGS)
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE)
            .connect_with(options.clone())
            .await
            .map_err(|error| database_error("open", error))?;
        let database = Self { options, pool, node: Mutex::new(None), exclusive };
        database.refuse_unsafe_settings().await?;
        if exclusive {
            let connection = database.take_node_lock(LOCK_TRIES).await?;
            *database.node.lock().await = Some(connection);
        }
        Ok(database)
    }

    async fn refuse_unsafe_settings(&self) -> Result<(), StoreError> {
        for setting in ["synchronous_commit", "fsync"] {
            let value: String = sqlx::query_scalar("SELECT current_setting($1)")
                .bind(setting)
                .fetch_one(&self.pool)
                .await
                .map_err(|error| database_error("tell its settings", error))?;
            if value == "off" {
                return Err(StoreError::Unfit(format!(
                    "This Postgres runs with {setting}=off, so a webhook that was acknowledged could be lost in a \
                     crash. Set {setting}=on for this database and start again."
                )));
            }
        }
        Ok(())
    }

    async fn take_node_lock(&self, tries: u32) -> Result<PgConnection, StoreError> {
        let failed = |error| database_error("give the node's lock", error);
        let mut connection = self.options.connect().await.map_err(failed)?;
        // A node that vanished with its machine frees the lock soon.
        for setting in [
            "SET tcp_keepalives_idle = 5",
            "SET tcp_keepalives_interval = 2",
            "SET tcp_keepalives_count = 3",
            "SET idle_in_transaction_session_timeout = 0",
        ] {
            sqlx::query(setting).execute(&mut connection).await.map_err(failed)?;
        }
        for round in 0..tries {
            let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
                .bind(NODE_KEY)
                .fetch_one(&mut connection)
                .await
                .map_err(failed)?;
            if taken {
                return Ok(connection);
            }
            if round + 1 < tries {
                tokio::time::sleep(LOCK_PAUSE).await;
            }
        }
        Err(StoreError::Unfit(String::from(
            "Another Waypost is serving this database. Stop it first; two nodes on one database come with a later \
             version.",
        )))
    }

    /// Whether a node holds the lock of this database now.
    pub(super) async fn is_served(&self) -> Result<bool, StoreError> {
        // A lock by one 64-bit number shows as its two halves.
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM pg_locks
                            WHERE  locktype = 'advisory' AND granted AND objsubid = 1
                            AND    classid = CAST($1 AS BIGINT) AND objid = CAST($2 AS BIGINT)
                            AND    database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
        )
        .bind(NODE_KEY >> 32)
        .bind(NODE_KEY & 0xffff_ffff)
        .fetch_one(&self.pool)
        .await
        .map_err(|error| database_error("tell its locks", error))
    }

    /// Makes sure that the node's lock is still held; takes it again where the server was restarted.
    pub(super) async fn keep_node_lock(&self) -> Result<(), StoreError> {
        if !self.exclusive {
            return Ok(());
        }
        let mut node = self.node.lock().await;
        if let Some(mut connection) = node.take()
            && connection.ping().await.is_ok()
        {
            *node = Some(connection);
            return Ok(());
        }
        *node = Some(self.take_node_lock(1).await?);
        Ok(())
    }

    /// Keeps nodes away while the schema is changed. `None`: this is the node, and holds the lock already.
    pub(super) async fn lock_out_nodes(&self) -> Result<Option<PgConnection>, StoreError> {
        if self.exclusive { Ok(None) } else { self.take_node_lock(1).await.map(Some) }
    }

    /// A connection for migrations.
    pub(super) async fn single(&self) -> Result<PgConnection, StoreError> {
        self.options.connect().await.map_err(|error| database_error("open", error))
    }

    pub(super) async fn read(&self, doing: &'static str) -> Result<Session, StoreError> {
        let connection = self.pool.acquire().await.map_err(|error| database_error(doing, error))?;
        Ok(Session::new(Line::PostgresRead(connection), doing))
    }

    /// Begins to write. Appends (`urgent`) wait for nobody but other appends.
    pub(super) async fn write(&self, doing: &'static str, urgent: bool) -> Result<Session, StoreError> {
        // In a task of its own, which ends also where the caller goes away: a transaction that has begun and that nobody
        // knows of would keep its lock.
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin_with(if urgent { APPEND } else { WRITE }).await });
        let transaction = begun
            .await
            .map_err(|error| database_error(doing, error))?
            .map_err(|error| database_error(doing, error))?;
        Ok(Session::new(Line::PostgresWrite(transaction), doing))
    }

    pub(super) async fn describe(&self) -> Result<String, StoreError> {
        let mut session = self.read("say what it is").await?;
        let row = session
            .row(
                "SELECT current_setting('server_version') AS version,
                        pg_database_size(current_database()) AS bytes",
                Vec::new(),
            )
            .await?;
        let Some(row) = row else { return Ok(String::from("Postgres")) };
        let bytes = u64::try_from(row.int("bytes")?).unwrap_or(0);
        Ok(format!("Postgres {}, {}", row.text("version")?, super::sqlite_copy::size(bytes)))
    }

    pub(super) async fn close(&self) {
        if let Some(connection) = self.node.lock().await.take() {
            let _ = connection.close().await;
        }
        self.pool.close().await;
    }
}
