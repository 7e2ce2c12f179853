//! What an import adds, changes and takes away: staged rows against those of the import before it.
//!
//! Rows are compared by their ids and a hash of all columns, sorted and merged by DataFusion, which spills to disk where
//! memory runs out. Whether they state what follows from their other columns makes no difference. Rows without ids of their
//! own (what is told about something) are their own ids.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, Int64Array, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Int64Type, Schema, UInt64Type};
use datafusion::common::hash_utils::{QualityRandomState, create_hashes};
use datafusion::common::{DataFusionError, JoinType};
use datafusion::execution::config::SessionConfig;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf, when};
use datafusion::prelude::{DataFrame, Expr, ParquetReadOptions, SessionContext, col, ident, lit};
use deltalake::kernel::Add;
use fonoteca_model::progress::{Progress, Unit};
use futures::StreamExt as _;
use url::Url;

use super::ImportError;
use super::replace::of_dataset;
use super::staging::object;
use crate::catalog::Shared;
use crate::error::CatalogError;
use crate::implied::left_out;
use crate::schema::{Import, Table};
use crate::snapshot::Snapshot;

/// How the archive's objects are called in plans.
const OBJECTS: &str = "fonoteca-objects://archive/";

/// Rows, of all tables together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
}

/// Compares what is staged (`files`, by table) with the rows of the import `before`.
pub(super) async fn compare(
    shared: &Arc<Shared>,
    snapshot: &Snapshot,
    files: &BTreeMap<String, Vec<Add>>,
    before: Option<&Import>,
    import: &str,
    progress: &dyn Progress,
) -> Result<Difference, ImportError> {
    let mut all = Difference::default();
    let tables: Vec<Table> = Table::ALL.iter().copied().filter(|table| table.is_imported()).collect();
    progress.stage("comparing with what was there", Some(tables.len() as u64), Unit::Items);
    for table in tables {
        if progress.cancelled() {
            return Err(ImportError::Cancelled);
        }
        let staged = files.get(table.name()).map_or(&[][..], Vec::as_slice);
        let found = match before {
            Some(_) => of_table(shared, snapshot, table, staged, import).await?,
            None => Difference { added: rows(staged), ..Difference::default() },
        };
        all.added += found.added;
        all.changed += found.changed;
        all.removed += found.removed;
        progress.advance(1);
    }
    Ok(all)
}

/// Which of `wanted` are ids of rows in these files, with the hashes of those rows.
pub(super) async fn staged_among(
    shared: &Arc<Shared>,
    table: Table,
    files: &[Add],
    wanted: &HashSet<i64>,
) -> Result<HashMap<i64, u64>, ImportError> {
    let failed = || CatalogError::query("looking for ids that came before");
    let mut known = HashMap::new();
    if files.is_empty() {
        return Ok(known);
    }
    let context = context(shared);
    let keys = Arc::new(Int64Array::from_iter_values(wanted.iter().copied())) as ArrayRef;
    let keys = RecordBatch::try_from_iter([("key", keys)]).map_err(CatalogError::rows(table))?;
    let keys = context.read_batch(keys).map_err(failed())?;
    let staged = staged(&context, table, files).await?;
    let found = staged.join(keys, JoinType::LeftSemi, &["id"], &["key"], None);
    let found = found.and_then(|rows| hashed(rows, table, "staged"));
    let mut stream = found.map_err(failed())?.execute_stream().await.map_err(failed())?;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(failed())?;
        let (ids, hashes) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<UInt64Type>());
        known.extend(ids.values().iter().copied().zip(hashes.values().iter().copied()));
    }
    Ok(known)
}

fn rows(files: &[Add]) -> u64 {
    let of_file = |add: &Add| add.get_stats().ok().flatten().map_or(0, |stats| stats.num_records.max(0) as u64);
    files.iter().map(of_file).sum()
}

async fn of_table(
    shared: &Arc<Shared>,
    snapshot: &Snapshot,
    table: Table,
    files: &[Add],
    import: &str,
) -> Result<Difference, CatalogError> {
    let failed = || CatalogError::query("comparing an import with the one before it");
    let context = context(shared);
    let current = snapshot.provider(table).await?;
    let current = context.read_table(current).and_then(|rows| rows.filter(of_dataset(import))).map_err(failed())?;
    let current = hashed(current, table, "current").map_err(failed())?;
    if files.is_empty() {
        let removed = current.count().await.map_err(failed())?;
        return Ok(Difference { removed: removed as u64, ..Difference::default() });
    }
    let staged = hashed(staged(&context, table, files).await?, table, "staged").map_err(failed())?;
    let inner = async {
        let joined = staged.join(current, JoinType::Full, &["staged_id"], &["current_id"], None)?;
        let both = col("staged_id").is_not_null().and(col("current_id").is_not_null());
        let is_changed = both.clone().and(col("staged_hash").not_eq(col("current_hash")));
        let ones = |condition: Expr| Ok::<_, DataFusionError>(sum(when(condition, lit(1_i64)).otherwise(lit(0_i64))?));
        let counted = joined.aggregate(
            vec![],
            vec![
                count(col("staged_id")).alias("staged"),
                count(col("current_id")).alias("current"),
                ones(both)?.alias("both"),
                ones(is_changed)?.alias("changed"),
            ],
        )?;
        counted.collect().await
    };
    let batches = inner.await.map_err(failed())?;
    let number = |column: usize| {
        let numbers =
            batches.iter().find(|batch| batch.num_rows() > 0)?.column(column).as_primitive_opt::<Int64Type>()?;
        numbers.is_valid(0).then(|| numbers.value(0) as u64)
    };
    let [staged, current, both, changed] = [0, 1, 2, 3].map(|column| number(column).unwrap_or(0));
    Ok(Difference { added: staged - both, changed, removed: current - both })
}

/// The ids and hashes of rows, under names that begin with `prefix`.
fn hashed(rows: DataFrame, table: Table, prefix: &str) -> datafusion::error::Result<DataFrame> {
    let columns: Vec<Expr> = table.row_fields().iter().map(|field| ident(field.name().as_str())).collect();
    let hash = row_hash(table).call(columns);
    let has_ids = matches!(table, Table::Artists | Table::Albums | Table::Tracks);
    let id = if has_ids { col("id") } else { hash.clone() };
    let rows = rows.select(vec![id.alias(format!("{prefix}_id")), hash.alias(format!("{prefix}_hash"))])?;
    if has_ids { Ok(rows) } else { rows.distinct() }
}

/// Hashes of rows as [`row_hash`] gives them.
pub(super) fn hashes(table: Table, rows: &RecordBatch) -> Result<Vec<u64>, CatalogError> {
    hashes_of(table, rows.columns().to_vec()).map_err(CatalogError::query("comparing rows"))
}

fn hashes_of(table: Table, columns: Vec<ArrayRef>) -> datafusion::error::Result<Vec<u64>> {
    let rows = RecordBatch::try_new(Arc::new(Schema::new(table.row_fields())), columns)?;
    let rows = left_out(table, &rows)?;
    let mut hashes = vec![0; rows.num_rows()];
    create_hashes(rows.columns(), &QualityRandomState::with_seed(0), &mut hashes)?;
    Ok(hashes)
}

/// A hash of all columns of a table, nulls and lists included; the same within one process.
fn row_hash(table: Table) -> ScalarUDF {
    let types: Vec<DataType> = table.row_fields().iter().map(|field| field.data_type().clone()).collect();
    let hash = move |arguments: &[ColumnarValue]| {
        let hashes = hashes_of(table, ColumnarValue::values_to_arrays(arguments)?)?;
        Ok(ColumnarValue::Array(Arc::new(UInt64Array::from(hashes))))
    };
    create_udf("row_hash", types, DataType::UInt64, Volatility::Immutable, Arc::new(hash))
}

async fn staged(context: &SessionContext, table: Table, files: &[Add]) -> Result<DataFrame, CatalogError> {
    let paths: Vec<String> = files.iter().map(|add| format!("{OBJECTS}{}", object(table, &add.path))).collect();
    let schema = table.arrow_schema();
    let options = ParquetReadOptions::default().schema(&schema);
    context.read_parquet(paths, options).await.map_err(CatalogError::query("reading what is staged"))
}

/// Merges instead of hash tables, since only the former go to disk.
fn context(shared: &Shared) -> SessionContext {
    let mut config = SessionConfig::new();
    config.options_mut().optimizer.prefer_hash_join = false;
    config.options_mut().execution.parquet.schema_force_view_types = false;
    let context = SessionContext::new_with_config_rt(config, Arc::clone(&shared.runtime));
    let url = Url::parse(OBJECTS).expect("a URL of ours");
    context.register_object_store(&url, Arc::clone(&shared.objects));
    context
}

#[cfg(test)]
mod tests {
    use fonoteca_model::Id;

    use super::*;
    use crate::rows::encode;
    use crate::schema::Artist;

    #[test]
    fn rows_that_state_what_follows_are_no_others() {
        let artist = |name: &str, fold: &str| Artist {
            id: Id(1),
            source: "dump".into(),
            source_id: "1".into(),
            name: name.into(),
            fold: fold.into(),
            sort_name: None,
            disambiguation: None,
            aliases: Vec::new(),
            mbid: None,
            raw: None,
        };
        let rows = encode(&[artist("Zoë", "zoe"), artist("Zoë", ""), artist("Zoe", "zoe")]).expect("rows");
        let hashes = hashes(Table::Artists, &rows).expect("hashes");
        assert!(hashes[0] == hashes[1] && hashes[1] != hashes[2], "{hashes:?}");
    }
}
