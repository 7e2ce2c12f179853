//! How far a check is, on disk: `state/fixity/<walk>.json`, so that what was interrupted or killed goes on there.
//!
//! Written whole after every few seconds of work, before the events of what it tells of are committed. The batch's number
//! stands in it, so that after a kill in between they are committed then, and once.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::PathBuf;

use fonoteca_catalog::Snapshot;
use fonoteca_model::units::{millis, optional_millis};
use fonoteca_model::{BlobId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Amount, Extent};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::moment::job;

/// The version of the file; one of another version is not gone on with.
const FORMAT: u32 = 1;

/// Which check: each goes on by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Walk {
    /// Everything, asked for by a person.
    All,
    /// Round after round, some at a time.
    Round,
    /// A sample of so many.
    Sample(Amount),
}

impl Walk {
    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Round => "round",
            Self::Sample(_) => "sample",
        }
    }
}

/// What is wrong with a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wrong {
    /// It is gone.
    Missing,
    /// These pieces of 1 MiB differ.
    Damaged { pieces: Vec<u64>, found: String },
    /// The disk does not give these pieces; all that it gives is right.
    Unreadable { pieces: Vec<u64>, found: String },
}

/// What became of a blob that is worth an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finding {
    pub root: BlobId,
    /// None: its last check failed, and it is sound now.
    pub wrong: Option<Wrong>,
}

/// How far a check is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub format: u32,
    /// When it began.
    #[serde(with = "millis")]
    pub began: Timestamp,
    /// When it ended; none: it goes on.
    #[serde(with = "optional_millis")]
    pub ended: Option<Timestamp>,
    /// Of a sample: how many, and what chance began with.
    pub amount: Option<Amount>,
    pub seed: Option<u64>,
    /// The last blob that was checked; those after it are left.
    pub after: Option<BlobId>,
    pub checked: u64,
    pub bytes: u64,
    /// The job of its events, and the last batch.
    pub job: String,
    pub batch: i64,
    /// What it found, in order; the first so many had been committed when this was written.
    pub findings: Vec<Finding>,
    pub committed: usize,
}

/// A check that only this process is at.
#[derive(Debug)]
pub(super) struct Round {
    /// None: nobody is to go on with it.
    pub walk: Option<Walk>,
    path: Option<PathBuf>,
    _lock: Option<File>,
    pub state: State,
    /// Whether `state` is that of an earlier run.
    found: bool,
}

impl State {
    fn new(archive: &Archive, snapshot: &Snapshot) -> Self {
        let now = archive.now();
        Self { format: FORMAT, began: now, job: job("fixity", now, snapshot), ..Self::default() }
    }

    /// What a check of this kind last wrote; none where there is nothing that can be gone on with.
    pub fn read(archive: &Archive, walk: Walk) -> Result<Option<Self>, ArchiveError> {
        let path = folder(archive).join(format!("{}.json", walk.name()));
        match std::fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok().filter(|state: &Self| state.format == FORMAT)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ArchiveError::io(path, "cannot be read")(source)),
        }
    }
}

fn folder(archive: &Archive) -> PathBuf {
    archive.state_path().join("fixity")
}

impl Round {
    /// Takes a check over, as far as it is.
    pub fn open(archive: &Archive, walk: Walk) -> Result<Self, ArchiveError> {
        let folder = folder(archive);
        std::fs::create_dir_all(&folder).map_err(ArchiveError::io(&folder, "cannot be made"))?;
        let lock = folder.join(format!("{}.lock", walk.name()));
        let file = File::options().create(true).truncate(false).write(true).open(&lock);
        let file = file.map_err(ArchiveError::io(&lock, "cannot be made"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ArchiveError::Busy { what: "fonoteca verify" }),
            Err(TryLockError::Error(error)) => return Err(ArchiveError::io(&lock, "cannot be locked")(error)),
        }
        let path = Some(folder.join(format!("{}.json", walk.name())));
        let found = State::read(archive, walk)?;
        Ok(Self { walk: Some(walk), path, _lock: Some(file), found: found.is_some(), state: found.unwrap_or_default() })
    }

    /// A check of a few blobs, which nobody goes on with.
    pub fn unsaved(archive: &Archive, snapshot: &Snapshot) -> Self {
        Self { walk: None, path: None, _lock: None, state: State::new(archive, snapshot), found: false }
    }

    /// Whether what was found is the same check, not at its end.
    pub fn goes_on(&self, extent: Extent) -> bool {
        let same = match extent {
            Extent::Sample { amount, seed, .. } => {
                self.state.amount == Some(amount) && (seed.is_none() || self.state.seed == seed)
            }
            _ => true,
        };
        self.found && self.state.ended.is_none() && same
    }

    /// Begins anew.
    pub fn begin(&mut self, archive: &Archive, snapshot: &Snapshot, extent: Extent) -> Result<(), ArchiveError> {
        self.state = State::new(archive, snapshot);
        if let Extent::Sample { amount, seed, fresh_seed } = extent {
            self.state.amount = Some(amount);
            self.state.seed = Some(seed.unwrap_or(fresh_seed));
        }
        self.save()
    }

    pub fn save(&self) -> Result<(), ArchiveError> {
        let Some(path) = &self.path else { return Ok(()) };
        let bytes = serde_json::to_vec(&self.state).map_err(|error| ArchiveError::Bug(error.to_string()))?;
        Ok(fonoteca_store::write_file(path, &bytes)?)
    }

    /// Everything was just checked: the turn of each blob comes again after a whole round. Somebody who is at the round
    /// just now goes on with it.
    pub fn all_were_checked(archive: &Archive) -> Result<(), ArchiveError> {
        let Some(all) = State::read(archive, Walk::All)? else { return Ok(()) };
        match Self::open(archive, Walk::Round) {
            Ok(mut round) => {
                round.state = State { findings: Vec::new(), committed: 0, ..all };
                round.save()
            }
            Err(ArchiveError::Busy { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
