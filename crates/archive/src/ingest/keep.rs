//! Getting the bytes of one file to where they are kept.

use std::path::PathBuf;
use std::sync::Arc;

use fonoteca_model::{BlobHashes, Id, Timestamp};
use fonoteca_store::{Arrival, How, Place, Stamp, StoreError, Way};
use futures::StreamExt;
use tokio::sync::Semaphore;

use super::look::stoppable;
use super::outcome::{FileOutcome, Kept, Status};
use super::packed::{Entry, Packed, PackedError};
use super::run::Run;
use super::walk::Candidate;
use super::{Keep, Options};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// Entries of one archive that are made durable at once.
const SETTLING: usize = 32;

/// A file whose bytes are where they are kept.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub candidate: Candidate,
    pub hashes: BlobHashes,
    /// What it looked like when it was read.
    pub stamp: Stamp,
    pub kept: Kept,
}

impl Stored {
    /// What became of it, with the tracks that play from it.
    pub fn outcome(&self, status: Status, tracks: impl IntoIterator<Item = Id>) -> FileOutcome {
        let mut outcome = FileOutcome::new(&self.candidate, status, self.hashes.root, tracks);
        outcome.kept = Some(self.kept);
        outcome
    }

    /// Where it was seen.
    pub fn place(&self) -> Place {
        Place {
            path: self.candidate.place.clone(),
            stamp: self.stamp,
            root: self.hashes.root,
            in_place: self.kept == Kept::InPlace,
        }
    }

    /// The file to describe: the bytes that are kept, not the source, whatever happens to the source meanwhile.
    pub fn file(&self, archive: &Archive) -> Result<PathBuf, ArchiveError> {
        let root = self.hashes.root;
        if self.kept == Kept::InPlace {
            return Ok(self.candidate.path.clone());
        }
        archive.store().path_of(root).ok_or(ArchiveError::MissingBlob { root })
    }
}

/// Reads and hashes a file, and keeps it as the options say. A place among `processors` is held as long as it makes work
/// for one: not while the disk is waited for.
pub(super) async fn keep(
    archive: &Archive,
    candidate: &Candidate,
    options: &Options,
    processors: &Semaphore,
) -> Result<Stored, StoreError> {
    let (store, path, most) = (archive.store(), &candidate.path, options.limits.file_bytes);
    let way = match options.keep {
        Keep::Copy => Way::Copy,
        Keep::Link => Way::Link,
        Keep::InPlace => {
            let at_work = processors.acquire().await;
            let (hashes, stamp) = store.hash_file(path, most).await?;
            drop(at_work);
            return Ok(Stored { candidate: candidate.clone(), hashes, stamp, kept: Kept::InPlace });
        }
    };
    let at_work = processors.acquire().await;
    let arrival = store.take(path, most, way).await?;
    drop(at_work);
    finish(candidate, arrival).await
}

/// Makes durable what was read and hashed.
pub(super) async fn finish(candidate: &Candidate, arrival: Arrival) -> Result<Stored, StoreError> {
    let stamp = arrival.stamp().or(candidate.stamp);
    let put = arrival.settle().await?;
    let kept = match put.how {
        How::Copied | How::Moved => Kept::Copy,
        How::Reflinked => Kept::Reflink,
        How::HardLinked => Kept::HardLink,
    };
    // Whatever was read has one: a file its own, an entry that of its archive.
    let stamp = stamp.unwrap_or(Stamp { size: put.hashes.size, mtime: Timestamp(0), inode: 0 });
    Ok(Stored { candidate: candidate.clone(), hashes: put.hashes, stamp, kept })
}

/// What became of an entry's bytes; nothing where the user stopped it before.
type Arrived = Result<Option<Result<Arrival, StoreError>>, PackedError>;

/// Reads and hashes entries of an archive into the store, in the order in which they lie there. What cannot be read is told
/// entry by entry.
pub(super) async fn keep_packed(
    run: &Run<'_, '_>,
    packed: Arc<Packed>,
    candidates: Vec<Candidate>,
) -> Result<Vec<(Candidate, Result<Stored, StoreError>)>, ArchiveError> {
    let (store, most) = (run.archive.store().clone(), run.options.limits.file_bytes);
    let entries: Vec<Entry> = candidates.iter().filter_map(|candidate| candidate.packed.clone()).collect();
    let at_work = run.processors.acquire().await;
    let read = stoppable(run.progress, move |stopped| {
        packed.read(&entries, &mut |entry, bytes| {
            // What an archive says of a length is the most that is believed.
            (!stopped()).then(|| store.take_stream(&entry.shown(), bytes, most.min(entry.size)))
        })
    });
    let arrived = read.await?;
    drop(at_work);
    let settle = |(candidate, arrived): (Candidate, Arrived)| async move {
        let kept = match arrived {
            Ok(None) => return None,
            Ok(Some(Ok(arrival))) => finish(&candidate, arrival).await,
            Ok(Some(Err(error))) => Err(error),
            Err(error) => {
                let source = std::io::Error::other(error);
                Err(StoreError::Io { action: "read", path: candidate.path.clone(), source })
            }
        };
        Some((candidate, kept))
    };
    let settled = futures::stream::iter(candidates.into_iter().zip(arrived)).map(settle).buffered(SETTLING);
    Ok(settled.filter_map(std::future::ready).collect().await)
}
