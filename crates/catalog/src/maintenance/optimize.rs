//! Many small files made into few large ones.
//!
//! Every batch of an ingest writes a file of its own into each table, and every file costs each query an opening. A
//! rewrite takes neighbouring files, in the order in which they came, and writes their rows in the same order into one
//! file, with the properties that all our files have. Rows keep their `job` and `batch`; which batches a file has is kept
//! in its entry in the log ([`super::super::snapshot`] reads it there), so that the reader rule needs no data to be read.
//!
//! Rows of different imports never share a file: the next import of the same source replaces files, not rows.
//!
//! Delta's own optimize is not used: it would put rows of several imports into one file, and it forgets which batches
//! a file has, so that every opening would have to read two columns of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use datafusion::execution::config::SessionConfig;
use datafusion::prelude::SessionContext;
use deltalake::DeltaTable;
use deltalake::delta_datafusion::{FileSelection, TableProviderBuilder};
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add};
use deltalake::protocol::DeltaOperation;
use deltalake::writer::{DeltaWriter as _, RecordBatchWriter};
use fonoteca_model::progress::{Progress, Unit};
use futures::TryStreamExt as _;
use serde_json::Value;

use crate::catalog::Catalog;
use crate::delta;
use crate::error::CatalogError;
use crate::properties;
use crate::schema::Table;
use crate::snapshot::batch_tags;

/// Rows of one file: a row is found by a number of 32 bits, and an import that is replaced goes by whole files.
const MOST_ROWS: u64 = 32_000_000;
/// The column that says which import a row is of, where a table has it.
const IMPORT: &str = "import_id";

/// Files of one table that would become one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The table.
    pub table: Table,
    /// The files, in the order of their rows.
    pub files: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
}

/// What would be rewritten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptimizePlan {
    /// One commit each.
    pub rewrites: Vec<Rewrite>,
    /// Files that the tables have now, whether rewritten or not.
    pub files: BTreeMap<Table, u64>,
}

/// What was rewritten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Optimized {
    /// Files that went.
    pub files_before: u64,
    /// Files that came.
    pub files_after: u64,
    /// Bytes of those that went.
    pub bytes_before: u64,
    /// Bytes of those that came.
    pub bytes_after: u64,
}

/// A file of a table's latest version.
struct Present {
    path: String,
    bytes: u64,
    rows: u64,
    import: Import,
}

/// Which import the rows of a file are of.
#[derive(Debug, PartialEq, Eq)]
enum Import {
    /// All of this one.
    One(String),
    /// None of any.
    None,
    /// Several, or the log does not tell.
    Untold,
}

impl Catalog {
    /// Which neighbouring files could become one of up to `target` bytes.
    pub async fn plan_optimize(&self, tables: &[Table], target: u64) -> Result<OptimizePlan, CatalogError> {
        let mut plan = OptimizePlan::default();
        for table in tables {
            let files = self.present(*table).await?;
            plan.files.insert(*table, files.len() as u64);
            let mut open: BTreeMap<Option<String>, Rewrite> = BTreeMap::new();
            for file in files {
                let import = match &file.import {
                    Import::One(import) => Some(import.clone()),
                    Import::None => None,
                    // Such a file is left as it is.
                    Import::Untold => continue,
                };
                let bin = open.entry(import).or_insert_with(|| Rewrite::of(*table));
                let large = file.bytes.saturating_mul(2) >= target;
                if large || bin.bytes + file.bytes > target || bin.rows + file.rows > MOST_ROWS {
                    plan.close(bin);
                }
                if !large {
                    bin.add(file);
                }
            }
            open.values_mut().for_each(|bin| plan.close(bin));
        }
        Ok(plan)
    }

    /// Carries out a plan, a commit a rewrite; stops between two when `progress` says so. Ingests and imports go on
    /// meanwhile: the commit lock is held for each commit alone.
    pub async fn optimize(&self, plan: &OptimizePlan, progress: &dyn Progress) -> Result<Optimized, CatalogError> {
        let mut done = Optimized::default();
        progress.stage("rewriting", Some(plan.rewrites.iter().map(|rewrite| rewrite.bytes).sum()), Unit::Bytes);
        for rewrite in &plan.rewrites {
            if progress.cancelled() {
                break;
            }
            let adds = self.rewrite(rewrite).await?;
            done.files_before += rewrite.files.len() as u64;
            done.bytes_before += rewrite.bytes;
            done.files_after += adds.len() as u64;
            done.bytes_after += adds.iter().map(|add| add.size.unsigned_abs()).sum::<u64>();
            progress.advance(rewrite.bytes);
        }
        Ok(done)
    }

    /// The files of the latest version, in the order in which they came.
    async fn present(&self, table: Table) -> Result<Vec<Present>, CatalogError> {
        let mut order: HashMap<String, usize> = HashMap::new();
        for version in self.logged_versions(table).await? {
            for file in self.entry(table, version).await?.added {
                let next = order.len();
                order.entry(file.path).or_insert(next);
            }
        }
        let delta = self.shared.table(table).await?;
        let snapshot = delta.snapshot().map_err(CatalogError::delta(delta::READ_LOG, table))?;
        let mut files: Vec<Present> = snapshot
            .log_data()
            .iter()
            .map(|file| Present {
                path: file.path().into_owned(),
                bytes: file.size().unsigned_abs(),
                rows: file.num_records().unwrap_or(0) as u64,
                import: import_of(table, file.stats().as_deref().unwrap_or_default()),
            })
            .collect();
        files.sort_by_key(|file| order.get(&file.path).copied().unwrap_or(usize::MAX));
        Ok(files)
    }

    /// Writes the rows of some files anew and commits the exchange.
    async fn rewrite(&self, rewrite: &Rewrite) -> Result<Vec<Add>, CatalogError> {
        let table = rewrite.table;
        let delta = self.shared.table(table).await?;
        still_there(&delta, rewrite)?;
        let adds = write(&delta, rewrite).await?;
        // Should that fail, the new files stay: the commit may be there although nobody could say so. If it is not, they
        // go with a vacuum.
        self.exchange(rewrite, &adds).await?;
        Ok(adds)
    }

    /// Commits that some files are replaced by others with the same rows.
    async fn exchange(&self, rewrite: &Rewrite, adds: &[Add]) -> Result<(), CatalogError> {
        let table = rewrite.table;
        // Held until the end: nobody on this machine commits meanwhile.
        let writer = self.writer().await?;
        let mut delta = self.shared.table(table).await?;
        still_there(&delta, rewrite)?;
        let failed = || CatalogError::delta("compact files of", table);
        let snapshot = delta.snapshot().map_err(failed())?;
        let going: HashSet<&str> = rewrite.files.iter().map(String::as_str).collect();
        let present = snapshot.log_data();
        let removes = present.iter().filter(|file| going.contains(&*file.path()));
        let mut actions: Vec<Action> = removes.map(|file| Action::Remove(file.remove_action(false))).collect();
        actions.extend(adds.iter().cloned().map(Action::Add));
        let operation = DeltaOperation::Optimize { predicate: None, target_size: rewrite.bytes as i64 };
        let committed = CommitBuilder::from(CommitProperties::default())
            .with_actions(actions)
            .build(Some(snapshot), delta.log_store(), operation)
            .await;
        match committed {
            Ok(_) => {}
            // Another machine took one of the files away.
            Err(deltalake::DeltaTableError::Transaction { .. }) => return Err(CatalogError::Changed { table }),
            Err(error) => return Err(failed()(error)),
        }
        delta.update_incremental(None).await.map_err(failed())?;
        drop(writer);
        Ok(())
    }
}

/// Refuses what somebody else has changed meanwhile.
fn still_there(delta: &DeltaTable, rewrite: &Rewrite) -> Result<(), CatalogError> {
    let table = rewrite.table;
    let snapshot = delta.snapshot().map_err(CatalogError::delta(delta::READ_LOG, table))?;
    let present: HashSet<String> = snapshot.log_data().iter().map(|file| file.path().into_owned()).collect();
    let all = rewrite.files.iter().all(|path| present.contains(path));
    all.then_some(()).ok_or(CatalogError::Changed { table })
}

impl Rewrite {
    fn of(table: Table) -> Self {
        Self { table, files: Vec::new(), bytes: 0, rows: 0 }
    }

    fn add(&mut self, file: Present) {
        self.files.push(file.path);
        self.bytes += file.bytes;
        self.rows += file.rows;
    }
}

impl OptimizePlan {
    /// Takes what was gathered, if it is more than one file.
    fn close(&mut self, bin: &mut Rewrite) {
        let whole = std::mem::replace(bin, Rewrite::of(bin.table));
        if whole.files.len() > 1 {
            self.rewrites.push(whole);
        }
    }
}

/// As the file's statistics tell.
fn import_of(table: Table, stats: &str) -> Import {
    if !table.columns().iter().any(|column| column.name == IMPORT) {
        return Import::None;
    }
    let Ok(stats) = serde_json::from_str::<Value>(stats) else { return Import::Untold };
    let (rows, nulls) = (stats["numRecords"].as_i64(), stats["nullCount"][IMPORT].as_i64());
    let (least, most) = (&stats["minValues"][IMPORT], &stats["maxValues"][IMPORT]);
    match nulls {
        Some(0) if least == most && !least.is_null() => Import::One(least.to_string()),
        Some(_) if nulls == rows => Import::None,
        // Written before the table had the column.
        None if rows.is_some() && least.is_null() && most.is_null() => Import::None,
        _ => Import::Untold,
    }
}

/// The rows of the files, one file after the other, as one new file.
async fn write(delta: &DeltaTable, rewrite: &Rewrite) -> Result<Vec<Add>, CatalogError> {
    let table = rewrite.table;
    let failed = || CatalogError::query(table.name());
    // One partition and no repartitioning: rows come in the order in which they are in the file.
    let mut config = SessionConfig::new().with_target_partitions(1);
    config.options_mut().execution.parquet.schema_force_view_types = false;
    let context = SessionContext::new_with_config(config);
    delta.update_datafusion_session(&context.state()).map_err(CatalogError::delta("register the storage of", table))?;
    let written = CatalogError::delta;
    let mut writer = RecordBatchWriter::for_table(delta)
        .map_err(written(delta::APPEND, table))?
        .with_writer_properties(properties::of(table, usize::try_from(rewrite.rows).ok()));
    let schema = writer.arrow_schema();
    let snapshot = delta.snapshot().map_err(CatalogError::delta(delta::READ_LOG, table))?;
    let mut tags = batch_tags::Collected::default();
    for path in &rewrite.files {
        let provider = TableProviderBuilder::default()
            .with_log_store(delta.log_store())
            .with_eager_snapshot(snapshot.snapshot().clone())
            .with_session(Arc::new(context.state()))
            .with_file_selection(FileSelection::from_file_paths([path.clone()]))
            .await
            .map_err(failed())?;
        let mut rows = context.read_table(provider).map_err(failed())?.execute_stream().await.map_err(failed())?;
        while let Some(batch) = rows.try_next().await.map_err(failed())? {
            let columns = schema.fields().iter().map(|field| {
                let column = batch.column_by_name(field.name()).ok_or_else(|| {
                    arrow::error::ArrowError::SchemaError(format!("the column `{}` is missing", field.name()))
                })?;
                arrow::compute::cast(column, field.data_type())
            });
            let columns = columns.collect::<Result<Vec<_>, _>>().map_err(CatalogError::rows(table))?;
            let batch = arrow::array::RecordBatch::try_new(Arc::clone(&schema), columns);
            let batch = batch.map_err(CatalogError::rows(table))?;
            tags.add(&batch);
            writer.write(batch).await.map_err(written(delta::APPEND, table))?;
        }
    }
    let mut adds = writer.flush().await.map_err(written(delta::APPEND, table))?;
    for add in &mut adds {
        add.data_change = false;
        // One file comes of one flush, so that what was collected is what is in it.
        add.tags = tags.tags();
    }
    Ok(adds)
}
