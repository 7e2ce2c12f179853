//! What is held more than once, and which copy is the best. Nothing is ever deleted here.

use std::collections::{BTreeMap, HashMap};

use fonoteca_audio::Quality;
use fonoteca_catalog::{File, FileState, Location, Sameness, Snapshot, Track, Twin};
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::{BlobId, Id, Sha256Hash};
use futures::TryStreamExt;
use serde::Serialize;

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::quality::best_first;

/// Copies whose rows are looked up together.
const COPIES_AT_ONCE: usize = 4096;

/// One copy.
#[derive(Debug, Clone, Serialize)]
pub struct HeldCopy {
    /// Its blob.
    pub root: BlobId,
    /// The best of its group.
    pub best: bool,
    /// The name under which it was taken in, or, of one blob at several places, all places.
    pub paths: Vec<String>,
    /// Bytes.
    pub bytes: i64,
    /// `sound`, `unprovable` or `malformed`.
    pub state: FileState,
    /// The codec.
    pub codec: String,
    /// Bits a second.
    pub bit_rate: Option<i32>,
    /// Samples a second.
    pub sample_rate: i32,
    /// Bits a sample.
    pub bit_depth: Option<i32>,
    /// Channels.
    pub channels: i32,
    /// Milliseconds.
    pub duration_ms: i64,
    /// Nothing was thrown away, as far as can be told.
    pub lossless: bool,
    /// Where lossless coding of what was lossy before is cut off, in Hz.
    pub cutoff_hz: Option<i32>,
    /// The hash of its packets: copies with the same one differ in their tags alone.
    pub essence: Sha256Hash,
}

/// Copies of one thing, the best one first: a line of `duplicates --json`.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// What they have in common.
    pub same: Sameness,
    /// The recording.
    #[serde(serialize_with = "hex")]
    pub recording_id: Option<Id>,
    /// The title of the best copy.
    pub title: Option<String>,
    /// Its artists.
    pub artist: Option<String>,
    /// The best copy.
    pub best: BlobId,
    /// Bytes of all others.
    pub other_bytes: i64,
    /// All of them.
    pub copies: Vec<HeldCopy>,
}

#[expect(clippy::ref_option, reason = "serde hands over a reference")]
fn hex<S: serde::Serializer>(id: &Option<Id>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

/// Tells of every group, the closest sameness first; a group by recording has several essences, so that what was only
/// re-tagged is told once.
pub async fn duplicates(
    archive: &Archive,
    kinds: &[Sameness],
    progress: &dyn Progress,
    each: &mut dyn FnMut(&Group),
) -> Result<(), ArchiveError> {
    let snapshot = archive.snapshot().await?;
    progress.stage("looking for duplicates", None, Unit::Items);
    for same in Sameness::ALL.into_iter().filter(|same| kinds.contains(same)) {
        let mut waiting: Vec<Twin> = Vec::new();
        let mut twins = snapshot.twins(same).await?;
        while let Some(some) = twins.try_next().await? {
            if progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            progress.advance(some.len() as u64);
            waiting.extend(some);
            if waiting.len() >= COPIES_AT_ONCE {
                // The last group may go on.
                let last = waiting[waiting.len() - 1].key.clone();
                let whole = waiting.partition_point(|twin| twin.key != last);
                let rest = waiting.split_off(whole);
                tell(&snapshot, same, &std::mem::replace(&mut waiting, rest), each).await?;
            }
        }
        tell(&snapshot, same, &waiting, each).await?;
    }
    Ok(())
}

async fn tell(
    snapshot: &Snapshot,
    same: Sameness,
    twins: &[Twin],
    each: &mut dyn FnMut(&Group),
) -> Result<(), ArchiveError> {
    let roots: Vec<BlobId> = twins.iter().map(|twin| twin.root).collect();
    let files = snapshot.files(&roots).await?;
    let holdings = snapshot.tracks_of_roots(&roots).await?;
    let ids: Vec<Id> = holdings.values().flatten().map(|holding| holding.track_id).collect();
    let tracks = snapshot.tracks(&ids).await?;
    let recordings = snapshot.recording_of(&ids).await?;
    let places = if same == Sameness::Bytes { places(snapshot, &roots).await? } else { HashMap::new() };
    for group in twins.chunk_by(|one, other| one.key == other.key) {
        let held: Vec<&File> = group.iter().filter_map(|twin| files.get(&twin.root)).collect();
        let held = best_first(held, |file| file);
        let Some((best, _)) = held.first() else { continue };
        let of = |root: &BlobId| -> Option<&Track> { tracks.get(&holdings.get(root)?.first()?.track_id) };
        let track = of(&best.root);
        let described = held.iter().map(|(file, quality)| copy(file, quality, file.root == best.root, &places));
        let copies: Vec<HeldCopy> = described.collect();
        let all: i64 = copies.iter().map(|copy| copy.bytes * copy.paths.len() as i64).sum();
        each(&Group {
            same,
            recording_id: track.map(|track| recordings.get(&track.id).copied().unwrap_or(track.id)),
            title: track.map(|track| track.title.clone()),
            artist: track.map(|track| track.artist_credit.clone()),
            best: best.root,
            other_bytes: all - best.size,
            copies,
        });
    }
    Ok(())
}

/// Where the blobs lie that were taken in without copying them.
async fn places(snapshot: &Snapshot, roots: &[BlobId]) -> Result<HashMap<BlobId, Vec<String>>, ArchiveError> {
    let mut places: BTreeMap<BlobId, Vec<String>> = BTreeMap::new();
    let roots: Vec<String> = roots.iter().map(ToString::to_string).collect();
    for location in snapshot.rows_by::<Location, String>("root", &roots).await? {
        places.entry(location.root).or_default().push(String::from_utf8_lossy(&location.path).into_owned());
    }
    for paths in places.values_mut() {
        paths.sort();
        paths.dedup();
    }
    Ok(places.into_iter().collect())
}

fn copy(file: &File, quality: &Quality, best: bool, places: &HashMap<BlobId, Vec<String>>) -> HeldCopy {
    let taken_in = || vec![String::from_utf8_lossy(&file.path).into_owned()];
    HeldCopy {
        root: file.root,
        best,
        paths: places.get(&file.root).cloned().unwrap_or_else(taken_in),
        bytes: file.size,
        state: file.state,
        codec: file.codec.clone(),
        bit_rate: file.bit_rate,
        sample_rate: file.sample_rate,
        bit_depth: file.bit_depth,
        channels: file.channels,
        duration_ms: file.duration_ms,
        lossless: quality.is_lossless(),
        cutoff_hz: file.cutoff_hz,
        essence: file.essence,
    }
}
