//! Which documents new rows touch. Too many are only slow; too few would be wrong answers until the next rebuild.

use std::collections::{BTreeSet, HashSet};

use datafusion::prelude::{col, lit};
use fonoteca_model::fold::fold;
use fonoteca_model::rights::SubjectKind;
use fonoteca_model::{BlobId, Id, Isrc, Upc};
use futures::TryStreamExt as _;

use super::change::Change;
use super::document::Kind;
use super::error::IndexError;
use super::fields::Mark;
use crate::catalog::Versions;
use crate::error::CatalogError;
use crate::schema::{
    Album, Artist, CollectionEntry, File, Holding, Link, LinkEntity, Listens, Rights, Row, Table, Track,
};
use crate::snapshot::Snapshot;

/// Tables whose rows imports replace, and that documents follow from.
const REPLACED: [Table; 5] = [Table::Artists, Table::Albums, Table::Tracks, Table::Listens, Table::Links];

/// The documents to make anew.
#[derive(Debug, Default)]
pub(crate) struct Affected {
    pub tracks: BTreeSet<Id>,
    pub albums: BTreeSet<Id>,
    pub artists: BTreeSet<Id>,
}

impl Affected {
    fn add(&mut self, (kind, id): (Kind, Id)) {
        match kind {
            Kind::Track => self.tracks.insert(id),
            Kind::Album => self.albums.insert(id),
            Kind::Artist => self.artists.insert(id),
        };
    }
}

/// What the rows that came between the index's versions, `since`, and the snapshot touch, and those in data files that went,
/// `removed`; None: more than `most` tracks.
pub(crate) async fn affected(
    snapshot: &Snapshot,
    since: &Versions,
    change: &Change,
    removed: Vec<(Kind, Id)>,
    most: usize,
) -> Result<Option<Affected>, IndexError> {
    // What is gone cannot be looked up; an import replaces so much that the index is made anew in any case.
    if snapshot.has_lost_files(since, &REPLACED).await? {
        return Ok(None);
    }
    let mut found = Affected {
        tracks: gather(snapshot, since, |row: Track| row.id).await?,
        albums: gather(snapshot, since, |row: Album| row.id).await?,
        artists: gather(snapshot, since, |row: Artist| row.id).await?,
    };
    removed.into_iter().for_each(|what| found.add(what));
    let mut finder = Finder { snapshot, change, spread: BTreeSet::new() };
    let fits = |found: &Affected| found.tracks.len() <= most;

    found.tracks.extend(finder.on_albums(&found.albums)?);

    let mut recordings: BTreeSet<Id> = gather(snapshot, since, |row: Listens| row.recording_id).await?;
    // Listens of a recording that was merged into another count for that one.
    let counted: Vec<Id> = recordings.iter().copied().collect();
    recordings.extend(snapshot.recording_of(&counted).await?.into_values());
    found.tracks.extend(finder.of_recordings(&recordings)?);

    // What plays from one blob shares its decisions and its cover.
    let mut roots: BTreeSet<BlobId> = gather(snapshot, since, |row: File| row.root).await?;
    let holdings: BTreeSet<(Id, BlobId)> = gather(snapshot, since, |row: Holding| (row.track_id, row.root)).await?;
    found.tracks.extend(holdings.iter().map(|(track, _)| *track));
    roots.extend(holdings.iter().map(|(_, root)| *root));
    finder.spread.extend(finder.playing(roots)?);
    if !fits(&found) {
        return Ok(None);
    }

    finder.links(since, &mut found).await?;
    finder.rights(since).await?;
    let spread = finder.spread().await?;
    found.tracks.extend(spread);
    Ok(fits(&found).then_some(found))
}

/// What the new rows of one table name.
async fn gather<T: Row, K, C: Default + Extend<K>>(
    snapshot: &Snapshot,
    since: &Versions,
    name: impl Fn(T) -> K,
) -> Result<C, CatalogError> {
    let mut gathered = C::default();
    let mut rows = snapshot.changes::<T>(since).await?;
    while let Some(some) = rows.try_next().await? {
        gathered.extend(some.into_iter().map(&name));
    }
    Ok(gathered)
}

struct Finder<'a> {
    snapshot: &'a Snapshot,
    change: &'a Change,
    /// Tracks whose decisions may have changed, and with them those of the same recordings and blobs.
    spread: BTreeSet<Id>,
}

impl Finder<'_> {
    fn on_albums(&self, albums: &BTreeSet<Id>) -> Result<BTreeSet<Id>, IndexError> {
        all(albums, |id| self.change.on_album(*id))
    }

    fn of_recordings(&self, recordings: &BTreeSet<Id>) -> Result<BTreeSet<Id>, IndexError> {
        all(recordings, |id| self.change.of_recording(*id))
    }

    fn playing(&self, roots: impl IntoIterator<Item = BlobId>) -> Result<BTreeSet<Id>, IndexError> {
        all(roots, |root| self.change.playing(root))
    }

    /// New links change the group of all that leads through them.
    async fn links(&mut self, since: &Versions, found: &mut Affected) -> Result<(), IndexError> {
        let mut links: Vec<Link> = gather(self.snapshot, since, |row| row).await?;
        let replaced: Vec<_> = links.iter().filter_map(|link| link.supersedes.clone()).map(lit).collect();
        links.extend(self.snapshot.keyed::<Link>("id", replaced).await?);
        for entity in LinkEntity::ALL {
            let of_entity = || links.iter().filter(|link| link.entity == *entity);
            let from: BTreeSet<Id> = of_entity().map(|link| link.from_id).collect();
            if from.is_empty() {
                continue;
            }
            let mut ids = self.leading_to(*entity, from).await?;
            ids.extend(of_entity().map(|link| link.to_id));
            match entity {
                LinkEntity::Recording => self.spread.extend(&ids),
                LinkEntity::Album => self.spread.extend(self.on_albums(&ids)?),
                LinkEntity::Artist => self.spread.extend(self.tracks_by(&ids)?),
            }
            for id in ids {
                found.add(match entity {
                    LinkEntity::Recording => (Kind::Track, id),
                    LinkEntity::Album => (Kind::Album, id),
                    LinkEntity::Artist => (Kind::Artist, id),
                });
            }
        }
        Ok(())
    }

    /// Everything from which links, whether they still count or not, lead to one of these.
    async fn leading_to(&self, entity: LinkEntity, ends: BTreeSet<Id>) -> Result<BTreeSet<Id>, CatalogError> {
        let mut seen = ends.clone();
        let mut ask: Vec<Id> = ends.into_iter().collect();
        while !ask.is_empty() {
            let of_entity = col("entity").eq(lit(entity.as_str()));
            let keys = ask.iter().map(|id| lit(id.0));
            let links: Vec<Link> = self.snapshot.keyed_if("to_id", keys, Some(of_entity)).await?;
            ask = links.into_iter().map(|link| link.from_id).filter(|id| seen.insert(*id)).collect();
        }
        Ok(seen)
    }

    /// Everything that links make one with this, at least.
    async fn same_as(&self, entity: LinkEntity, id: Option<Id>) -> Result<BTreeSet<Id>, CatalogError> {
        let ids: Vec<Id> = id.into_iter().collect();
        let ends = self.snapshot.resolve(entity, &ids).await?;
        self.leading_to(entity, ids.into_iter().chain(ends.into_values()).collect()).await
    }

    /// The tracks of artists, and those on their albums.
    fn tracks_by(&self, artists: &BTreeSet<Id>) -> Result<BTreeSet<Id>, IndexError> {
        let mut tracks = all(artists, |id| self.change.by_artist(Kind::Track, *id))?;
        let albums = all(artists, |id| self.change.by_artist(Kind::Album, *id))?;
        tracks.extend(self.on_albums(&albums)?);
        Ok(tracks)
    }

    /// New decisions, and those that they replace, concern what their subjects reach.
    async fn rights(&mut self, since: &Versions) -> Result<(), IndexError> {
        let mut decisions: Vec<Rights> = gather(self.snapshot, since, |row| row).await?;
        let replaced: Vec<_> = decisions.iter().filter_map(|row| row.supersedes.clone()).map(lit).collect();
        decisions.extend(self.snapshot.keyed::<Rights>("id", replaced).await?);
        let subject = |row: Rights| Some((row.subject_kind.parse::<SubjectKind>().ok()?, row.subject));
        let subjects: BTreeSet<(SubjectKind, String)> = decisions.into_iter().filter_map(subject).collect();
        // A track that came into a collection comes under its decisions.
        let joined: BTreeSet<Id> = gather(self.snapshot, since, |row: CollectionEntry| row.track_id).await?;
        self.spread.extend(joined);

        for (kind, key) in subjects {
            let tracks = self.reached(kind, &key).await?;
            self.spread.extend(tracks);
        }
        Ok(())
    }

    /// The tracks that a decision about this subject reaches directly.
    async fn reached(&self, kind: SubjectKind, key: &str) -> Result<BTreeSet<Id>, IndexError> {
        let id = key.parse::<Id>().ok();
        Ok(match kind {
            SubjectKind::Blob => self.playing(key.parse::<BlobId>().ok())?,
            SubjectKind::Track => id.into_iter().collect(),
            SubjectKind::Recording => {
                let ids = self.same_as(LinkEntity::Recording, id).await?;
                let mut tracks = self.of_recordings(&ids)?;
                tracks.extend(ids);
                tracks
            }
            SubjectKind::Isrc => match key.parse::<Isrc>() {
                Ok(isrc) => self.change.with_isrc(isrc.as_str())?,
                Err(_) => BTreeSet::new(),
            },
            SubjectKind::Release => {
                let same = self.same_as(LinkEntity::Album, id).await?;
                self.on_albums(&same)?
            }
            SubjectKind::Upc => {
                let upc = key.parse::<Upc>().map_or_else(|_| key.to_owned(), |upc| upc.to_string());
                self.on_albums(&self.change.with_upc(&upc)?)?
            }
            SubjectKind::Artist => {
                let same = self.same_as(LinkEntity::Artist, id).await?;
                self.tracks_by(&same)?
            }
            SubjectKind::Source => {
                let mut tracks = self.on_albums(&self.change.marked(Kind::Album, Mark::Source(key))?)?;
                tracks.extend(self.change.marked(Kind::Track, Mark::Source(key))?);
                tracks
            }
            SubjectKind::Label => self.on_label(&fold(key)).await?,
            SubjectKind::Collection => {
                let mut entries: Vec<CollectionEntry> = self.snapshot.keyed("id", [lit(key)]).await?;
                entries.extend(self.snapshot.keyed::<CollectionEntry>("name", [lit(key)]).await?);
                entries.into_iter().map(|entry| entry.track_id).collect()
            }
            // They join nothing yet.
            SubjectKind::Work | SubjectKind::Iswc => BTreeSet::new(),
        })
    }

    async fn on_label(&self, label: &str) -> Result<BTreeSet<Id>, IndexError> {
        let label = HashSet::from([label]);
        let mut tracks = self.snapshot.on_labels(Table::Tracks, &label).await?;
        tracks.extend(self.on_albums(&self.snapshot.on_labels(Table::Albums, &label).await?)?);
        Ok(tracks)
    }

    /// The tracks of the same recordings, before and after, and of the same blobs: a decision reaches a blob through any
    /// version of any track that plays from it.
    async fn spread(self) -> Result<BTreeSet<Id>, IndexError> {
        let ids: Vec<Id> = self.spread.iter().copied().collect();
        let before = self.change.groups(&ids)?;
        let now = self.snapshot.recording_of(&ids).await?;
        let groups: BTreeSet<Id> = before.into_iter().chain(now.into_values()).collect();
        let mut tracks = self.of_recordings(&groups)?;
        tracks.extend(ids);
        let holdings = self.snapshot.roots_of_tracks(&tracks.iter().copied().collect::<Vec<_>>()).await?;
        let roots: HashSet<BlobId> = holdings.into_values().flatten().map(|holding| holding.root).collect();
        tracks.extend(self.playing(roots)?);
        Ok(tracks)
    }
}

/// What several things lead to.
fn all<T>(
    of: impl IntoIterator<Item = T>,
    find: impl Fn(T) -> Result<BTreeSet<Id>, IndexError>,
) -> Result<BTreeSet<Id>, IndexError> {
    let mut found = BTreeSet::new();
    for one in of {
        found.extend(find(one)?);
    }
    Ok(found)
}
