//! Answers of queries as files: CSV, JSON Lines, Parquet; and as the cells of a table for people.
//!
//! Moments are RFC 3339 in UTC, bytes are hex digits. What CSV and cells have no form for (lists, structs) stands there as
//! JSON.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::csv;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json;
use arrow::json::writer::LineDelimited;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

/// Rows of a row group: what is held in memory before it is written.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// In which form rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A line of headings, then a line a row (RFC 4180); null is an empty field.
    Csv,
    /// One JSON object a line; null stands there.
    Json,
    /// Parquet with zstd, the types as they are.
    Parquet,
}

/// Why rows could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A row could not be turned into text, or the sink refused it.
    #[error("rows could not be written")]
    Arrow(#[from] ArrowError),
    /// The same, for Parquet.
    #[error("rows could not be written as Parquet")]
    Parquet(#[from] ParquetError),
}

/// Writes rows in one form, as they come.
pub struct Export<W: Write + Send>(Inner<W>);

enum Inner<W: Write + Send> {
    Csv(Box<csv::Writer<W>>),
    Json(Box<json::Writer<W, LineDelimited>>),
    Parquet(Box<ArrowWriter<W>>),
}

impl<W: Write + Send> Export<W> {
    /// Writes rows with these columns to `sink`.
    pub fn new(format: Format, schema: &SchemaRef, sink: W) -> Result<Self, ExportError> {
        Ok(Self(match format {
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new().with_header(true).build(sink);
                // The headings, also where no row follows.
                writer.write(&flat(&RecordBatch::new_empty(Arc::clone(schema)))?)?;
                Inner::Csv(Box::new(writer))
            }
            Format::Json => {
                let builder = json::WriterBuilder::new().with_explicit_nulls(true);
                Inner::Json(Box::new(builder.build::<_, LineDelimited>(sink)))
            }
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                    .build();
                Inner::Parquet(Box::new(ArrowWriter::try_new(sink, Arc::clone(schema), Some(properties))?))
            }
        }))
    }

    /// Writes some rows.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), ExportError> {
        match &mut self.0 {
            Inner::Csv(writer) => writer.write(&flat(rows)?)?,
            Inner::Json(writer) => writer.write(rows)?,
            Inner::Parquet(writer) => writer.write(rows)?,
        }
        Ok(())
    }

    /// Writes what must stand at the end, and gives the sink back.
    pub fn finish(self) -> Result<W, ExportError> {
        Ok(match self.0 {
            Inner::Csv(writer) => writer.into_inner(),
            Inner::Json(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
            Inner::Parquet(writer) => writer.into_inner()?,
        })
    }
}

/// The rows as text, cell by cell; `None` for null.
pub fn cells(rows: &RecordBatch) -> Result<Vec<Vec<Option<String>>>, ExportError> {
    let rows = flat(rows)?;
    let options = FormatOptions::default();
    let columns = rows.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let cell = |row: usize, column: usize| {
        let is_null = rows.column(column).is_null(row);
        (!is_null).then(|| columns[column].value(row).try_to_string()).transpose()
    };
    let row = |row| (0..columns.len()).map(|column| cell(row, column)).collect::<Result<Vec<_>, ArrowError>>();
    Ok((0..rows.num_rows()).map(row).collect::<Result<Vec<_>, _>>()?)
}

/// Whether a column's cells are numbers, which line up on the right.
pub fn is_number(kind: &DataType) -> bool {
    kind.is_numeric()
}

/// The rows with lists and structs as JSON text.
fn flat(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    if !rows.schema_ref().fields().iter().any(|field| field.data_type().is_nested()) {
        return Ok(rows.clone());
    }
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        if field.data_type().is_nested() {
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(Arc::new(json_cells(column)?));
        } else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// Each value as JSON.
fn json_cells(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    let field = Field::new("v", column.data_type().clone(), true);
    let rows = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::clone(column)])?;
    let mut writer = json::WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(&rows)?;
    writer.finish()?;
    let text = String::from_utf8(writer.into_inner()).map_err(|error| ArrowError::JsonError(error.to_string()))?;
    // Every line is {"v":…}.
    let values = text.lines().map(|line| line.strip_prefix("{\"v\":").and_then(|line| line.strip_suffix('}')));
    Ok(values.zip(0..).map(|(value, row)| value.filter(|_| column.is_valid(row))).collect())
}

#[cfg(test)]
mod tests {
    use arrow::array::{BinaryArray, Int64Array, ListArray, TimestampMicrosecondArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    fn rows() -> RecordBatch {
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None]);
        let moments = TimestampMicrosecondArray::from(vec![Some(1_500_000), None]).with_timezone("UTC");
        RecordBatch::try_from_iter([
            ("id", Arc::new(Int64Array::from(vec![i64::MIN, 7])) as ArrayRef),
            ("text", Arc::new(StringArray::from(vec![Some("a, \"b\"\nc"), None]))),
            ("list", Arc::new(lists)),
            ("at", Arc::new(moments)),
            ("bytes", Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..], b""]))),
        ])
        .expect("rows")
    }

    fn text(format: Format, rows: &[RecordBatch]) -> String {
        let mut export = Export::new(format, &self::rows().schema(), Vec::new()).expect("a writer");
        rows.iter().for_each(|rows| export.write(rows).expect("written"));
        String::from_utf8(export.finish().expect("finished")).expect("text")
    }

    #[test]
    fn every_type_has_a_form_in_csv() {
        let expected = "id,text,list,at,bytes\n\
            -9223372036854775808,\"a, \"\"b\"\"\nc\",\"[1,null]\",1970-01-01T00:00:01.500Z,00ff\n7,,,,\n";
        assert_eq!(text(Format::Csv, &[rows()]), expected);
        assert_eq!(text(Format::Csv, &[]), "id,text,list,at,bytes\n");
    }

    #[test]
    fn every_type_has_a_form_in_json() {
        let expected = r#"{"id":-9223372036854775808,"text":"a, \"b\"\nc","list":[1,null],"at":"1970-01-01T00:00:01.500Z","bytes":"00ff"}
{"id":7,"text":null,"list":null,"at":null,"bytes":""}
"#;
        assert_eq!(text(Format::Json, &[rows()]), expected);
        assert_eq!(text(Format::Json, &[]), "");
    }

    #[test]
    fn cells_tell_null_from_nothing() {
        let cells = cells(&rows()).expect("cells");
        assert_eq!(cells[0][2].as_deref(), Some("[1,null]"));
        assert_eq!((cells[1][1].as_deref(), cells[1][2].as_deref(), cells[1][4].as_deref()), (None, None, Some("")));
    }
}
