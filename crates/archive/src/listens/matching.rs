//! Which recordings the counted keys name.
//!
//! The keys are on disk in order. One pass over the tracks of the catalogue writes, in the same order, the keys of tracks
//! that were perhaps listened to; going through both at once brings key and track together. Memory stays the same however
//! many there are.

use std::path::Path;

use fonoteca_catalog::Snapshot;
use fonoteca_model::Id;
use fonoteca_model::progress::{Progress, Unit};
use futures::TryStreamExt as _;

use super::key::{Key, Kind};
use super::tally::{Pair, Pairs, Runs, Tally};
use crate::error::ArchiveError;

/// Tracks whose recordings are looked up at once.
const LOOK_UP: usize = 500_000;
/// Tracks of one key at most; a name that fits more names none.
const SAME_KEY: usize = 1000;
/// Bits of the filter for each key, of which each key sets four: one track in forty passes it for nothing.
const FILTER_BITS: u64 = 10;
/// Bytes of the filter at most.
const FILTER_BYTES: u64 = 256 << 20;

/// What matching found.
pub(super) struct Matched {
    /// Counts by recording: see [`key_of`].
    pub(super) recordings: Runs,
    /// Listens of recordings that the catalogue knows.
    pub(super) known: u64,
    /// Listens of others.
    pub(super) unknown: u64,
}

/// A recording as a key that sorts as the signed number does.
pub(super) fn key_of(recording: Id) -> u128 {
    u128::from(recording.0.cast_unsigned() ^ (1 << 63))
}

/// The recording of such a key.
pub(super) fn recording_of(key: u128) -> Id {
    Id((key as u64 ^ (1 << 63)).cast_signed())
}

/// Brings the counts of `keys` to recordings. A name that fits several recordings names none: a wrong count is worse than
/// none.
pub(super) async fn matched(
    snapshot: &Snapshot,
    keys: &[Runs],
    folder: &Path,
    in_memory: usize,
    progress: &dyn Progress,
) -> Result<Matched, ArchiveError> {
    let failed = || ArchiveError::io(folder, "cannot keep the counts");
    let most = keys.iter().map(Runs::pairs_at_most).sum::<std::io::Result<u64>>().map_err(failed())?;
    let (mut wanted, mut kinds) = (Filter::of(most), [false; 3]);
    for pair in Merged::new(keys).map_err(failed())? {
        let key = Key(pair.map_err(failed())?.0);
        kinds[key.kind() as usize] = true;
        wanted.insert(key);
    }
    let tracks = candidates(snapshot, &wanted, kinds, folder, in_memory, progress).await?;
    join(snapshot, keys, &tracks, folder, in_memory).await
}

/// The keys of all tracks that were perhaps listened to.
async fn candidates(
    snapshot: &Snapshot,
    wanted: &Filter,
    kinds: [bool; 3],
    folder: &Path,
    in_memory: usize,
    progress: &dyn Progress,
) -> Result<Runs, ArchiveError> {
    let failed = || ArchiveError::io(folder, "cannot keep the counts");
    let mut pairs = Pairs::new(folder, "tracks", in_memory);
    progress.stage("matching", None, Unit::Items);
    let mut names = snapshot.track_names().await?;
    while let Some(some) = names.try_next().await? {
        for track in &some {
            let isrc = track.isrc.as_deref().filter(|_| kinds[Kind::Isrc as usize]).map(Key::isrc);
            let mbid = track.mbid.as_deref().filter(|_| kinds[Kind::Mbid as usize]).map(Key::mbid);
            let name = kinds[Kind::Name as usize].then(|| Key::name(&track.artist_credit, &track.title));
            for key in [isrc, mbid, name].into_iter().flatten().filter(|key| wanted.may_have(*key)) {
                pairs.add((key.0, track.id.0)).map_err(failed())?;
            }
        }
        progress.advance(some.len() as u64);
        if progress.cancelled() {
            return Err(ArchiveError::Cancelled);
        }
    }
    pairs.finish().map_err(failed())
}

async fn join(
    snapshot: &Snapshot,
    keys: &[Runs],
    tracks: &Runs,
    folder: &Path,
    in_memory: usize,
) -> Result<Matched, ArchiveError> {
    let failed = || ArchiveError::io(folder, "cannot keep the counts");
    let mut tally = Tally::new(folder, "recordings", in_memory);
    let (mut matched, mut unmatched) = (0, 0);
    let mut tracks = tracks.pairs().map_err(failed())?.peekable();
    let mut keys = Merged::new(keys).map_err(failed())?;
    let mut waiting: Vec<(i64, Vec<Id>)> = Vec::new();
    let mut held = 0;
    loop {
        let pair = keys.next().transpose().map_err(failed())?;
        if let Some((key, count)) = pair {
            let mut of_key = Vec::new();
            while let Some(track) = tracks.next_if(|next| next.as_ref().map_or(true, |next| next.0 <= key)) {
                let (track_key, id) = track.map_err(failed())?;
                if track_key == key && of_key.len() <= SAME_KEY {
                    of_key.push(Id(id));
                }
            }
            if of_key.is_empty() || of_key.len() > SAME_KEY {
                unmatched += count.unsigned_abs();
            } else {
                held += of_key.len();
                waiting.push((count, of_key));
            }
        }
        if held >= LOOK_UP || pair.is_none() {
            let ids: Vec<Id> = waiting.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
            let recordings = snapshot.recording_of(&ids).await?;
            for (count, ids) in waiting.drain(..) {
                let of = |id: &Id| recordings.get(id).copied().unwrap_or(*id);
                let first = of(&ids[0]);
                if ids.iter().all(|id| of(id) == first) {
                    matched += count.unsigned_abs();
                    if tally.add(key_of(first), count) {
                        tally.spill().map_err(failed())?;
                    }
                } else {
                    unmatched += count.unsigned_abs();
                }
            }
            held = 0;
        }
        if pair.is_none() {
            let recordings = tally.finish().map_err(failed())?;
            return Ok(Matched { recordings, known: matched, unknown: unmatched });
        }
    }
}

/// The sums of several inputs as one ascending sequence.
struct Merged {
    inputs: Vec<std::iter::Peekable<Box<dyn Iterator<Item = std::io::Result<Pair>> + Send>>>,
}

impl Merged {
    fn new(keys: &[Runs]) -> std::io::Result<Self> {
        let open = |runs: &Runs| {
            let sums: Box<dyn Iterator<Item = std::io::Result<Pair>> + Send> = Box::new(runs.sums()?);
            Ok(sums.peekable())
        };
        Ok(Self { inputs: keys.iter().map(open).collect::<std::io::Result<_>>()? })
    }
}

impl Iterator for Merged {
    type Item = std::io::Result<Pair>;

    fn next(&mut self) -> Option<Self::Item> {
        for input in &mut self.inputs {
            if matches!(input.peek(), Some(Err(_))) {
                return input.next();
            }
        }
        let key_of = |pair: &std::io::Result<Pair>| pair.as_ref().map_or(0, |pair| pair.0);
        let least = self.inputs.iter_mut().filter_map(|input| input.peek().map(key_of)).min()?;
        let mut sum = 0_i64;
        for input in &mut self.inputs {
            if let Some(Ok((_, number))) = input.next_if(|pair| key_of(pair) == least) {
                sum = sum.saturating_add(number);
            }
        }
        Some(Ok((least, sum)))
    }
}

/// Says of most keys that were not put in that they were not: a Bloom filter.
struct Filter {
    words: Vec<u64>,
}

impl Filter {
    fn of(keys: u64) -> Self {
        let words = (keys * FILTER_BITS).div_ceil(64).clamp(1, FILTER_BYTES / 8);
        Self { words: vec![0; words as usize] }
    }

    /// The bits of a key are a hash already: four parts of it say where.
    fn places(&self, key: Key) -> [(usize, u64); 4] {
        let bits = self.words.len() as u64 * 64;
        [0, 31, 62, 93].map(|shift| {
            let at = (key.0 >> shift) as u64 % bits;
            ((at / 64) as usize, 1 << (at % 64))
        })
    }

    fn insert(&mut self, key: Key) {
        for (word, bit) in self.places(key) {
            self.words[word] |= bit;
        }
    }

    fn may_have(&self, key: Key) -> bool {
        self.places(key).iter().all(|(word, bit)| self.words[*word] & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_sort_as_signed_numbers() {
        let ids = [i64::MIN, -7, -1, 0, 1, i64::MAX].map(Id);
        assert!(ids.windows(2).all(|two| key_of(two[0]) < key_of(two[1])));
        assert_eq!(ids.map(|id| recording_of(key_of(id))), ids);
    }

    #[test]
    fn the_filter_forgets_none_and_passes_few_others() {
        let key = |n: u32| Key::isrc(&format!("{n}"));
        let mut filter = Filter::of(10_000);
        (0..10_000).for_each(|n| filter.insert(key(n)));
        assert!((0..10_000).all(|n| filter.may_have(key(n))));
        let others = (10_000..20_000).filter(|n| filter.may_have(key(*n))).count();
        assert!(others < 400, "{others}");
    }
}
