//! Rows on their way from a source to the files, some records at a time.

use std::collections::BTreeMap;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use fonoteca_model::Id;

use super::Reject;
use crate::error::CatalogError;
use crate::schema::{Batch, Table};

/// Rows of one table.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The table.
    pub table: Table,
    /// Its columns but `job`, `batch` and `import_id`, in their order.
    pub rows: RecordBatch,
    /// The record that each row is from; None: each is a record of its own.
    pub numbers: Option<Vec<u64>>,
}

/// Some records' rows, and what was not understood of them.
#[derive(Debug, Clone, Default)]
pub struct Chunk {
    /// The rows.
    pub rows: Vec<Rows>,
    /// The number of the last record. Numbers grow from chunk to chunk, and the same source is cut at the same places.
    pub last: u64,
    /// Records.
    pub read: u64,
    /// Those of them that no table is for.
    pub passed_over: u64,
    /// What was not understood, with the numbers of the records.
    pub rejects: Vec<(u64, Reject)>,
}

impl Rows {
    /// Of a row, the record and the id that it is about.
    pub(super) fn key(&self, row: usize) -> (u64, i64) {
        (self.numbers.as_ref().map_or(0, |numbers| numbers[row]), ids(&self.rows)[row])
    }
}

impl Chunk {
    /// The rows of a batch; `numbers` has for each table the record that each row is from.
    pub(super) fn rows_of(batch: &Batch, mut numbers: BTreeMap<Table, Vec<u64>>) -> Result<Vec<Rows>, CatalogError> {
        let encoded = batch.encode()?;
        Ok(encoded.into_iter().map(|(table, rows)| Rows { table, rows, numbers: numbers.remove(&table) }).collect())
    }
}

/// Whether each row has an id of its own, by which rows that come twice are told.
pub(super) fn has_own_ids(table: Table) -> bool {
    matches!(table, Table::Artists | Table::Albums | Table::Tracks)
}

/// The ids of a part, where its table has ids that are numbers.
pub(super) fn ids(rows: &RecordBatch) -> &[i64] {
    let column = rows.column_by_name("id").and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.map_or(&[], |ids| ids.values())
}

/// Why a row is left out.
pub(super) fn came_before(part: &Rows, row: usize) -> Reject {
    let id = Id(ids(&part.rows)[row]);
    let named = part.rows.column_by_name("source_id").and_then(|column| column.as_string_opt::<i32>());
    let named = named.map_or_else(String::new, |names| format!(" ({:?})", names.value(row)));
    Reject::of("id", format!("the id {id}{named} came before in `{}`: the first one stands", part.table.name()))
}
