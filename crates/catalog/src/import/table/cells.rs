//! Rows of any table, before anything is made of them.

use super::super::ImportError;

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Nothing,
    /// Numbers and truths too: what they mean is the map's business.
    Text(String),
    Texts(Vec<String>),
    /// A value that cannot be read, and why.
    Bad(String),
}

/// One row, which is in the cells that were handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its line in the file, or its number in the table, from 1.
    pub place: u64,
    /// Why there is nothing in the cells.
    pub broken: Option<String>,
    /// What else was found on the way to it: a field, and what is wrong.
    pub notes: Vec<(String, String)>,
}

impl Line {
    pub(super) const fn sound(place: u64) -> Self {
        Self { place, broken: None, notes: Vec::new() }
    }
}

/// A table, read from its beginning to its end.
pub(super) trait Rows: Send {
    /// The names of the columns, in their order.
    fn columns(&self) -> &[String];

    /// Says, before the first row, which columns are wanted; cells of the others may be [`Cell::Nothing`].
    fn want(&mut self, wanted: &[bool]) -> Result<(), ImportError>;

    /// Reads the next row into `cells`, a cell a column.
    fn next(&mut self, cells: &mut Vec<Cell>) -> Result<Option<Line>, ImportError>;
}

/// What one row may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one row of a text file, and of one value of any.
    pub row_bytes: usize,
    /// Columns.
    pub columns: usize,
    /// Characters of one text that goes into a table.
    pub text_chars: usize,
    /// Bytes of all lookups of a map together.
    pub lookup_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            row_bytes: 16 << 20,
            columns: 4096,
            text_chars: fonoteca_model::limits::Limits::default().text_chars,
            lookup_bytes: 1 << 30,
        }
    }
}

/// An error of a source that is not what it should be.
pub(super) fn not(name: &str, expected: &'static str, found: impl Into<String>, advice: &'static str) -> ImportError {
    ImportError::Source { name: name.to_owned(), expected, found: found.into(), advice }
}
