//! The reader rule: rows of a batch that has no row in `files` do not count.
//!
//! Almost always nothing is hidden, and then a table is read as it is. What is hidden is found without reading any data:
//! each commit writes one file of one batch, and the statistics of the `job` and `batch` columns in the Delta log name it.
//! Files that were compacted hold several batches, and their entries in the log say which ([`super::batch_tags`]); where
//! another program compacted them, the two columns are read.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::Int64Type;
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::prelude::{Expr, SessionContext, cast, col, lit};
use deltalake::DeltaTable;
use deltalake::delta_datafusion::TableProviderBuilder;
use deltalake::kernel::LogicalFileView;
use futures::StreamExt as _;
use serde_json::Value;

use super::batch_tags;
use super::later::LATER_JOB;
use crate::catalog::Shared;
use crate::delta;
use crate::error::CatalogError;
use crate::schema::Table;

/// A job and the number of one of its batches.
pub(crate) type BatchKey = (String, i64);

/// The batches that have rows in one version of a table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct BatchesOfTable(pub(crate) HashSet<BatchKey>);

impl BatchesOfTable {
    pub(crate) fn contains(&self, job: &str, number: i64) -> bool {
        self.0.contains(&(job.to_owned(), number))
    }

    /// Whether any of them is of a job that looked again at files that were there.
    pub(crate) fn has_later(&self) -> bool {
        self.0.iter().any(|(job, _)| job.starts_with(LATER_JOB))
    }

    /// Those that `visible` does not have, in order.
    pub(crate) fn without(&self, visible: &Self) -> BTreeSet<BatchKey> {
        self.0.difference(&visible.0).cloned().collect()
    }
}

/// The batches in `delta`, from memory where that version was looked at before.
pub(super) async fn of_table(
    shared: &Shared,
    context: &SessionContext,
    table: Table,
    delta: &DeltaTable,
) -> Result<Arc<BatchesOfTable>, CatalogError> {
    let version = delta::version(delta);
    if let Some((at, known)) = shared.batches.lock().get(&table)
        && *at == version
    {
        return Ok(Arc::clone(known));
    }
    let found = Arc::new(of_version(context, table, delta).await?);
    shared.batches.lock().insert(table, (version, Arc::clone(&found)));
    Ok(found)
}

/// The batches in `delta`.
pub(super) async fn of_version(
    context: &SessionContext,
    table: Table,
    delta: &DeltaTable,
) -> Result<BatchesOfTable, CatalogError> {
    let snapshot = delta.snapshot().map_err(CatalogError::delta("read the log of", table))?;
    let mut found = HashSet::new();
    for file in snapshot.log_data().iter() {
        match file.stats().as_deref().map_or(FileBatches::Untold, batches_of_file) {
            FileBatches::One(key) => {
                found.insert(key);
            }
            FileBatches::None => {}
            FileBatches::Untold => match tagged(&file) {
                Some(keys) => found.extend(keys),
                None => return read_batches(context, table, delta).await.map(BatchesOfTable),
            },
        }
    }
    Ok(BatchesOfTable(found))
}

/// What the entry of a compacted file tells.
#[expect(deprecated, reason = "only the whole entry has the tags")]
fn tagged(file: &LogicalFileView) -> Option<Vec<BatchKey>> {
    batch_tags::read(file.add_action().tags.as_ref())
}

/// What a file's statistics tell of the batches in it.
#[derive(Debug, PartialEq, Eq)]
enum FileBatches {
    /// All rows are of this one.
    One(BatchKey),
    /// All rows count by themselves.
    None,
    /// One has to look.
    Untold,
}

fn batches_of_file(stats: &str) -> FileBatches {
    let Ok(stats) = serde_json::from_str::<Value>(stats) else { return FileBatches::Untold };
    let (nulls, rows) = (stats["nullCount"]["job"].as_i64(), stats["numRecords"].as_i64());
    if nulls.is_some() && nulls == rows {
        return FileBatches::None;
    }
    let (least, most) = (&stats["minValues"], &stats["maxValues"]);
    let same = nulls == Some(0) && least["job"] == most["job"] && least["batch"] == most["batch"];
    match (least["job"].as_str(), least["batch"].as_i64()) {
        (Some(job), Some(number)) if same => FileBatches::One((job.to_owned(), number)),
        _ => FileBatches::Untold,
    }
}

async fn read_batches(
    context: &SessionContext,
    table: Table,
    delta: &DeltaTable,
) -> Result<HashSet<BatchKey>, CatalogError> {
    let failed = || CatalogError::query("SELECT DISTINCT job, batch");
    let rows = context.read_table(provider(context, delta).await.map_err(failed())?).map_err(failed())?;
    let rows = rows.filter(col("job").is_not_null()).and_then(|rows| rows.select(vec![col("job"), col("batch")]));
    let rows = rows.and_then(datafusion::dataframe::DataFrame::distinct).map_err(failed())?;
    let mut stream = rows.execute_stream().await.map_err(failed())?;
    let mut found = HashSet::new();
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(failed())?;
        let text = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8);
        let text = text.map_err(CatalogError::rows(table))?;
        let (jobs, numbers) = (text.as_string::<i32>(), batch.column(1).as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            if !numbers.is_null(row) {
                found.insert((jobs.value(row).to_owned(), numbers.value(row)));
            }
        }
    }
    Ok(found)
}

async fn provider(context: &SessionContext, delta: &DeltaTable) -> datafusion::error::Result<Arc<dyn TableProvider>> {
    let snapshot = delta.snapshot().map_err(|error| datafusion::error::DataFusionError::External(Box::new(error)))?;
    TableProviderBuilder::default()
        .with_log_store(delta.log_store())
        .with_eager_snapshot(snapshot.snapshot().clone())
        .with_session(Arc::new(context.state()))
        .await
}

/// The rows of `delta` that count.
pub(super) async fn visible_rows(
    context: &SessionContext,
    table: Table,
    delta: &DeltaTable,
    hidden: &BTreeSet<BatchKey>,
) -> Result<Arc<dyn TableProvider>, CatalogError> {
    let failed = || CatalogError::query(table.name());
    delta.update_datafusion_session(&context.state()).map_err(CatalogError::delta("register the storage of", table))?;
    let provider = provider(context, delta).await.map_err(failed())?;
    let (missing, hidden) = (delta::missing(delta, table)?, any_of(hidden));
    if missing.is_empty() && hidden.is_none() {
        return Ok(provider);
    }
    let mut rows = context.read_table(provider).map_err(failed())?;
    if let Some(hidden) = hidden {
        rows = rows.filter(col("job").is_null().or(hidden.is_not_true())).map_err(failed())?;
    }
    // A column that came after the table was made is null in all its rows.
    for column in missing {
        let null = cast(lit(ScalarValue::Null), column.kind.data_type());
        rows = rows.with_column(column.name, null).map_err(failed())?;
    }
    Ok(rows.into_view())
}

/// The rows of these batches; None for no batch.
pub(super) fn any_of(batches: &BTreeSet<BatchKey>) -> Option<Expr> {
    let mut by_job: BTreeMap<&str, Vec<Expr>> = BTreeMap::new();
    for (job, number) in batches {
        by_job.entry(job).or_default().push(lit(*number));
    }
    let each =
        by_job.into_iter().map(|(job, numbers)| col("job").eq(lit(job)).and(col("batch").in_list(numbers, false)));
    each.reduce(Expr::or)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_tell_the_batch_of_a_file() {
        let key = |job: &str, batch| FileBatches::One((job.to_owned(), batch));
        for (stats, expected) in [
            (
                r#"{"numRecords":3,"minValues":{"job":"a","batch":7},"maxValues":{"job":"a","batch":7},
                    "nullCount":{"job":0,"batch":0}}"#,
                key("a", 7),
            ),
            (r#"{"numRecords":3,"minValues":{},"maxValues":{},"nullCount":{"job":3,"batch":3}}"#, FileBatches::None),
            // Two batches, and batches beside rows that count by themselves: the rows must be looked at.
            (
                r#"{"numRecords":3,"minValues":{"job":"a","batch":7},"maxValues":{"job":"a","batch":8},
                    "nullCount":{"job":0,"batch":0}}"#,
                FileBatches::Untold,
            ),
            (
                r#"{"numRecords":3,"minValues":{"job":"a","batch":7},"maxValues":{"job":"a","batch":7},
                    "nullCount":{"job":1,"batch":1}}"#,
                FileBatches::Untold,
            ),
            (r#"{"numRecords":3}"#, FileBatches::Untold),
            ("{}", FileBatches::Untold),
            ("", FileBatches::Untold),
        ] {
            assert_eq!(batches_of_file(stats), expected, "{stats}");
        }
    }
}
