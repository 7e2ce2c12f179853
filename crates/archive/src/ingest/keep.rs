//! Getting the bytes of one file to where they are kept.

use std::path::PathBuf;

use fonoteca_model::{BlobHashes, Id};
use fonoteca_store::{How, Place, Stamp, StoreError, Way};
use tokio::sync::Semaphore;

use super::outcome::{FileOutcome, Kept, Status};
use super::walk::Candidate;
use super::{Keep, Options};
use crate::archive::Archive;
use crate::error::ArchiveError;

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
    /// The track that stands for the file: named by its bytes, wherever they lie.
    pub fn track(&self) -> Id {
        Id::of("local", &self.hashes.root.to_string())
    }

    pub fn outcome(&self, status: Status) -> FileOutcome {
        let mut outcome = FileOutcome::new(&self.candidate, status, self.hashes.root, self.track());
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
    let stamp = arrival.stamp();
    let put = arrival.settle().await?;
    let kept = match put.how {
        How::Copied | How::Moved => Kept::Copy,
        How::Reflinked => Kept::Reflink,
        How::HardLinked => Kept::HardLink,
    };
    Ok(Stored { candidate: candidate.clone(), hashes: put.hashes, stamp, kept })
}
