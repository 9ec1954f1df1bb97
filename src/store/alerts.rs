//! `ports::AlertStore`: channels, outages, and the letters that are written of them. An outage that is open is found by its
//! kind and object, a letter that is due by its time; nothing here walks through what is over.

use super::SqlStore;
use super::people_log::audit_statement;
use super::session::{Row, Session, Statement, values};
use crate::domain::{ChannelTo, Letter, LetterKind, Millis, OutageKind};
use crate::ports::{
    AlertChannel, AlertStore, DueLetter, NewAudit, Outage, OutageWrite, Sending, StoreError, TryEnd,
};
use async_trait::async_trait;

const OUTAGE_COLUMNS: &str =
    "o.id, o.kind, o.object, o.opened_at, o.good_since, o.told_at, o.reminders, o.closed_at, o.headline";

/// Outages that last.
pub(super) fn open_sql() -> String {
    format!("SELECT {OUTAGE_COLUMNS} FROM outages AS o WHERE o.closed_at IS NULL ORDER BY o.kind, o.object")
}

/// Outages that somebody was told of.
pub(super) fn told_sql() -> String {
    format!(
        "SELECT {OUTAGE_COLUMNS} FROM outages AS o WHERE o.told_at IS NOT NULL
         ORDER BY o.opened_at DESC, o.id DESC LIMIT $1"
    )
}

pub(super) const DUE: &str = "
SELECT d.id, d.channel, d.tries, d.created_at, d.letter
FROM   alert_letters AS d
WHERE  d.state = 'waiting' AND d.next_at <= $1
ORDER BY d.next_at, d.id
LIMIT  $2";

pub(super) const OVERTAKE: &str = "
UPDATE alert_letters SET state = 'overtaken' WHERE outage = $1 AND state = 'waiting'";

pub(super) const TOLD_CHANNELS: &str = "
SELECT d.channel FROM alert_letters AS d WHERE d.outage = $1 AND d.kind = 'alert' ORDER BY d.channel";

pub(super) const FORGET: &str = "
SELECT o.id FROM outages AS o
WHERE  o.closed_at IS NOT NULL AND o.closed_at < $1
ORDER BY o.closed_at
LIMIT  $2";

fn corrupt(what: &str, why: impl ToString) -> StoreError {
    StoreError::Corrupt { what: what.to_owned(), why: why.to_string() }
}

fn as_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| corrupt("alert", error))
}

fn channel(row: &Row) -> Result<AlertChannel, StoreError> {
    let to: ChannelTo =
        serde_json::from_str(&row.text("settings")?).map_err(|error| corrupt("alert channel", error))?;
    let last = match (row.int_or_null("last_at")?, row.text_or_null("last_text")?) {
        (Some(at), Some(text)) => Some(Sending { at, good: row.int_or_null("last_good")? == Some(1), text }),
        _ => None,
    };
    Ok(AlertChannel {
        id: row.text("id")?,
        name: row.text("name")?,
        enabled: row.truth("enabled")?,
        to,
        created_at: row.int("created_at")?,
        last,
    })
}

fn outage(row: &Row) -> Result<Outage, StoreError> {
    let kind = row.text("kind")?;
    Ok(Outage {
        id: row.text("id")?,
        kind: OutageKind::parse(&kind).ok_or_else(|| corrupt("outage", format!("{kind:?} is no kind")))?,
        object: row.text("object")?,
        headline: row.text("headline")?,
        opened_at: row.int("opened_at")?,
        good_since: row.int_or_null("good_since")?,
        told_at: row.int_or_null("told_at")?,
        reminders: row.int("reminders")?,
        closed_at: row.int_or_null("closed_at")?,
    })
}

fn due(row: &Row) -> Result<DueLetter, StoreError> {
    Ok(DueLetter {
        id: row.text("id")?,
        channel: row.text("channel")?,
        tries: row.int("tries")?,
        created_at: row.int("created_at")?,
        letter: serde_json::from_str(&row.text("letter")?).map_err(|error| corrupt("letter", error))?,
    })
}

fn noted(channel: &str, sending: &Sending) -> Statement {
    Statement::new(
        "UPDATE alert_channels SET last_at = $1, last_good = $2, last_text = $3 WHERE id = $4",
        values![sending.at, sending.good, &sending.text, channel],
    )
}

/// The letter to each of these channels, due now.
fn letters(
    outage: &str,
    number: i64,
    channels: &[String],
    letter: &Letter,
    now: Millis,
) -> Result<Vec<Statement>, StoreError> {
    let (kind, text) = (letter.kind.as_str(), as_json(letter)?);
    let numbered = if letter.kind == LetterKind::Reminder { format!("-{number}") } else { String::new() };
    let statement = |channel: &String| {
        Statement::new(
            "INSERT INTO alert_letters (id, outage, channel, kind, state, next_at, created_at, letter)
             VALUES ($1, $2, $3, $4, 'waiting', $5, $6, $7)
             ON CONFLICT (id) DO NOTHING",
            values![format!("{kind}{numbered}-{outage}-{channel}"), outage, channel, kind, now, now, &text],
        )
    };
    Ok(channels.iter().map(statement).collect())
}

async fn told_channels(session: &mut Session, outage: &str) -> Result<Vec<String>, StoreError> {
    session.rows(TOLD_CHANNELS, values![outage]).await?.iter().map(|row| row.text("channel")).collect()
}

async fn write(session: &mut Session, write: &OutageWrite, now: Millis) -> Result<(), StoreError> {
    match write {
        OutageWrite::Open(outage) => {
            session
                .execute(
                    "INSERT INTO outages (id, kind, object, opened_at, headline) VALUES ($1, $2, $3, $4, $5)
                     ON CONFLICT (kind, object) WHERE closed_at IS NULL DO NOTHING",
                    values![
                        &outage.id,
                        outage.kind.as_str(),
                        &outage.object,
                        outage.opened_at,
                        &outage.headline
                    ],
                )
                .await?;
        }
        OutageWrite::Good { id, since } => {
            session
                .execute(
                    "UPDATE outages SET good_since = $1 WHERE id = $2 AND closed_at IS NULL",
                    values![*since, id],
                )
                .await?;
        }
        OutageWrite::Tell { id, channels, letter } => {
            let text = "UPDATE outages SET told_at = $1, headline = $2
                        WHERE  id = $3 AND told_at IS NULL AND closed_at IS NULL";
            if session.execute(text, values![now, &letter.headline, id]).await? == 1 {
                session.all(letters(id, 0, channels, letter, now)?).await?;
            }
        }
        OutageWrite::Remind { id, number, letter } => {
            let text = "UPDATE outages SET reminders = $1
                        WHERE  id = $2 AND reminders < $1 AND closed_at IS NULL";
            if session.execute(text, values![*number, id]).await? == 1 {
                session.execute(OVERTAKE, values![id]).await?;
                let channels = told_channels(session, id).await?;
                session.all(letters(id, *number, &channels, letter, now)?).await?;
            }
        }
        OutageWrite::Close { id, at, letter } => {
            let text = "UPDATE outages SET closed_at = $1 WHERE id = $2 AND closed_at IS NULL";
            if session.execute(text, values![*at, id]).await? == 1 {
                session.execute(OVERTAKE, values![id]).await?;
                let channels = told_channels(session, id).await?;
                session.all(letters(id, 0, &channels, letter, now)?).await?;
            }
        }
    }
    Ok(())
}

#[async_trait]
impl AlertStore for SqlStore {
    async fn alert_channels(&self) -> Result<Vec<AlertChannel>, StoreError> {
        let mut session = self.read("give the alert channels").await?;
        let text = "SELECT id, name, enabled, created_at, last_at, last_good, last_text, settings
                    FROM   alert_channels ORDER BY name, id";
        session.rows(text, Vec::new()).await?.iter().map(channel).collect()
    }

    async fn put_alert_channel(&self, channel: &AlertChannel, audit: &NewAudit) -> Result<(), StoreError> {
        let mut session = self.write("keep an alert channel").await?;
        let keep = Statement::new(
            "INSERT INTO alert_channels (id, name, enabled, kind, created_at, settings)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (id) DO UPDATE
             SET name = excluded.name, enabled = excluded.enabled, kind = excluded.kind,
                 settings = excluded.settings",
            values![
                &channel.id,
                &channel.name,
                channel.enabled,
                channel.to.kind(),
                channel.created_at,
                as_json(&channel.to)?,
            ],
        );
        session.all(vec![keep, audit_statement(audit)]).await?;
        session.commit().await
    }

    async fn remove_alert_channel(&self, id: &str, audit: &NewAudit) -> Result<bool, StoreError> {
        let mut session = self.write("remove an alert channel").await?;
        if session.execute("DELETE FROM alert_channels WHERE id = $1", values![id]).await? == 0 {
            return Ok(false);
        }
        session
            .all(vec![
                Statement::new("DELETE FROM alert_letters WHERE channel = $1", values![id]),
                audit_statement(audit),
            ])
            .await?;
        session.commit().await?;
        Ok(true)
    }

    async fn note_sending(&self, channel: &str, sending: &Sending) -> Result<(), StoreError> {
        let mut session = self.write("note a sending").await?;
        session.all(vec![noted(channel, sending)]).await?;
        session.commit().await
    }

    async fn open_outages(&self) -> Result<Vec<Outage>, StoreError> {
        let mut session = self.read("give the outages").await?;
        session.rows(open_sql(), Vec::new()).await?.iter().map(outage).collect()
    }

    async fn told_outages(&self, limit: i64) -> Result<Vec<Outage>, StoreError> {
        let mut session = self.read("give the outages").await?;
        session.rows(told_sql(), values![limit]).await?.iter().map(outage).collect()
    }

    async fn write_outages(&self, writes: &[OutageWrite], now: Millis) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        let mut session = self.write("write what became of outages").await?;
        for each in writes {
            write(&mut session, each, now).await?;
        }
        session.commit().await
    }

    async fn due_letters(&self, now: Millis, limit: i64) -> Result<Vec<DueLetter>, StoreError> {
        let mut session = self.read("give the letters that are due").await?;
        session.rows(DUE, values![now, limit]).await?.iter().map(due).collect()
    }

    async fn begin_try(&self, letter: &DueLetter, next_at: Millis) -> Result<bool, StoreError> {
        let mut session = self.write("begin to send a letter").await?;
        let taken = session
            .execute(
                "UPDATE alert_letters SET tries = tries + 1, next_at = $1
                 WHERE  id = $2 AND tries = $3 AND state = 'waiting'",
                values![next_at, &letter.id, letter.tries],
            )
            .await?;
        session.commit().await?;
        Ok(taken == 1)
    }

    async fn end_try(&self, letter: &DueLetter, end: &TryEnd, sending: &Sending) -> Result<(), StoreError> {
        let state = match end {
            TryEnd::Sent => "sent",
            TryEnd::Again => "waiting",
            TryEnd::GivenUp => "given-up",
        };
        let mut session = self.write("write what came of a letter").await?;
        session
            .all(vec![
                // One that was removed with its channel meanwhile stays so.
                Statement::new(
                    "UPDATE alert_letters SET state = $1 WHERE id = $2 AND state = 'waiting'",
                    values![state, &letter.id],
                ),
                noted(&letter.channel, sending),
            ])
            .await?;
        session.commit().await
    }

    async fn forget_outages(&self, before: Millis, limit: i64) -> Result<i64, StoreError> {
        let mut reader = self.read("look for old outages").await?;
        let rows = reader.rows(FORGET, values![before, limit]).await?;
        drop(reader);
        let ids = rows.iter().map(|row| row.text("id")).collect::<Result<Vec<_>, _>>()?;
        if ids.is_empty() {
            return Ok(0);
        }
        let mut session = self.write("forget old outages").await?;
        for id in &ids {
            session
                .all(vec![
                    Statement::new("DELETE FROM alert_letters WHERE outage = $1", values![id]),
                    Statement::new("DELETE FROM outages WHERE id = $1", values![id]),
                ])
                .await?;
        }
        session.commit().await?;
        Ok(ids.len() as i64)
    }
}
