//! A table as files of its own, of any size: Parquet and JSON Lines side by side, written and read some rows at a time.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::error::CatalogError;
use crate::export::{Export, Format};
use crate::rows::{decode, encode};
use crate::schema::Row;

/// Rows that are held before they are written: a row group.
const ROWS: usize = 16 * 1024;
/// Rows of one read: few, since somebody who merges many files has so many of each in memory.
const READ_ROWS: usize = 1024;

/// The column that says in a delta what became of a row: `added`, `changed` or `removed`.
pub const CHANGE: &str = "change";

/// The rows of a Parquet file, in its order.
pub struct Reader<T> {
    batches: ParquetRecordBatchReader,
    rows: std::vec::IntoIter<T>,
}

impl<T: Row> Reader<T> {
    /// Opens a file of rows of this table.
    pub fn open(file: File) -> Result<Self, CatalogError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(CatalogError::rows(T::TABLE))?;
        let batches = builder.with_batch_size(READ_ROWS).build().map_err(CatalogError::rows(T::TABLE))?;
        Ok(Self { batches, rows: Vec::new().into_iter() })
    }
}

impl<T: Row> Iterator for Reader<T> {
    type Item = Result<T, CatalogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.rows.next() {
                return Some(Ok(row));
            }
            match self.batches.next()?.map_err(CatalogError::rows(T::TABLE)).and_then(|batch| decode(&batch)) {
                Ok(rows) => self.rows = rows.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn failed<T: Row, E: std::error::Error + Send + Sync + 'static>(error: E) -> CatalogError {
    CatalogError::rows(T::TABLE)(error)
}

/// Writes rows as Parquet, and where it is wanted as JSON Lines packed with zstd. The same rows give the same bytes.
pub struct Writer<T: Row> {
    parquet: ArrowWriter<BufWriter<File>>,
    json: Option<Export<zstd::Encoder<'static, BufWriter<File>>>>,
    schema: SchemaRef,
    rows: Vec<T>,
    /// One a row, in a delta.
    changes: Option<Vec<&'static str>>,
    written: u64,
}

impl<T: Row> Writer<T> {
    /// Begins the files. `is_delta`: each row comes with what became of it, which is the first column.
    pub fn create(parquet: &Path, json: Option<&Path>, is_delta: bool) -> Result<Self, CatalogError> {
        let mut fields = T::TABLE.row_fields();
        if is_delta {
            fields.insert(0, Arc::new(Field::new(CHANGE, DataType::Utf8, false)));
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let level = ZstdLevel::try_new(9).map_err(failed::<T, _>)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            // The library's version would change the bytes with every upgrade.
            .set_created_by("fonoteca".to_owned())
            .build();
        let sink = BufWriter::new(File::create(parquet).map_err(failed::<T, _>)?);
        let json = match json {
            Some(path) => {
                let sink = BufWriter::new(File::create(path).map_err(failed::<T, _>)?);
                let packed = zstd::Encoder::new(sink, 9).map_err(failed::<T, _>)?;
                Some(Export::new(Format::Json, &schema, packed).map_err(failed::<T, _>)?)
            }
            None => None,
        };
        Ok(Self {
            parquet: ArrowWriter::try_new(sink, Arc::clone(&schema), Some(properties)).map_err(failed::<T, _>)?,
            json,
            schema,
            rows: Vec::new(),
            changes: is_delta.then(Vec::new),
            written: 0,
        })
    }

    /// Adds a row; `change` counts in a delta only.
    pub fn push(&mut self, row: T, change: &'static str) -> Result<(), CatalogError> {
        self.rows.push(row);
        if let Some(changes) = &mut self.changes {
            changes.push(change);
        }
        if self.rows.len() >= ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), CatalogError> {
        let rows = std::mem::take(&mut self.rows);
        let batch = encode(&rows)?;
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        if let Some(changes) = &mut self.changes {
            columns.insert(0, Arc::new(StringArray::from(std::mem::take(changes))));
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(failed::<T, _>)?;
        self.written += rows.len() as u64;
        self.parquet.write(&batch).map_err(failed::<T, _>)?;
        self.parquet.flush().map_err(failed::<T, _>)?;
        if let Some(json) = &mut self.json {
            json.write(&batch).map_err(failed::<T, _>)?;
        }
        Ok(())
    }

    /// Writes what is left. Returns how many rows there are.
    pub fn finish(mut self) -> Result<u64, CatalogError> {
        if !self.rows.is_empty() {
            self.flush()?;
        }
        self.parquet.into_inner().map_err(failed::<T, _>)?.flush().map_err(failed::<T, _>)?;
        if let Some(json) = self.json {
            let packed = json.finish().map_err(failed::<T, _>)?;
            packed.finish().map_err(failed::<T, _>)?.flush().map_err(failed::<T, _>)?;
        }
        Ok(self.written)
    }
}
