//! Composes statements with several rows, always in sizes of a power of two, so that a few prepared statements serve all
//! batches. Only names and `$1` go into the text, never a value. Called by everything in the store that takes a batch.

use std::fmt::Write as _;

/// Rows in one statement at most: above it nothing is won, and each prepared statement keeps memory.
const ROWS_MAX: usize = 64;

/// Splits a batch into pieces of 64, 32, 16, 8, 4, 2 and 1.
pub(super) fn pieces<T>(mut rest: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let size = ROWS_MAX.min(1 << rest.len().ilog2());
        let (piece, tail) = rest.split_at(size);
        rest = tail;
        Some(piece)
    })
}

/// A piece of a batch whose last row is said several times, up to a power of two: for statements that don't mind, which are
/// those that ask for rows, or change rows, by the values.
pub(super) struct Padded<'a, T> {
    rows: Vec<&'a T>,
    /// How many of them are different rows of the batch.
    pub real: usize,
}

impl<'a, T> std::ops::Deref for Padded<'a, T> {
    type Target = [&'a T];

    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

/// Splits a batch into pieces of 64, and one that is padded up to 32, 16, 8, 4, 2 or 1.
pub(super) fn padded<T>(batch: &[T]) -> impl Iterator<Item = Padded<'_, T>> {
    batch.chunks(ROWS_MAX).map(|piece| {
        let last = piece.iter().cycle().skip(piece.len() - 1).step_by(piece.len());
        let rows = piece.iter().chain(last).take(piece.len().next_power_of_two()).collect();
        Padded { rows, real: piece.len() }
    })
}

/// Pieces for inserts that somebody waits for: what is left of 64 goes as one piece while it is small.
pub(super) fn few_pieces<T>(mut rest: &[T]) -> impl Iterator<Item = &[T]> {
    /// Each size up to this is a prepared statement of its own.
    const EXACT_MAX: usize = 32;
    std::iter::from_fn(move || {
        let size = match rest.len() {
            0 => return None,
            exact @ 1..=EXACT_MAX => exact,
            more => ROWS_MAX.min(1 << more.ilog2()),
        };
        let (piece, tail) = rest.split_at(size);
        rest = tail;
        Some(piece)
    })
}

/// `($1, $2), ($3, $4)`: so many rows of so many values, counted from `first`.
pub(super) fn rows(rows: usize, columns: usize, first: usize) -> String {
    let mut text = String::with_capacity(rows * columns * 6);
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            let separator = if column == 0 { "" } else { ", " };
            let _ = write!(text, "{separator}${}", first + row * columns + column);
        }
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{few_pieces, padded, pieces, rows};

    #[test]
    fn batches_are_cut_into_powers_of_two() {
        let batch = [0_u8; 203];
        let sizes: Vec<usize> = pieces(&batch).map(<[u8]>::len).collect();
        assert_eq!(sizes, [64, 64, 64, 8, 2, 1]);
        assert_eq!(pieces::<u8>(&[]).count(), 0);
        let sizes: Vec<usize> = few_pieces(&batch[..91]).map(<[u8]>::len).collect();
        assert_eq!(sizes, [64, 27]);
    }

    #[test]
    fn what_is_left_is_padded_with_its_last_row() {
        let batch: Vec<u8> = (0..69).collect();
        let padded: Vec<(Vec<u8>, usize)> =
            padded(&batch).map(|piece| (piece.iter().map(|row| **row).collect(), piece.real)).collect();
        assert_eq!(padded.len(), 2);
        assert_eq!((&padded[0].0[..], padded[0].1), (&batch[..64], 64));
        assert_eq!(padded[1], (vec![64, 65, 66, 67, 68, 68, 68, 68], 5));
    }

    #[test]
    fn rows_are_numbered_through() {
        assert_eq!(rows(2, 3, 1), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(rows(2, 1, 4), "($4), ($5)");
    }
}
