//! Search as one types, through the index.

use fonoteca_catalog::index::{Filters, Hit, Kind, Query};
use fonoteca_model::Id;

use super::{AlbumItem, ArtistItem, Library, Page, Song};
use crate::error::Internal;

impl Library<'_> {
    /// Songs that match, best first; without words all of them.
    pub(crate) async fn search_songs(&self, words: &str, page: Page) -> Result<Vec<Song>, Internal> {
        self.songs(&self.found(Kind::Track, words, page).await?).await
    }

    /// Albums that match, best first.
    pub(crate) async fn search_albums(&self, words: &str, page: Page) -> Result<Vec<AlbumItem>, Internal> {
        self.album_items(&self.found(Kind::Album, words, page).await?).await
    }

    /// Artists that match, best first.
    pub(crate) async fn search_artists(&self, words: &str, page: Page) -> Result<Vec<ArtistItem>, Internal> {
        self.artist_items(&self.found(Kind::Artist, words, page).await?).await
    }

    async fn found(&self, kind: Kind, words: &str, page: Page) -> Result<Vec<Id>, Internal> {
        if page.limit == 0 {
            return Ok(Vec::new());
        }
        let index = self.app.archive.index().map_err(|error| self.app.internal("opening the index", &error))?;
        let query = Query {
            words: words.to_owned(),
            filters: Filters { kind: Some(kind), held: Some(true), ..Filters::default() },
            limit: page.limit as usize,
            offset: page.offset as usize,
            after: None,
        };
        let hits = tokio::task::spawn_blocking(move || index.search(&query)).await;
        let hits: Vec<Hit> = hits
            .map_err(|error| self.app.internal("searching", &error))?
            .map_err(|error| self.app.internal("searching", &error))?;
        Ok(hits.into_iter().map(|hit| hit.id).collect())
    }
}
