//! Rows as a Parquet file of their own: what goes out with a release, and comes in with a mirrored one.

use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::error::CatalogError;
use crate::rows::{decode, encode};
use crate::schema::Row;

/// Rows in one file that are believed to be a table's part and no attack on memory.
const MOST_ROWS: i64 = 10_000_000;

/// Writes rows. The same rows give the same bytes.
pub fn write<T: Row>(rows: &[T]) -> Result<Vec<u8>, CatalogError> {
    let failed = |error: parquet::errors::ParquetError| CatalogError::rows(T::TABLE)(error);
    let level = ZstdLevel::try_new(9).map_err(failed)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        // The library's version would change the bytes with every upgrade.
        .set_created_by("fonoteca".to_owned())
        .build();
    let batch = encode(rows)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).map_err(failed)?;
    writer.write(&batch).map_err(failed)?;
    writer.into_inner().map_err(failed)
}

/// Reads rows that somebody else wrote: unknown columns are passed over, missing ones must be nullable.
pub fn read<T: Row>(bytes: Bytes) -> Result<Vec<T>, CatalogError> {
    let failed = |error: parquet::errors::ParquetError| CatalogError::rows(T::TABLE)(error);
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(failed)?;
    let count = builder.metadata().file_metadata().num_rows();
    if !(0..=MOST_ROWS).contains(&count) {
        return Err(failed(parquet::errors::ParquetError::General(format!(
            "{count} rows; at most {MOST_ROWS} are read"
        ))));
    }
    let mut rows = Vec::new();
    for batch in builder.build().map_err(failed)? {
        rows.append(&mut decode(&batch.map_err(CatalogError::rows(T::TABLE))?)?);
    }
    Ok(rows)
}
