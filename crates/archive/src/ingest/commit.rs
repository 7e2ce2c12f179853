//! From what was described to rows, under the commit lock, where nobody else can add the same file, artist or album.

use std::collections::HashMap;
use std::path::PathBuf;

use fonoteca_audio::AudioError;
use fonoteca_catalog::{Batch, Location, Snapshot};
use fonoteca_model::BlobId;
use fonoteca_model::rights::Basis;
use fonoteca_store::Place;

use super::chunk::Worked;
use super::describe::Described;
use super::keep::Stored;
use super::outcome::{FileOutcome, Kept, Status};
use super::run::Run;
use super::{matching, resolve, rows};
use crate::error::ArchiveError;
use crate::places::location;

impl Run<'_, '_> {
    /// Commits a chunk and tells what became of its files.
    pub(super) async fn commit(&self, worked: Worked) -> Result<(), ArchiveError> {
        let Worked { number, failed, described, repeated, turned_away, open } = worked;
        failed.into_iter().for_each(|outcome| self.ledger.settle(outcome, 0));
        let mut why: HashMap<BlobId, AudioError> = HashMap::new();
        for (stored, error) in turned_away {
            self.ledger.settle(FileOutcome::turned_away(&stored.candidate, &error), 0);
            why.insert(stored.hashes.root, error);
        }
        self.drop_unwanted(why.keys().copied().collect()).await?;
        let mut known = Vec::new();
        for stored in repeated {
            let Some(error) = why.remove(&stored.hashes.root) else {
                known.push(stored);
                continue;
            };
            let error = error.about(&stored.candidate.path);
            self.ledger.settle(FileOutcome::turned_away(&stored.candidate, &error), 0);
            why.insert(stored.hashes.root, error);
        }
        if !described.is_empty() || known.iter().any(|stored| self.is_new_place(stored)) {
            let late = self.add(number, described, &known).await?;
            known.extend(late);
        }
        let told = self.tell_known(known).await;
        drop(open);
        told
    }

    /// Adds the rows of files that are new, and of new places of those that are known. Returns files that another process
    /// was faster with.
    async fn add(&self, number: i64, described: Vec<Described>, known: &[Stored]) -> Result<Vec<Stored>, ArchiveError> {
        let writer = self.archive.catalog().writer().await?;
        let snapshot = writer.snapshot().clone();
        let roots: Vec<BlobId> = described.iter().map(Described::root).collect();
        let held = snapshot.known_roots(&roots).await?;
        let (late, fresh): (Vec<_>, Vec<_>) = described.into_iter().partition(|file| held.contains(&file.root()));
        let (fresh, lost): (Vec<_>, Vec<_>) = fresh.into_iter().partition(|file| self.has_bytes(&file.stored));
        for file in lost {
            let reason = "its bytes went away while it was taken in: run the same again".to_owned();
            self.ledger.settle(FileOutcome::without_blob(&file.stored.candidate, Status::Failed, reason), 0);
        }
        let late: Vec<Stored> = late.into_iter().map(|file| file.stored).collect();
        let mut batch = self.batch(&snapshot, &fresh).await?;
        let new_places = known.iter().chain(&late).filter(|stored| self.is_new_place(stored));
        batch.locations.extend(new_places.map(|stored| location(&stored.place())));
        let was = self.note_changes(fresh.iter().map(|file| &file.stored))?;
        // Before the commit: a blob in place is found from the instant on from which it counts, and a place whose rows never
        // came is looked at again.
        self.places.record(&fresh.iter().map(|file| file.stored.place()).collect::<Vec<_>>())?;
        writer.commit(&self.options.job, number, batch).await?;
        for Described { mut outcome, stored, .. } in fresh {
            was.say_of(&stored, &mut outcome);
            self.ledger.settle(outcome, stored.hashes.size);
        }
        Ok(late)
    }

    async fn batch(&self, snapshot: &Snapshot, fresh: &[Described]) -> Result<Batch, ArchiveError> {
        if fresh.is_empty() {
            return Ok(Batch::default());
        }
        let now = self.archive.now();
        let resolved = resolve::resolve(snapshot, fresh).await?;
        let heard: Vec<matching::Heard> = fresh.iter().map(matching::Heard::from).collect();
        let links = matching::links(self.archive, snapshot, &heard, now).await?;
        let mut batch = rows::batch(fresh, &resolved, links, self.options, now);
        batch.blobs = rows::only_new(snapshot, batch.blobs).await?;
        let in_place = fresh.iter().filter(|file| file.stored.kept == Kept::InPlace);
        batch.locations = in_place.map(|file| location(&file.stored.place())).collect::<Vec<Location>>();
        Ok(batch)
    }

    /// Tells of files whose bytes were known, and remembers where they were seen.
    async fn tell_known(&self, known: Vec<Stored>) -> Result<(), ArchiveError> {
        if known.is_empty() {
            return Ok(());
        }
        let roots: Vec<BlobId> = known.iter().map(|stored| stored.hashes.root).collect();
        let verdicts = self.archive.verdicts(&roots).await?;
        let tracks = self.tracks_of(&self.archive.snapshot().await?, &roots).await?;
        let was = self.note_changes(known.iter())?;
        self.places.record(&known.iter().map(Stored::place).collect::<Vec<_>>())?;
        for stored in known {
            let tracks = tracks.get(&stored.hashes.root).into_iter().flatten().copied();
            let mut outcome = stored.outcome(Status::Known, tracks);
            outcome.basis = verdicts.get(&stored.hashes.root).map_or(Basis::Unknown, |verdict| verdict.basis);
            was.say_of(&stored, &mut outcome);
            self.ledger.settle(outcome, 0);
        }
        Ok(())
    }

    /// Whether the bytes are where they are kept: rows must never name others.
    fn has_bytes(&self, stored: &Stored) -> bool {
        stored.kept == Kept::InPlace || self.archive.store().has_own(stored.hashes.root)
    }

    /// Whether the archive needs to be told where the bytes are: it has none of its own.
    fn is_new_place(&self, stored: &Stored) -> bool {
        stored.kept == Kept::InPlace && !self.archive.store().has_own(stored.hashes.root)
    }

    /// What is to be said of files that are not where or what they were, looked up before their places are overwritten.
    fn note_changes<'b>(&self, files: impl Iterator<Item = &'b Stored>) -> Result<Changes, ArchiveError> {
        let mut changes = Changes::default();
        for stored in files {
            let (path, root) = (&stored.candidate.place, stored.hashes.root);
            if let Some(before) = stored.candidate.before.as_ref().filter(|before| before.root != root) {
                let lost = before.in_place && !self.is_elsewhere(before)?;
                changes.changed.insert(path.clone(), (before.clone(), lost));
            }
            if stored.kept == Kept::InPlace {
                let moved = self
                    .places
                    .of_root(root)?
                    .into_iter()
                    .find(|place| place.path != *path && std::fs::symlink_metadata(&place.path).is_err());
                changes.moved.extend(moved.map(|place| (path.clone(), place.path)));
            }
        }
        Ok(changes)
    }

    /// Removes bytes that came into the store only to be looked at, now or by a run that was killed, unless a table refers
    /// to them: the same bytes may be somebody's cover or document.
    async fn drop_unwanted(&self, roots: Vec<BlobId>) -> Result<(), ArchiveError> {
        if roots.is_empty() {
            return Ok(());
        }
        let wanted = self.archive.snapshot().await?.blobs(&roots).await?;
        for root in roots.into_iter().filter(|root| !wanted.contains_key(root)) {
            self.archive.store().remove(root).await?;
        }
        Ok(())
    }
}

/// Files that are not where or what they were, by their paths.
#[derive(Default)]
struct Changes {
    /// What was there, and whether its bytes are lost.
    changed: HashMap<PathBuf, (Place, bool)>,
    /// Where the same bytes were before.
    moved: HashMap<PathBuf, PathBuf>,
}

impl Changes {
    fn say_of(&self, stored: &Stored, outcome: &mut FileOutcome) {
        let path = &stored.candidate.place;
        if let Some(from) = self.moved.get(path) {
            outcome.reason.get_or_insert_with(|| format!("moved here from {}", from.display()));
        }
        if let Some((before, lost)) = self.changed.get(path) {
            let lost = if *lost { ", which is nowhere else" } else { "" };
            outcome.say(&format!("was changed since it was taken in as blob {}{lost}", before.root));
        }
    }
}
