//! Bytes and time of each column in each way that Parquet offers, which is what `write.rs` of the crate was chosen by.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use fonoteca_catalog::arrow::array::{Array as _, AsArray as _, RecordBatch};
use fonoteca_catalog::arrow::datatypes::{DataType, Schema};
use fonoteca_testkit::catalogue::Catalogue;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

const LEVELS: [i32; 4] = [1, 3, 6, 12];

/// Rows of a data page, as far as 4 MiB allow.
const PAGES: [usize; 3] = [20_000, 100_000, 1_000_000];

/// Prints lines a column and encoding: bytes a row and nanoseconds a row at each zstd level, a line a size of page.
pub fn measure(catalogue: Catalogue, rows: u64) -> Result<()> {
    let [column, encoding, page] = ["column", "encoding", "page rows"];
    let levels = LEVELS.map(|level| format!("     zstd {level:<2}     ")).concat();
    println!("{column:<26} {encoding:<24} {page:>9} {levels}");
    for (table, batch) in catalogue.rows(0..rows).into_tables() {
        for (name, column) in leaves(&batch) {
            let name = format!("{table}.{name}");
            // What is the same everywhere costs nothing anyhow.
            if column.column(0).null_count() == column.num_rows() {
                continue;
            }
            for (encoding, dictionary) in encodings(column.schema().field(0).data_type()) {
                for page in PAGES {
                    let mut line = format!("{name:<26} {:<24} {page:>9}", label(encoding, dictionary));
                    for level in LEVELS {
                        let (bytes, nanoseconds) = write(&column, encoding, dictionary, level, page)?;
                        let _ = write!(line, " {bytes:7.3} B {nanoseconds:5.0} ns ");
                    }
                    println!("{line}");
                }
            }
        }
    }
    Ok(())
}

/// The columns one by one, those within lists too.
fn leaves(rows: &RecordBatch) -> Vec<(String, RecordBatch)> {
    let mut leaves = Vec::new();
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        let DataType::List(element) = field.data_type() else {
            let one = RecordBatch::try_from_iter([(field.name().as_str(), Arc::clone(column))]);
            leaves.push((field.name().clone(), one.expect("one column")));
            continue;
        };
        if let DataType::Struct(fields) = element.data_type() {
            let values = column.as_list::<i32>().values().as_struct();
            for (inner, column) in fields.iter().zip(values.columns()) {
                let one = RecordBatch::try_from_iter([(inner.name().as_str(), Arc::clone(column))]);
                leaves.push((format!("{}.{}", field.name(), inner.name()), one.expect("one column")));
            }
        }
    }
    leaves
}

fn label(encoding: Option<Encoding>, dictionary: bool) -> String {
    match encoding {
        _ if dictionary => "dictionary".to_owned(),
        Some(encoding) => format!("{encoding:?}"),
        None => "PLAIN".to_owned(),
    }
}

fn encodings(kind: &DataType) -> Vec<(Option<Encoding>, bool)> {
    let mut all = vec![(None, true), (None, false)];
    match kind {
        DataType::Utf8 => {
            all.push((Some(Encoding::DELTA_LENGTH_BYTE_ARRAY), false));
            all.push((Some(Encoding::DELTA_BYTE_ARRAY), false));
        }
        DataType::Int64 | DataType::Int32 | DataType::Timestamp(..) => {
            all.push((Some(Encoding::DELTA_BINARY_PACKED), false));
            all.push((Some(Encoding::BYTE_STREAM_SPLIT), false));
        }
        _ => {}
    }
    all
}

fn write(
    column: &RecordBatch,
    encoding: Option<Encoding>,
    dictionary: bool,
    level: i32,
    page: usize,
) -> Result<(f64, f64)> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(level)?))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_data_page_row_count_limit(page)
        .set_data_page_size_limit(4 << 20)
        .set_write_batch_size(1024)
        .set_dictionary_enabled(dictionary);
    if let Some(encoding) = encoding {
        properties = properties.set_encoding(encoding);
    }
    let start = Instant::now();
    let schema = Arc::new(Schema::new(column.schema().fields().clone()));
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties.build()))?;
    writer.write(column)?;
    let bytes = writer.into_inner()?.len();
    let rows = column.num_rows().max(1) as f64;
    Ok((bytes as f64 / rows, start.elapsed().as_nanos() as f64 / rows))
}
