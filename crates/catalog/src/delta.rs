//! Delta tables on the archive's object store: create, open, append.

use std::sync::Arc;

use arrow::array::RecordBatch;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, MetadataValue, StructField, StructType, Transaction};
use deltalake::logstore::{LogStoreRef, StorageConfig, logstore_with};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter as _, RecordBatchWriter};
use deltalake::{DeltaTable, DeltaTableError, TableProperty};
use object_store::ObjectStore;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use url::Url;

use crate::error::CatalogError;
use crate::schema::{Column, ColumnType, Table};

/// A checkpoint every so many commits, so that opening a table reads at most this many small files.
const CHECKPOINT_INTERVAL: u32 = 20;
const ZSTD_LEVEL: i32 = 6;

/// The log of one table. The URL is only a name for DataFusion: all bytes go through `objects`.
fn log_store(objects: &Arc<dyn ObjectStore>, table: Table) -> Result<LogStoreRef, DeltaTableError> {
    let url = Url::parse(&format!("memory:///catalog/{}/", table.name())).expect("table names are plain words");
    logstore_with(Arc::clone(objects), &url, StorageConfig::default())
}

/// Creates the table, empty; one that is there already is left as it is.
pub(crate) async fn create(objects: &Arc<dyn ObjectStore>, table: Table) -> Result<(), CatalogError> {
    let inner = async {
        let schema: StructType = table.arrow_schema().as_ref().try_into_kernel()?;
        let columns = table.columns();
        let described = schema.fields().zip(&columns).map(|(field, column)| {
            field.clone().with_metadata([("comment", MetadataValue::String(column.about.clone()))])
        });
        let described: Vec<StructField> = described.collect();
        let keys: Vec<&str> = columns.iter().filter(|column| column.key).map(|column| column.name).collect();
        CreateBuilder::new()
            .with_log_store(log_store(objects, table)?)
            .with_save_mode(SaveMode::Ignore)
            .with_table_name(table.name())
            .with_comment(table.about())
            .with_columns(described)
            .with_configuration_property(TableProperty::EnableExpiredLogCleanup, Some("false"))
            .with_configuration_property(TableProperty::CheckpointInterval, Some(CHECKPOINT_INTERVAL.to_string()))
            .with_configuration_property(TableProperty::DataSkippingStatsColumns, Some(keys.join(",")))
            .await?;
        Ok(())
    };
    inner.await.map_err(CatalogError::delta("create", table))
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

/// What [`append`] is called in errors.
pub(crate) const APPEND: &str = "append to";

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
    let inner = async {
        let properties = writer_properties(&table.columns(), rows.num_rows() as u64);
        let mut writer = RecordBatchWriter::for_table(delta)?.with_writer_properties(properties);
        writer.write(rows).await?;
        writer.flush().await
    };
    inner.await.map_err(CatalogError::delta(APPEND, table))
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

/// Keys are mostly unique: a dictionary would only cost, and a Bloom filter of the right size lets a look-up skip the file.
pub(crate) fn writer_properties(columns: &[Column], rows: u64) -> WriterProperties {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("a level that zstd has");
    let mut properties = WriterProperties::builder().set_compression(Compression::ZSTD(level));
    for column in columns {
        let path = ColumnPath::from(column.name);
        if column.key && !crate::schema::JOB_COLUMNS.contains(&column.name) {
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_bloom_filter_enabled(path.clone(), true)
                .set_column_bloom_filter_max_ndv(path, rows.max(1));
        } else if column.kind == ColumnType::Bytes {
            properties = properties.set_column_dictionary_enabled(path, false);
        }
    }
    properties.build()
}
