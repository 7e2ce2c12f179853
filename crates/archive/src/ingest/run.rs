//! The stages of an ingest, all at work at once: files are found, kept and described, and committed.
//!
//! ```text
//! walk, sift ──► chunk ──► keep ─► look at ──► commit, tell
//!                chunk ──► keep ─► …
//! ```
//!
//! A few chunks are open at a time, which bounds the memory. While one waits for its last, longest file or for the disk,
//! the processors work on the next; the chunks are committed in order.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fonoteca_catalog::Snapshot;
use fonoteca_model::progress::Progress;
use fonoteca_model::rights::Basis;
use fonoteca_model::{BlobId, Id};
use fonoteca_store::{Place, Places, Stamp};
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::beside::Folders;
use super::chunk::{Chunk, Worked};
use super::ledger::Ledger;
use super::outcome::{FileOutcome, Status};
use super::sift::{Sifted, sift};
use super::walk::{Candidate, Walk};
use super::{Options, SHOW_AFTER_SECONDS};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// Chunks that are worked on or wait to be committed.
const OPEN_CHUNKS: usize = 3;
/// Folders that are sifted ahead: enough for the next files to be told of, while the tables are asked about these.
const AHEAD: usize = 64;
/// Unchanged files that are told of together.
const TOLD_TOGETHER: usize = 4096;
/// How often somebody who waits for files asks whether to stop.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Places that are looked at together for files that are gone.
const PLACES_TOGETHER: usize = 4096;

/// One ingest.
pub(super) struct Run<'a, 'told> {
    pub archive: &'a Archive,
    pub options: &'a Options,
    pub progress: &'a dyn Progress,
    pub ledger: &'a Ledger<'told>,
    pub places: Arc<Places>,
    /// Whether to tell of files that look as they did.
    pub tell_unchanged: bool,
    /// As many places as files may be hashed or decoded at once.
    pub processors: Semaphore,
    /// What lies beside the files.
    pub folders: Folders,
}

impl Run<'_, '_> {
    /// Takes everything in. Where one stage fails, the others finish what they have at hand.
    pub async fn take_all(&self, walk: Walk) -> Result<(), ArchiveError> {
        let asked = walk.places();
        let (to_work, chunks) = mpsc::channel(0);
        let (to_commit, worked) = mpsc::unbounded();
        let (found, worked, committed) =
            tokio::join!(self.find(walk, to_work), self.work_on(chunks, to_commit), self.commit_all(worked));
        found.and(worked).and(committed)?;
        if self.progress.cancelled() {
            return Err(ArchiveError::Cancelled);
        }
        self.name_the_gone(&asked)
    }

    /// Finds files, settles those that are unchanged, and makes chunks of the others.
    async fn find(&self, walk: Walk, mut chunks: mpsc::Sender<Chunk>) -> Result<(), ArchiveError> {
        let (send, mut sifted) = tokio::sync::mpsc::channel(AHEAD);
        let (keep, store) = (self.options.keep, self.archive.store().clone());
        let places = Arc::clone(&self.places);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = sift(&walk, (keep, &store), &places, &send) {
                // Whoever does not listen any more has failed already.
                let _ = send.blocking_send(Err(error));
            }
        });
        let window = Arc::new(Semaphore::new(OPEN_CHUNKS));
        let open = || async { Arc::clone(&window).acquire_owned().await.expect("nobody closes it") };
        let mut batches = Batches::new(self.options);
        // What was found and not settled, and what of that is new: both in the order of the walk, since the first file of an
        // album names it, and a run after one that was killed has to name it alike.
        let (mut found, mut new, mut waiting) = (Vec::new(), 0, Vec::new());
        loop {
            // Looking through a large archive takes long, and nobody should have to wait for it.
            let some = match tokio::time::timeout(LOOK_AGAIN, sifted.recv()).await {
                Ok(Some(some)) => some,
                Ok(None) => break,
                Err(_) if self.progress.cancelled() => return Ok(()),
                Err(_) => continue,
            };
            let Sifted { files, failures, ignored } = some?;
            if self.progress.cancelled() {
                return Ok(());
            }
            self.ledger.pass_over(ignored);
            failures.into_iter().for_each(|failure| self.ledger.settle(failure, 0));
            new += files.iter().filter(|(_, root)| root.is_none()).count();
            found.extend(files);
            if found.len() >= TOLD_TOGETHER || waiting.len() + new >= batches.files {
                waiting.extend(self.settle_unchanged(std::mem::take(&mut found)).await?);
                new = 0;
            }
            while let Some(chunk) = batches.next(&mut waiting, false) {
                if chunks.send(chunk.into_chunk(open().await)).await.is_err() {
                    return Ok(());
                }
            }
        }
        waiting.extend(self.settle_unchanged(found).await?);
        while let Some(chunk) = batches.next(&mut waiting, true) {
            if chunks.send(chunk.into_chunk(open().await)).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Works on chunks, several at a time, and hands them on in order.
    async fn work_on(
        &self,
        chunks: mpsc::Receiver<Chunk>,
        done: mpsc::UnboundedSender<Worked>,
    ) -> Result<(), ArchiveError> {
        let mut worked = std::pin::pin!(chunks.map(|chunk| self.work(chunk)).buffered(OPEN_CHUNKS));
        while let Some(worked) = worked.next().await {
            if done.unbounded_send(worked?).is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn commit_all(&self, mut worked: mpsc::UnboundedReceiver<Worked>) -> Result<(), ArchiveError> {
        let mut shown = self.archive.now();
        while let Some(chunk) = worked.next().await {
            self.commit(chunk).await?;
            // A clock may be set back meanwhile. The last batch is shown by whoever called.
            let since = self.archive.now().as_seconds() - shown.as_seconds();
            if !(0..SHOW_AFTER_SECONDS).contains(&since) && !self.progress.cancelled() {
                self.archive.refresh_index().await?;
                shown = self.archive.now();
            }
        }
        Ok(())
    }

    /// Tells of files that look as they did, and gives back the others in their order: the new ones, and those that the
    /// tables do not know all the same, since a batch was never committed or an older state of the tables came back.
    async fn settle_unchanged(&self, files: Vec<(Candidate, Option<BlobId>)>) -> Result<Vec<Candidate>, ArchiveError> {
        let roots: Vec<BlobId> = files.iter().filter_map(|(_, root)| *root).collect();
        if roots.is_empty() {
            return Ok(files.into_iter().map(|(candidate, _)| candidate).collect());
        }
        let snapshot = self.archive.snapshot().await?;
        let known = snapshot.known_roots(&roots).await?;
        let known_roots: Vec<BlobId> = known.iter().copied().collect();
        let verdicts = if self.tell_unchanged { self.archive.verdicts(&known_roots).await? } else { HashMap::new() };
        let tracks = if self.tell_unchanged { self.tracks_of(&snapshot, &known_roots).await? } else { HashMap::new() };
        let mut others = Vec::new();
        for (candidate, root) in files {
            let Some(root) = root.filter(|root| known.contains(root)) else {
                others.push(candidate);
                continue;
            };
            if !self.tell_unchanged {
                continue;
            }
            let mut outcome =
                FileOutcome::new(&candidate, Status::Known, root, tracks.get(&root).into_iter().flatten().copied());
            outcome.basis = verdicts.get(&root).map_or(Basis::Unknown, |verdict| verdict.basis);
            self.ledger.settle_unchanged(outcome);
        }
        Ok(others)
    }

    /// The tracks of files that are known: of each the whole, or the parts that a CUE sheet made, in order.
    pub async fn tracks_of(
        &self,
        snapshot: &Snapshot,
        roots: &[BlobId],
    ) -> Result<HashMap<BlobId, Vec<Id>>, ArchiveError> {
        let mut holdings = snapshot.tracks_of_roots(roots).await?;
        let tracks = |root: &BlobId| {
            let mut parts = holdings.remove(root).unwrap_or_default();
            parts.retain(|holding| holding.start_ms.is_some());
            parts.sort_by_key(|holding| (holding.start_ms, holding.track_id));
            let parts: Vec<Id> = parts.into_iter().map(|holding| holding.track_id).collect();
            (*root, if parts.is_empty() { vec![Id::of("local", &root.to_string())] } else { parts })
        };
        Ok(roots.iter().map(tracks).collect())
    }

    /// Names the files that were taken in where they were, below the paths that were asked for, and are gone without their
    /// bytes being anywhere else.
    fn name_the_gone(&self, asked: &[PathBuf]) -> Result<(), ArchiveError> {
        for asked in asked {
            let mut after = None;
            loop {
                let places = self.places.below(asked, after.as_deref(), PLACES_TOGETHER)?;
                let Some(last) = places.last() else { break };
                after = Some(last.path.clone());
                let mut moved = Vec::new();
                for place in places {
                    if std::fs::symlink_metadata(&place.path).is_ok() {
                        continue;
                    }
                    if self.is_elsewhere(&place)? {
                        moved.push(place.path);
                        continue;
                    }
                    let reason = format!("is gone, and blob {} is nowhere else", place.root);
                    let mut outcome = FileOutcome::of_path(&place.path, Status::Gone, Some(reason));
                    outcome.root = Some(place.root);
                    self.ledger.settle(outcome, 0);
                }
                self.places.forget(&moved)?;
            }
        }
        Ok(())
    }

    /// Whether a blob's bytes are somewhere else than at this place, as far as that shows without reading them.
    pub fn is_elsewhere(&self, place: &Place) -> Result<bool, ArchiveError> {
        if self.archive.store().has_own(place.root) {
            return Ok(true);
        }
        let others = self.places.of_root(place.root)?;
        Ok(others.iter().any(|other| other.path != place.path && Stamp::at(&other.path) == Some(other.stamp)))
    }
}

/// Makes chunks that double in size, so that the first is committed soon and a large collection in few commits.
struct Batches {
    files: usize,
    most: usize,
    number: i64,
}

/// A chunk that waits for its place among the open ones.
struct Batch {
    number: i64,
    candidates: Vec<Candidate>,
}

impl Batches {
    fn new(options: &Options) -> Self {
        let files = options.first_batch.max(1);
        Self { files, most: Options::LARGEST_BATCH.max(files), number: 0 }
    }

    /// Takes the next chunk from the front of what waits; the last one may be smaller.
    fn next(&mut self, waiting: &mut Vec<Candidate>, last: bool) -> Option<Batch> {
        if waiting.is_empty() || (waiting.len() < self.files && !last) {
            return None;
        }
        let candidates = waiting.drain(..self.files.min(waiting.len())).collect();
        let batch = Batch { number: self.number, candidates };
        self.number += 1;
        self.files = (self.files * 2).min(self.most);
        Some(batch)
    }
}

impl Batch {
    fn into_chunk(self, open: OwnedSemaphorePermit) -> Chunk {
        Chunk { number: self.number, candidates: self.candidates, open }
    }
}
