//! Links: per record, rule and step what was last sent, and the bookings that point there. Written inside delivery's
//! transaction, in the order given; a link is never deleted, only emptied.

use super::SqlStore;
use super::rows::{self, to_json};
use super::session::{Row, Statement, Value, values};
use super::sql;
use crate::domain::{BookingId, LinkKey, Millis, RecordKey};
use crate::ports::{LinkBooking, LinkRow, LinkWrite, LinksOf, StoreError};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Columns of a link, for `links AS l`.
const LINK_COLUMNS: &str =
    "l.connection, l.account, l.object, l.key, l.rule, l.step, l.remote_id, l.position, l.hash, l.outputs";
/// Columns of its pointers.
const POINTER_COLUMNS: &str =
    "p.booking AS pointer, p.item AS pointer_item, p.hash AS pointer_hash, p.position AS pointer_position";
/// A link with its pointers.
const WITH_POINTERS: &str = "
LEFT JOIN link_bookings AS p ON p.connection = l.connection AND p.account = l.account AND p.object = l.object
                            AND p.key = l.key AND p.rule = l.rule AND p.step = l.step";

pub(super) fn links_sql(count: usize) -> String {
    format!(
        "WITH wanted (connection, account, object, key) AS (VALUES {})
                 SELECT {LINK_COLUMNS}, {POINTER_COLUMNS}
                 FROM   wanted AS w
                 JOIN   links AS l ON l.connection = w.connection AND l.account = w.account
                                  AND l.object = w.object AND l.key = w.key{WITH_POINTERS}",
        sql::rows(count, 4, 1)
    )
}

/// `|| ''` changes nothing. It keeps SQLite, which knows nothing of the rows before somebody asks it to `ANALYZE`, from
/// walking through all pointers of the connection instead of those of the booking.
pub(super) fn links_of_bookings_sql(count: usize) -> String {
    format!(
            "WITH wanted (booking, item, connection) AS (VALUES {}),
                  m AS (SELECT q.booking AS of_booking, q.item AS of_item, q.connection, q.account, q.object, q.key,
                               q.rule, q.step
                        FROM   wanted AS w
                        JOIN   link_bookings AS q ON q.booking = w.booking AND q.item = w.item
                                                 AND q.connection || '' = w.connection)
             SELECT m.of_booking, m.of_item, {LINK_COLUMNS}, {POINTER_COLUMNS}
             FROM   m
             JOIN   links AS l ON l.connection = m.connection AND l.account = m.account AND l.object = m.object
                              AND l.key = m.key AND l.rule = m.rule AND l.step = m.step{WITH_POINTERS}",
            sql::rows(count, 3, 1)
        )
}

impl SqlStore {
    pub(super) async fn find_links(&self, records: &[RecordKey]) -> Result<Vec<LinkRow>, StoreError> {
        let mut session = self.read("give the links").await?;
        let mut found = BTreeMap::new();
        for piece in sql::padded(records) {
            let text = links_sql(piece.len());
            let bound = piece.iter().copied().flat_map(record_values).collect();
            collect(&mut found, &session.rows(text, bound).await?)?;
        }
        Ok(found.into_values().collect())
    }

    pub(super) async fn find_links_of_bookings(
        &self,
        wanted: &[LinksOf],
    ) -> Result<Vec<Vec<LinkRow>>, StoreError> {
        let mut found: HashMap<(String, String, String), Vec<Row>> = HashMap::new();
        if !wanted.is_empty() {
            let mut session = self.read("give the links of bookings").await?;
            for piece in sql::padded(wanted) {
                let text = links_of_bookings_sql(piece.len());
                let bound =
                    piece.iter().flat_map(|of| values![of.booking.as_str(), &of.item, &of.connection]);
                for row in session.rows(text, bound.collect()).await? {
                    let of = (row.text("of_booking")?, row.text("of_item")?, row.text("connection")?);
                    found.entry(of).or_default().push(row);
                }
            }
        }
        wanted
            .iter()
            .map(|of| {
                let of = (of.booking.to_string(), of.item.clone(), of.connection.clone());
                let mut links = BTreeMap::new();
                collect(&mut links, found.get(&of).map_or(&[][..], Vec::as_slice))?;
                Ok(links.into_values().collect())
            })
            .collect()
    }

    pub(super) async fn carry_links_over(
        &self,
        from: (&str, Option<&str>),
        to: (&str, Option<&str>),
    ) -> Result<i64, StoreError> {
        let mut session = self.write("carry the links over").await?;
        let from_step = from.1.or(to.1);
        let to_step = to.1.or(from.1);
        let mut carried = 0;
        for (table, others) in
            [("links", ""), ("link_bookings", "AND n.booking = o.booking AND n.item = o.item")]
        {
            let (step_is, new_step) = match from_step {
                Some(_) => ("AND o.step = $3", "$4"),
                None => ("", "step"),
            };
            // Where the new name has a link to the record already, that one stays as it is and takes the pointers.
            let text = format!(
                "UPDATE {table} AS o
                 SET    rule = $2, step = {new_step}
                 WHERE  o.rule = $1 {step_is}
                 AND    NOT EXISTS (SELECT 1 FROM {table} AS n
                                    WHERE  n.connection = o.connection AND n.account = o.account
                                    AND    n.object = o.object AND n.key = o.key AND n.rule = $2
                                    AND    n.step = {} {others})",
                if from_step.is_some() { "$4" } else { "o.step" }
            );
            let mut bound = values![from.0, to.0];
            if from_step.is_some() {
                bound.extend(values![from_step, to_step]);
            }
            let changed = session.execute(text, bound).await?;
            if table == "links" {
                carried = changed;
            }
        }
        session.commit().await?;
        Ok(carried)
    }
}

fn record_values(record: &RecordKey) -> Vec<Value> {
    values![&record.connection, &record.account, &record.object, &record.key]
}

/// Puts rows of links and pointers together.
fn collect(found: &mut BTreeMap<LinkKey, LinkRow>, read: &[super::session::Row]) -> Result<(), StoreError> {
    for row in read {
        let key = rows::link_key(row)?;
        let link = match found.entry(key) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(rows::link(row)?),
        };
        if let Some(booking) = row.text_or_null("pointer")? {
            let pointer = LinkBooking {
                booking: BookingId::new(booking),
                item: row.text_or_null("pointer_item")?.unwrap_or_default(),
                hash: row.text_or_null("pointer_hash")?,
                position: row.int_or_null("pointer_position")?.unwrap_or(0),
            };
            if !link.bookings.contains(&pointer) {
                link.bookings.push(pointer);
            }
        }
    }
    for link in found.values_mut() {
        link.bookings.sort_by(|a, b| (&a.booking, &a.item).cmp(&(&b.booking, &b.item)));
    }
    Ok(())
}

/// The statements that write links in the order given: runs of `Put` on different links as one.
pub(super) fn write<'a>(writes: impl Iterator<Item = &'a LinkWrite>) -> Result<Vec<Statement>, StoreError> {
    let mut statements = Vec::new();
    let mut puts: Vec<Put<'_>> = Vec::new();
    let mut seen: HashSet<&LinkKey> = HashSet::new();
    for write in writes {
        let next = match write {
            LinkWrite::Put { key, remote_id, position, hash, outputs, booking, at } => {
                if !seen.insert(key) {
                    put(&mut statements, &std::mem::take(&mut puts));
                    seen.clear();
                    seen.insert(key);
                }
                let outputs =
                    outputs.as_ref().map(|outputs| to_json("outputs of a link", outputs)).transpose()?;
                puts.push(Put {
                    key,
                    remote_id: remote_id.as_deref(),
                    position: *position,
                    hash: hash.as_deref(),
                    outputs,
                    booking: booking.as_ref(),
                    at: *at,
                });
                continue;
            }
            LinkWrite::Unpoint { record, booking, item } => vec![unpoint(record, booking, item)],
            LinkWrite::Clear { record, at } => clear(record, *at),
        };
        put(&mut statements, &std::mem::take(&mut puts));
        seen.clear();
        statements.extend(next);
    }
    put(&mut statements, &puts);
    Ok(statements)
}

struct Put<'a> {
    key: &'a LinkKey,
    remote_id: Option<&'a str>,
    position: i64,
    hash: Option<&'a str>,
    outputs: Option<String>,
    booking: Option<&'a LinkBooking>,
    at: Millis,
}

/// What a link has where nothing was ever answered.
const NO_OUTPUTS: &str = "{}";

fn put(statements: &mut Vec<Statement>, puts: &[Put<'_>]) {
    // Outputs that are to be kept can't be told from empty ones in one statement of many rows, so these go apart.
    let (with, without): (Vec<&Put<'_>>, Vec<&Put<'_>>) = puts.iter().partition(|put| put.outputs.is_some());
    for (batch, set_outputs) in [(with, ", outputs = excluded.outputs"), (without, "")] {
        for piece in sql::pieces(&batch) {
            let text = format!(
                "INSERT INTO links (connection, account, object, key, rule, step, remote_id, position, hash,
                                    updated_at, outputs)
                 VALUES {}
                 ON CONFLICT (connection, account, object, key, rule, step) DO UPDATE
                 SET remote_id = COALESCE(excluded.remote_id, links.remote_id), position = excluded.position,
                     hash = excluded.hash, updated_at = excluded.updated_at{set_outputs}",
                sql::rows(piece.len(), 11, 1)
            );
            let mut bound = Vec::with_capacity(piece.len() * 11);
            for put in piece {
                bound.extend(record_values(&put.key.record));
                bound.extend(values![
                    &put.key.rule,
                    &put.key.step,
                    put.remote_id,
                    put.position,
                    put.hash,
                    put.at,
                    put.outputs.as_deref().unwrap_or(NO_OUTPUTS),
                ]);
            }
            statements.push(Statement::new(text, bound));
        }
    }
    let pointers: Vec<(&LinkKey, &LinkBooking)> =
        puts.iter().filter_map(|put| put.booking.map(|booking| (put.key, booking))).collect();
    for piece in sql::pieces(&pointers) {
        let text = format!(
            "INSERT INTO link_bookings (connection, account, object, key, rule, step, booking, item, hash,
                                        position)
             VALUES {}
             ON CONFLICT (connection, account, object, key, rule, step, booking, item) DO UPDATE
             SET hash = excluded.hash, position = excluded.position",
            sql::rows(piece.len(), 10, 1)
        );
        let mut bound = Vec::with_capacity(piece.len() * 9);
        for (key, pointer) in piece {
            bound.extend(record_values(&key.record));
            bound.extend(values![
                &key.rule,
                &key.step,
                pointer.booking.as_str(),
                &pointer.item,
                pointer.hash.clone(),
                pointer.position
            ]);
        }
        statements.push(Statement::new(text, bound));
    }
}

fn unpoint(record: &RecordKey, booking: &BookingId, item: &str) -> Statement {
    let mut bound = record_values(record);
    bound.extend(values![booking.as_str(), item]);
    Statement::new(
        "DELETE FROM link_bookings
         WHERE  connection = $1 AND account = $2 AND object = $3 AND key = $4 AND booking = $5 AND item = $6",
        bound,
    )
}

/// Pointers stay (they say who cares about the record), their hashes go: nothing is known to be there, so nothing that
/// is sent can be older than it.
fn clear(record: &RecordKey, at: Millis) -> Vec<Statement> {
    let mut bound = values![at];
    bound.extend(record_values(record));
    let links = Statement::new(
        "UPDATE links
         SET    updated_at = $1, remote_id = NULL, position = 0, hash = NULL, outputs = '{}'
         WHERE  connection = $2 AND account = $3 AND object = $4 AND key = $5",
        bound,
    );
    let pointers = Statement::new(
        "UPDATE link_bookings
         SET    hash = NULL
         WHERE  connection = $1 AND account = $2 AND object = $3 AND key = $4",
        record_values(record),
    );
    vec![links, pointers]
}
