//! Rows that come by the million and as columns: files are written first, by as many threads as the caller has, then
//! committed.
//!
//! ```no_run
//! # use fonoteca_catalog::{Catalog, CatalogError, Table, arrow::array::RecordBatch};
//! # async fn load(catalog: Catalog, batches: Vec<RecordBatch>) -> Result<(), CatalogError> {
//! let mut bulk = catalog.bulk("dump-2026-01").await?;
//! if !bulk.has(0).await? {
//!     let mut stage = bulk.stage();
//!     for rows in &batches {
//!         stage.add(Table::Tracks, rows).await?;
//!     }
//!     bulk.commit(0, stage.finish().await?).await?;
//! }
//! # Ok(()) }
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use deltalake::DeltaTable;
use deltalake::kernel::{Action, Add};

use crate::catalog::{Catalog, Shared};
use crate::delta::{self, FileInProgress};
use crate::error::CatalogError;
use crate::rows::stamp;
use crate::schema::Table;
use crate::writer::is_job;

/// A job that adds rows in bulk. Its rows count as soon as they are committed, table by table.
pub struct Bulk {
    catalog: Catalog,
    shared: Arc<Shared>,
    job: String,
    tables: BTreeMap<Table, DeltaTable>,
}

/// Files that are being written, one a table. They belong to no version of a table yet.
pub struct Stage {
    tables: BTreeMap<Table, DeltaTable>,
    writers: BTreeMap<Table, FileInProgress>,
}

/// Files that are written.
#[derive(Debug)]
pub struct Staged(Vec<(Table, Vec<Add>)>);

impl Catalog {
    /// Begins to add rows in bulk. What a killed run of the same job left uncommitted is of no consequence; vacuum removes it.
    pub async fn bulk(&self, job: &str) -> Result<Bulk, CatalogError> {
        if !is_job(job) {
            return Err(CatalogError::Job { job: job.chars().take(80).collect() });
        }
        let tables = self.shared.latest().await?;
        Ok(Bulk { catalog: self.clone(), shared: Arc::clone(&self.shared), job: job.to_owned(), tables })
    }
}

impl Bulk {
    /// Whether all tables have the job's piece of this number, or a later one: `files` is marked last.
    pub async fn has(&self, number: i64) -> Result<bool, CatalogError> {
        let last = delta::recorded(&self.tables[&Table::Files], Table::Files, &self.job).await?;
        Ok(last.is_some_and(|last| last >= number))
    }

    /// Room for the next piece. Several may be filled at once.
    pub fn stage(&self) -> Stage {
        Stage { tables: self.tables.clone(), writers: BTreeMap::new() }
    }

    /// Commits a piece: each table, then a mark at `files`. Numbers grow. A table that has the piece is passed over, so that
    /// what a kill left half done is completed by staging and committing the same piece again.
    pub async fn commit(&mut self, number: i64, staged: Staged) -> Result<(), CatalogError> {
        let lock = self.catalog.writer().await?;
        for (table, adds) in staged.0 {
            let mut delta = self.shared.table(table).await?;
            if delta::recorded(&delta, table, &self.job).await?.is_none_or(|last| last < number) {
                let actions = adds.into_iter().map(Action::Add).collect();
                delta::commit(&mut delta, table, actions, &self.job, number).await?;
            }
            self.tables.insert(table, delta);
        }
        let mut files = self.shared.table(Table::Files).await?;
        if delta::recorded(&files, Table::Files, &self.job).await?.is_none_or(|last| last < number) {
            delta::commit(&mut files, Table::Files, Vec::new(), &self.job, number).await?;
        }
        self.tables.insert(Table::Files, files);
        drop(lock);
        Ok(())
    }
}

impl Stage {
    /// Adds rows, which have all columns but `job` and `batch`. Memory grows by their compressed bytes up to a row group.
    pub async fn add(&mut self, table: Table, rows: &RecordBatch) -> Result<(), CatalogError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let rows = stamp(table, rows, None)?;
        let writer = match self.writers.entry(table) {
            std::collections::btree_map::Entry::Occupied(writer) => writer.into_mut(),
            std::collections::btree_map::Entry::Vacant(none) => {
                none.insert(FileInProgress::begin(&self.tables[&table], table, None)?)
            }
        };
        writer.write(rows).await
    }

    /// Completes the files.
    pub async fn finish(self) -> Result<Staged, CatalogError> {
        let mut staged = Vec::new();
        for (table, writer) in self.writers {
            staged.push((table, writer.finish().await?));
        }
        Ok(Staged(staged))
    }
}
