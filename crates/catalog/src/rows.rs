//! Rows to Arrow and back.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use fonoteca_model::{BlobHashes, Sha1Hash, Sha256Hash};

use crate::error::CatalogError;
use crate::implied::{filled_in, left_out};
use crate::schema::{Blob, BlobKind, Column, IMPORT_COLUMN, Row, Table};

impl Table {
    /// The Arrow schema, with `job`, `batch` and `import_id`.
    pub fn arrow_schema(self) -> SchemaRef {
        Arc::new(Schema::new(self.columns().iter().map(Column::field).collect::<Vec<_>>()))
    }

    /// The fields of the row struct: all columns but `job`, `batch` and `import_id`.
    pub fn row_fields(self) -> Vec<FieldRef> {
        self.columns().iter().filter(|column| !Column::is_stamp(column.name)).map(Column::field).collect()
    }
}

/// Rows as one batch, without what the writer adds.
pub(crate) fn encode<T: Row>(rows: &[T]) -> Result<RecordBatch, CatalogError> {
    serde_arrow::to_record_batch(&T::TABLE.row_fields(), &rows).map_err(CatalogError::rows(T::TABLE))
}

/// The batch as the table has it, with `job` and `batch` added: which batch of which job it is, or nulls.
pub(crate) fn stamp(table: Table, rows: &RecordBatch, batch: Option<(&str, i64)>) -> Result<RecordBatch, CatalogError> {
    stamp_with(table, rows, batch, None)
}

/// The batch as an import writes it: its rows count by themselves.
pub(crate) fn stamp_import(table: Table, rows: &RecordBatch, import: &str) -> Result<RecordBatch, CatalogError> {
    stamp_with(table, rows, None, Some(import))
}

fn stamp_with(
    table: Table,
    rows: &RecordBatch,
    batch: Option<(&str, i64)>,
    import: Option<&str>,
) -> Result<RecordBatch, CatalogError> {
    let count = rows.num_rows();
    let mut columns = rows.columns().to_vec();
    let (job, number) = batch.unzip();
    columns.push(Arc::new(std::iter::repeat_n(job, count).collect::<StringArray>()));
    columns.push(Arc::new(std::iter::repeat_n(number, count).collect::<Int64Array>()));
    if table.is_imported() {
        columns.push(Arc::new(std::iter::repeat_n(import, count).collect::<StringArray>()));
    }
    let rows = RecordBatch::try_new(table.arrow_schema(), columns);
    rows.and_then(|rows| left_out(table, &rows)).map_err(CatalogError::rows(table))
}

/// The batch with the table's columns of today: what was written before a column came has nulls there.
pub(crate) fn conform(table: Table, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = table.arrow_schema();
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
        Some(column) => cast(column, field.data_type()),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
    RecordBatch::try_new(schema, columns)
}

/// Whether a batch has nothing but columns of the table, each of the right type, and lacks none that may not be null.
pub(crate) fn fits(table: Table, schema: &Schema) -> bool {
    let known = table.arrow_schema();
    let is_known = |field: &FieldRef| known.field_with_name(field.name()).is_ok_and(|own| own == field.as_ref());
    let is_there = |field: &FieldRef| field.name() == IMPORT_COLUMN || schema.field_with_name(field.name()).is_ok();
    schema.fields().iter().all(is_known) && known.fields().iter().all(is_there)
}

/// The rows of a batch, whose columns may stand in any order; a column that an older table lacks is null.
pub(crate) fn decode<T: Row>(batch: &RecordBatch) -> Result<Vec<T>, CatalogError> {
    let fields = T::TABLE.row_fields();
    let columns = fields.iter().map(|field| -> Result<ArrayRef, ArrowError> {
        match batch.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            Some(column) => cast(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        }
    });
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(CatalogError::rows(T::TABLE))?;
    let conformed = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
    let whole = conformed.and_then(|rows| filled_in(T::TABLE, &rows)).map_err(CatalogError::rows(T::TABLE))?;
    serde_arrow::from_record_batch(&whole).map_err(CatalogError::rows(T::TABLE))
}

/// Whether these are the columns of the table's rows, in their order, as [`encode`] gives them.
pub(crate) fn fits_rows(table: Table, schema: &Schema) -> bool {
    schema.fields().iter().eq(table.row_fields().iter())
}

impl Blob {
    /// The row of a blob that was just hashed.
    pub fn new(hashes: &BlobHashes, mime: impl Into<String>, kind: BlobKind) -> Self {
        Self {
            root: hashes.root,
            size: hashes.size as i64,
            piece_layer: hashes.piece_layer.iter().flat_map(|node| node.0).collect(),
            v1_pieces: hashes.v1_pieces.iter().flat_map(|piece| piece.0).collect(),
            v1_last_unpadded: hashes.v1_last_unpadded.0.to_vec(),
            mime: mime.into(),
            kind,
            derived_from: None,
            derived_how: None,
        }
    }

    /// What a torrent needs to know; refuses a row whose hashes cannot belong to a blob of its size.
    pub fn hashes(&self) -> Result<BlobHashes, CatalogError> {
        let bad = |reason: String| CatalogError::Blob { root: self.root.to_string(), reason };
        let size = u64::try_from(self.size).ok().filter(|size| *size > 0);
        let size = size.ok_or_else(|| bad(format!("it has {} bytes", self.size)))?;
        let pieces = size.div_ceil(fonoteca_model::PIECE_BYTES as u64);
        let nodes = if pieces > 1 { pieces } else { 0 };
        for (what, bytes, expected) in [
            ("piece_layer", &self.piece_layer, nodes * 32),
            ("v1_pieces", &self.v1_pieces, pieces * 20),
            ("v1_last_unpadded", &self.v1_last_unpadded, 20),
        ] {
            if bytes.len() as u64 != expected {
                return Err(bad(format!("`{what}` has {} bytes instead of {expected}", bytes.len())));
            }
        }
        Ok(BlobHashes {
            root: self.root,
            size,
            piece_layer: self.piece_layer.as_chunks::<32>().0.iter().copied().map(Sha256Hash).collect(),
            v1_pieces: self.v1_pieces.as_chunks::<20>().0.iter().copied().map(Sha1Hash).collect(),
            v1_last_unpadded: Sha1Hash(self.v1_last_unpadded.as_chunks::<20>().0[0]),
        })
    }
}
