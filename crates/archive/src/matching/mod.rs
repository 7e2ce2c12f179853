//! Which tracks of the catalogue the held ones are, one held track after the other: what is sure is joined, what is in
//! doubt a person looks at.
//!
//! Candidates come from exact keys (MusicBrainz id, ISRC, barcode with disc and number) and from the search index (artist
//! and title), so that the cost does not grow with the catalogue. How alike two are, and what is sure, is decided by
//! [`fonoteca_catalog::identity`]. Nothing is kept about what is in doubt: it is found again, and a pair's id says which
//! two tracks it is about.

mod candidates;
mod decide;

use std::fmt;
use std::str::FromStr;

use fonoteca_catalog::identity::Likeness;
use fonoteca_catalog::{Snapshot, Track};
use fonoteca_model::Id;
use fonoteca_model::progress::{Progress, Unit};
use futures::TryStreamExt;
use serde::{Serialize, Serializer};

pub use decide::{Decision, Rule, decide, pairs_by_rule};

use crate::archive::Archive;
use crate::error::ArchiveError;
use candidates::Candidates;

/// Held tracks that are looked at together.
const TRACKS_AT_ONCE: usize = 256;
/// Candidates of one track that are told.
const CANDIDATES: usize = 5;

/// A held track and one of the catalogue: `<held>-<catalogue>`, two ids of 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairId {
    /// What is held.
    pub held: Id,
    /// What it may be.
    pub other: Id,
}

impl fmt::Display for PairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.held, self.other)
    }
}

impl FromStr for PairId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let ids = text.split_once('-').and_then(|(held, other)| Some((held.parse().ok()?, other.parse().ok()?)));
        let (held, other) =
            ids.ok_or_else(|| format!("{text:?} is no pair: `fonoteca review` names them, two ids with a hyphen"))?;
        Ok(Self { held, other })
    }
}

impl Serialize for PairId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One track, as a person recognises it.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    /// The track.
    #[serde(serialize_with = "hex")]
    pub track_id: Id,
    /// Who tells of it.
    pub source: String,
    /// Its title.
    pub title: String,
    /// Its artists.
    pub artist: String,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
    /// ISRC.
    pub isrc: Option<String>,
    /// MusicBrainz recording id.
    pub mbid: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn hex<S: Serializer>(id: &Id, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

impl From<&Track> for Side {
    fn from(track: &Track) -> Self {
        Self {
            track_id: track.id,
            source: track.source.clone(),
            title: track.title.clone(),
            artist: track.artist_credit.clone(),
            duration_ms: track.duration_ms,
            isrc: track.isrc.clone(),
            mbid: track.mbid.clone(),
        }
    }
}

/// What a held track may be.
#[derive(Debug, Clone, Serialize)]
pub struct Candidate {
    /// To accept or refuse it by.
    pub id: PairId,
    /// Why.
    pub reason: &'static str,
    /// How sure, 0 to 1.
    pub score: f64,
    /// By itself it would be joined; it is in doubt because another candidate is as sure.
    pub sure: bool,
    /// The track of the catalogue.
    pub candidate: Side,
    #[serde(skip)]
    recording: Id,
}

/// A held track that is no track of the catalogue so far: a line of `review --json`.
#[derive(Debug, Clone, Serialize)]
pub struct Doubt {
    /// What is held.
    pub held: Side,
    /// What it may be, the likeliest first.
    pub candidates: Vec<Candidate>,
}

impl Doubt {
    /// The one candidate that may be joined without asking: it is sure, and no other recording is for as strong a reason.
    fn certain(&self) -> Option<&Candidate> {
        let first = self.candidates.first().filter(|candidate| candidate.sure)?;
        let mut rivals = self.candidates.iter().filter(|other| other.sure && other.recording != first.recording);
        rivals.all(|rival| strength(rival.reason) > strength(first.reason)).then_some(first)
    }
}

/// The strongest reason first.
fn strength(reason: &str) -> usize {
    let order = ["mbid", "isrc", "upc-position", "artist-title-duration"];
    order.iter().position(|known| *known == reason).unwrap_or(order.len())
}

fn order(likeness: &Likeness) -> (bool, usize, i64) {
    (!likeness.sure, strength(likeness.reason), -(likeness.score * 1e6) as i64)
}

/// What [`join_sure`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Matched {
    /// Held tracks that were joined to a track of the catalogue.
    pub joined: u64,
    /// Held tracks with candidates that a person has to look at.
    pub doubtful: u64,
}

/// Joins each of these held tracks to the catalogue where that is sure.
pub async fn join_sure(archive: &Archive, tracks: &[Id], progress: &dyn Progress) -> Result<Matched, ArchiveError> {
    let mut matched = Matched::default();
    // Where there is nothing but what is held, nobody has to look.
    if tracks.is_empty() || !candidates::is_there_a_catalogue(&archive.snapshot().await?).await? {
        return Ok(matched);
    }
    for chunk in tracks.chunks(TRACKS_AT_ONCE) {
        let snapshot = archive.snapshot().await?;
        let mut sure = Vec::new();
        for doubt in doubts(archive, &snapshot, chunk).await? {
            match doubt.certain() {
                Some(candidate) => sure.push(Decision::accept(&doubt, candidate)),
                None => matched.doubtful += 1,
            }
        }
        if !sure.is_empty() {
            matched.joined += decide(archive, sure, crate::ingest::AGENT).await?;
        }
        if progress.cancelled() {
            return Err(ArchiveError::Cancelled);
        }
    }
    Ok(matched)
}

/// Tells of every held track that is no track of the catalogue and has candidates.
pub async fn review(
    archive: &Archive,
    progress: &dyn Progress,
    each: &mut dyn FnMut(Doubt),
) -> Result<(), ArchiveError> {
    let snapshot = archive.snapshot().await?;
    progress.stage("matching held tracks", None, Unit::Items);
    let mut held = snapshot.held_tracks().await?;
    while let Some(some) = held.try_next().await? {
        for chunk in some.chunks(TRACKS_AT_ONCE) {
            doubts(archive, &snapshot, chunk).await?.into_iter().for_each(&mut *each);
            progress.advance(chunk.len() as u64);
            if progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
        }
    }
    Ok(())
}

/// The held tracks among these that are no track of the catalogue and have candidates, in the order given.
async fn doubts(archive: &Archive, snapshot: &Snapshot, tracks: &[Id]) -> Result<Vec<Doubt>, ArchiveError> {
    let candidates = Candidates::find(archive, snapshot, tracks).await?;
    Ok(tracks.iter().filter_map(|track| candidates.of(*track)).collect())
}
