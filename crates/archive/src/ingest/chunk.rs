//! The work on some files, up to what can be committed: keep them, see which are known, describe the others.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use fonoteca_audio::AudioError;
use fonoteca_model::BlobId;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::OwnedSemaphorePermit;

use super::describe::{Described, Description, describe};
use super::keep::{Stored, keep, keep_packed};
use super::look::{check_at_rest, look_at};
use super::outcome::{FileOutcome, Status};
use super::packed::Packed;
use super::run::Run;
use super::walk::Candidate;
use crate::error::{ArchiveError, said};

/// Files of a chunk whose bytes are on their way at once: enough that the disk makes many durable in one go.
const ARRIVING: usize = 32;

/// Files that are committed together.
pub(super) struct Chunk {
    /// The number of its batch.
    pub number: i64,
    pub candidates: Vec<Candidate>,
    /// A place among the chunks that are open, given back when this one is settled.
    pub open: OwnedSemaphorePermit,
}

/// A chunk whose files have all been worked on.
pub(super) struct Worked {
    pub number: i64,
    /// Files that could not be kept or described.
    pub failed: Vec<FileOutcome>,
    /// Files that are new.
    pub described: Vec<Described>,
    /// Files whose bytes were known, from the tables or from this chunk.
    pub repeated: Vec<Stored>,
    /// Files that are nothing to keep, and why.
    pub turned_away: Vec<(Stored, AudioError)>,
    pub open: OwnedSemaphorePermit,
}

/// What became of a new file.
enum Looked {
    Described(Box<Described>),
    TurnedAway(Box<Stored>, AudioError),
    Changed(FileOutcome),
    /// The user stopped it.
    Left,
}

impl Run<'_, '_> {
    /// Works on a chunk. Its files are begun in the order of their sizes, so that a huge one does not come last, and told of
    /// in the order in which they were found.
    pub(super) async fn work(&self, chunk: Chunk) -> Result<Worked, ArchiveError> {
        let Chunk { number, candidates, open } = chunk;
        let (stored, failed) = self.keep_all(candidates).await?;
        let roots: Vec<BlobId> = stored.iter().map(|stored| stored.hashes.root).collect();
        let known = self.archive.snapshot().await?.known_roots(&roots).await?;
        let mut seen = HashSet::new();
        let (fresh, repeated): (Vec<_>, Vec<_>) = stored
            .into_iter()
            .partition(|stored| !known.contains(&stored.hashes.root) && seen.insert(stored.hashes.root));
        let mut worked = Worked { number, failed, described: Vec::new(), repeated, turned_away: Vec::new(), open };
        let sizes: Vec<u64> = fresh.iter().map(|stored| stored.hashes.size).collect();
        for looked in in_order_of_size(fresh, &sizes, ARRIVING, |stored| self.look(stored)).await? {
            match looked {
                Looked::Described(described) => worked.described.push(*described),
                Looked::TurnedAway(stored, error) => worked.turned_away.push((*stored, error)),
                Looked::Changed(outcome) => worked.failed.push(outcome),
                Looked::Left => {}
            }
        }
        Ok(worked)
    }

    async fn keep_all(&self, candidates: Vec<Candidate>) -> Result<(Vec<Stored>, Vec<FileOutcome>), ArchiveError> {
        let items = together(candidates);
        let sizes: Vec<u64> = items.iter().map(Item::size).collect();
        let kept = in_order_of_size(items, &sizes, ARRIVING, |item| async move {
            if self.progress.cancelled() {
                return Ok(Vec::new());
            }
            let kept = match item {
                Item::Packed(packed, candidates) => keep_packed(self, packed, candidates).await?,
                Item::File(candidate) => {
                    let kept = keep(self.archive, &candidate, self.options, &self.processors).await;
                    vec![(*candidate, kept)]
                }
            };
            kept.into_iter()
                .map(|(candidate, kept)| match kept {
                    Err(error) if error.is_full() => Err(ArchiveError::from(error)),
                    kept => Ok((candidate, kept)),
                })
                .collect()
        });
        let (mut stored, mut failed) = (Vec::new(), Vec::new());
        for (candidate, kept) in kept.await?.into_iter().flatten() {
            match kept {
                Ok(kept) => stored.push(kept),
                Err(error) => {
                    let status = if error.is_refusal() { Status::Refused } else { Status::Failed };
                    failed.push(FileOutcome::without_blob(&candidate, status, said(&error)));
                }
            }
        }
        Ok((stored, failed))
    }

    async fn look(&self, stored: Stored) -> Result<Looked, ArchiveError> {
        let at_work = self.processors.acquire().await;
        if self.progress.cancelled() {
            return Ok(Looked::Left);
        }
        let found = look_at(self.archive, &stored, self.options, self.progress).await?;
        drop(at_work);
        if let Err(error) = check_at_rest(&stored) {
            return Ok(Looked::Changed(FileOutcome::without_blob(&stored.candidate, Status::Failed, said(&error))));
        }
        Ok(match found {
            Ok(analysis) => {
                let beside = match self.folders.beside(&stored.candidate) {
                    Ok(beside) => beside,
                    Err(error) => return Ok(Looked::TurnedAway(Box::new(stored), error)),
                };
                match describe(self.archive, stored, analysis, self.options, &beside).await? {
                    Description::Whole(described) => Looked::Described(described),
                    Description::Waits(stored, error) => Looked::TurnedAway(stored, error),
                }
            }
            Err(AudioError::Cancelled { .. }) => Looked::Left,
            Err(error) => {
                let error = error.about(&stored.candidate.path);
                Looked::TurnedAway(Box::new(stored), error)
            }
        })
    }
}

/// What is kept together: a file, or all entries of one archive, since they are read one after the other.
enum Item {
    File(Box<Candidate>),
    Packed(Arc<Packed>, Vec<Candidate>),
}

impl Item {
    fn size(&self) -> u64 {
        let size = |candidate: &Candidate| match &candidate.packed {
            Some(entry) => entry.size,
            None => candidate.stamp.map_or(0, |stamp| stamp.size),
        };
        match self {
            Self::File(candidate) => size(candidate),
            Self::Packed(_, candidates) => candidates.iter().map(size).fold(0, u64::saturating_add),
        }
    }
}

/// Files as they are, and entries by their archives, which follow each other.
fn together(candidates: Vec<Candidate>) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for candidate in candidates {
        let of = candidate.packed.as_ref().map(|entry| Arc::clone(&entry.packed));
        match (of, items.last_mut()) {
            (None, _) => items.push(Item::File(Box::new(candidate))),
            (Some(of), Some(Item::Packed(packed, entries))) if Arc::ptr_eq(&of, packed) => entries.push(candidate),
            (Some(of), _) => items.push(Item::Packed(of, vec![candidate])),
        }
    }
    items
}

/// Does `work` on all items, the largest begun first and so many at once; the answers come in the items' order.
async fn in_order_of_size<T, A, F: Future<Output = Result<A, ArchiveError>>>(
    items: Vec<T>,
    sizes: &[u64],
    at_once: usize,
    work: impl Fn(T) -> F,
) -> Result<Vec<A>, ArchiveError> {
    let mut numbered: Vec<(usize, T)> = items.into_iter().enumerate().collect();
    numbered.sort_by_key(|(number, _)| Reverse(sizes[*number]));
    let answers = futures::stream::iter(numbered).map(|(number, item)| {
        let answer = work(item);
        async move { Ok::<_, ArchiveError>((number, answer.await?)) }
    });
    let mut answers: Vec<(usize, A)> = answers.buffer_unordered(at_once).try_collect().await?;
    answers.sort_by_key(|(number, _)| *number);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}
