//! Decisions about works: they reach the held audio whose tags name the work.
//!
//! No table names works; the tags of a file do, by ISWC or MusicBrainz work id. A file that is the same recording as one
//! with such a tag is of the same work, whatever its own tags leave out. A cover is not: its layer is its own.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use fonoteca_audio::named_works;
use fonoteca_catalog::arrow::array::{Array as _, AsArray as _};
use fonoteca_catalog::{Rights, Snapshot, Table};
use fonoteca_model::rights::{Decision, Subject, SubjectKind};
use fonoteca_model::{BlobId, Id};
use futures::TryStreamExt;

use crate::archive::Archive;
use crate::error::ArchiveError;

/// Which files may name a work at all; the tags themselves are read to know.
const FILES_NAMING_WORKS: &str =
    "SELECT root, tags FROM files WHERE tags ILIKE '%iswc%' OR tags ILIKE '%musicbrainz%work%id%'";
const ANY_DECISION: &str = "SELECT 1 FROM rights WHERE subject_kind IN ('work', 'iswc') LIMIT 1";

impl Archive {
    /// All decisions that concern these blobs, oldest first: those that [`Snapshot::decisions_for`] finds, and those about the
    /// works that the blobs are recordings of.
    pub(crate) async fn decisions_for(
        &self,
        snapshot: &Snapshot,
        roots: &[BlobId],
    ) -> Result<HashMap<BlobId, Vec<Decision>>, ArchiveError> {
        let mut found = snapshot.decisions_for(roots).await?;
        if self.decides_about_works(snapshot).await? {
            // A copy plays for no track itself: what reaches its original reaches it.
            let sources = snapshot.sources_of(roots).await?;
            let asked: BTreeSet<BlobId> = roots.iter().chain(sources.values()).copied().collect();
            let about = about_works(snapshot, &asked.into_iter().collect::<Vec<_>>()).await?;
            for root in roots {
                let of_root = [Some(root), sources.get(root)].into_iter().flatten().filter_map(|root| about.get(root));
                let all = found.entry(*root).or_default();
                all.extend(of_root.flatten().cloned());
                all.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
            }
        }
        Ok(found)
    }

    /// Whether there is any decision about a work; few archives have one, so it is asked once a version of the table.
    async fn decides_about_works(&self, snapshot: &Snapshot) -> Result<bool, ArchiveError> {
        let version = snapshot.versions().get(&Table::Rights).copied().unwrap_or(-1);
        if let Some((_, any)) = self.works_decided().lock().filter(|(known, _)| *known == version) {
            return Ok(any);
        }
        let any = snapshot.sql(ANY_DECISION).await?.iter().any(|batch| batch.num_rows() > 0);
        *self.works_decided().lock() = Some((version, any));
        Ok(any)
    }
}

/// The held audio that a subject stands for, works included, with all copies that were made of it.
pub(crate) async fn roots_of_subject(snapshot: &Snapshot, subject: &Subject) -> Result<Vec<BlobId>, ArchiveError> {
    let mut roots = originals_of_subject(snapshot, subject).await?;
    if let (SubjectKind::Blob, Ok(root)) = (subject.kind, subject.key.parse::<BlobId>()) {
        roots.extend(snapshot.sources_of(&[root]).await?.into_keys());
    }
    let copies = snapshot.copies_of(&roots).await?;
    Ok(roots.into_iter().chain(copies.into_keys()).collect::<BTreeSet<_>>().into_iter().collect())
}

async fn originals_of_subject(snapshot: &Snapshot, subject: &Subject) -> Result<Vec<BlobId>, ArchiveError> {
    if !matches!(subject.kind, SubjectKind::Work | SubjectKind::Iswc) {
        return Ok(snapshot.roots_of_subject(subject).await?);
    }
    let mut naming = BTreeSet::new();
    let mut batches = snapshot.sql_stream(FILES_NAMING_WORKS).await?;
    while let Some(batch) = batches.try_next().await? {
        let (roots, tags) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
        for row in (0..batch.num_rows()).filter(|row| roots.is_valid(*row) && tags.is_valid(*row)) {
            if works_in(tags.value(row)).contains(subject) {
                naming.extend(roots.value(row).parse::<BlobId>());
            }
        }
    }
    let naming: Vec<BlobId> = naming.into_iter().collect();
    let same = same_recordings(snapshot, &naming).await?;
    let all: BTreeSet<BlobId> = same.into_values().flatten().chain(naming).collect();
    Ok(all.into_iter().collect())
}

/// The works that a file's tags name, as subjects of decisions.
fn works_in(tags: &str) -> BTreeSet<Subject> {
    // Tags that cannot be read name nothing; `files` holds what ingest wrote.
    let raw: Vec<(String, String)> = serde_json::from_str(tags).unwrap_or_default();
    let works = named_works(&raw);
    let iswcs = works.iswcs.iter().map(|iswc| Subject::new(SubjectKind::Iswc, iswc.as_str()));
    let mbids = works.mbids.iter().map(|mbid| Subject::new(SubjectKind::Work, mbid.as_str()));
    iswcs.chain(mbids).collect()
}

async fn about_works(snapshot: &Snapshot, roots: &[BlobId]) -> Result<HashMap<BlobId, Vec<Decision>>, ArchiveError> {
    let same = same_recordings(snapshot, roots).await?;
    let all: BTreeSet<BlobId> = same.values().flatten().copied().collect();
    let files = snapshot.files(&all.into_iter().collect::<Vec<_>>()).await?;
    let works: HashMap<BlobId, BTreeSet<Subject>> =
        files.iter().map(|(root, file)| (*root, works_in(&file.tags))).collect();
    let mut of_work: BTreeMap<&Subject, BTreeSet<BlobId>> = BTreeMap::new();
    for (root, versions) in &same {
        for work in versions.iter().filter_map(|version| works.get(version)).flatten() {
            of_work.entry(work).or_default().insert(*root);
        }
    }
    let keys: BTreeSet<&String> = of_work.keys().map(|work| &work.key).collect();
    let rows: Vec<Rights> = snapshot.rows_by("subject", keys).await?;
    let decisions = rows.into_iter().map(Decision::try_from).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<String> = decisions.iter().map(|decision| decision.id.clone()).collect();
    let later: Vec<Rights> = snapshot.rows_by("supersedes", &ids).await?;
    let superseded: HashSet<String> = later.into_iter().filter_map(|row| row.supersedes).collect();
    let mut found: HashMap<BlobId, Vec<Decision>> = HashMap::new();
    for decision in decisions.into_iter().filter(|decision| !superseded.contains(&decision.id)) {
        for root in of_work.get(&decision.subject).into_iter().flatten() {
            found.entry(*root).or_default().push(decision.clone());
        }
    }
    Ok(found)
}

/// The audio that is the same recording as each of these blobs, themselves included. What plays for no track is left out.
async fn same_recordings(
    snapshot: &Snapshot,
    roots: &[BlobId],
) -> Result<HashMap<BlobId, BTreeSet<BlobId>>, ArchiveError> {
    let holdings = snapshot.tracks_of_roots(roots).await?;
    let ids = |ids: BTreeSet<Id>| ids.into_iter().collect::<Vec<Id>>();
    let tracks = ids(holdings.values().flatten().map(|holding| holding.track_id).collect());
    let recording = snapshot.recording_of(&tracks).await?;
    let versions = snapshot.tracks_of_recordings(&ids(recording.values().copied().collect())).await?;
    let audio = snapshot.roots_of_tracks(&ids(versions.values().flatten().copied().collect())).await?;
    let same = |track: &Id| {
        let versions = recording.get(track).and_then(|recording| versions.get(recording)).into_iter().flatten();
        versions.filter_map(|version| audio.get(version)).flatten().map(|holding| holding.root).collect::<Vec<_>>()
    };
    let of_root = |(root, holdings): (BlobId, Vec<fonoteca_catalog::Holding>)| {
        let all = holdings.iter().flat_map(|holding| same(&holding.track_id)).chain([root]).collect();
        (root, all)
    };
    Ok(holdings.into_iter().map(of_root).collect())
}
