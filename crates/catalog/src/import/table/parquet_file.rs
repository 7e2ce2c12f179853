//! Parquet files: a row at a time, of the columns that are wanted.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::super::ImportError;
use super::cells::{Cell, Limits, Line, Rows, not};

/// Rows that are decoded at once.
const ROWS: usize = 256;
const ADVICE: &str = "is it whole? compressed with zstd or snappy, or not at all?";

pub(super) struct ParquetFile {
    name: String,
    path: PathBuf,
    limits: Limits,
    columns: Vec<String>,
    /// The columns that are read, in their order.
    read: Vec<usize>,
    reader: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    at: usize,
    row: u64,
}

impl ParquetFile {
    pub(super) fn open(name: &str, path: &Path, limits: Limits) -> Result<Self, ImportError> {
        let builder = builder(name, path)?;
        let columns: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        if columns.len() > limits.columns {
            let found = format!("it has {} columns, and {} is the most", columns.len(), limits.columns);
            return Err(not(name, "a table", found, "write the columns that matter to a file of their own"));
        }
        let reader = build(name, builder)?;
        let read = (0..columns.len()).collect();
        let (name, path) = (name.to_owned(), path.to_owned());
        Ok(Self { name, path, limits, columns, read, reader, batch: None, at: 0, row: 0 })
    }
}

/// Runs what reads the file. The Parquet library panics on some damaged files (a negative length in the metadata is
/// one); to whoever imports, that is a damaged file like any other.
fn guarded<T, E: ToString>(read: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(match panic.downcast_ref::<&str>().map(|text| (*text).to_owned()) {
            Some(text) => text,
            None => panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "it is damaged".to_owned()),
        }),
    }
}

fn builder(name: &str, path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, ImportError> {
    let file = File::open(path).map_err(|source| ImportError::Read { name: name.to_owned(), source })?;
    guarded(|| ParquetRecordBatchReaderBuilder::try_new(file)).map_err(|found| not(name, "Parquet", found, ADVICE))
}

fn build(name: &str, builder: ParquetRecordBatchReaderBuilder<File>) -> Result<ParquetRecordBatchReader, ImportError> {
    guarded(|| builder.with_batch_size(ROWS).build()).map_err(|found| not(name, "Parquet", found, ADVICE))
}

impl Rows for ParquetFile {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn want(&mut self, wanted: &[bool]) -> Result<(), ImportError> {
        self.read = (0..self.columns.len()).filter(|at| wanted.get(*at).copied().unwrap_or(false)).collect();
        let builder = builder(&self.name, &self.path)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), self.read.iter().copied());
        self.reader = build(&self.name, builder.with_projection(mask))?;
        Ok(())
    }

    fn next(&mut self, cells: &mut Vec<Cell>) -> Result<Option<Line>, ImportError> {
        cells.clear();
        let batch = loop {
            match &self.batch {
                Some(batch) if self.at < batch.num_rows() => break batch,
                _ => {}
            }
            self.at = 0;
            self.batch = match guarded(|| self.reader.next().transpose()) {
                Ok(None) => return Ok(None),
                Ok(batch) => batch,
                Err(error) => {
                    let found = format!("after row {}: {error}", self.row);
                    return Err(not(&self.name, "Parquet", found, ADVICE));
                }
            };
        };
        cells.resize(self.columns.len(), Cell::Nothing);
        for (column, array) in self.read.iter().zip(batch.columns()) {
            cells[*column] = cell(array, self.at, self.limits.row_bytes);
        }
        self.at += 1;
        self.row += 1;
        Ok(Some(Line::sound(self.row)))
    }
}

fn cell(array: &ArrayRef, at: usize, limit: usize) -> Cell {
    if array.is_null(at) {
        return Cell::Nothing;
    }
    let items = match array.data_type() {
        DataType::List(_) => Some(array.as_list::<i32>().value(at)),
        DataType::LargeList(_) => Some(array.as_list::<i64>().value(at)),
        _ => None,
    };
    let Some(items) = items else { return text(array, at, limit) };
    let mut texts = Vec::with_capacity(items.len());
    for item in 0..items.len() {
        match cell(&items, item, limit) {
            Cell::Nothing => {}
            Cell::Text(text) => texts.push(text),
            Cell::Texts(more) => texts.extend(more),
            bad @ Cell::Bad(_) => return bad,
        }
    }
    Cell::Texts(texts)
}

fn text(array: &ArrayRef, at: usize, limit: usize) -> Cell {
    let plain = match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().value(at)),
        DataType::LargeUtf8 => Some(array.as_string::<i64>().value(at)),
        DataType::Utf8View => Some(array.as_string_view().value(at)),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            return Cell::Bad("is bytes, and no text".to_owned());
        }
        _ => None,
    };
    match plain {
        Some(text) if text.len() > limit => Cell::Bad(format!("is longer than {limit} bytes")),
        Some(text) => Cell::Text(text.to_owned()),
        None => match ArrayFormatter::try_new(array.as_ref(), &FormatOptions::default()) {
            Ok(formatter) => Cell::Text(formatter.value(at).to_string()),
            Err(error) => Cell::Bad(format!("cannot be read: {error}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_library_is_an_error() {
        let text = guarded::<(), String>(|| panic!("negative length"));
        assert_eq!(text, Err("negative length".to_owned()));
        let formatted = guarded::<(), String>(|| panic!("length {}", -1));
        assert_eq!(formatted, Err("length -1".to_owned()));
        assert_eq!(guarded::<_, String>(|| Ok(1)), Ok(1));
    }
}
