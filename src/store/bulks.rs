//! What a person asked to be done with many runs: kept, and carried out piece by piece. Promises that a piece and the
//! bulk's new position are one transaction, so that each run is taken once, whoever was killed when.

use super::SqlStore;
use super::lanes::{self, Touched};
use super::rows::{from_json, to_json, word};
use super::runs::{Cancelling, cancel_piece, retry_piece};
use super::session::{Row, values};
use super::sql;
use crate::ports::{Bulk, BulkAct, BulkPiece, StoreError};

const COLUMNS: &str = "
    b.id, b.act, b.who, b.asked_at, b.planned, b.position, b.done, b.left_out, b.ended_at, b.filter";

/// The next bulk that is not through.
pub(super) const NEXT: &str = "
SELECT b.id, b.act, b.who, b.asked_at, b.planned, b.position, b.done, b.left_out, b.ended_at, b.filter
FROM   bulks AS b
WHERE  b.ended_at IS NULL
ORDER BY b.asked_at, b.id
LIMIT  1";

fn bulk(row: &Row) -> Result<Bulk, StoreError> {
    Ok(Bulk {
        id: row.text("id")?,
        act: word("act of a bulk", &row.text("act")?, BulkAct::parse)?,
        filter: from_json("filter of a bulk", &row.text("filter")?)?,
        who: row.text("who")?,
        asked_at: row.int("asked_at")?,
        planned: row.int("planned")?,
        position: row.int("position")?,
        done: row.int("done")?,
        left_out: row.int("left_out")?,
        ended_at: row.int_or_null("ended_at")?,
    })
}

impl SqlStore {
    pub(super) async fn keep_bulk(&self, bulk: &Bulk) -> Result<bool, StoreError> {
        let mut session = self.write("keep what was asked").await?;
        let kept = session
            .execute(
                "INSERT INTO bulks (id, act, who, asked_at, planned, filter) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (id) DO NOTHING",
                values![
                    &bulk.id,
                    bulk.act.as_str(),
                    &bulk.who,
                    bulk.asked_at,
                    bulk.planned,
                    to_json("filter of a bulk", &bulk.filter)?,
                ],
            )
            .await?;
        session.commit().await?;
        Ok(kept > 0)
    }

    pub(super) async fn find_bulk(&self, id: Option<&str>) -> Result<Option<Bulk>, StoreError> {
        let mut session = self.read("give what was asked").await?;
        let row = match id {
            Some(id) => {
                session.row(format!("SELECT {COLUMNS} FROM bulks AS b WHERE b.id = $1"), values![id]).await?
            }
            None => session.row(NEXT, values![]).await?,
        };
        row.as_ref().map(bulk).transpose()
    }

    pub(super) async fn carry_piece_out(&self, piece: &BulkPiece) -> Result<bool, StoreError> {
        let mut session = self.write("carry out what was asked").await?;
        let mut touched = Touched::default();
        let mut taken = Vec::new();
        for runs in sql::pieces(&piece.runs) {
            let kept = (&mut touched, &mut taken);
            match piece.act {
                BulkAct::Retry => {
                    retry_piece(&mut session, runs, "'failed', 'held'", false, piece.at, kept).await?;
                }
                BulkAct::Cancel => {
                    let how = Cancelling { verdict: &piece.verdict, from: "'failed', 'held'", at: piece.at };
                    cancel_piece(&mut session, runs, how, kept).await?;
                }
            }
        }
        session.all(lanes::settle(&touched)).await?;
        let went_on = session
            .execute(
                "UPDATE bulks
                 SET    position = $1, done = done + $2, left_out = left_out + $3, ended_at = $4
                 WHERE  id = $5 AND position = $6 AND ended_at IS NULL",
                values![
                    piece.to,
                    taken.len() as i64,
                    piece.left_out,
                    piece.ends.then_some(piece.at),
                    &piece.id,
                    piece.from,
                ],
            )
            .await?;
        if went_on == 1 {
            session.commit().await?;
        }
        // Else somebody else went on with it: the transaction is dropped, and nothing of this piece is done.
        Ok(went_on == 1)
    }
}
