//! Delta tables on the archive's object store: create, open, append.

use std::sync::Arc;

use arrow::array::RecordBatch;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, MetadataExt as _, MetadataValue, StructField, StructType, Transaction};
use deltalake::logstore::{LogStoreRef, StorageConfig, logstore_with};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter as _, RecordBatchWriter};
use deltalake::{DeltaTable, DeltaTableError, TableProperty};
use object_store::ObjectStore;
use url::Url;

use crate::error::CatalogError;
use crate::properties;
use crate::schema::{Column, Table};

/// A checkpoint every so many commits, so that opening a table reads at most this many small files.
const CHECKPOINT_INTERVAL: u32 = 20;

/// What [`append`], [`create`] and [`add_missing`] are called in errors.
pub(crate) const APPEND: &str = "append to";
pub(crate) const CREATE: &str = "create";
pub(crate) const ADD_COLUMNS: &str = "add columns to";

/// The log of one table. The URL is only a name for DataFusion: all bytes go through `objects`.
fn log_store(objects: &Arc<dyn ObjectStore>, table: Table) -> Result<LogStoreRef, DeltaTableError> {
    let url = Url::parse(&format!("memory:///catalog/{}/", table.name())).expect("table names are plain words");
    logstore_with(Arc::clone(objects), &url, StorageConfig::default())
}

/// Creates the table, empty; one that is there already is left as it is.
pub(crate) async fn create(objects: &Arc<dyn ObjectStore>, table: Table) -> Result<(), CatalogError> {
    let inner = async {
        CreateBuilder::new()
            .with_log_store(log_store(objects, table)?)
            .with_save_mode(SaveMode::Ignore)
            .with_table_name(table.name())
            .with_comment(table.about())
            .with_columns(fields(table)?)
            .with_configuration_property(TableProperty::EnableExpiredLogCleanup, Some("false"))
            .with_configuration_property(TableProperty::CheckpointInterval, Some(CHECKPOINT_INTERVAL.to_string()))
            .with_configuration_property(TableProperty::DataSkippingStatsColumns, Some(keys(table)))
            .await?;
        Ok(())
    };
    inner.await.map_err(CatalogError::delta(CREATE, table))
}

/// The columns as Delta has them, each with what it means.
fn fields(table: Table) -> Result<Vec<StructField>, DeltaTableError> {
    let schema: StructType = table.arrow_schema().as_ref().try_into_kernel()?;
    let described = schema
        .fields()
        .zip(table.columns())
        .map(|(field, column)| field.clone().with_metadata([("comment", MetadataValue::String(column.about))]));
    Ok(described.collect())
}

/// The columns that get statistics.
fn keys(table: Table) -> String {
    let columns = table.columns();
    let keys: Vec<&str> = columns.iter().filter(|column| column.key).map(|column| column.name).collect();
    keys.join(",")
}

/// The table's columns that `delta` lacks, because it was made before they came.
pub(crate) fn missing(delta: &DeltaTable, table: Table) -> Result<Vec<Column>, CatalogError> {
    let schema = delta.snapshot().map_err(CatalogError::delta("read the log of", table))?.schema();
    Ok(table.columns().into_iter().filter(|column| schema.field(column.name).is_none()).collect())
}

/// Adds the columns that `delta` lacks, in a commit that changes no rows. Nothing happens where none are missing.
pub(crate) async fn add_missing(delta: &mut DeltaTable, table: Table) -> Result<(), CatalogError> {
    let missing = missing(delta, table)?;
    if missing.is_empty() {
        return Ok(());
    }
    let inner = async {
        let snapshot = delta.snapshot()?;
        let is_missing = |field: &StructField| missing.iter().any(|column| column.name == field.name().as_str());
        let new: Vec<StructField> = fields(table)?.into_iter().filter(is_missing).collect();
        let schema = StructType::try_new(snapshot.schema().fields().cloned().chain(new.iter().cloned()))?;
        let metadata = snapshot.metadata().clone().with_schema(&schema)?;
        let metadata = metadata.add_config_key("delta.dataSkippingStatsColumns".to_owned(), keys(table))?;
        CommitBuilder::default()
            .with_actions(vec![Action::Metadata(metadata)])
            .build(Some(snapshot), delta.log_store(), DeltaOperation::AddColumn { fields: new })
            .await?;
        delta.update_incremental(None).await
    };
    inner.await.map_err(CatalogError::delta(ADD_COLUMNS, table))
}

/// Whether the table is there. Only tables that came later may be missing.
pub(crate) async fn exists(objects: &Arc<dyn ObjectStore>, table: Table) -> Result<bool, CatalogError> {
    let inner = async { log_store(objects, table)?.is_delta_table_location().await };
    inner.await.map_err(CatalogError::delta("look for", table))
}

/// The table at its latest version.
pub(crate) async fn open(objects: &Arc<dyn ObjectStore>, table: Table) -> Result<DeltaTable, CatalogError> {
    let inner = async {
        let mut delta = DeltaTable::new(log_store(objects, table)?);
        delta.load().await?;
        Ok(delta)
    };
    inner.await.map_err(CatalogError::delta("open", table))
}

/// The table at `version`.
pub(crate) async fn open_at(
    objects: &Arc<dyn ObjectStore>,
    table: Table,
    version: i64,
) -> Result<DeltaTable, CatalogError> {
    let wanted = u64::try_from(version).map_err(|_| CatalogError::Version { table, version })?;
    let inner = async {
        let mut delta = DeltaTable::new(log_store(objects, table)?);
        delta.load_version(wanted).await?;
        Ok(delta)
    };
    inner.await.map_err(CatalogError::delta("open the pinned version of", table))
}

/// The version that `delta` stands at.
pub(crate) fn version(delta: &DeltaTable) -> i64 {
    delta.version().map_or(-1, |version| version as i64)
}

/// The last batch of `job` that the table's log records.
pub(crate) async fn recorded(delta: &DeltaTable, table: Table, job: &str) -> Result<Option<i64>, CatalogError> {
    let inner = async { delta.snapshot()?.transaction_version(delta.log_store().as_ref(), job).await };
    inner.await.map_err(CatalogError::delta("read the log of", table))
}

/// What looking into a log is called in errors.
pub(crate) const READ_LOG: &str = "read the log of";

/// Adds `rows` as one Parquet file in one commit that records `(job, number)`.
pub(crate) async fn append(
    delta: &mut DeltaTable,
    table: Table,
    rows: RecordBatch,
    job: &str,
    number: i64,
) -> Result<(), CatalogError> {
    let adds = write_file(delta, table, rows).await?;
    commit(delta, table, adds.into_iter().map(Action::Add).collect(), job, number).await
}

/// Writes `rows` as one Parquet file into the table's folder. It belongs to the table once [`commit`] names it.
pub(crate) async fn write_file(delta: &DeltaTable, table: Table, rows: RecordBatch) -> Result<Vec<Add>, CatalogError> {
    let mut file = FileInProgress::begin(delta, table, Some(rows.num_rows()))?;
    file.write(rows).await?;
    file.finish().await
}

/// One Parquet file that is being written, row by row; memory holds no more than a row group of it.
pub(crate) struct FileInProgress {
    table: Table,
    writer: RecordBatchWriter,
}

impl FileInProgress {
    /// Begins a file; `rows` is how many it will have, where that is known.
    pub(crate) fn begin(delta: &DeltaTable, table: Table, rows: Option<usize>) -> Result<Self, CatalogError> {
        let writer = RecordBatchWriter::for_table(delta).map_err(CatalogError::delta(APPEND, table))?;
        Ok(Self { table, writer: writer.with_writer_properties(properties::of(table, rows)) })
    }

    /// Adds rows.
    pub(crate) async fn write(&mut self, rows: RecordBatch) -> Result<(), CatalogError> {
        self.writer.write(rows).await.map_err(CatalogError::delta(APPEND, self.table))
    }

    /// Ends the file. It belongs to the table once [`commit`] names it.
    pub(crate) async fn finish(mut self) -> Result<Vec<Add>, CatalogError> {
        self.writer.flush().await.map_err(CatalogError::delta(APPEND, self.table))
    }
}

/// Commits files that come ([`Action::Add`]) and go ([`Action::Remove`]) in one step that records `(job, number)`.
pub(crate) async fn commit(
    delta: &mut DeltaTable,
    table: Table,
    actions: Vec<Action>,
    job: &str,
    number: i64,
) -> Result<(), CatalogError> {
    let inner = async {
        let properties = CommitProperties::default().with_application_transaction(Transaction::new(job, number));
        let replaces = actions.iter().any(|action| matches!(action, Action::Remove(_)));
        let mode = if replaces { SaveMode::Overwrite } else { SaveMode::Append };
        let operation = DeltaOperation::Write { mode, partition_by: None, predicate: None };
        CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(delta.snapshot()?), delta.log_store(), operation)
            .await?;
        delta.update_incremental(None).await
    };
    inner.await.map_err(CatalogError::delta(APPEND, table))
}
