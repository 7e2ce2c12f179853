//! Columns, and which Rust types may stand in one.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use fonoteca_model::{BlobId, Id, Sha256Hash, Timestamp};

use super::tables::Credit;
use super::words::{BlobKind, FileState, LinkEntity, Outcome, ReleaseStatus};

/// Columns of every table: which job wrote the row, and in which of its batches.
pub const JOB_COLUMNS: [&str; 2] = ["job", "batch"];

/// The last column of the tables that imports write: which import wrote the row.
pub const IMPORT_COLUMN: &str = "import_id";

/// One column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnType,
    /// Whether it may be null.
    pub nullable: bool,
    /// Rows are looked up by it: it gets statistics, in small files a Bloom filter, and no dictionary.
    pub key: bool,
    /// What it means.
    pub about: String,
}

/// The types of columns, as Arrow and Delta have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// `BIGINT`.
    Int64,
    /// `INT`.
    Int32,
    /// `DOUBLE`.
    Float64,
    /// `BOOLEAN`.
    Bool,
    /// `BINARY`.
    Bytes,
    /// Microseconds, UTC.
    Moment,
    /// Texts in order.
    Texts,
    /// Credits in order.
    Credits,
}

impl ColumnType {
    /// The Arrow type; the elements of lists are called `element`, as Delta calls them.
    pub fn data_type(self) -> DataType {
        let list = |item: DataType| DataType::List(Arc::new(Field::new("element", item, false)));
        match self {
            Self::Text => DataType::Utf8,
            Self::Int64 => DataType::Int64,
            Self::Int32 => DataType::Int32,
            Self::Float64 => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Bytes => DataType::Binary,
            Self::Moment => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Texts => list(DataType::Utf8),
            Self::Credits => list(DataType::Struct(Fields::from(vec![
                Field::new("artist_id", DataType::Int64, false),
                Field::new("role", DataType::Utf8, false),
                Field::new("name", DataType::Utf8, false),
            ]))),
        }
    }

    /// As SQL writes it, for people.
    pub const fn sql_name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int64 => "bigint",
            Self::Int32 => "int",
            Self::Float64 => "double",
            Self::Bool => "boolean",
            Self::Bytes => "binary",
            Self::Moment => "timestamp",
            Self::Texts => "array<string>",
            Self::Credits => "array<struct<artist_id: bigint, role: string, name: string>>",
        }
    }
}

impl Column {
    pub(crate) fn of<T: Cell>(name: &'static str, key: bool, about: &str) -> Self {
        Self { name, kind: T::KIND, nullable: T::NULLABLE, key, about: about.trim().to_owned() }
    }

    /// The two columns that every table ends with.
    pub(crate) fn of_batch() -> [Self; 2] {
        [
            Self {
                key: true,
                ..Self::of::<Option<String>>(
                    JOB_COLUMNS[0],
                    true,
                    "The job whose batch wrote the row; null: the row counts by itself.",
                )
            },
            Self {
                key: true,
                ..Self::of::<Option<i64>>(JOB_COLUMNS[1], true, "The number of that batch within the job.")
            },
        ]
    }

    /// The column that the tables which imports write end with.
    pub(crate) fn of_import() -> Self {
        Self::of::<Option<String>>(
            IMPORT_COLUMN,
            true,
            "The import that stated the row, as in `imports`; null: an ingest or a decision.",
        )
    }

    /// Whether the writer adds the column, so that the row struct does not have it.
    pub(crate) fn is_stamp(name: &str) -> bool {
        JOB_COLUMNS.contains(&name) || name == IMPORT_COLUMN
    }

    /// The Arrow field.
    pub fn field(&self) -> FieldRef {
        Arc::new(Field::new(self.name, self.kind.data_type(), self.nullable))
    }
}

/// A Rust type that can stand in a column.
pub trait Cell {
    /// The type of the column.
    const KIND: ColumnType;
    /// Whether it may be null.
    const NULLABLE: bool = false;
}

macro_rules! cells {
    ($($kind:ident: $($cell:ty),*;)*) => {
        $($(impl Cell for $cell { const KIND: ColumnType = ColumnType::$kind; })*)*
    };
}

cells! {
    Text: String, BlobId, Sha256Hash, BlobKind, FileState, LinkEntity, Outcome, ReleaseStatus;
    Int64: i64, Id;
    Int32: i32;
    Float64: f64;
    Bool: bool;
    Bytes: Vec<u8>;
    Moment: Timestamp;
    Texts: Vec<String>;
    Credits: Vec<Credit>;
}

impl<T: Cell> Cell for Option<T> {
    const KIND: ColumnType = T::KIND;
    const NULLABLE: bool = true;
}
