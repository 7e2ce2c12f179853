//! Look-ups by what the world calls things: ISRC, MusicBrainz id, essence, the subject of a decision.

use std::collections::{BTreeSet, HashMap, HashSet};

use datafusion::prelude::{Expr, lit};
use fonoteca_model::fold::fold;
use fonoteca_model::rights::{ClaimStatus, Decision, Subject, SubjectKind};
use fonoteca_model::{BlobId, Id};
use futures::TryStreamExt as _;

use super::Snapshot;
use crate::error::CatalogError;
use crate::schema::{Album, CollectionEntry, Event, File, LinkEntity, Rights, Row, Track};

/// What a column can be looked up by.
pub trait Key {
    /// As a literal of a query.
    fn literal(&self) -> Expr;
}

impl Key for Id {
    fn literal(&self) -> Expr {
        lit(self.0)
    }
}

impl Key for BlobId {
    fn literal(&self) -> Expr {
        lit(self.to_string())
    }
}

impl Key for String {
    fn literal(&self) -> Expr {
        lit(self.as_str())
    }
}

impl Snapshot {
    /// The rows whose `column` is one of `keys`.
    pub async fn rows_by<'a, T: Row, K: Key + 'a>(
        &self,
        column: &str,
        keys: impl IntoIterator<Item = &'a K>,
    ) -> Result<Vec<T>, CatalogError> {
        let keys: Vec<Expr> = keys.into_iter().map(Key::literal).collect();
        self.keyed(column, keys).await
    }

    /// For each essence that some file has, the blob that was taken in first.
    pub async fn roots_of_essences(&self, essences: &[String]) -> Result<HashMap<String, BlobId>, CatalogError> {
        let mut rows: Vec<File> = self.rows_by("essence", essences).await?;
        rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.root)));
        Ok(rows.into_iter().map(|row| (row.essence.to_string(), row.root)).collect())
    }

    /// Whether an event is recorded.
    pub async fn has_event(&self, id: &str) -> Result<bool, CatalogError> {
        let rows: Vec<Event> = self.keyed("id", [lit(id)]).await?;
        Ok(!rows.is_empty())
    }

    /// The held audio that a subject stands for, by root.
    pub async fn roots_of_subject(&self, subject: &Subject) -> Result<Vec<BlobId>, CatalogError> {
        let tracks: Vec<Id> = match subject.kind {
            SubjectKind::Blob => {
                let root: Vec<BlobId> = subject.key.parse().ok().into_iter().collect();
                return Ok(self.known_roots(&root).await?.into_iter().collect());
            }
            SubjectKind::Track => subject.key.parse().ok().into_iter().collect(),
            SubjectKind::Recording => {
                let ids: Vec<Id> = subject.key.parse().ok().into_iter().collect();
                // A recording that was merged into another is that one now.
                let ends: Vec<Id> = self.recording_of(&ids).await?.into_values().collect();
                self.tracks_of_recordings(&ends).await?.into_values().flatten().collect()
            }
            SubjectKind::Isrc => self.track_ids_by("isrc", &subject.key).await?,
            SubjectKind::Release => {
                let ids: Vec<Id> = subject.key.parse().ok().into_iter().collect();
                let same: Vec<Id> = self.same_as(LinkEntity::Album, &ids).await?.into_values().flatten().collect();
                self.tracks_of_albums(&same).await?.into_values().flatten().map(|track| track.id).collect()
            }
            SubjectKind::Upc => {
                let albums: Vec<Album> = self.keyed("upc", [lit(subject.key.as_str())]).await?;
                let ids: Vec<Id> = albums.into_iter().map(|album| album.id).collect();
                self.tracks_of_albums(&ids).await?.into_values().flatten().map(|track| track.id).collect()
            }
            SubjectKind::Artist => match subject.key.parse::<Id>() {
                Ok(id) => {
                    let same = self.same_as(LinkEntity::Artist, &[id]).await?;
                    self.tracks_crediting(&same.into_values().flatten().collect()).await?
                }
                Err(_) => Vec::new(),
            },
            SubjectKind::Label => self.tracks_on_label(&subject.key).await?,
            SubjectKind::Collection => {
                let rows: Vec<CollectionEntry> = self.keyed("id", [lit(subject.key.as_str())]).await?;
                rows.into_iter().map(|row| row.track_id).collect()
            }
            SubjectKind::Source => self.track_ids_by("source", &subject.key).await?,
            // Works are not in the tables yet: a decision on one waits for the joins that will name it.
            SubjectKind::Work | SubjectKind::Iswc => Vec::new(),
        };
        let roots: BTreeSet<BlobId> =
            self.roots_of_tracks(&tracks).await?.into_values().flatten().map(|holding| holding.root).collect();
        Ok(roots.into_iter().collect())
    }

    /// The withdrawals in force, with what was noted about them.
    pub async fn withdrawals(&self) -> Result<Vec<(Decision, Option<String>)>, CatalogError> {
        let rows: Vec<Rights> = self.keyed("status", [lit(ClaimStatus::Withdrawn.as_str())]).await?;
        let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
        let lifting: Vec<Rights> = self.rows_by("supersedes", &ids).await?;
        let lifted: HashSet<String> = lifting.into_iter().filter_map(|row| row.supersedes).collect();
        let in_force = rows.into_iter().filter(|row| !lifted.contains(&row.id));
        in_force
            .map(|row| {
                let note = row.note.clone();
                Ok((Decision::try_from(row)?, note))
            })
            .collect()
    }

    async fn track_ids_by(&self, column: &str, key: &str) -> Result<Vec<Id>, CatalogError> {
        let rows: Vec<Track> = self.keyed(column, [lit(key)]).await?;
        Ok(rows.into_iter().map(|track| track.id).collect())
    }

    async fn tracks_crediting(&self, artists: &BTreeSet<Id>) -> Result<Vec<Id>, CatalogError> {
        let mut ids = Vec::new();
        let mut tracks = self.stream::<Track>("").await?;
        while let Some(some) = tracks.try_next().await? {
            ids.extend(
                some.iter()
                    .filter(|track| track.artists.iter().any(|credit| artists.contains(&credit.artist_id)))
                    .map(|track| track.id),
            );
        }
        let albums: Vec<Album> = self.rows("").await?;
        let credited: Vec<Id> = albums
            .iter()
            .filter(|album| album.artists.iter().any(|credit| artists.contains(&credit.artist_id)))
            .map(|album| album.id)
            .collect();
        ids.extend(self.tracks_of_albums(&credited).await?.into_values().flatten().map(|track| track.id));
        Ok(ids)
    }

    async fn tracks_on_label(&self, label: &str) -> Result<Vec<Id>, CatalogError> {
        let wanted = fold(label);
        let on_it = |found: &Option<String>| found.as_deref().is_some_and(|found| fold(found) == wanted);
        let mut ids = Vec::new();
        let mut tracks = self.stream::<Track>("WHERE label IS NOT NULL").await?;
        while let Some(some) = tracks.try_next().await? {
            ids.extend(some.iter().filter(|track| on_it(&track.label)).map(|track| track.id));
        }
        let mut albums = self.stream::<Album>("WHERE label IS NOT NULL").await?;
        let mut released = Vec::new();
        while let Some(some) = albums.try_next().await? {
            released.extend(some.iter().filter(|album| on_it(&album.label)).map(|album| album.id));
        }
        ids.extend(self.tracks_of_albums(&released).await?.into_values().flatten().map(|track| track.id));
        Ok(ids)
    }
}
