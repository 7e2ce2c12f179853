//! The other way round: which tracks decisions reach, held or not, and which of them were withdrawn.

use std::collections::{BTreeSet, HashSet};

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use datafusion::prelude::{Expr, lit};
use fonoteca_model::fold::fold;
use fonoteca_model::rights::{Subject, SubjectKind};
use fonoteca_model::{BlobId, Id};
use futures::TryStreamExt as _;

use super::{Covers, Reach, normalised};
use crate::error::CatalogError;
use crate::schema::{LinkEntity, Table};
use crate::snapshot::Snapshot;
use crate::snapshot::lookup::id_keys;

impl Snapshot {
    /// Those of these tracks that a withdrawal reaches, as [`Snapshot::decisions_for`] reaches blobs.
    pub(crate) async fn withdrawn_of(&self, tracks: &[Id]) -> Result<HashSet<Id>, CatalogError> {
        let withdrawn = self.withdrawn_subjects().await?;
        if withdrawn.is_empty() {
            return Ok(HashSet::new());
        }
        let belongs = self.belongings(&tracks.iter().copied().collect(), &Covers::default()).await?;
        let is_withdrawn = |id: &&Id| {
            let subjects = belongs.of_track(**id, Reach::Recording);
            subjects.iter().any(|subject| withdrawn.contains(&normalised(subject)))
        };
        Ok(tracks.iter().filter(is_withdrawn).copied().collect())
    }

    /// All tracks that withdrawals reach. Without withdrawals it costs nothing; with some it reads a few columns of all tracks.
    pub(crate) async fn all_withdrawn(&self) -> Result<BTreeSet<Id>, CatalogError> {
        self.tracks_about(&self.withdrawn_subjects().await?).await
    }

    /// What the withdrawals in force are about.
    async fn withdrawn_subjects(&self) -> Result<HashSet<Subject>, CatalogError> {
        Ok(self.withdrawals().await?.iter().map(|(decision, _)| normalised(&decision.subject)).collect())
    }

    /// The held audio that a subject stands for, by root.
    pub async fn roots_of_subject(&self, subject: &Subject) -> Result<Vec<BlobId>, CatalogError> {
        if subject.kind == SubjectKind::Blob {
            let root: Vec<BlobId> = subject.key.parse().ok().into_iter().collect();
            return Ok(self.known_roots(&root).await?.into_iter().collect());
        }
        let tracks: Vec<Id> = self.tracks_about(&HashSet::from([normalised(subject)])).await?.into_iter().collect();
        let holdings = self.roots_of_tracks(&tracks).await?;
        Ok(holdings.into_values().flatten().map(|holding| holding.root).collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// The tracks that decisions about any of these normalised subjects reach, but through what a blob was derived from.
    async fn tracks_about(&self, subjects: &HashSet<Subject>) -> Result<BTreeSet<Id>, CatalogError> {
        let keys = |kind: SubjectKind| {
            let of_kind = subjects.iter().filter(move |subject| subject.kind == kind);
            of_kind.map(|subject| subject.key.as_str())
        };
        let ids = |kind: SubjectKind| keys(kind).filter_map(|key| key.parse().ok()).collect::<Vec<Id>>();
        let texts = |kind: SubjectKind| keys(kind).map(lit).collect::<Vec<Expr>>();
        let labels: HashSet<&str> = keys(SubjectKind::Label).collect();
        let artists = self.all_same(LinkEntity::Artist, &ids(SubjectKind::Artist)).await?;

        let mut albums = self.credited(Table::Albums, &artists).await?;
        albums.extend(self.on_labels(Table::Albums, &labels).await?);
        albums.extend(self.ids_by(Table::Albums, "id", "upc", texts(SubjectKind::Upc)).await?);
        albums.extend(self.ids_by(Table::Albums, "id", "source", texts(SubjectKind::Source)).await?);
        albums.extend(self.all_same(LinkEntity::Album, &ids(SubjectKind::Release)).await?);

        // A recording has the codes and the artists of all statements about it.
        let mut recordings = self.credited(Table::Tracks, &artists).await?;
        recordings.extend(self.ids_by(Table::Tracks, "id", "isrc", texts(SubjectKind::Isrc)).await?);
        recordings.extend(ids(SubjectKind::Recording));
        let recordings: Vec<Id> = recordings.into_iter().collect();

        let mut tracks = self.all_same(LinkEntity::Recording, &recordings).await?;
        tracks.extend(self.on_labels(Table::Tracks, &labels).await?);
        tracks.extend(ids(SubjectKind::Track));
        tracks.extend(self.ids_by(Table::Tracks, "id", "source", texts(SubjectKind::Source)).await?);
        tracks.extend(self.ids_by(Table::Tracks, "id", "album_id", id_keys(&albums)).await?);
        for column in ["id", "name"] {
            let collections = texts(SubjectKind::Collection);
            tracks.extend(self.ids_by(Table::Collections, "track_id", column, collections).await?);
        }
        // Works are not in the tables yet: a decision on one waits for the joins that will name it.
        Ok(tracks)
    }

    async fn all_same(&self, entity: LinkEntity, ids: &[Id]) -> Result<BTreeSet<Id>, CatalogError> {
        Ok(self.same_as(entity, ids).await?.into_values().flatten().collect())
    }

    /// One column of ids, of the rows whose `key` is one of `keys`.
    async fn ids_by(
        &self,
        table: Table,
        column: &str,
        key: &str,
        keys: impl IntoIterator<Item = Expr>,
    ) -> Result<BTreeSet<Id>, CatalogError> {
        let batches = self.keyed_batches(table.name(), &[column], key, keys, None).await?;
        let ids = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values());
        Ok(ids.copied().map(Id).collect())
    }

    /// The tracks or albums on which any of these artists is credited.
    async fn credited(&self, table: Table, artists: &BTreeSet<Id>) -> Result<BTreeSet<Id>, CatalogError> {
        let mut found = BTreeSet::new();
        if artists.is_empty() {
            return Ok(found);
        }
        let credits = format!("SELECT id, unnest(artists)['artist_id'] AS artist_id FROM {}", table.name());
        let mut batches = self.sql_stream(&credits).await?;
        while let Some(batch) = batches.try_next().await? {
            let (ids, of) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<Int64Type>());
            let both = ids.values().iter().zip(of.values());
            found.extend(both.filter(|(_, artist)| artists.contains(&Id(**artist))).map(|(id, _)| Id(*id)));
        }
        Ok(found)
    }

    /// The tracks or albums on any of these labels, whose names are folded.
    pub(crate) async fn on_labels(&self, table: Table, labels: &HashSet<&str>) -> Result<BTreeSet<Id>, CatalogError> {
        let mut found = BTreeSet::new();
        if labels.is_empty() {
            return Ok(found);
        }
        let named = format!("SELECT id, label FROM {} WHERE label IS NOT NULL", table.name());
        let mut batches = self.sql_stream(&named).await?;
        while let Some(batch) = batches.try_next().await? {
            let names = batch.column(1).as_string::<i32>().iter();
            let both = batch.column(0).as_primitive::<Int64Type>().values().iter().zip(names);
            let is_on = |name: Option<&str>| name.is_some_and(|name| labels.contains(fold(name).as_str()));
            found.extend(both.filter(|(_, name)| is_on(*name)).map(|(id, _)| Id(*id)));
        }
        Ok(found)
    }
}
