//! SQLite connections that are kept in hand between their uses. A pool looks after a connection each time that it gets one
//! back, in a task of its own, which for the many short uses here takes longer than what they are for; so connections are
//! given back to the pool only when something went wrong with them, or at the end.
//! Promises that a connection whose transaction did not end is not used again as it is.

use super::session::database_error;
use super::sqlite_file::TURN;
use crate::ports::StoreError;
use sqlx::Sqlite;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What stands on the shelf.
#[derive(Default)]
struct Standing {
    connections: Vec<PoolConnection<Sqlite>>,
    closed: bool,
    /// The database is in memory: it goes with its one connection, which must not be closed.
    in_memory: bool,
    /// That one connection may have a transaction to roll back.
    to_roll_back: bool,
}

/// The shelf. Clones are the same.
#[derive(Clone)]
pub(super) struct Shelf {
    pool: SqlitePool,
    standing: Arc<Mutex<Standing>>,
    places: Arc<Semaphore>,
}

/// A connection off the shelf; it goes back when dropped.
pub(super) struct Taken {
    /// Always there until dropped.
    connection: Option<PoolConnection<Sqlite>>,
    standing: Arc<Mutex<Standing>>,
    /// A transaction may be open: when dropped so, the connection is closed, which rolls it back.
    pub in_transaction: bool,
    _place: OwnedSemaphorePermit,
}

fn locked(standing: &Mutex<Standing>) -> MutexGuard<'_, Standing> {
    standing.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelf {
    /// A shelf for the connections of a pool, which has so many at most.
    pub(super) fn new(pool: SqlitePool, connections_max: usize) -> Self {
        Self { pool, standing: Arc::default(), places: Arc::new(Semaphore::new(connections_max)) }
    }

    /// A shelf for the one connection of a database in memory.
    pub(super) fn in_memory(pool: SqlitePool) -> Self {
        let shelf = Self::new(pool, 1);
        locked(&shelf.standing).in_memory = true;
        shelf
    }

    /// Takes a connection, or opens one; waits while all are taken.
    pub(super) async fn take(&self, doing: &'static str) -> Result<Taken, StoreError> {
        let place = tokio::time::timeout(TURN, self.places.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(database_error(doing, "all connections were busy for 20 s"));
        };
        let kept = locked(&self.standing).connections.pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.pool.acquire().await.map_err(|error| database_error(doing, error))?,
        };
        let mut taken = Taken {
            connection: Some(connection),
            standing: self.standing.clone(),
            in_transaction: false,
            _place: place,
        };
        if std::mem::take(&mut locked(&self.standing).to_roll_back) {
            // Where none is open, it says so.
            let _ = sqlx::query("ROLLBACK").execute(&mut *taken).await;
        }
        Ok(taken)
    }

    /// Closes all connections; waits for those that are taken.
    pub(super) async fn close(&self) {
        let standing = {
            let mut standing = locked(&self.standing);
            standing.closed = true;
            std::mem::take(&mut standing.connections)
        };
        drop(standing);
        self.pool.close().await;
    }
}

impl Deref for Taken {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.connection.as_deref().unwrap_or_else(|| unreachable!("it is there until dropped"))
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection.as_deref_mut().unwrap_or_else(|| unreachable!("it is there until dropped"))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let mut standing = locked(&self.standing);
        if self.in_transaction && !standing.in_memory {
            connection.close_on_drop();
        } else if !standing.closed {
            standing.to_roll_back |= self.in_transaction;
            standing.connections.push(connection);
            return;
        }
        drop(standing);
        drop(connection);
    }
}
