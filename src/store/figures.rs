//! `ports::KeepingStore`, each method by the file that knows it; and what the store says of itself as a whole: what it is, how
//! large, how much is in it. Counts are those that are kept anyway.

use super::session::values;
use super::{Database, SqlStore};
use super::{hours, retention};
use crate::domain::{BookingId, Millis, Position};
use crate::ports::{
    Erased, ErasedBooking, Erasure, KeepingStore, RemovalPiece, Removed, RemovedBody, StoreError,
    StoreFigures,
};
use async_trait::async_trait;

/// Webhooks by the hour are counted behind the journal: a sum of hours and how far it reaches. Positions are given one by
/// one, so what is behind is at most the difference.
const FIGURES: &str = "
SELECT (SELECT CAST(COALESCE(SUM(events), 0) AS BIGINT) FROM source_hours) AS webhooks,
       (SELECT COALESCE(MAX(position), 0) FROM events) AS last,
       (SELECT CAST(MAX(version) AS BIGINT) FROM _sqlx_migrations) AS schema_version,
       (SELECT value FROM facts WHERE name = $1) AS counted";

#[async_trait]
impl KeepingStore for SqlStore {
    async fn figures(&self) -> Result<StoreFigures, StoreError> {
        let (database, is_postgres, bytes) = match &self.database {
            Database::Sqlite(database) => (database.describe().await?, false, database.bytes()),
            Database::Postgres(database) => (database.describe().await?, true, 0),
        };
        let mut figures = StoreFigures { database, is_postgres, bytes, ..StoreFigures::default() };
        let mut session = self.read("say how much is in it").await?;
        if let Some(row) = session.row(FIGURES, values![hours::FACT]).await? {
            let counted = row.text_or_null("counted")?.and_then(|text| text.parse().ok()).unwrap_or(0);
            figures.webhooks = row.int("webhooks")?;
            figures.schema = row.int_or_null("schema_version")?.unwrap_or(0);
            figures.uncounted = (row.int("last")? - counted).max(0);
        }
        Ok(figures)
    }

    async fn remove_bodies(&self, piece: &RemovalPiece) -> Result<Removed, StoreError> {
        self.remove_old_bodies(piece).await
    }

    async fn remove_exchanges(&self, piece: &RemovalPiece) -> Result<Removed, StoreError> {
        self.remove_old_exchanges(piece).await
    }

    async fn bodies_before(&self, before: Millis) -> Result<i64, StoreError> {
        self.count_bodies_before(before).await
    }

    async fn runs_before(&self, before: Millis, limit: i64) -> Result<i64, StoreError> {
        self.count_runs_before(before, limit).await
    }

    async fn erase_booking(&self, erasure: &Erasure) -> Result<Erased, StoreError> {
        self.erase_guest(erasure).await
    }

    async fn erased_booking(&self, booking: &BookingId) -> Result<Option<ErasedBooking>, StoreError> {
        self.find_erased(booking).await
    }

    async fn finish_removals(&self) -> Result<(), StoreError> {
        self.finish_bodies(retention::FINISHED_AT_ONCE).await
    }

    async fn past_bookings(&self, day: &str, now: Millis, limit: i64) -> Result<Vec<BookingId>, StoreError> {
        self.find_past_bookings(day, now, limit).await
    }

    async fn put_off(&self, booking: &BookingId, now: Millis) -> Result<(), StoreError> {
        self.put_off_booking(booking, now).await
    }

    async fn bookings_put_off(&self, limit: i64) -> Result<Vec<BookingId>, StoreError> {
        self.find_put_off(limit).await
    }

    async fn forget_logs(&self) -> Result<bool, StoreError> {
        self.empty_logs().await
    }

    async fn removed_body(&self, position: Position) -> Result<Option<RemovedBody>, StoreError> {
        self.find_removed_body(position).await
    }
}
