//! Reading: pinned versions of all tables, and the questions that the rest of the program asks of them.

pub(crate) mod batch_tags;
mod batches;
mod blobs;
mod browse;
mod changes;
mod copies;
mod coverage;
mod details;
mod files;
mod functions;
mod held;
mod hops;
mod keys;
mod later;
mod listened;
mod lookup;
mod query;
mod query_error;
mod read;
mod recordings;
mod rights;
mod stats;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::config::SessionConfig;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::SessionContext;
use deltalake::DeltaTable;

use crate::catalog::{Shared, Versions};
use crate::delta;
use crate::error::CatalogError;
use crate::schema::Table;

pub(crate) use batches::BatchesOfTable;
pub use browse::{AlbumDetails, AlbumEntry, AlbumOrder, ArtistDetails, ArtistEntry};
pub use copies::{Sameness, Twin};
pub use coverage::{BANDS, Band, Coverage, Covering, Point, SHARES};
pub use details::{Held, TrackDetails, TrackEntry};
pub(crate) use files::TableFile;
pub use held::{HeldAudio, HeldQuery};
pub use keys::Key;
pub use later::LATER_JOB;
pub use listened::{Listened, TrackNames};
pub use query::Answer;
pub use query_error::QueryError;
pub use stats::Stats;

/// The tables at fixed versions. Cheap to clone; later commits do not show.
#[derive(Clone)]
pub struct Snapshot {
    inner: Arc<Inner>,
}

struct Inner {
    versions: Versions,
    tables: BTreeMap<Table, DeltaTable>,
    batches: BTreeMap<Table, Arc<BatchesOfTable>>,
    context: SessionContext,
    shared: Arc<Shared>,
}

impl Snapshot {
    pub(crate) async fn build(shared: &Arc<Shared>, tables: BTreeMap<Table, DeltaTable>) -> Result<Self, CatalogError> {
        Self::build_with(shared, tables, SessionConfig::new(), Arc::clone(&shared.runtime)).await
    }

    async fn build_with(
        shared: &Arc<Shared>,
        tables: BTreeMap<Table, DeltaTable>,
        config: SessionConfig,
        runtime: Arc<RuntimeEnv>,
    ) -> Result<Self, CatalogError> {
        let mut config = config.with_information_schema(true);
        // Plain Arrow strings for whoever gets the batches, and wide columns only read for the rows that are wanted.
        config.options_mut().execution.parquet.schema_force_view_types = false;
        config.options_mut().execution.parquet.pushdown_filters = true;
        // An error says where in the query it is.
        config.options_mut().sql_parser.collect_spans = true;
        let context = SessionContext::new_with_config_rt(config, runtime);
        functions::register(&context);
        let mut batches = BTreeMap::new();
        for (table, delta) in &tables {
            batches.insert(*table, batches::of_table(shared, &context, *table, delta).await?);
        }
        let visible = &batches[&Table::Files];
        for (table, delta) in &tables {
            let hidden = batches[table].without(visible);
            let mut provider = batches::visible_rows(&context, *table, delta, &hidden).await?;
            if *table == Table::Files && batches[table].has_later() {
                provider = later::latest_rows(&context, provider)?;
            }
            context.register_table(table.name(), provider).map_err(CatalogError::query(table.name()))?;
        }
        for table in Table::ALL.iter().filter(|table| !tables.contains_key(table)) {
            let none = Arc::new(EmptyTable::new(table.arrow_schema()));
            context.register_table(table.name(), none).map_err(CatalogError::query(table.name()))?;
        }
        let versions = tables.iter().map(|(table, delta)| (*table, delta::version(delta))).collect();
        Ok(Self { inner: Arc::new(Inner { versions, tables, batches, context, shared: Arc::clone(shared) }) })
    }

    /// The versions.
    pub fn versions(&self) -> &Versions {
        &self.inner.versions
    }
}
