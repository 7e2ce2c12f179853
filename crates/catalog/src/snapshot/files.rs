//! The data files of a table at its version: for whoever derives something from each of them.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;

use super::Snapshot;
use crate::error::CatalogError;
use crate::schema::Table;

/// A Parquet file that belongs to a version of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableFile {
    /// Its path in the table's folder, as the log has it.
    pub path: String,
    /// Where it lies in the archive's object store.
    pub object: Path,
    /// Bytes.
    pub size: u64,
    /// Rows, where the log says so.
    pub rows: Option<u64>,
}

impl Snapshot {
    /// The files of a table, in the order of their paths.
    pub(crate) fn table_files(&self, table: Table) -> Result<Vec<TableFile>, CatalogError> {
        let snapshot = self.inner.tables[&table].snapshot().map_err(CatalogError::delta("read the log of", table))?;
        let folder: Path = ["catalog", table.name()].into_iter().collect();
        let mut files: Vec<TableFile> = snapshot
            .log_data()
            .iter()
            .map(|file| TableFile {
                path: file.path().into_owned(),
                object: folder.parts().chain(file.object_store_path().parts()).collect(),
                size: u64::try_from(file.size()).unwrap_or(0),
                rows: file.num_records().map(|rows| rows as u64),
            })
            .collect();
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Rows of a table, as far as its log says how many they are, for which to make room at once: a list that doubles while
    /// it grows takes twice its room, and a log may say anything.
    pub(crate) fn room_for(&self, table: Table) -> Result<usize, CatalogError> {
        const MOST: u64 = 80_000_000;
        let rows = self.table_files(table)?.iter().filter_map(|file| file.rows).fold(0, u64::saturating_add);
        Ok(rows.min(MOST) as usize)
    }

    /// Where the files lie.
    pub(crate) fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.inner.shared.objects
    }

    /// Whether the rows of a batch count; None: rows that count by themselves.
    pub(crate) fn counts(&self, batch: Option<(&str, i64)>) -> bool {
        batch.is_none_or(|(job, number)| self.inner.batches[&Table::Files].contains(job, number))
    }
}
