//! The ways to read rows: SQL for people, typed rows for the program, in one piece or as a stream.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::{JoinType, ScalarValue};
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::{DataFrame, Expr, col, ident};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};

use super::Snapshot;
use crate::error::CatalogError;
use crate::rows::decode;
use crate::schema::{Row, Table};

/// Up to so many keys are written into the query, where the Delta log, Bloom filters and statistics can be asked about each.
/// More are joined: their list would nest too deep for the Delta kernel, and one pass over the table serves them all.
const KEYS_IN_QUERY: usize = 64;
/// Keys of one join.
const KEYS_PER_JOIN: usize = 1 << 20;

impl Snapshot {
    /// Runs one query: `SELECT`, `EXPLAIN`, `DESCRIBE`; nothing that writes. Each table is there under its name, without the
    /// rows that do not count.
    pub async fn sql(&self, query: &str) -> Result<Vec<RecordBatch>, CatalogError> {
        self.plan(query).await?.collect().await.map_err(CatalogError::query(query))
    }

    /// The answer of one query, batch by batch.
    pub async fn sql_stream(
        &self,
        query: &str,
    ) -> Result<BoxStream<'static, Result<RecordBatch, CatalogError>>, CatalogError> {
        let stream = self.plan(query).await?.execute_stream().await.map_err(CatalogError::query(query))?;
        let query = query.to_owned();
        Ok(stream.map(move |batch| batch.map_err(CatalogError::query(&query))).boxed())
    }

    /// A table's rows that count, for a plan of one's own.
    pub(crate) async fn provider(&self, table: Table) -> Result<Arc<dyn TableProvider>, CatalogError> {
        self.inner.context.table_provider(table.name()).await.map_err(CatalogError::query(table.name()))
    }

    async fn plan(&self, query: &str) -> Result<DataFrame, CatalogError> {
        let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        self.inner.context.sql_with_options(query, read_only).await.map_err(CatalogError::query(query))
    }

    /// The rows for which `filter`, an SQL condition, holds; an empty one: all.
    pub async fn rows<T: Row>(&self, filter: &str) -> Result<Vec<T>, CatalogError> {
        let tail = if filter.is_empty() { String::new() } else { format!("WHERE {filter}") };
        let mut rows = Vec::new();
        let mut stream = self.stream::<T>(&tail).await?;
        while let Some(mut some) = stream.try_next().await? {
            rows.append(&mut some);
        }
        Ok(rows)
    }

    /// Rows, some at a time; `query_tail` is what follows `FROM <table>`: `WHERE … ORDER BY … LIMIT …`, or nothing. Memory
    /// does not grow with the table (an `ORDER BY` spills to disk).
    pub async fn stream<T: Row>(
        &self,
        query_tail: &str,
    ) -> Result<BoxStream<'static, Result<Vec<T>, CatalogError>>, CatalogError> {
        let columns: Vec<String> = T::TABLE.row_fields().iter().map(|field| format!("\"{}\"", field.name())).collect();
        let query = format!("SELECT {} FROM {} {query_tail}", columns.join(", "), T::TABLE.name());
        Ok(self.sql_stream(&query).await?.map(|batch| decode(&batch?)).boxed())
    }

    /// The rows whose `column` is one of `keys`, in any order.
    pub(crate) async fn keyed<T: Row>(
        &self,
        column: &str,
        keys: impl IntoIterator<Item = Expr>,
    ) -> Result<Vec<T>, CatalogError> {
        self.keyed_if(column, keys, None).await
    }

    /// As [`Self::keyed`], of the rows for which `also` holds.
    pub(crate) async fn keyed_if<T: Row>(
        &self,
        column: &str,
        keys: impl IntoIterator<Item = Expr>,
        also: Option<Expr>,
    ) -> Result<Vec<T>, CatalogError> {
        let fields = T::TABLE.row_fields();
        let columns: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        let mut rows = Vec::new();
        for batch in self.keyed_batches(T::TABLE.name(), &columns, column, keys, also).await? {
            rows.append(&mut decode(&batch)?);
        }
        Ok(rows)
    }

    /// Some columns of the rows whose `column` is one of `keys`, which are literals.
    pub(crate) async fn keyed_batches(
        &self,
        table: &str,
        columns: &[&str],
        column: &str,
        keys: impl IntoIterator<Item = Expr>,
        also: Option<Expr>,
    ) -> Result<Vec<RecordBatch>, CatalogError> {
        let failed = || CatalogError::query(table);
        let mut batches = Vec::new();
        let mut keys = keys.into_iter().collect::<HashSet<_>>().into_iter();
        while keys.len() > 0 {
            let some: Vec<Expr> = keys.by_ref().take(KEYS_PER_JOIN).collect();
            let mut rows = self.inner.context.table(table).await.map_err(failed())?;
            if let Some(also) = &also {
                rows = rows.filter(also.clone()).map_err(failed())?;
            }
            rows = if some.len() <= KEYS_IN_QUERY {
                rows.filter(col(column).in_list(some, false))
            } else {
                self.key_table(some).and_then(|keys| rows.join(keys, JoinType::LeftSemi, &[column], &["key"], None))
            }
            .map_err(failed())?;
            let rows = rows.select(columns.iter().map(|name| ident(*name))).map_err(failed())?;
            batches.append(&mut rows.collect().await.map_err(failed())?);
        }
        Ok(batches)
    }

    /// A table of one column, `key`.
    fn key_table(&self, literals: Vec<Expr>) -> datafusion::error::Result<DataFrame> {
        let values = literals.into_iter().filter_map(|literal| match literal {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        });
        let values = ScalarValue::iter_to_array(values)?;
        let keys = RecordBatch::try_from_iter([("key", values)])?;
        self.inner.context.read_batch(keys)
    }
}
