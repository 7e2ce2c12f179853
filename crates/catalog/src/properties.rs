//! How rows become bytes: encoding and compression of each column.
//!
//! The tables are made to be small and to be scanned; single rows are read through the index. What was measured, and what
//! was rejected, is told in `docs/design/catalogue.md`; `cargo bench -p fonoteca-catalog -- encodings DIR ROWS` measures it
//! again. All of it is Parquet of long standing, which DuckDB, Polars, Spark and pyarrow read.

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use crate::schema::{Column, ColumnType, Table};

/// Rows of a row group: as many as have their names in one dictionary, of which a row group has one a column.
const GROUP_ROWS: usize = 1 << 18;
const DICTIONARY_BYTES: usize = 4 << 20;
/// A column of a row group is one page where it fits: neighbours compress each other, and nobody reads single rows here.
const PAGE_BYTES: usize = 8 << 20;
/// The zstd level of what people wrote; level 12 saves 0.2 bytes a track and costs a third more time.
const WORDS_LEVEL: i32 = 9;
/// Files of up to so many rows have Bloom filters on their keys: what is ingested comes in many small files, most of which a
/// look-up then passes over. In large ones the filters cost 1 to 2 bytes a key, and the index answers without them.
const ROWS_WITH_FILTERS: usize = 100_000;

/// What a column is like, as far as encodings are concerned.
enum Likeness {
    /// Ids of which no two are the same: numbers without pattern. The index reads them where they lie.
    Unique,
    /// Ids of something that several rows in a row have in common.
    Mentioned,
    /// Other numbers without pattern.
    Random,
    /// Numbers near each other.
    Near,
    /// Letters and digits without pattern: higher levels find nothing and cost time.
    Codes,
    /// Names and titles: worth a higher level.
    Words,
    /// Texts that share their beginning with the one before.
    Counting,
    /// Names that come again.
    Repeated,
    /// Few different values, or none.
    Few,
    /// Bytes without pattern.
    Bytes,
}

/// The properties for a file of `table`; `rows` is how many it will have, where that is known.
pub(crate) fn of(table: Table, rows: Option<usize>) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(zstd(3))
        .set_data_page_row_count_limit(GROUP_ROWS)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        // Statistics of the keys go into the Delta log; those of pages and of other columns nobody asks for.
        .set_statistics_enabled(EnabledStatistics::None);
    for column in &table.columns() {
        let path = ColumnPath::from(column.name);
        if column.key {
            properties = properties.set_column_statistics_enabled(path.clone(), EnabledStatistics::Chunk);
            if let Some(rows) = rows.filter(|rows| *rows <= ROWS_WITH_FILTERS && !Column::is_stamp(column.name)) {
                properties = properties
                    .set_column_bloom_filter_enabled(path.clone(), true)
                    .set_column_bloom_filter_max_ndv(path.clone(), rows.max(1) as u64);
            }
        }
        properties = match column.kind {
            ColumnType::Credits => {
                let leaf =
                    |name: &str| ColumnPath::from([column.name, "list", "element", name].map(str::to_owned).to_vec());
                let properties = encode(properties, leaf("artist_id"), &Likeness::Mentioned);
                encode(properties, leaf("name"), &Likeness::Repeated)
            }
            _ => encode(properties, path, &likeness(table, column)),
        };
    }
    properties.build()
}

fn likeness(table: Table, column: &Column) -> Likeness {
    match (column.kind, column.name) {
        (_, name) if Column::is_stamp(name) => Likeness::Few,
        (ColumnType::Text, "id") if table == Table::Links => Likeness::Counting,
        (ColumnType::Text, "title" | "name" | "fold" | "sort_name" | "disambiguation" | "raw" | "value" | "tags") => {
            Likeness::Words
        }
        (ColumnType::Text, "artist_credit" | "label" | "date") => Likeness::Repeated,
        (ColumnType::Text, "source_id") => Likeness::Codes,
        (ColumnType::Text, _) if column.key => Likeness::Codes,
        // Sorted by whoever writes them.
        (ColumnType::Int64, "recording_id" | "duration_ms" | "size") => Likeness::Near,
        (ColumnType::Int64, "id") => Likeness::Unique,
        (ColumnType::Int64, "album_id") => Likeness::Mentioned,
        (ColumnType::Int64, _) if column.key => Likeness::Random,
        (ColumnType::Bytes, _) => Likeness::Bytes,
        _ => Likeness::Few,
    }
}

fn encode(properties: WriterPropertiesBuilder, path: ColumnPath, likeness: &Likeness) -> WriterPropertiesBuilder {
    let with = |properties: WriterPropertiesBuilder, encoding, compression| {
        properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path.clone(), encoding)
            .set_column_compression(path.clone(), compression)
    };
    match likeness {
        Likeness::Unique => with(properties, Encoding::PLAIN, Compression::UNCOMPRESSED),
        Likeness::Random | Likeness::Bytes => with(properties, Encoding::PLAIN, zstd(3)),
        Likeness::Near => with(properties, Encoding::DELTA_BINARY_PACKED, zstd(1)),
        Likeness::Codes => with(properties, Encoding::DELTA_LENGTH_BYTE_ARRAY, zstd(1)),
        Likeness::Words => with(properties, Encoding::DELTA_LENGTH_BYTE_ARRAY, zstd(WORDS_LEVEL)),
        Likeness::Counting => with(properties, Encoding::DELTA_BYTE_ARRAY, zstd(3)),
        Likeness::Mentioned | Likeness::Repeated => properties.set_column_compression(path, zstd(WORDS_LEVEL)),
        Likeness::Few => properties,
    }
}

fn zstd(level: i32) -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(level).expect("a level that zstd has"))
}
