//! Rows of a table that are written before the commit that names them, so that a commit is one step however many they are.

use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use object_store::ObjectStoreExt as _;
use object_store::path::Path as Key;

use crate::catalog::{Catalog, Versions};
use crate::delta;
use crate::error::CatalogError;
use crate::rows::{encode, stamp};
use crate::schema::{Batch, Row, Table};
use crate::writer::Writer;

/// Files of one table that no version names yet.
#[derive(Debug)]
pub struct Staged {
    table: Table,
    files: Vec<Add>,
}

impl Staged {
    /// None yet.
    pub fn of(table: Table) -> Self {
        Self { table, files: Vec::new() }
    }
}

impl Catalog {
    /// Writes rows, which count by themselves once they are committed, as one more file.
    pub async fn stage_rows<T: Row>(&self, staged: &mut Staged, rows: &[T]) -> Result<(), CatalogError> {
        if !rows.is_empty() {
            let delta = self.shared.table(T::TABLE).await?;
            let rows = stamp(T::TABLE, &encode(rows)?, None)?;
            staged.files.append(&mut delta::write_file(&delta, T::TABLE, rows).await?);
        }
        Ok(())
    }

    /// Removes what was staged and is not wanted any more. What cannot be removed goes with a vacuum.
    pub async fn discard(&self, staged: Staged) {
        for file in &staged.files {
            let path = Key::from(format!("catalog/{}/{}", staged.table.name(), file.path));
            let _ = self.shared.objects.delete(&path).await;
        }
    }

    /// Whether the log of a table records any batch of a job.
    pub async fn has_recorded(&self, table: Table, job: &str) -> Result<bool, CatalogError> {
        let delta = self.shared.table(table).await?;
        Ok(delta::recorded(&delta, table, job).await?.is_some())
    }
}

impl Writer {
    /// Commits what was staged in one version that records batch 0 of each of `jobs`, then `batch` as batch 0 of `job`.
    ///
    /// Ask [`Catalog::has_recorded`] for each of the jobs first: files of a job that is recorded must not come again.
    pub async fn commit_staged(
        self,
        staged: Staged,
        jobs: &[String],
        job: &str,
        batch: Batch,
    ) -> Result<Versions, CatalogError> {
        let Staged { table, files } = staged;
        let mut delta = self.shared().table(table).await?;
        let mut properties = CommitProperties::default();
        for job in jobs {
            properties = properties.with_application_transaction(Transaction::new(job, 0));
        }
        let failed = || CatalogError::delta(delta::APPEND, table);
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        CommitBuilder::from(properties)
            .with_actions(files.into_iter().map(Action::Add).collect())
            .build(Some(delta.snapshot().map_err(failed())?), delta.log_store(), operation)
            .await
            .map_err(failed())?;
        delta.update_incremental(None).await.map_err(failed())?;
        self.commit(job, 0, batch).await
    }
}
