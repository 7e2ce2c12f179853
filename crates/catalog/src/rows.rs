//! Rows to Arrow and back.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use fonoteca_model::{BlobHashes, Sha1Hash, Sha256Hash};

use crate::error::CatalogError;
use crate::schema::{Blob, BlobKind, Column, JOB_COLUMNS, Row, Table};

impl Table {
    /// The Arrow schema, `job` and `batch` included.
    pub fn arrow_schema(self) -> SchemaRef {
        Arc::new(Schema::new(self.columns().iter().map(Column::field).collect::<Vec<_>>()))
    }

    /// The fields of the row struct: all columns but `job` and `batch`.
    pub(crate) fn row_fields(self) -> Vec<FieldRef> {
        let mut columns = self.columns();
        columns.truncate(columns.len() - JOB_COLUMNS.len());
        columns.iter().map(Column::field).collect()
    }
}

/// Rows as one batch, without `job` and `batch`.
pub(crate) fn encode<T: Row>(rows: &[T]) -> Result<RecordBatch, CatalogError> {
    serde_arrow::to_record_batch(&T::TABLE.row_fields(), &rows).map_err(CatalogError::rows(T::TABLE))
}

/// The batch with `job` and `batch` added: which batch of which job it is, or nulls.
pub(crate) fn stamp(table: Table, rows: &RecordBatch, batch: Option<(&str, i64)>) -> Result<RecordBatch, CatalogError> {
    let count = rows.num_rows();
    let mut columns = rows.columns().to_vec();
    let (job, number) = batch.unzip();
    columns.push(Arc::new(std::iter::repeat_n(job, count).collect::<StringArray>()));
    columns.push(Arc::new(std::iter::repeat_n(number, count).collect::<Int64Array>()));
    RecordBatch::try_new(table.arrow_schema(), columns).map_err(CatalogError::rows(table))
}

/// The rows of a batch, whose columns may stand in any order; a column that an older table lacks is null.
pub(crate) fn decode<T: Row>(batch: &RecordBatch) -> Result<Vec<T>, CatalogError> {
    let fields = T::TABLE.row_fields();
    let columns = fields.iter().map(|field| -> Result<ArrayRef, arrow::error::ArrowError> {
        match batch.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            Some(column) => cast(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        }
    });
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(CatalogError::rows(T::TABLE))?;
    let conformed =
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(CatalogError::rows(T::TABLE))?;
    serde_arrow::from_record_batch(&conformed).map_err(CatalogError::rows(T::TABLE))
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
