//! Ours, as the program asks it. What the index offers is used here and nowhere else in the bench.

use anyhow::Result;
use fonoteca_catalog::Catalog;
use fonoteca_catalog::index::{Filters, Hit, Index, Kind, Listing, Order, Query};
use fonoteca_model::Id;
use fonoteca_model::progress::Silent;

use crate::bench::Bench;

/// The index of an archive that is loaded.
pub struct Ours {
    index: Index,
}

impl Ours {
    /// Makes the index from the tables.
    pub async fn build(bench: &Bench, catalog: &Catalog) -> Result<()> {
        let snapshot = catalog.snapshot().await?;
        Index::rebuild_in(&bench.index_dir(), &snapshot, &Silent).await?;
        Ok(())
    }

    pub fn open(bench: &Bench) -> Result<Self> {
        Ok(Self { index: Index::open(&bench.index_dir())? })
    }

    pub fn by_id(&self, id: Id) -> Result<usize> {
        Ok(self.index.lookup(&id.to_string())?.len())
    }

    pub fn by_key(&self, key: &str) -> Result<usize> {
        Ok(self.index.lookup(key)?.len())
    }

    /// The ten best.
    pub fn search(&self, words: &str) -> Result<Vec<Hit>> {
        Ok(self.index.search(&Query::new(words))?)
    }

    /// The ten best tracks.
    pub fn search_tracks(&self, words: &str) -> Result<Vec<Hit>> {
        let filters = Filters { kind: Some(Kind::Track), ..Filters::default() };
        Ok(self.index.search(&Query { filters, ..Query::new(words) })?)
    }

    /// Tracks from an offset on.
    pub fn page(&self, order: Order, offset: u64, limit: usize) -> Result<Listing> {
        Ok(self.index.page(order, offset, limit)?)
    }
}
