//! Look-ups by id and by folded name.

use std::collections::HashMap;

use datafusion::prelude::{Expr, col, lit};
use fonoteca_model::fold::fold;
use fonoteca_model::{BlobId, Id};

use super::Snapshot;
use super::blobs::root_keys;
use crate::error::CatalogError;
use crate::schema::{Album, Artist, CollectionEntry, Holding, Import, LOCAL, LinkEntity, Listens, Supplement, Track};

pub(super) fn id_keys<'a>(ids: impl IntoIterator<Item = &'a Id>) -> impl Iterator<Item = Expr> {
    ids.into_iter().map(|id| lit(id.0))
}

impl Snapshot {
    /// Tracks by id; what is not there is not in the map.
    pub async fn tracks(&self, ids: &[Id]) -> Result<HashMap<Id, Track>, CatalogError> {
        let rows: Vec<Track> = self.keyed("id", id_keys(ids)).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }

    /// Albums by id.
    pub async fn albums(&self, ids: &[Id]) -> Result<HashMap<Id, Album>, CatalogError> {
        let rows: Vec<Album> = self.keyed("id", id_keys(ids)).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }

    /// Artists by id.
    pub async fn artists(&self, ids: &[Id]) -> Result<HashMap<Id, Artist>, CatalogError> {
        let rows: Vec<Artist> = self.keyed("id", id_keys(ids)).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }

    /// The tracks of these albums, by disc and number.
    pub async fn tracks_of_albums(&self, albums: &[Id]) -> Result<HashMap<Id, Vec<Track>>, CatalogError> {
        let mut rows: Vec<Track> = self.keyed("album_id", id_keys(albums)).await?;
        rows.sort_by(|a, b| (a.disc, a.number, &a.title, a.id).cmp(&(b.disc, b.number, &b.title, b.id)));
        let mut found: HashMap<Id, Vec<Track>> = HashMap::new();
        for row in rows {
            if let Some(album) = row.album_id {
                found.entry(album).or_default().push(row);
            }
        }
        Ok(found)
    }

    /// What plays from these blobs.
    pub async fn tracks_of_roots(&self, roots: &[BlobId]) -> Result<HashMap<BlobId, Vec<Holding>>, CatalogError> {
        let mut rows: Vec<Holding> = self.keyed("root", root_keys(roots)).await?;
        rows.sort_by_key(|row| (row.start_ms, row.track_id));
        let mut found: HashMap<BlobId, Vec<Holding>> = HashMap::new();
        for row in rows {
            found.entry(row.root).or_default().push(row);
        }
        Ok(found)
    }

    /// What plays for these tracks.
    pub async fn roots_of_tracks(&self, tracks: &[Id]) -> Result<HashMap<Id, Vec<Holding>>, CatalogError> {
        let mut rows: Vec<Holding> = self.keyed("track_id", id_keys(tracks)).await?;
        rows.sort_by_key(|row| row.root);
        let mut found: HashMap<Id, Vec<Holding>> = HashMap::new();
        for row in rows {
            found.entry(row.track_id).or_default().push(row);
        }
        Ok(found)
    }

    /// `local` artists by their folded names; of several the one with the lowest id.
    pub async fn local_artists_by_fold(&self, folds: &[String]) -> Result<HashMap<String, Artist>, CatalogError> {
        let keys = folds.iter().map(|text| lit(text.clone()));
        let mut rows: Vec<Artist> = self.keyed_if("fold", keys, Some(col("source").eq(lit(LOCAL)))).await?;
        rows.sort_by_key(|row| std::cmp::Reverse(row.id));
        Ok(rows.into_iter().map(|row| (row.fold.clone(), row)).collect())
    }

    /// `local` albums by (folded title, folded artist credit); of several the one with the lowest id.
    pub async fn local_albums_by_fold(
        &self,
        folds: &[(String, String)],
    ) -> Result<HashMap<(String, String), Album>, CatalogError> {
        let keys = folds.iter().map(|(title, _)| lit(title.clone()));
        let mut rows: Vec<Album> = self.keyed_if("fold", keys, Some(col("source").eq(lit(LOCAL)))).await?;
        rows.sort_by_key(|row| std::cmp::Reverse(row.id));
        let mut found: HashMap<_, _> =
            rows.into_iter().map(|row| ((row.fold.clone(), fold(&row.artist_credit)), row)).collect();
        found.retain(|key, _| folds.contains(key));
        Ok(found)
    }

    /// The latest counts of these recordings, with those of all that was joined to them: a join adds up what was
    /// counted before under several ids, and taking it back leaves each its own.
    pub async fn listens(&self, recordings: &[Id]) -> Result<HashMap<Id, Listens>, CatalogError> {
        let members = self.leading_to(LinkEntity::Recording, recordings).await?;
        let asked: Vec<Id> = members.values().flatten().chain(recordings).copied().collect();
        let mut rows: Vec<Listens> = self.keyed("recording_id", id_keys(&asked)).await?;
        rows.sort_by_key(|row| (row.as_of, row.count));
        let latest: HashMap<Id, Listens> = rows.into_iter().map(|row| (row.recording_id, row)).collect();
        let of = |recording: &Id| {
            // What leads elsewhere has its own count only.
            let own = std::slice::from_ref(recording);
            let members = members.get(recording).filter(|ids| !ids.is_empty()).map_or(own, Vec::as_slice);
            let rows = members.iter().filter_map(|id| latest.get(id)).cloned();
            rows.reduce(|sum, row| Listens {
                recording_id: *recording,
                as_of: sum.as_of.max(row.as_of),
                count: sum.count.saturating_add(row.count),
                popularity: sum.popularity.max(row.popularity),
            })
        };
        Ok(recordings.iter().filter_map(|id| Some((*id, Listens { recording_id: *id, ..of(id)? }))).collect())
    }

    /// What is told about these tracks, albums or artists under licences of their own.
    pub async fn supplements(&self, ids: &[Id]) -> Result<HashMap<Id, Vec<Supplement>>, CatalogError> {
        let rows: Vec<Supplement> = self.keyed("id", id_keys(ids)).await?;
        let mut found: HashMap<Id, Vec<Supplement>> = HashMap::new();
        for row in rows {
            found.entry(row.id).or_default().push(row);
        }
        Ok(found)
    }

    /// The import of a source and dataset whose rows are in the tables.
    pub async fn current_import(&self, source: &str, dataset: &str) -> Result<Option<Import>, CatalogError> {
        let of_dataset = Some(col("dataset").eq(lit(dataset)));
        let rows: Vec<Import> = self.keyed_if("source", [lit(source)], of_dataset).await?;
        Ok(rows.into_iter().max_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id))))
    }

    /// The collections in which these tracks are.
    pub async fn collections_of(&self, tracks: &[Id]) -> Result<HashMap<Id, Vec<CollectionEntry>>, CatalogError> {
        let rows: Vec<CollectionEntry> = self.keyed("track_id", id_keys(tracks)).await?;
        let mut found: HashMap<Id, Vec<CollectionEntry>> = HashMap::new();
        for row in rows {
            found.entry(row.track_id).or_default().push(row);
        }
        Ok(found)
    }
}
