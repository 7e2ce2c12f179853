//! Reading one Parquet file of tracks, albums or artists from the first row to the last, straight from its columns.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, Int32Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::error::ArrowError;
use bytes::Bytes;
use fonoteca_model::{BlobId, Id, PartialDate};
use futures::future::BoxFuture;
use futures::{FutureExt as _, TryFutureExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::document::Kind;
use crate::error::CatalogError;
use crate::implied::name_of;

/// Rows decoded at once.
const BATCH_ROWS: usize = 8192;

/// The columns that are read of each kind's table.
const fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Track => &[
            "id",
            "source",
            "source_id",
            "title",
            "artist_credit",
            "artists",
            "album_id",
            "disc",
            "number",
            "duration_ms",
            "isrc",
            "mbid",
            "date",
            "job",
            "batch",
        ],
        Kind::Album => &[
            "id",
            "source",
            "source_id",
            "title",
            "artist_credit",
            "artists",
            "upc",
            "mbid",
            "date",
            "cover_root",
            "job",
            "batch",
        ],
        Kind::Artist => &["id", "source", "source_id", "name", "sort_name", "aliases", "mbid", "job", "batch"],
    }
}

/// A Parquet file in the archive's object store.
struct Object {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

fn failed(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for Object {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        self.store.get_range(&self.path, range).map_err(failed).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move { self.store.get_ranges(&self.path, &ranges).await.map_err(failed) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        }
        .boxed()
    }
}

/// One data file, being read.
pub(crate) struct Scan {
    kind: Kind,
    stream: ParquetRecordBatchStream<Object>,
}

impl Scan {
    /// Opens a file of the table, and says how many rows it has.
    pub(crate) async fn open(
        objects: &Arc<dyn ObjectStore>,
        kind: Kind,
        path: Path,
        size: u64,
    ) -> Result<(Self, i64), CatalogError> {
        let failed = || CatalogError::rows::<ParquetError>(kind.table());
        let reader = Object { store: Arc::clone(objects), path, size };
        let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(failed())?;
        let rows = builder.metadata().file_metadata().num_rows();
        let roots = builder.parquet_schema().root_schema().get_fields();
        let wanted = roots.iter().enumerate().filter(|(_, field)| columns(kind).contains(&field.name()));
        let wanted: Vec<usize> = wanted.map(|(place, _)| place).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        let stream = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(failed())?;
        Ok((Self { kind, stream }, rows))
    }

    /// The next rows, in the order of the file.
    pub(crate) async fn next(&mut self) -> Result<Option<RowBatch>, CatalogError> {
        match self.stream.try_next().await.map_err(CatalogError::rows(self.kind.table()))? {
            Some(batch) => RowBatch::new(self.kind, &batch).map(Some),
            None => Ok(None),
        }
    }
}

/// Some rows, column by column.
pub(crate) struct RowBatch {
    rows: usize,
    ids: Int64Array,
    sources: StringArray,
    source_ids: StringArray,
    titles: StringArray,
    credits: Option<StringArray>,
    artists: Option<Credits>,
    album_ids: Option<Int64Array>,
    discs: Option<Int32Array>,
    numbers: Option<Int32Array>,
    durations: Option<Int64Array>,
    isrcs: Option<StringArray>,
    upcs: Option<StringArray>,
    mbids: Option<StringArray>,
    dates: Option<StringArray>,
    covers: Option<StringArray>,
    sort_names: Option<StringArray>,
    aliases: Option<(ListArray, StringArray)>,
    jobs: Option<StringArray>,
    batches: Option<Int64Array>,
}

struct Credits {
    lists: ListArray,
    ids: Int64Array,
    names: StringArray,
}

/// One row.
pub(crate) struct RowView<'a> {
    pub id: Id,
    pub source: &'a str,
    pub source_id: &'a str,
    pub title: &'a str,
    pub credit: &'a str,
    pub artists: Vec<(Id, &'a str)>,
    pub album_id: Option<Id>,
    pub disc: Option<i32>,
    pub number: Option<i32>,
    pub duration_ms: Option<i64>,
    pub isrc: Option<&'a str>,
    pub upc: Option<&'a str>,
    pub mbid: Option<&'a str>,
    pub year: Option<u16>,
    pub cover_root: Option<BlobId>,
    /// Further names: aliases and the name to sort by.
    pub others: Vec<&'a str>,
    pub batch: Option<(&'a str, i64)>,
}

impl RowBatch {
    fn new(kind: Kind, batch: &RecordBatch) -> Result<Self, CatalogError> {
        let failed = || CatalogError::rows::<ArrowError>(kind.table());
        let missing = |name: &str| failed()(ArrowError::SchemaError(format!("the column `{name}` is missing")));
        let text = |name: &str| -> Result<Option<StringArray>, CatalogError> {
            let column = batch.column_by_name(name);
            column.map(|column| texts(column).map_err(failed())).transpose()
        };
        let needed = |name: &str| text(name)?.ok_or_else(|| missing(name));
        let long = |name: &str| -> Result<Option<Int64Array>, CatalogError> {
            let column = batch.column_by_name(name).map(|column| cast(column, &DataType::Int64)).transpose();
            Ok(column.map_err(failed())?.map(|column| column.as_primitive::<Int64Type>().clone()))
        };
        let short = |name: &str| -> Result<Option<Int32Array>, CatalogError> {
            let column = batch.column_by_name(name).map(|column| cast(column, &DataType::Int32)).transpose();
            Ok(column.map_err(failed())?.map(|column| column.as_primitive::<Int32Type>().clone()))
        };
        let artists = match batch.column_by_name("artists") {
            Some(column) => Some(Credits::of(column).ok_or_else(|| missing("artists"))?),
            None => None,
        };
        let aliases = match batch.column_by_name("aliases") {
            Some(column) => {
                let lists = column.as_list_opt::<i32>().ok_or_else(|| missing("aliases"))?.clone();
                let values = texts(lists.values()).map_err(failed())?;
                Some((lists, values))
            }
            None => None,
        };
        Ok(Self {
            rows: batch.num_rows(),
            ids: long("id")?.ok_or_else(|| missing("id"))?,
            sources: needed("source")?,
            source_ids: needed("source_id")?,
            titles: needed(if kind == Kind::Artist { "name" } else { "title" })?,
            credits: text("artist_credit")?,
            artists,
            album_ids: long("album_id")?,
            discs: short("disc")?,
            numbers: short("number")?,
            durations: long("duration_ms")?,
            isrcs: text("isrc")?,
            upcs: text("upc")?,
            mbids: text("mbid")?,
            dates: text("date")?,
            covers: text("cover_root")?,
            sort_names: text("sort_name")?,
            aliases,
            jobs: text("job")?,
            batches: long("batch")?,
        })
    }

    pub(crate) const fn len(&self) -> usize {
        self.rows
    }

    pub(crate) fn row(&self, row: usize) -> RowView<'_> {
        let job = get(self.jobs.as_ref(), row);
        let mut others = Vec::new();
        if let Some((lists, values)) = &self.aliases {
            let (from, to) = range(lists, row);
            others.extend((from..to).filter(|place| values.is_valid(*place)).map(|place| values.value(place)));
        }
        others.extend(get(self.sort_names.as_ref(), row));
        let credit = get(self.credits.as_ref(), row).unwrap_or_default();
        RowView {
            id: Id(self.ids.value(row)),
            source: self.sources.value(row),
            source_id: self.source_ids.value(row),
            title: self.titles.value(row),
            credit,
            artists: self.artists.as_ref().map_or_else(Vec::new, |credits| credits.of_row(row, credit)),
            album_id: number(self.album_ids.as_ref(), row).map(Id),
            disc: short_number(self.discs.as_ref(), row),
            number: short_number(self.numbers.as_ref(), row),
            duration_ms: number(self.durations.as_ref(), row),
            isrc: get(self.isrcs.as_ref(), row),
            upc: get(self.upcs.as_ref(), row),
            mbid: get(self.mbids.as_ref(), row),
            year: get(self.dates.as_ref(), row).and_then(PartialDate::lenient).map(PartialDate::year),
            cover_root: get(self.covers.as_ref(), row).and_then(|root| root.parse().ok()),
            others,
            batch: job.map(|job| (job, number(self.batches.as_ref(), row).unwrap_or(-1))),
        }
    }
}

impl Credits {
    fn of(column: &ArrayRef) -> Option<Self> {
        let lists = column.as_list_opt::<i32>()?.clone();
        let entries = lists.values().as_struct_opt()?;
        let ids = cast(entries.column_by_name("artist_id")?, &DataType::Int64).ok()?;
        let names = texts(entries.column_by_name("name")?).ok()?;
        Some(Self { ids: ids.as_primitive::<Int64Type>().clone(), names, lists })
    }

    fn of_row<'a>(&'a self, row: usize, credit: &'a str) -> Vec<(Id, &'a str)> {
        let (from, to) = range(&self.lists, row);
        let name = |place: usize| if self.names.is_valid(place) { self.names.value(place) } else { "" };
        let named = |place: usize| name_of(name(place), credit, (place - from, to - from));
        (from..to).map(|place| (Id(self.ids.value(place)), named(place))).collect()
    }
}

fn range(lists: &ListArray, row: usize) -> (usize, usize) {
    if lists.is_null(row) {
        return (0, 0);
    }
    let offsets = lists.value_offsets();
    (offsets[row] as usize, offsets[row + 1] as usize)
}

fn get(column: Option<&StringArray>, row: usize) -> Option<&str> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

fn number(column: Option<&Int64Array>, row: usize) -> Option<i64> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

fn short_number(column: Option<&Int32Array>, row: usize) -> Option<i32> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

fn texts(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    if let Some(texts) = column.as_string_opt::<i32>() {
        return Ok(texts.clone());
    }
    Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
}
