//! Which decisions concern which blobs.

mod reached;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use datafusion::prelude::{col, lit};
use fonoteca_model::fold::fold;
use fonoteca_model::rights::{Decision, Subject, SubjectKind};
use fonoteca_model::{BlobId, Id};

use super::blobs::root_keys;
use crate::error::CatalogError;
use crate::schema::{Album, Blob, Credit, File, Holding, LinkEntity, Rights, Track};
use crate::snapshot::Snapshot;

/// How far `derived_from` is followed: a thumbnail of a cover of a scan is three.
const DERIVED_DEPTH: usize = 8;

/// What a blob belongs to: each of its subjects can have decisions.
type Subjects = BTreeSet<Subject>;

impl Snapshot {
    /// All decisions that can concern these blobs, oldest first: about the blob itself and what it was derived from; about
    /// its tracks, their recordings and ISRCs, albums and UPCs, artists, labels, collections and sources. Links are
    /// followed: a decision about an artist reaches all artists that are the same.
    ///
    /// A cover concerns what its albums and its files' tracks belong to, but not those tracks themselves. Works and ISWCs
    /// join nothing yet. Each root asked for is in the map. Superseded decisions are left out, whatever superseded them; the
    /// rest is for [`fonoteca_model::rights::decide`].
    pub async fn decisions_for(&self, roots: &[BlobId]) -> Result<HashMap<BlobId, Vec<Decision>>, CatalogError> {
        let subjects = self.subjects_of(roots).await?;
        let mut by_subject: BTreeMap<&Subject, Vec<BlobId>> = BTreeMap::new();
        for (root, of_root) in &subjects {
            for subject in of_root {
                by_subject.entry(subject).or_default().push(*root);
            }
        }
        let exact: Vec<&Subject> = by_subject.keys().copied().collect();
        let mut found: HashMap<BlobId, Vec<Decision>> = roots.iter().map(|root| (*root, Vec::new())).collect();
        for decision in self.decisions_about(&exact).await? {
            let key = normalised(&decision.subject);
            for root in by_subject.get(&key).into_iter().flatten() {
                found.entry(*root).or_default().push(decision.clone());
            }
        }
        self.drop_superseded(&mut found).await?;
        Ok(found)
    }

    /// The decisions about exactly this subject, oldest first. Labels are compared by their folded names.
    pub async fn decisions_on(&self, subject: &Subject) -> Result<Vec<Decision>, CatalogError> {
        self.decisions_about(&[&normalised(subject)]).await
    }

    /// The decisions about any of these normalised subjects, oldest first.
    async fn decisions_about(&self, subjects: &[&Subject]) -> Result<Vec<Decision>, CatalogError> {
        let wanted: HashSet<&Subject> = subjects.iter().copied().collect();
        let keys: BTreeSet<&str> = subjects
            .iter()
            .filter(|subject| subject.kind != SubjectKind::Label)
            .map(|subject| subject.key.as_str())
            .collect();
        let mut rows: Vec<Rights> = self.keyed("subject", keys.into_iter().map(lit)).await?;
        rows.retain(|row| row.subject_kind != SubjectKind::Label.as_str());
        if subjects.iter().any(|subject| subject.kind == SubjectKind::Label) {
            rows.append(&mut self.keyed("subject_kind", [lit(SubjectKind::Label.as_str())]).await?);
        }
        let decisions = rows.into_iter().map(Decision::try_from).collect::<Result<Vec<_>, _>>()?;
        let mut decisions: Vec<Decision> =
            decisions.into_iter().filter(|decision| wanted.contains(&normalised(&decision.subject))).collect();
        decisions.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Ok(decisions)
    }

    /// Also what a decision about something else supersedes: that blob is no longer its subject.
    async fn drop_superseded(&self, found: &mut HashMap<BlobId, Vec<Decision>>) -> Result<(), CatalogError> {
        let ids: BTreeSet<String> = found.values().flatten().map(|decision| decision.id.clone()).collect();
        let later: Vec<Rights> = self.keyed("supersedes", ids.into_iter().map(lit)).await?;
        let superseded: HashSet<String> = later.into_iter().filter_map(|row| row.supersedes).collect();
        for decisions in found.values_mut() {
            decisions.retain(|decision| !superseded.contains(&decision.id));
        }
        Ok(())
    }

    /// Everything that each blob belongs to.
    async fn subjects_of(&self, roots: &[BlobId]) -> Result<HashMap<BlobId, Subjects>, CatalogError> {
        let family = self.ancestors(roots).await?;
        let all: BTreeSet<BlobId> = family.values().flatten().copied().collect();
        let holdings: Vec<Holding> = self.keyed("root", root_keys(&all)).await?;
        let covers = self.covered_by(&all).await?;

        let track_ids: BTreeSet<Id> =
            holdings.iter().map(|row| row.track_id).chain(covers.tracks.values().flatten().copied()).collect();
        let belongs = self.belongings(&track_ids, &covers).await?;

        let mut of_blob: HashMap<BlobId, Subjects> = HashMap::new();
        for row in &holdings {
            of_blob.entry(row.root).or_default().extend(belongs.of_track(row.track_id, Reach::Recording));
        }
        for (root, tracks) in &covers.tracks {
            let subjects = tracks.iter().flat_map(|track| belongs.of_track(*track, Reach::Surroundings));
            of_blob.entry(*root).or_default().extend(subjects);
        }
        for (root, albums) in &covers.albums {
            of_blob.entry(*root).or_default().extend(albums.iter().flat_map(|album| belongs.of_album(*album)));
        }
        let mut found = HashMap::new();
        for (root, ancestors) in family {
            let mut subjects = Subjects::new();
            for ancestor in ancestors {
                subjects.insert(Subject::new(SubjectKind::Blob, ancestor.to_string()));
                subjects.extend(of_blob.get(&ancestor).into_iter().flatten().cloned());
            }
            found.insert(root, subjects);
        }
        Ok(found)
    }

    /// Each blob with what it was derived from, itself included.
    async fn ancestors(&self, roots: &[BlobId]) -> Result<HashMap<BlobId, BTreeSet<BlobId>>, CatalogError> {
        let mut family: HashMap<BlobId, BTreeSet<BlobId>> =
            roots.iter().map(|root| (*root, BTreeSet::from([*root]))).collect();
        let mut parents: HashMap<BlobId, BlobId> = HashMap::new();
        let mut ask: BTreeSet<BlobId> = roots.iter().copied().collect();
        for _ in 0..DERIVED_DEPTH {
            let rows: Vec<Blob> =
                self.keyed_if("root", root_keys(&ask), Some(col("derived_from").is_not_null())).await?;
            if rows.is_empty() {
                break;
            }
            let found: HashMap<BlobId, BlobId> =
                rows.into_iter().filter_map(|row| Some((row.root, row.derived_from?))).collect();
            ask = found.values().copied().filter(|parent| !parents.contains_key(parent)).collect();
            parents.extend(found);
        }
        for (root, ancestors) in &mut family {
            let mut at = root;
            while let Some(parent) = parents.get(at) {
                if !ancestors.insert(*parent) {
                    break;
                }
                at = parent;
            }
        }
        Ok(family)
    }

    async fn covered_by(&self, roots: &BTreeSet<BlobId>) -> Result<Covers, CatalogError> {
        let mut covers = Covers::default();
        let albums: Vec<Album> = self.keyed("cover_root", root_keys(roots)).await?;
        for album in albums {
            covers.albums.entry(album.cover_root.unwrap_or(BlobId([0; 32]))).or_default().insert(album.id);
        }
        let files: Vec<File> = self.keyed("cover_root", root_keys(roots)).await?;
        let audio: BTreeSet<BlobId> = files.iter().map(|file| file.root).collect();
        let holdings: Vec<Holding> = self.keyed("root", root_keys(&audio)).await?;
        let mut tracks: HashMap<BlobId, Vec<Id>> = HashMap::new();
        for row in holdings {
            tracks.entry(row.root).or_default().push(row.track_id);
        }
        for file in files {
            let Some(cover) = file.cover_root else { continue };
            covers.tracks.entry(cover).or_default().extend(tracks.get(&file.root).into_iter().flatten().copied());
        }
        Ok(covers)
    }

    async fn belongings(&self, tracks: &BTreeSet<Id>, covers: &Covers) -> Result<Belongings, CatalogError> {
        let ids: Vec<Id> = tracks.iter().copied().collect();
        let recordings = self.same_as(LinkEntity::Recording, &ids).await?;
        let versions: Vec<Id> =
            recordings.values().flatten().chain(&ids).copied().collect::<BTreeSet<_>>().into_iter().collect();
        let tracks = self.tracks(&versions).await?;
        let album_ids: BTreeSet<Id> = ids
            .iter()
            .filter_map(|id| tracks.get(id)?.album_id)
            .chain(covers.albums.values().flatten().copied())
            .collect();
        let album_ids: Vec<Id> = album_ids.into_iter().collect();
        let same_albums = self.same_as(LinkEntity::Album, &album_ids).await?;
        let albums = self.albums(&album_ids).await?;
        let credits =
            tracks.values().flat_map(|track| &track.artists).chain(albums.values().flat_map(|album| &album.artists));
        let artist_ids: BTreeSet<Id> = credits.map(|credit| credit.artist_id).collect();
        let same_artists = self.same_as(LinkEntity::Artist, &artist_ids.into_iter().collect::<Vec<_>>()).await?;
        let mut collections: HashMap<Id, Vec<String>> = HashMap::new();
        for (track, entries) in self.collections_of(&ids).await? {
            let names = entries.into_iter().flat_map(|entry| [entry.id, entry.name]);
            collections.insert(track, names.collect());
        }
        Ok(Belongings { tracks, albums, recordings, same_albums, same_artists, collections })
    }

    /// All ids that links make one with each of `ids`, itself included.
    pub(in crate::snapshot) async fn same_as(
        &self,
        entity: LinkEntity,
        ids: &[Id],
    ) -> Result<HashMap<Id, BTreeSet<Id>>, CatalogError> {
        let ends = self.resolve(entity, ids).await?;
        let targets: Vec<Id> = ends.values().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let members = self.leading_to(entity, &targets).await?;
        let same = |id: &Id| {
            let end = ends.get(id).copied().unwrap_or(*id);
            let mut same: BTreeSet<Id> = members.get(&end).into_iter().flatten().copied().collect();
            same.extend([*id, end]);
            same
        };
        Ok(ids.iter().map(|id| (*id, same(id))).collect())
    }
}

/// What covers belong to.
#[derive(Default)]
struct Covers {
    albums: HashMap<BlobId, BTreeSet<Id>>,
    tracks: HashMap<BlobId, BTreeSet<Id>>,
}

/// How much of a track a blob is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Its sound.
    Recording,
    /// Only its cover.
    Surroundings,
}

/// What tracks and albums belong to.
struct Belongings {
    tracks: HashMap<Id, Track>,
    albums: HashMap<Id, Album>,
    recordings: HashMap<Id, BTreeSet<Id>>,
    same_albums: HashMap<Id, BTreeSet<Id>>,
    same_artists: HashMap<Id, BTreeSet<Id>>,
    collections: HashMap<Id, Vec<String>>,
}

impl Belongings {
    fn of_track(&self, id: Id, reach: Reach) -> Subjects {
        let mut subjects = Subjects::new();
        let Some(track) = self.tracks.get(&id) else {
            if reach == Reach::Recording {
                subjects.insert(Subject::new(SubjectKind::Track, id.to_string()));
            }
            return subjects;
        };
        if reach == Reach::Recording {
            subjects.insert(Subject::new(SubjectKind::Track, id.to_string()));
            for version in self.recordings.get(&id).into_iter().flatten() {
                subjects.insert(Subject::new(SubjectKind::Recording, version.to_string()));
                // Another statement about the same recording tells its ISRC and its artists too.
                if let Some(version) = self.tracks.get(version) {
                    subjects.extend(version.isrc.iter().map(|isrc| Subject::new(SubjectKind::Isrc, isrc)));
                    subjects.extend(self.of_credits(&version.artists));
                }
            }
        }
        subjects.extend(self.of_credits(&track.artists));
        subjects.extend(track.label.iter().map(|label| Subject::new(SubjectKind::Label, fold(label))));
        subjects.insert(Subject::new(SubjectKind::Source, &track.source));
        for name in self.collections.get(&id).into_iter().flatten() {
            subjects.insert(Subject::new(SubjectKind::Collection, name));
        }
        subjects.extend(track.album_id.iter().flat_map(|album| self.of_album(*album)));
        subjects
    }

    fn of_album(&self, id: Id) -> Subjects {
        let mut subjects: Subjects = self
            .same_albums
            .get(&id)
            .into_iter()
            .flatten()
            .map(|album| Subject::new(SubjectKind::Release, album.to_string()))
            .collect();
        subjects.insert(Subject::new(SubjectKind::Release, id.to_string()));
        if let Some(album) = self.albums.get(&id) {
            subjects.extend(album.upc.iter().map(|upc| Subject::new(SubjectKind::Upc, upc)));
            subjects.extend(album.label.iter().map(|label| Subject::new(SubjectKind::Label, fold(label))));
            subjects.insert(Subject::new(SubjectKind::Source, &album.source));
            subjects.extend(self.of_credits(&album.artists));
        }
        subjects
    }

    fn of_credits(&self, credits: &[Credit]) -> Subjects {
        let same = credits.iter().flat_map(|credit| {
            self.same_artists.get(&credit.artist_id).cloned().unwrap_or_else(|| BTreeSet::from([credit.artist_id]))
        });
        same.map(|artist| Subject::new(SubjectKind::Artist, artist.to_string())).collect()
    }
}

/// The form in which subjects are compared.
fn normalised(subject: &Subject) -> Subject {
    match subject.kind {
        SubjectKind::Label => Subject::new(subject.kind, fold(&subject.key)),
        _ => subject.clone(),
    }
}
