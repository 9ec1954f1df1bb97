//! One connection or transaction of either database, and the values that go through it. All SQL of the store passes
//! here, so that each statement is written once: what differs between the databases ends in this file.
//! Promises that nothing of a transaction stays when it is dropped without `commit`, and that no value gets into an error.

use super::gate::Permit;
use crate::ports::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Postgres, Row as _, Sqlite, Transaction};
use std::borrow::Cow;
use std::collections::HashMap;

/// A value to bind. Nulls have a type too, since Postgres asks for it.
#[derive(Clone)]
pub(super) enum Value {
    /// Numbers, times and truth values.
    Int(Option<i64>),
    /// Text.
    Text(Option<String>),
    /// Bytes.
    Blob(Vec<u8>),
}

macro_rules! value_from {
    ($($from:ty => |$name:ident| $made:expr),+ $(,)?) => {
        $(impl From<$from> for Value {
            fn from($name: $from) -> Self { $made }
        })+
    };
}

value_from! {
    i64 => |number| Self::Int(Some(number)),
    Option<i64> => |number| Self::Int(number),
    bool => |truth| Self::Int(Some(i64::from(truth))),
    &str => |text| Self::Text(Some(text.to_owned())),
    &String => |text| Self::Text(Some(text.clone())),
    String => |text| Self::Text(Some(text)),
    Option<String> => |text| Self::Text(text),
    Option<&str> => |text| Self::Text(text.map(str::to_owned)),
    &[u8] => |bytes| Self::Blob(bytes.to_vec()),
}

/// Makes the list of values of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::session::Value::from($value)),*] };
}
pub(super) use values;

/// A row that came back.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What can't be read from a column.
fn odd(column: &str, error: &sqlx::Error) -> StoreError {
    StoreError::Corrupt { what: format!("column `{column}`"), why: error.to_string() }
}

macro_rules! getter {
    ($($(#[$doc:meta])* $name:ident -> $type:ty),+ $(,)?) => {
        $($(#[$doc])*
        pub(super) fn $name(&self, column: &'static str) -> Result<$type, StoreError> {
            match self {
                Self::Sqlite(row) => row.try_get(column),
                Self::Postgres(row) => row.try_get(column),
            }
            .map_err(|error| odd(column, &error))
        })+
    };
}

impl Row {
    getter! {
        /// A number.
        int -> i64,
        /// A number, or null.
        int_or_null -> Option<i64>,
        /// A text.
        text -> String,
        /// A text, or null.
        text_or_null -> Option<String>,
        /// Bytes.
        blob -> Vec<u8>,
    }

    /// A truth value.
    pub(super) fn truth(&self, column: &'static str) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }
}

/// What a session runs on.
pub(super) enum Line {
    SqliteRead(PoolConnection<Sqlite>),
    /// The transaction ends before the permit is handed on.
    SqliteWrite(Transaction<'static, Sqlite>, Permit),
    PostgresRead(PoolConnection<Postgres>),
    PostgresWrite(Transaction<'static, Postgres>),
}

/// A connection that reads, or a transaction that writes.
pub(super) struct Session {
    line: Line,
    doing: &'static str,
}

/// Wraps what the database said.
pub(super) fn database_error(
    doing: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    let source = source.into();
    let of_data = source.downcast_ref::<sqlx::Error>().is_some_and(is_of_data);
    StoreError::Database { doing, of_data, source }
}

/// Whether the database refused the data themselves: it will do so again. Everything else passes.
fn is_of_data(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(told) => told.code().is_some_and(|code| match code.parse::<u32>() {
            // SQLite: too big, constraint, mismatch. Postgres' codes have five characters.
            Ok(number) if code.len() < 5 => matches!(number & 0xff, 18..=20),
            _ => ["22", "23", "54"].iter().any(|class| code.starts_with(class)),
        }),
        sqlx::Error::Encode(_) | sqlx::Error::ColumnDecode { .. } => true,
        _ => false,
    }
}

impl Session {
    pub(super) fn new(line: Line, doing: &'static str) -> Self {
        Self { line, doing }
    }

    /// Runs a query and gives its rows.
    pub(super) async fn rows(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let doing = self.doing;
        let sql = sql.into();
        match &mut self.line {
            Line::SqliteRead(connection) => sqlite_rows(connection, sql, values).await,
            Line::SqliteWrite(transaction, _) => sqlite_rows(transaction, sql, values).await,
            Line::PostgresRead(connection) => postgres_rows(connection, sql, values).await,
            Line::PostgresWrite(transaction) => postgres_rows(transaction, sql, values).await,
        }
        .map_err(|error| database_error(doing, error))
    }

    /// Runs a query that gives one row or none.
    pub(super) async fn row(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        values: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs a statement and gives how many rows it changed.
    pub(super) async fn execute(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        values: Vec<Value>,
    ) -> Result<i64, StoreError> {
        let doing = self.doing;
        let sql = sql.into();
        let changed = match &mut self.line {
            Line::SqliteRead(connection) => sqlite_execute(connection, sql, values).await,
            Line::SqliteWrite(transaction, _) => sqlite_execute(transaction, sql, values).await,
            Line::PostgresRead(connection) => postgres_execute(connection, sql, values).await,
            Line::PostgresWrite(transaction) => postgres_execute(transaction, sql, values).await,
        };
        changed.map(|rows| rows as i64).map_err(|error| database_error(doing, error))
    }

    /// Inserts rows into `events` and gives the position of each, in their order. SQLite counts them up one by one within a
    /// statement, so the last one tells all; Postgres tells each, in an order that it does not promise.
    pub(super) async fn insert_in_order(
        &mut self,
        sql: String,
        values: Vec<Value>,
        ids: &[&str],
    ) -> Result<Vec<i64>, StoreError> {
        let doing = self.doing;
        if let Line::SqliteWrite(transaction, _) = &mut self.line {
            let arguments = sqlite_arguments(values).map_err(|error| database_error(doing, error))?;
            let done = sqlx::query_with(AssertSqlSafe(unnumbered(sql.into())), arguments)
                .execute(&mut **transaction)
                .await
                .map_err(|error| database_error(doing, error))?;
            let last = done.last_insert_rowid();
            return Ok((last + 1 - ids.len() as i64..=last).collect());
        }
        let mut positions = HashMap::with_capacity(ids.len());
        for row in self.rows(sql + " RETURNING position, id", values).await? {
            positions.insert(row.text("id")?, row.int("position")?);
        }
        ids.iter()
            .map(|id| {
                positions.get(*id).copied().ok_or_else(|| StoreError::Corrupt {
                    what: String::from("event"),
                    why: String::from("the database gave it no position"),
                })
            })
            .collect()
    }

    /// Whether the journal's tables can be written in the same transaction.
    pub(super) fn sees_the_journal(&self) -> bool {
        matches!(self.line, Line::PostgresWrite(_))
    }

    /// Ends the transaction; everything is on disk when it returns.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        let doing = self.doing;
        match self.line {
            Line::SqliteWrite(transaction, permit) => {
                let result = transaction.commit().await;
                drop(permit);
                result
            }
            Line::PostgresWrite(transaction) => transaction.commit().await,
            Line::SqliteRead(_) | Line::PostgresRead(_) => Ok(()),
        }
        .map_err(|error| database_error(doing, error))
    }
}

fn sqlite_arguments(values: Vec<Value>) -> Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            Value::Int(number) => Arguments::add(&mut arguments, number),
            Value::Text(text) => Arguments::add(&mut arguments, text),
            Value::Blob(bytes) => Arguments::add(&mut arguments, bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn postgres_arguments(values: Vec<Value>) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            Value::Int(number) => arguments.add(number),
            // Postgres texts hold no NUL; what outsiders wrote must not stop a batch.
            Value::Text(text) => arguments.add(text.map(without_nul)),
            Value::Blob(bytes) => arguments.add(bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text }
}

/// `?` for `$1`, `$2`, …, where each stands once and in order: SQLite looks a numbered one up by walking through all
/// of them, which for a statement of a thousand takes longer than the statement.
fn unnumbered(sql: Cow<'static, str>) -> Cow<'static, str> {
    let mut text = String::with_capacity(sql.len());
    let mut rest = &*sql;
    let mut expected = 1;
    while let Some(at) = rest.find('$') {
        let number = &rest[at + 1..];
        let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        if number[..digits].parse() != Ok(expected) {
            return sql;
        }
        text.push_str(&rest[..at]);
        text.push('?');
        rest = &number[digits..];
        expected += 1;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

async fn sqlite_rows(
    connection: &mut SqliteConnection,
    sql: Cow<'static, str>,
    values: Vec<Value>,
) -> Result<Vec<Row>, sqlx::Error> {
    let arguments = sqlite_arguments(values)?;
    let rows = sqlx::query_with(AssertSqlSafe(unnumbered(sql)), arguments).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Row::Sqlite).collect())
}

async fn postgres_rows(
    connection: &mut PgConnection,
    sql: Cow<'static, str>,
    values: Vec<Value>,
) -> Result<Vec<Row>, sqlx::Error> {
    let arguments = postgres_arguments(values)?;
    let rows = sqlx::query_with(AssertSqlSafe(sql), arguments).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Row::Postgres).collect())
}

async fn sqlite_execute(
    connection: &mut SqliteConnection,
    sql: Cow<'static, str>,
    values: Vec<Value>,
) -> Result<u64, sqlx::Error> {
    let arguments = sqlite_arguments(values)?;
    let done = sqlx::query_with(AssertSqlSafe(unnumbered(sql)), arguments).execute(connection).await?;
    Ok(done.rows_affected())
}

async fn postgres_execute(
    connection: &mut PgConnection,
    sql: Cow<'static, str>,
    values: Vec<Value>,
) -> Result<u64, sqlx::Error> {
    let arguments = postgres_arguments(values)?;
    let done = sqlx::query_with(AssertSqlSafe(sql), arguments).execute(connection).await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::unnumbered;

    #[test]
    fn numbers_go_where_each_stands_once_and_in_order() {
        assert_eq!(unnumbered("a ($1, $2), ($3)".into()), "a (?, ?), (?)");
        assert_eq!(unnumbered("a = $1 AND b = $1".into()), "a = $1 AND b = $1");
        assert_eq!(unnumbered("a = $2 AND b = $1".into()), "a = $2 AND b = $1");
        assert_eq!(unnumbered("no values".into()), "no values");
    }
}
