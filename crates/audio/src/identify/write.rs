//! A new segment, from fingerprints in any order.

use std::path::Path;

use fonoteca_model::BlobId;

use super::key::{KEY_BITS, key};
use super::output::Output;
use super::segment::{Layout, MAX_PLACES, SPARSE};
use super::{STRIDE, SoundIndexError};

/// Postings that are held in memory, 8 bytes each, until they are sorted: those of some 140,000 recordings.
const FULL: usize = 1 << 24;

/// Values of one recording that count, more than two hours: what foreign tables say is not believed without end.
const MAX_VALUES: usize = 1 << 16;

/// Postings of one key that are written at most. What so many recordings have, silence above all, tells nothing.
const MAX_OF_KEY: usize = 1024;

/// Starts, counts and postings at the end of a segment.
pub(super) struct Ending {
    pub recordings: u32,
    pub values: u32,
    /// Every 64th start.
    pub sparse: Vec<u32>,
}

pub(super) struct SegmentWriter {
    output: Output,
    roots: Vec<BlobId>,
    starts: Vec<u32>,
    values: u32,
    /// Key and place.
    postings: Vec<u64>,
}

impl SegmentWriter {
    pub(super) fn create(path: &Path) -> Result<Self, SoundIndexError> {
        let output = Output::create(path)?;
        Ok(Self { output, roots: Vec::new(), starts: Vec::new(), values: 0, postings: Vec::new() })
    }

    pub(super) fn is_full(&self) -> bool {
        self.postings.len() >= FULL || u64::from(self.values) * STRIDE as u64 + MAX_VALUES as u64 > MAX_PLACES
    }

    pub(super) fn add(&mut self, root: BlobId, values: &[u32]) -> Result<(), SoundIndexError> {
        let values = &values[..values.len().min(MAX_VALUES)];
        let first = u64::from(self.values) * STRIDE as u64;
        let postings =
            values.iter().zip(first..).filter_map(|(value, place)| Some(u64::from(key(*value)?) << 32 | place));
        self.postings.extend(postings);
        self.roots.push(root);
        self.starts.push(self.values);
        for value in values.iter().step_by(STRIDE) {
            self.output.write(&value.to_le_bytes())?;
            self.values += 1;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), SoundIndexError> {
        self.postings.sort_unstable();
        for root in &self.roots {
            self.output.write(root.as_bytes())?;
        }
        for start in &self.starts {
            self.output.write(&start.to_le_bytes())?;
        }
        let ending = Ending {
            recordings: self.roots.len() as u32,
            values: self.values,
            sparse: self.starts.iter().copied().step_by(SPARSE).collect(),
        };
        let postings = self.postings.into_iter().map(|posting| Ok(((posting >> 32) as u32, posting as u32)));
        finish(self.output, &ending, postings)
    }
}

/// Writes postings in the order of keys, the directory and the footer.
pub(super) fn finish(
    mut output: Output,
    ending: &Ending,
    postings: impl Iterator<Item = Result<(u32, u32), SoundIndexError>>,
) -> Result<(), SoundIndexError> {
    let layout = Layout::of(u64::from(ending.values) * STRIDE as u64);
    // How many postings each bucket has, then where each one begins.
    let mut directory = vec![0_u32; (1 << layout.bucket_bits) + 1];
    let mut write = |key: u32, places: &mut Vec<u32>| -> Result<(), SoundIndexError> {
        if places.len() <= MAX_OF_KEY {
            for place in places.iter() {
                output.write(&layout.pack(key, *place))?;
            }
            directory[layout.bucket(key) as usize + 1] += places.len() as u32;
        }
        places.clear();
        Ok(())
    };
    let mut of_key = Vec::new();
    let mut last = 0;
    for posting in postings {
        let (key, place) = posting?;
        debug_assert!(key >> KEY_BITS == 0 && key >= last, "keys come in order");
        if key != last {
            write(last, &mut of_key)?;
            last = key;
        }
        // One more than the most that are written tells that there are too many.
        if of_key.len() <= MAX_OF_KEY {
            of_key.push(place);
        }
    }
    write(last, &mut of_key)?;
    let mut total = 0;
    for of_bucket in &mut directory {
        total += *of_bucket;
        *of_bucket = total;
    }
    for first in &directory {
        output.write(&first.to_le_bytes())?;
    }
    let numbers = [ending.recordings, ending.values, total, layout.bucket_bits];
    let footer: Vec<u8> = numbers.iter().chain(&ending.sparse).flat_map(|number| number.to_le_bytes()).collect();
    output.finish(&footer)
}
