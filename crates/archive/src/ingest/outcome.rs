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
    /// It was taken in where it was, is not there any more, and its bytes are nowhere else.
    Gone,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// In the archive, as a copy.
    Copy,
    /// In the archive, as a copy that shares its blocks with the source.
    Reflink,
    /// In the archive, under a second name of the source.
    HardLink,
    /// Where they were.
    InPlace,
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
    /// The track that plays from it, 16 hex digits; the first of several.
    pub track_id: Option<String>,
    /// All of them, where a CUE sheet made several tracks of the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub track_ids: Vec<String>,
    /// The basis in force for it.
    pub basis: Basis,
    /// Where its bytes are, if they were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
    /// Why, when it is not simply there; what was noticed, when it is.
    pub reason: Option<String>,
    /// A person watching wants to know the reason, though all went well: a huge cover was left out, a file was changed.
    #[serde(skip)]
    pub(super) noteworthy: bool,
}

impl FileOutcome {
    /// Whether a person watching wants to hear of it at once.
    pub fn is_worth_a_note(&self) -> bool {
        self.noteworthy || matches!(self.status, Status::Malformed | Status::Refused | Status::Failed | Status::Gone)
    }

    pub(super) fn new(
        candidate: &Candidate,
        status: Status,
        root: BlobId,
        tracks: impl IntoIterator<Item = Id>,
    ) -> Self {
        let mut outcome = Self::of_path(&candidate.path, status, None);
        outcome.root = Some(root);
        let tracks: Vec<String> = tracks.into_iter().map(|track| track.to_string()).collect();
        outcome.track_id = tracks.first().cloned();
        outcome.track_ids = if tracks.len() > 1 { tracks } else { Vec::new() };
        outcome
    }

    /// Adds to what is said of it.
    pub(super) fn say(&mut self, what: &str) {
        self.noteworthy = true;
        self.reason = Some(match self.reason.take() {
            Some(reason) => format!("{what}; {reason}"),
            None => what.to_owned(),
        });
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
            track_ids: Vec::new(),
            basis: Basis::Unknown,
            kept: None,
            reason,
            noteworthy: false,
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
    /// Those among them that look as they did when they were taken in, so that they were not read.
    pub unchanged: u64,
    /// Files taken in incomplete.
    pub malformed: u64,
    /// Files not taken in because of what they are.
    pub refused: u64,
    /// Files not taken in because they could not be read.
    pub failed: u64,
    /// Files that were taken in where they were, and are not there any more.
    pub gone: u64,
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
            Status::Gone => self.gone += 1,
        }
        self.bytes += bytes;
    }

    /// Whether some items were not taken in.
    pub fn incomplete(&self) -> bool {
        self.refused + self.failed > 0
    }
}
