//! The folder's lookup tables: `tables/NAME.csv`, the first line names the columns, the first column is
//! the key.

use super::super::SyntaxError;
use super::{Context, Function, text_of};
use crate::document::suggest;
use rhai::{Dynamic, Position};
use std::collections::{BTreeMap, HashMap};

pub(super) const FUNCTIONS: &[Function] = &[Function::new(
    "lookup",
    "table, key, column[, fallback]",
    (3, 4),
    lookup,
    "the cell of a table in tables/, by its first column; nothing where the key is not in it",
    "lookup(\"tour-codes\", booking.item.pk, \"code\")",
)];

/// Rows of one table; larger ones belong in a system of their own.
const ROWS_MAX: usize = 100_000;

/// All tables of a folder.
#[derive(Debug, Default)]
pub(in super::super) struct Tables {
    tables: BTreeMap<String, Table>,
}

#[derive(Debug)]
struct Table {
    columns: Vec<String>,
    rows: HashMap<String, Vec<String>>,
}

impl Tables {
    /// Reads the files; what can't be read is reported and left out.
    pub fn read(files: &BTreeMap<String, String>, mistakes: &mut Vec<(String, SyntaxError)>) -> Self {
        let mut tables = BTreeMap::new();
        for (file, text) in files {
            let name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".csv").to_owned();
            match read_table(text) {
                Ok(table) => {
                    tables.insert(name, table);
                }
                Err(error) => mistakes.push((file.clone(), error)),
            }
        }
        Self { tables }
    }

    /// Checks the arguments of a `lookup` that are written out.
    pub fn check(
        &self,
        literals: &[Option<(&str, Position)>],
    ) -> Result<(), (SyntaxError, Option<Position>)> {
        let Some(Some((name, at))) = literals.first() else { return Ok(()) };
        let table = self.table(name).map_err(|error| (error, Some(*at)))?;
        if let Some(Some((column, at))) = literals.get(2) {
            table.column(name, column).map_err(|error| (error, Some(*at)))?;
        }
        Ok(())
    }

    fn table(&self, name: &str) -> Result<&Table, SyntaxError> {
        self.tables.get(name).ok_or_else(|| {
            let error = SyntaxError::new(format!("There is no table `{name}`."), 0);
            match suggest(name, self.tables.keys().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean \"{near}\"?")),
                None => error.hint(format!("make the file tables/{name}.csv")),
            }
        })
    }
}

impl Table {
    fn column(&self, table: &str, name: &str) -> Result<usize, SyntaxError> {
        self.columns.iter().position(|column| column == name).ok_or_else(|| {
            let error = SyntaxError::new(format!("The table `{table}` has no column `{name}`."), 0);
            match suggest(name, self.columns.iter().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean \"{near}\"?")),
                None => error.hint(format!("its columns are {}", self.columns.join(", "))),
            }
        })
    }
}

fn read_table(text: &str) -> Result<Table, SyntaxError> {
    let bom = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&text.as_bytes()[bom..]);
    let failed = |error: csv::Error| {
        let offset = error.position().map_or(0, |at| at.byte() as usize + bom).min(text.len());
        let message = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("This line has {len} cells, and the first line has {expected_len}.")
            }
            _ => "This line can't be read as CSV.".to_owned(),
        };
        SyntaxError::new(message, offset).hint("put cells that hold commas in double quotes")
    };
    let columns: Vec<String> = reader.headers().map_err(failed)?.iter().map(str::to_owned).collect();
    if columns.iter().all(String::is_empty) {
        return Err(
            SyntaxError::new("This table is empty.", 0).hint("the first line names the columns: key,name")
        );
    }
    if let Some(twice) = (1..columns.len()).find(|at| columns[..*at].contains(&columns[*at])) {
        return Err(SyntaxError::new(format!("The column `{}` is here twice.", columns[twice]), 0));
    }
    let mut rows = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(failed)?;
        let key = record.get(0).unwrap_or_default().to_owned();
        let offset = record.position().map_or(0, |at| at.byte() as usize + bom);
        if rows.insert(key.clone(), record.iter().map(str::to_owned).collect()).is_some() {
            return Err(SyntaxError::new(format!("The key `{key}` is in this table twice."), offset)
                .hint("keep one of the two lines; the first column is the key"));
        }
        if rows.len() > ROWS_MAX {
            return Err(SyntaxError::new(format!("This table has more than {ROWS_MAX} lines."), offset));
        }
    }
    Ok(Table { columns, rows })
}

fn lookup(context: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let name = text_of(arguments[0])?;
    let told = |error: SyntaxError| match error.hint {
        Some(hint) => format!("{} ({hint})", error.message.trim_end_matches('.')),
        None => error.message,
    };
    let table = context.tables.table(&name).map_err(told)?;
    let column = table.column(&name, &text_of(arguments[2])?).map_err(told)?;
    let fallback = arguments.get(3).map_or(Dynamic::UNIT, |fallback| (*fallback).clone());
    if arguments[1].is_unit() {
        return Ok(fallback);
    }
    let key = text_of(arguments[1])?;
    let cell = table.rows.get(key.trim()).and_then(|row| row.get(column)).filter(|cell| !cell.is_empty());
    Ok(cell.map_or(fallback, |cell| cell.as_str().into()))
}
