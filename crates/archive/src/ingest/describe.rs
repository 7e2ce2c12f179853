//! From one file's analysis to what the tables will say of it.

use std::os::unix::ffi::OsStrExt;

use fonoteca_audio::{Analysis, AudioError, Fingerprint, Picture, cover};
use fonoteca_model::licence::{self, LicenceMatch};
use fonoteca_model::rights::{Basis, Decision, Subject, SubjectKind};
use fonoteca_model::units::Bytes;
use fonoteca_model::{BlobHashes, BlobId};

use super::Options;
use super::beside::Beside;
use super::keep::Stored;
use super::outcome::{FileOutcome, Status};
use super::parts::{Part, parts};
use super::words::{Words, keep_words};
use crate::archive::Archive;
use crate::error::{ArchiveError, said};
use crate::rights::decision_id;

/// A file that is kept and has been analysed.
pub(super) struct Described {
    pub outcome: FileOutcome,
    pub stored: Stored,
    pub analysis: Analysis,
    /// The tracks that play from it, at least one.
    pub parts: Vec<Part>,
    pub cover: Option<Cover>,
    pub words: Option<Words>,
    pub decisions: Vec<Decision>,
}

/// A cover that is in the store.
pub(super) struct Cover {
    pub hashes: BlobHashes,
    pub mime: String,
    pub embedded: bool,
}

impl Described {
    pub fn root(&self) -> BlobId {
        self.stored.hashes.root
    }

    /// The bytes of its name below the folder that was asked for.
    pub fn name(&self) -> &[u8] {
        self.stored.candidate.name.as_os_str().as_bytes()
    }

    /// The hash of its packets, where they were read.
    pub fn essence(&self) -> Option<String> {
        self.analysis.essence.known().map(|sha256| sha256.to_string())
    }

    pub fn fingerprint(&self) -> Option<&Fingerprint> {
        self.analysis.fingerprint.as_ref()
    }
}

/// A new file, or one that is to wait.
pub(super) enum Description {
    Whole(Box<Described>),
    Waits(Box<Stored>, AudioError),
}

/// Why a file cannot be described.
pub(super) enum Undescribed {
    /// The disk does not give what belongs to it, and a file that was taken in without that would stay so.
    Waits(AudioError),
    Fails(ArchiveError),
}

impl From<AudioError> for Undescribed {
    fn from(error: AudioError) -> Self {
        Self::Waits(error)
    }
}

impl From<ArchiveError> for Undescribed {
    fn from(error: ArchiveError) -> Self {
        Self::Fails(error)
    }
}

pub(super) async fn describe(
    archive: &Archive,
    stored: Stored,
    mut analysis: Analysis,
    options: &Options,
    beside: &Beside,
) -> Result<Description, ArchiveError> {
    let root = stored.hashes.root;
    let (parts, cover, words) = match belongings(archive, &stored, &mut analysis, options, beside).await {
        Ok(found) => found,
        Err(Undescribed::Waits(error)) => return Ok(Description::Waits(Box::new(stored), error)),
        Err(Undescribed::Fails(error)) => return Err(error),
    };
    let status = if analysis.state.as_str() == "malformed" { Status::Malformed } else { Status::Added };
    let mut outcome = stored.outcome(status, parts.iter().map(|part| part.track));
    let decisions = decisions(archive, root, &analysis, &parts, options);
    outcome.basis = fonoteca_model::rights::decide(&decisions, archive.now()).basis;
    // What the samples show is kept and told, but it is nothing that was left out.
    let noteworthy = !analysis.notes.is_empty();
    analysis.notes.extend(analysis.checks.iter().flat_map(fonoteca_audio::Checks::sentences));
    let mut said: Vec<&str> = analysis.state.reason().into_iter().collect();
    said.extend(analysis.notes.iter().map(String::as_str));
    outcome.noteworthy = noteworthy;
    outcome.reason = (!said.is_empty()).then(|| said.join("; "));
    Ok(Description::Whole(Box::new(Described { outcome, stored, analysis, parts, cover, words, decisions })))
}

/// The tracks of a file, its cover and its words.
async fn belongings(
    archive: &Archive,
    stored: &Stored,
    analysis: &mut Analysis,
    options: &Options,
    beside: &Beside,
) -> Result<(Vec<Part>, Option<Cover>, Option<Words>), Undescribed> {
    let name = stored.candidate.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parts = parts(stored.hashes.root, &name, analysis, beside)?;
    let cover = keep_cover(archive, analysis, beside, options.limits.cover_bytes).await?;
    let words = keep_words(archive, &name, parts.len() > 1, analysis, beside).await?;
    Ok((parts, cover, words))
}

/// The picture inside the file, or else the one that lies beside it.
async fn keep_cover(
    archive: &Archive,
    analysis: &mut Analysis,
    beside: &Beside,
    cover_bytes: u64,
) -> Result<Option<Cover>, Undescribed> {
    if let Some(picture) = analysis.cover.take() {
        return Ok(put_cover(archive, picture, true, analysis).await?);
    }
    let Some(name) = beside.cover() else { return Ok(None) };
    match beside.read(name, cover_bytes)?.map(|bytes| bytes.and_then(cover::front)) {
        Ok(Some(picture)) => Ok(put_cover(archive, picture, false, analysis).await?),
        Ok(None) => {
            let limit = Bytes(cover_bytes);
            analysis.notes.push(format!("the cover {name} was left: no picture, or larger than {limit}"));
            Ok(None)
        }
        Err(error) => {
            analysis.notes.push(format!("the cover {name} was left: {error}"));
            Ok(None)
        }
    }
}

/// A cover that cannot be kept is left out; only a disk that is full or fails stops everything.
async fn put_cover(
    archive: &Archive,
    picture: Picture,
    embedded: bool,
    analysis: &mut Analysis,
) -> Result<Option<Cover>, ArchiveError> {
    match archive.store().put_bytes(&picture.data).await {
        Ok(put) => Ok(Some(Cover { hashes: put.hashes, mime: picture.mime, embedded })),
        Err(error) if error.is_full() || error.is_io_error() => Err(error.into()),
        Err(error) => {
            analysis.notes.push(format!("the cover was left: {}", said(&error)));
            Ok(None)
        }
    }
}

/// What the operator says of the file, and what its tags say. Both count, and the strictest wins.
fn decisions(archive: &Archive, root: BlobId, analysis: &Analysis, parts: &[Part], options: &Options) -> Vec<Decision> {
    let tags = &analysis.tags;
    let tagged = tags.licence.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let subject = Subject::new(SubjectKind::Blob, root.to_string());
    let (artist, title) = match parts {
        [several, _, ..] => (several.tags.album_artist.as_ref(), several.tags.album.as_ref()),
        _ => (tags.artist.as_ref(), tags.title.as_ref()),
    };
    let credit = artist.map(|artist| match title {
        Some(title) => format!("{title}, by {artist}"),
        None => artist.clone(),
    });
    let at = archive.now();
    let decision = |basis, licence: Option<&str>, asserted_by: &str| Decision {
        id: decision_id(&subject, asserted_by, "ingest"),
        licence: licence.map(str::to_owned),
        attribution: credit.clone(),
        at,
        ..Decision::draft(subject.clone(), basis, asserted_by)
    };
    let licensed = options.basis == Basis::Licensed;
    // For files said to be licensed, the licence in the file is the statement; what the operator gave stands in for it.
    let stated = if licensed { tagged.or(options.licence.as_deref()) } else { options.licence.as_deref() };
    let mut all = vec![decision(options.basis, stated, &options.asserted_by)];
    if let Some(tagged) = tagged.filter(|text| !licensed && matches!(licence::read(text), LicenceMatch::Known { .. })) {
        all.push(decision(Basis::Licensed, Some(tagged), "tag"));
    }
    all
}
