//! Queries of people: with memory of their own, streamed, and with errors that say where and what to do.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::config::SessionConfig;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use futures::StreamExt as _;
use futures::stream::BoxStream;

use super::Snapshot;
use super::query_error::{QueryError, explained};
use crate::error::CatalogError;

/// Memory below which not even one sort fits.
pub const LEAST_MEMORY_BYTES: usize = 32 << 20;
/// Consumers of memory that an error names.
const NAMED_CONSUMERS: std::num::NonZeroUsize = std::num::NonZeroUsize::new(3).expect("not zero");

/// The answer to a query: its columns, and its rows as they come.
pub struct Answer {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows, some at a time.
    pub batches: BoxStream<'static, Result<RecordBatch, QueryError>>,
}

impl Snapshot {
    /// The same versions of the tables, for queries that together take up to so many bytes of memory, and then spill to
    /// the system's folder for temporary files.
    pub async fn with_memory(&self, bytes: usize) -> Result<Self, CatalogError> {
        let bytes = bytes.max(LEAST_MEMORY_BYTES);
        let pool = TrackConsumersPool::new(FairSpillPool::new(bytes), NAMED_CONSUMERS);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .build_arc()
            .map_err(CatalogError::query("setting up queries"))?;
        // Every partition of every sort keeps some memory back to merge what it spilled.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let partitions = cores.min(bytes / LEAST_MEMORY_BYTES).max(1);
        let mut config = SessionConfig::new().with_target_partitions(partitions);
        let execution = &mut config.options_mut().execution;
        execution.sort_spill_reservation_bytes = execution.sort_spill_reservation_bytes.min(bytes / partitions / 8);
        let inner = &self.inner;
        Self::build_with(&inner.shared, inner.tables.clone(), config, runtime).await
    }

    /// Runs one query that only reads: `SELECT`, `WITH`, `VALUES`, `EXPLAIN`, `DESCRIBE`, `SHOW`. With `explain`, its plan
    /// is the answer.
    pub async fn query(&self, text: &str, explain: bool) -> Result<Answer, QueryError> {
        let failed = |error| explained(text, error);
        let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let context = &self.inner.context;
        let mut frame = context.sql_with_options(text, options).await.map_err(failed)?;
        if explain {
            frame = frame.explain(false, false).map_err(failed)?;
        }
        let schema = Arc::clone(frame.schema().inner());
        let stream = frame.execute_stream().await.map_err(failed)?;
        let text = text.to_owned();
        let batches = stream.map(move |batch| batch.map_err(|error| explained(&text, error))).boxed();
        Ok(Answer { schema, batches })
    }
}
