//! Later rows of `files`: where a file was looked at again, of all rows of its blob the latest counts.
//!
//! Jobs that look again have names of their own, so a table without any is read as it is.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::JoinType;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::prelude::{SessionContext, col, lit};

use crate::error::CatalogError;
use crate::schema::Table;

/// How the name of a job begins that adds later rows of `files`.
pub const LATER_JOB: &str = "analyse-";

/// The rows without those that a later one stands for.
pub(super) fn latest_rows(
    context: &SessionContext,
    rows: Arc<dyn TableProvider>,
) -> Result<Arc<dyn TableProvider>, CatalogError> {
    let build = || {
        let rows = context.read_table(rows)?;
        let is_later = col("job").is_not_null().and(col("job").like(lit(format!("{LATER_JOB}%"))));
        let later = rows.clone().filter(is_later.clone())?;
        let newest =
            later.clone().aggregate(vec![col("root").alias("later_root")], vec![max(col("at")).alias("later_at")])?;
        let roots = newest.clone().select(vec![col("later_root")])?;
        let first =
            rows.filter(is_later.is_not_true())?.join(roots, JoinType::LeftAnti, &["root"], &["later_root"], None)?;
        let latest = later.join(newest, JoinType::LeftSemi, &["root", "at"], &["later_root", "later_at"], None)?;
        Ok(first.union(latest)?.into_view())
    };
    build().map_err(CatalogError::query(Table::Files.name()))
}
