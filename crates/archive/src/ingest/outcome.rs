//! What became of each file.

use std::path::Path;

use fonoteca_audio::AudioError;
use fonoteca_model::rights::Basis;
use fonoteca_model::{BlobId, Id};
use serde::Serialize;

use super::walk::Candidate;
use crate::error::said;

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Taken in.
    Added,
    /// Its bytes were already held.
    Known,
    /// Taken in, though it arrived incomplete.
    Malformed,
    /// Not taken in: no audio, or locked by DRM.
    Refused,
    /// Not taken in: it could not be read.
    Failed,
}

/// One line of `ingest --json`.
#[derive(Debug, Clone, Serialize)]
pub struct FileOutcome {
    /// The path as given, with what is not UTF-8 replaced.
    pub path: String,
    /// The path's bytes in hex, where [`Self::path`] had to replace something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// What became of it.
    pub status: Status,
    /// The blob's id, once it has one.
    pub root: Option<BlobId>,
    /// The track that it plays for, 16 hex digits.
    pub track_id: Option<String>,
    /// The basis in force for it.
    pub basis: Basis,
    /// Why, when it is not simply there; what was noticed, when it is.
    pub reason: Option<String>,
    /// Something of the file was left out: a huge cover, tags beyond any measure.
    #[serde(skip)]
    pub(super) partial: bool,
}

impl FileOutcome {
    /// Whether a person watching wants to hear of it at once.
    pub fn is_worth_a_note(&self) -> bool {
        self.partial || matches!(self.status, Status::Malformed | Status::Refused | Status::Failed)
    }

    pub(super) fn new(candidate: &Candidate, status: Status, root: BlobId, track: Id) -> Self {
        let mut outcome = Self::of_path(&candidate.path, status, None);
        outcome.root = Some(root);
        outcome.track_id = Some(track.to_string());
        outcome
    }

    pub(super) fn without_blob(candidate: &Candidate, status: Status, reason: String) -> Self {
        Self::of_path(&candidate.path, status, Some(reason))
    }

    /// A file that is no audio that can be taken in.
    pub(super) fn turned_away(candidate: &Candidate, error: &AudioError) -> Self {
        let status = if matches!(error, AudioError::Read { .. }) { Status::Failed } else { Status::Refused };
        Self::without_blob(candidate, status, said(error))
    }

    pub(super) fn of_path(path: &Path, status: Status, reason: Option<String>) -> Self {
        use std::os::unix::ffi::OsStrExt;
        let path_hex = path.to_str().is_none().then(|| hex::encode(path.as_os_str().as_bytes()));
        Self {
            path: path.to_string_lossy().into_owned(),
            path_hex,
            status,
            root: None,
            track_id: None,
            basis: Basis::Unknown,
            reason,
            partial: false,
        }
    }
}

/// The last line of `ingest --json`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Files taken in, malformed ones not counted.
    pub added: u64,
    /// Files whose bytes were already held.
    pub known: u64,
    /// Files taken in incomplete.
    pub malformed: u64,
    /// Files not taken in because of what they are.
    pub refused: u64,
    /// Files not taken in because they could not be read.
    pub failed: u64,
    /// Files beside the music that nobody asked for: texts, playlists, pictures.
    pub ignored: u64,
    /// Bytes of audio added.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Summary {
    pub(super) fn count(&mut self, outcome: &FileOutcome, bytes: u64) {
        match outcome.status {
            Status::Added => self.added += 1,
            Status::Known => self.known += 1,
            Status::Malformed => self.malformed += 1,
            Status::Refused => self.refused += 1,
            Status::Failed => self.failed += 1,
        }
        self.bytes += bytes;
    }

    /// Whether some items were not taken in.
    pub fn incomplete(&self) -> bool {
        self.refused + self.failed > 0
    }
}
