//! Committing batches, exactly once whatever happens.
//!
//! Delta commits one table at a time. So a batch is first written whole to local disk ([`crate::pending`]), then to its
//! tables in the order of [`Table::ALL`], `files` last. Each commit carries the Delta transaction `(job, number)`. After a
//! kill, whoever takes the lock next commits the same rows again to the tables whose logs do not have that transaction.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::catalog::{Shared, Versions};
use crate::delta;
use crate::error::CatalogError;
use crate::import;
use crate::pending::{self, Pending};
use crate::rows::stamp;
use crate::schema::{Batch, Table};
use crate::snapshot::Snapshot;

/// Longest name of a job: what a statistic of a Parquet column keeps whole.
pub(crate) const JOB_BYTES: usize = 60;

/// The one who may commit on this machine, until dropped.
pub struct Writer {
    shared: Arc<Shared>,
    snapshot: Snapshot,
    lock: File,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, snapshot: Snapshot, lock: File) -> Self {
        Self { shared, snapshot, lock }
    }

    /// The tables and the lock, for whoever commits in another way.
    pub(crate) fn into_parts(self) -> (Arc<Shared>, File) {
        (self.shared, self.lock)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What is known under the lock. Look here what is there already before committing: a batch is written as it is.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Commits `batch` as batch `number` of `job`, and says where each table stands now.
    ///
    /// The numbers of a job's batches only ever grow; a batch that the tables record already is skipped. Once this was
    /// called, the batch will be in the tables wholly, or (if the process was killed early) not at all: a kill in between
    /// is made good by the next [`crate::Catalog::writer`] or [`crate::Catalog::open`].
    ///
    /// Where the batch has rows of `files`, all its rows count from that commit on. Where it has none, each table's rows
    /// count as soon as they are committed.
    pub async fn commit(self, job: &str, number: i64, batch: Batch) -> Result<Versions, CatalogError> {
        if !is_job(job) || number < 0 {
            return Err(CatalogError::Job { job: job.chars().take(80).collect() });
        }
        self.snapshot.refuse_cycles(&batch.links).await?;
        let Self { shared, lock, .. } = self;
        let stamped = (!batch.files.is_empty()).then_some((job, number));
        let mut tables = Vec::new();
        for (table, rows) in batch.encode()? {
            tables.push((table, stamp(table, &rows, stamped)?));
        }
        drop(batch);
        if !tables.is_empty() {
            let pending = Pending { job: job.to_owned(), number, tables };
            let pending = blocking(&shared, move |state| {
                pending::write(state, &pending)?;
                Ok(pending)
            });
            apply(&shared, pending.await?).await?;
        }
        let mut versions = Versions::new();
        for table in Table::ALL {
            versions.insert(*table, delta::version(&shared.table(*table).await?));
        }
        drop(lock);
        Ok(versions)
    }
}

/// Whether it can name a job.
pub(crate) fn is_job(job: &str) -> bool {
    (1..=JOB_BYTES).contains(&job.len()) && job.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a killed process left a batch or an import.
pub(crate) fn is_pending(state: &Path) -> bool {
    pending::place(state).exists() || import::is_pending(state)
}

/// Finishes the batch or the import of a killed process, if there is one. The caller holds the lock.
pub(crate) async fn roll_forward(shared: &Arc<Shared>) -> Result<(), CatalogError> {
    import::roll_forward(shared).await?;
    let Some(left) = blocking(shared, pending::read).await? else { return Ok(()) };
    tracing::info!(job = left.job, batch = left.number, "finishing the batch of an interrupted run");
    apply(shared, left).await
}

async fn apply(shared: &Arc<Shared>, pending: Pending) -> Result<(), CatalogError> {
    let Pending { job, number, tables } = pending;
    for (table, rows) in tables {
        let mut delta = shared.table(table).await?;
        if delta::recorded(&delta, table, &job).await?.is_none_or(|last| last < number) {
            delta::append(&mut delta, table, rows, &job, number).await?;
        }
    }
    blocking(shared, pending::remove).await
}

async fn blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Path) -> Result<T, CatalogError> + Send + 'static,
) -> Result<T, CatalogError> {
    let state = shared.state.clone();
    let path = shared.state.clone();
    let joined = tokio::task::spawn_blocking(move || work(&state)).await;
    joined.map_err(|error| CatalogError::state("work in", &path)(error.into()))?
}
