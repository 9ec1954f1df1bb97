//! One connection or transaction of either database, and the values that go through it. All SQL of the store passes
//! here, so that each statement is written once: what differs between the databases ends in this file.
//! Promises that nothing of a transaction stays when it is dropped without `commit`, and that no value gets into an error.

use super::gate::Permit;
use super::shelf::Taken;
use crate::ports::StoreError;
use futures::TryStreamExt as _;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Either, Executor as _, Postgres, Row as _, Transaction};
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
    Vec<u8> => |bytes| Self::Blob(bytes),
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

/// One of several statements that are sent together.
pub(super) struct Statement {
    pub sql: Cow<'static, str>,
    pub values: Vec<Value>,
    /// What it is to change, and how many of them: anything else is an error.
    hits: Option<(&'static str, usize)>,
}

impl Statement {
    pub(super) fn new(sql: impl Into<Cow<'static, str>>, values: Vec<Value>) -> Self {
        Self { sql: sql.into(), values, hits: None }
    }

    /// Where it should have changed so many rows and did not, the transaction must not be kept.
    pub(super) fn hits(self, what: &'static str, rows: usize) -> Self {
        Self { hits: Some((what, rows)), ..self }
    }
}

/// What came of a statement.
pub(super) struct Came {
    pub rows: Vec<Row>,
    changed: u64,
    /// Of the row that it inserted last (SQLite).
    pub last_rowid: i64,
}

/// SQLite's statements with so many values in all are one text: each text takes two threads to wait for each other, and
/// small ones come in few different sizes, so that they are prepared once.
const TOGETHER_VALUES_MAX: usize = 192;

/// What a session runs on.
pub(super) enum Line {
    SqliteRead(Taken),
    /// The transaction ends before the permit is handed on.
    SqliteWrite(Taken, Permit),
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
        let mut came = self.all(vec![Statement::new(sql, values)]).await?;
        Ok(came.pop().map(|came| came.rows).unwrap_or_default())
    }

    /// Runs statements one after the other and gives what came of each.
    pub(super) async fn all(&mut self, statements: Vec<Statement>) -> Result<Vec<Came>, StoreError> {
        let doing = self.doing;
        let mut came = Vec::with_capacity(statements.len());
        for Together { sql, values, hits } in together(statements, self.is_sqlite()) {
            let done = match &mut self.line {
                Line::SqliteRead(connection) | Line::SqliteWrite(connection, _) => {
                    sqlite_many(connection, sql, values, hits.len()).await
                }
                Line::PostgresRead(connection) => postgres_one(connection, sql, values).await,
                Line::PostgresWrite(transaction) => postgres_one(transaction, sql, values).await,
            };
            let done = done.map_err(|error| database_error(doing, error))?;
            for (hits, done) in hits.iter().zip(&done) {
                all_hit(*hits, done.changed)?;
            }
            came.extend(done);
        }
        Ok(came)
    }

    fn is_sqlite(&self) -> bool {
        matches!(self.line, Line::SqliteRead(_) | Line::SqliteWrite(..))
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
        let came = self.all(vec![Statement::new(sql, values)]).await?;
        Ok(came.first().map_or(0, |came| came.changed as i64))
    }

    /// Inserts rows into `events` and gives the position of each, in their order, where the database tells them in the
    /// same statement (Postgres), in an order that it does not promise.
    pub(super) async fn insert_in_order(
        &mut self,
        sql: String,
        values: Vec<Value>,
        ids: &[&str],
    ) -> Result<Vec<i64>, StoreError> {
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
        self.commit_after(Vec::new()).await.map(|_| ())
    }

    /// Runs the last statements and ends the transaction, in one go where they are small.
    pub(super) async fn commit_after(mut self, statements: Vec<Statement>) -> Result<Vec<Came>, StoreError> {
        if matches!(self.line, Line::SqliteWrite(..)) {
            let mut statements = statements;
            // What these hit is looked at before the commit, so it can't go with them.
            let checked = statements.iter().any(|statement| statement.hits.is_some());
            let mut before =
                if checked { self.all(std::mem::take(&mut statements)).await? } else { Vec::new() };
            statements.push(Statement::new("COMMIT", Vec::new()));
            let mut came = self.all(statements).await?;
            came.pop();
            if let Line::SqliteWrite(connection, _permit) = &mut self.line {
                connection.in_transaction = false;
            }
            before.extend(came);
            return Ok(before);
        }
        let came = self.all(statements).await?;
        if let Line::PostgresWrite(transaction) = self.line {
            transaction.commit().await.map_err(|error| database_error(self.doing, error))?;
        }
        Ok(came)
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

/// Statements that are sent as one text.
struct Together {
    sql: Cow<'static, str>,
    values: Vec<Value>,
    /// What each is to change.
    hits: Vec<Option<(&'static str, usize)>>,
}

/// Puts small statements that follow each other into one text, where the database takes several. One whose values stand
/// more than once, or out of order, stays alone.
fn together(statements: Vec<Statement>, takes_several: bool) -> Vec<Together> {
    let mut all: Vec<Together> = Vec::new();
    let alone = |sql: &str| sql.contains('$');
    for Statement { sql, values, hits } in statements {
        let sql = if takes_several { unnumbered(sql) } else { sql };
        match all.last_mut() {
            Some(last)
                if takes_several
                    && !alone(&last.sql)
                    && !alone(&sql)
                    && last.values.len() + values.len() <= TOGETHER_VALUES_MAX =>
            {
                last.sql = Cow::Owned(format!("{};\n{sql}", last.sql));
                last.values.extend(values);
                last.hits.push(hits);
            }
            _ => all.push(Together { sql, values, hits: vec![hits] }),
        }
    }
    all
}

fn all_hit(hits: Option<(&'static str, usize)>, changed: u64) -> Result<(), StoreError> {
    match hits {
        Some((what, wanted)) if changed != wanted as u64 => Err(StoreError::Corrupt {
            what: what.to_owned(),
            why: format!("{wanted} rows were to be written and {changed} were"),
        }),
        _ => Ok(()),
    }
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

/// Runs so many statements. The stream is left once the last has said that it is done: to wait for its end would be to wait
/// for the connection's thread once more.
async fn sqlite_many(
    connection: &mut SqliteConnection,
    sql: Cow<'static, str>,
    values: Vec<Value>,
    statements: usize,
) -> Result<Vec<Came>, sqlx::Error> {
    let query = sqlx::query_with(AssertSqlSafe(sql), sqlite_arguments(values)?);
    let mut steps = connection.fetch_many(query);
    let mut came = Vec::with_capacity(statements);
    let mut rows = Vec::new();
    while came.len() < statements {
        match steps.try_next().await? {
            Some(Either::Right(row)) => rows.push(Row::Sqlite(row)),
            Some(Either::Left(done)) => {
                came.push(Came {
                    rows: std::mem::take(&mut rows),
                    changed: done.rows_affected(),
                    last_rowid: done.last_insert_rowid(),
                });
            }
            None => {
                return Err(sqlx::Error::Protocol("fewer statements were run than were sent".to_owned()));
            }
        }
    }
    Ok(came)
}

async fn postgres_one(
    connection: &mut PgConnection,
    sql: Cow<'static, str>,
    values: Vec<Value>,
) -> Result<Vec<Came>, sqlx::Error> {
    let query = sqlx::query_with(AssertSqlSafe(sql), postgres_arguments(values)?);
    let mut steps = connection.fetch_many(query);
    let mut came = Came { rows: Vec::new(), changed: 0, last_rowid: 0 };
    while let Some(step) = steps.try_next().await? {
        match step {
            Either::Right(row) => came.rows.push(Row::Postgres(row)),
            Either::Left(done) => came.changed += done.rows_affected(),
        }
    }
    Ok(vec![came])
}

#[cfg(test)]
mod tests {
    use super::{Statement, together, unnumbered};

    #[test]
    fn numbers_go_where_each_stands_once_and_in_order() {
        assert_eq!(unnumbered("a ($1, $2), ($3)".into()), "a (?, ?), (?)");
        assert_eq!(unnumbered("a = $1 AND b = $1".into()), "a = $1 AND b = $1");
        assert_eq!(unnumbered("a = $2 AND b = $1".into()), "a = $2 AND b = $1");
        assert_eq!(unnumbered("no values".into()), "no values");
    }

    #[test]
    fn small_statements_go_together_and_others_alone() {
        let of = |sql: &'static str, values: usize| Statement::new(sql, vec![1_i64.into(); values]);
        let cases = [
            of("a ($1)", 1),
            of("b ($1, $2)", 2),
            of("c $2 $1", 2),
            of("d", 0),
            of("e ($1)", 200),
            of("f", 0),
        ];
        let texts = |takes_several| -> Vec<String> {
            together(
                cases.iter().map(|case| Statement::new(case.sql.clone(), case.values.clone())).collect(),
                takes_several,
            )
            .into_iter()
            .map(|together| format!("{} {}", together.sql.replace(";\n", " + "), together.hits.len()))
            .collect()
        };
        assert_eq!(texts(true), ["a (?) + b (?, ?) 2", "c $2 $1 1", "d 1", "e (?) 1", "f 1"]);
        assert_eq!(texts(false), ["a ($1) 1", "b ($1, $2) 1", "c $2 $1 1", "d 1", "e ($1) 1", "f 1"]);
    }

    #[tokio::test]
    async fn a_write_that_missed_its_row_takes_its_whole_transaction_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let file =
            crate::store::sqlite::SqliteDatabase::open(&folder.path().join("waypost.db")).await.unwrap();
        let mut session = file.truth.write("test", false).await.unwrap();
        session.execute("CREATE TABLE kept (x BIGINT)", Vec::new()).await.unwrap();
        session.commit().await.unwrap();
        let session = file.truth.write("test", false).await.unwrap();
        let statements = vec![
            Statement::new("INSERT INTO kept (x) VALUES ($1)", values![1]),
            Statement::new("UPDATE kept SET x = $1 WHERE x = $2", values![3, 2]).hits("row", 1),
        ];
        assert!(session.commit_after(statements).await.is_err());
        let mut session = file.truth.write("test", false).await.unwrap();
        assert_eq!(session.rows("SELECT x FROM kept", Vec::new()).await.unwrap().len(), 0);
    }
}
