//! What came since earlier versions: for whoever keeps something derived from the tables up to date.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::prelude::{DataFrame, col, ident};
use deltalake::DeltaTable;
use deltalake::delta_datafusion::{FileSelection, TableProviderBuilder};
use futures::StreamExt as _;
use futures::stream::BoxStream;

use super::Snapshot;
use super::batches::{any_of, of_version};
use crate::catalog::Versions;
use crate::delta;
use crate::error::CatalogError;
use crate::rows::decode;
use crate::schema::{Row, Table};

impl Snapshot {
    /// The rows that count now and did not in the snapshot with the versions `since`: of batches whose `files` commit came
    /// since, and rows that count by themselves. A table that `since` does not name is given whole. Where somebody
    /// compacted a table meanwhile, rows that were there before may be given again.
    pub async fn changes<T: Row>(
        &self,
        since: &Versions,
    ) -> Result<BoxStream<'static, Result<Vec<T>, CatalogError>>, CatalogError> {
        let table = T::TABLE;
        let (Some(then), Some(files_then)) = (since.get(&table), since.get(&Table::Files)) else {
            return self.stream::<T>("").await;
        };
        let mut parts = Vec::new();
        let context = &self.inner.context;
        let failed = || CatalogError::query(table.name());
        let earlier = self.batches_at(*files_then).await?;
        if let Some(new) = any_of(&self.inner.batches[&Table::Files].without(&earlier)) {
            let rows = context.table(table.name()).await.and_then(|rows| rows.filter(new)).map_err(failed())?;
            parts.push(rows);
        }
        let now = &self.inner.tables[&table];
        if *then < delta::version(now) {
            let before = paths(&delta::open_at(&self.inner.shared.objects, table, *then).await?, table)?;
            let new: Vec<String> = paths(now, table)?.into_iter().filter(|path| !before.contains(path)).collect();
            if !new.is_empty() {
                let snapshot = now.snapshot().map_err(CatalogError::delta("read the log of", table))?;
                let provider = TableProviderBuilder::default()
                    .with_log_store(now.log_store())
                    .with_eager_snapshot(snapshot.snapshot().clone())
                    .with_session(Arc::new(context.state()))
                    .with_file_selection(FileSelection::from_file_paths(new))
                    .await
                    .map_err(failed())?;
                let rows = context.read_table(provider).and_then(|rows| rows.filter(col("job").is_null()));
                parts.push(rows.map_err(failed())?);
            }
        }
        let mut streams = Vec::new();
        for part in parts {
            streams.push(typed::<T>(part).await?);
        }
        Ok(futures::stream::iter(streams).flatten().boxed())
    }

    /// Whether rows of these tables went since: an import replaced them. Also true where somebody compacted a table, since
    /// only reading it would tell.
    pub(crate) async fn has_lost_files(&self, since: &Versions, tables: &[Table]) -> Result<bool, CatalogError> {
        for table in tables {
            let Some((then, now)) = since.get(table).zip(self.inner.tables.get(table)) else { continue };
            if *then >= delta::version(now) {
                continue;
            }
            let left = paths(now, *table)?;
            let before = paths(&delta::open_at(&self.inner.shared.objects, *table, *then).await?, *table)?;
            if !before.is_subset(&left) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn batches_at(&self, version: i64) -> Result<Arc<super::BatchesOfTable>, CatalogError> {
        let now = &self.inner.tables[&Table::Files];
        if version == delta::version(now) {
            return Ok(Arc::clone(&self.inner.batches[&Table::Files]));
        }
        let then = delta::open_at(&self.inner.shared.objects, Table::Files, version).await?;
        Ok(Arc::new(of_version(&self.inner.context, Table::Files, &then).await?))
    }
}

fn paths(delta: &DeltaTable, table: Table) -> Result<HashSet<String>, CatalogError> {
    let snapshot = delta.snapshot().map_err(CatalogError::delta("read the log of", table))?;
    Ok(snapshot.log_data().iter().map(|file| file.path().into_owned()).collect())
}

async fn typed<T: Row>(rows: DataFrame) -> Result<BoxStream<'static, Result<Vec<T>, CatalogError>>, CatalogError> {
    let failed = || CatalogError::query(T::TABLE.name());
    let columns: Vec<_> = T::TABLE.row_fields().iter().map(|field| ident(field.name().as_str())).collect();
    let rows = rows.select(columns).map_err(failed())?.execute_stream().await.map_err(failed())?;
    Ok(rows.map(move |batch| decode(&batch.map_err(failed())?)).boxed())
}
