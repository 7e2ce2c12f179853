//! A segment that is read: where its parts lie, and what is in them.
//!
//! ```text
//! magic "fonosond", version (u32)
//! values       u32 each: every fourth value of each recording, recordings one after the other
//! roots        32 bytes a recording
//! starts       u32 a recording: the number of its first value above
//! postings     5 bytes each, bucket by bucket in the order of keys
//! directory    u32 a bucket and one more: the number of its first posting
//! footer       recordings, values, postings, bits of the bucket (u32 each), every 64th start
//! footer length, CRC-32 of footer, CRC-32 of all before the footer (u32 each), magic
//! ```
//! Numbers are little-endian. Nothing that is read is believed: every length is compared with what there is.
//!
//! A place is a value's number among all values of all recordings, those that are not kept included: four times that of the
//! kept value before it, and up to three. With *p* bits for the last place, a bucket is the upper *p* − 11 bits of the key
//! (none, if *p* is less), and a posting is the rest of the key above *p* bits of place: 40 bits at most.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crc32fast::Hasher;
use fonoteca_model::BlobId;

use super::key::KEY_BITS;
use super::{STRIDE, SoundIndexError};

pub(super) const MAGIC: &[u8; 8] = b"fonosond";
pub(super) const VERSION: u32 = 1;
/// Bytes of a posting.
pub(super) const POSTING: usize = 5;
/// Recordings to one start in the footer.
pub(super) const SPARSE: usize = 64;
/// Places of one segment at most.
pub(super) const MAX_PLACES: u64 = 1 << 32;
/// Postings of one bucket that are read at most, which is far more than were written.
const MAX_BUCKET: u32 = 1 << 20;

const HEAD: u64 = 8 + 4;
const TRAILER: u64 = 4 + 4 + 4 + 8;

/// How key and place share a posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub place_bits: u32,
    pub bucket_bits: u32,
}

impl Layout {
    pub(super) fn of(places: u64) -> Self {
        let place_bits = (u64::BITS - places.saturating_sub(1).leading_zeros()).max(1);
        Self { place_bits, bucket_bits: (place_bits + KEY_BITS).saturating_sub(POSTING as u32 * 8) }
    }

    /// Bits of the key that the bucket does not tell.
    const fn rest_bits(self) -> u32 {
        KEY_BITS - self.bucket_bits
    }

    pub(super) const fn bucket(self, key: u32) -> u32 {
        key >> self.rest_bits()
    }

    pub(super) fn pack(self, key: u32, place: u32) -> [u8; POSTING] {
        let rest = u64::from(key) & ((1 << self.rest_bits()) - 1);
        let packed = (rest << self.place_bits | u64::from(place)).to_le_bytes();
        [packed[0], packed[1], packed[2], packed[3], packed[4]]
    }

    /// The key and the place of a posting in this bucket.
    pub(super) fn unpack(self, bucket: u32, posting: [u8; POSTING]) -> (u32, u32) {
        let mut packed = [0; 8];
        packed[..POSTING].copy_from_slice(&posting);
        let packed = u64::from_le_bytes(packed);
        let rest = (packed >> self.place_bits) as u32;
        (bucket << self.rest_bits() | rest, (packed & ((1 << self.place_bits) - 1)) as u32)
    }
}

/// A recording in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recording {
    pub number: u32,
    /// Its first place.
    pub start: u64,
    /// The place behind its last one, rounded up to where the next one begins.
    pub end: u64,
}

/// A segment, open.
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    path: PathBuf,
    pub recordings: u32,
    /// Values kept.
    pub values: u32,
    pub postings: u32,
    pub layout: Layout,
    /// Every 64th start.
    sparse: Vec<u32>,
    /// Where in the file each part begins.
    roots_at: u64,
    starts_at: u64,
    postings_at: u64,
    directory_at: u64,
    body_end: u64,
    body_checksum: u32,
}

impl Segment {
    pub(super) fn open(path: &Path) -> Result<Self, SoundIndexError> {
        let damaged = |what: &str| SoundIndexError::damaged(path, what);
        let io = || SoundIndexError::io(path);
        let file = File::open(path).map_err(io())?;
        let length = file.metadata().map_err(io())?.len();
        if length < HEAD + TRAILER {
            return Err(damaged("it is too short"));
        }
        let (mut head, mut trailer) = ([0; HEAD as usize], [0; TRAILER as usize]);
        read_at(&file, &mut head, 0).map_err(io())?;
        read_at(&file, &mut trailer, length - TRAILER).map_err(io())?;
        if head[..8] != *MAGIC || trailer[12..] != *MAGIC {
            return Err(damaged("it is something else, or it was cut off"));
        }
        let found = u32_at(&head, 8);
        if found != VERSION {
            return Err(SoundIndexError::Format { path: path.to_owned(), found, expected: VERSION });
        }
        let footer_length = u64::from(u32_at(&trailer, 0));
        let body_end = (length - TRAILER).checked_sub(footer_length).filter(|end| *end >= HEAD);
        let body_end = body_end.ok_or_else(|| damaged("its footer is longer than the file"))?;
        let mut footer = vec![0; footer_length as usize];
        read_at(&file, &mut footer, body_end).map_err(io())?;
        if crc32fast::hash(&footer) != u32_at(&trailer, 4) {
            return Err(damaged("its footer has a wrong checksum"));
        }
        let numbers: Vec<u32> = footer.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let [recordings, values, postings, bucket_bits, sparse @ ..] = numbers.as_slice() else {
            return Err(damaged("its footer is too short"));
        };
        let layout = Layout::of(u64::from(*values) * STRIDE as u64);
        if layout.bucket_bits != *bucket_bits || sparse.len() != (*recordings as usize).div_ceil(SPARSE) {
            return Err(damaged("its footer contradicts itself"));
        }
        let roots_at = HEAD + 4 * u64::from(*values);
        let starts_at = roots_at + 32 * u64::from(*recordings);
        let postings_at = starts_at + 4 * u64::from(*recordings);
        let directory_at = postings_at + POSTING as u64 * u64::from(*postings);
        if directory_at + 4 * ((1 << layout.bucket_bits) + 1) != body_end {
            return Err(damaged("its length is not what its footer says"));
        }
        Ok(Self {
            path: path.to_owned(),
            recordings: *recordings,
            values: *values,
            postings: *postings,
            layout,
            sparse: sparse.to_vec(),
            roots_at,
            starts_at,
            postings_at,
            directory_at,
            body_end,
            body_checksum: u32_at(&trailer, 8),
            file,
        })
    }

    /// Bytes of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.body_end + 16 + 4 * self.sparse.len() as u64 + TRAILER
    }

    pub(super) fn places(&self) -> u64 {
        u64::from(self.values) * STRIDE as u64
    }

    pub(super) fn damaged(&self, what: &str) -> SoundIndexError {
        SoundIndexError::damaged(&self.path, what)
    }

    fn read(&self, position: u64, length: usize) -> Result<Vec<u8>, SoundIndexError> {
        let mut bytes = vec![0; length];
        read_at(&self.file, &mut bytes, position).map_err(SoundIndexError::io(&self.path))?;
        Ok(bytes)
    }

    fn numbers(&self, position: u64, count: usize) -> Result<Vec<u32>, SoundIndexError> {
        let bytes = self.read(position, count * 4)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
    }

    /// Keys and places of a bucket, in the order of keys.
    pub(super) fn bucket(&self, bucket: u32) -> Result<Vec<(u32, u32)>, SoundIndexError> {
        let ends = self.numbers(self.directory_at + 4 * u64::from(bucket), 2)?;
        let (from, to) = (ends[0], ends[1]);
        if from > to || to > self.postings || to - from > MAX_BUCKET {
            return Err(self.damaged("its directory points nowhere"));
        }
        let bytes = self.read(self.postings_at + POSTING as u64 * u64::from(from), POSTING * (to - from) as usize)?;
        let unpack = |posting: &[u8; POSTING]| self.layout.unpack(bucket, *posting);
        let postings: Vec<(u32, u32)> = bytes.as_chunks::<POSTING>().0.iter().map(unpack).collect();
        let belongs = |(key, place): &(u32, u32)| {
            key >> KEY_BITS == 0 && self.layout.bucket(*key) == bucket && u64::from(*place) < self.places()
        };
        if !postings.iter().all(belongs) || !postings.is_sorted_by_key(|(key, _)| *key) {
            return Err(self.damaged("its postings are not those of their bucket, in order"));
        }
        Ok(postings)
    }

    /// Some of the kept values.
    pub(super) fn values(&self, from: u32, to: u32) -> Result<Vec<u32>, SoundIndexError> {
        if from > to || to > self.values {
            return Err(self.damaged("a posting points beyond the values"));
        }
        self.numbers(HEAD + 4 * u64::from(from), (to - from) as usize)
    }

    /// Some of the starts.
    pub(super) fn starts(&self, from: u32, to: u32) -> Result<Vec<u32>, SoundIndexError> {
        let (from, to) = (from.min(self.recordings), to.min(self.recordings));
        self.numbers(self.starts_at + 4 * u64::from(from), to.saturating_sub(from) as usize)
    }

    pub(super) fn root(&self, number: u32) -> Result<BlobId, SoundIndexError> {
        let bytes = self.read(self.roots_at + 32 * u64::from(number), 32)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| self.damaged("a root is cut off"))?;
        Ok(BlobId(bytes))
    }

    /// The recording that has a place.
    pub(super) fn recording_at(&self, place: u32) -> Result<Recording, SoundIndexError> {
        let value = place / STRIDE as u32;
        let group = self.sparse.partition_point(|start| *start <= value);
        let first =
            (group.checked_sub(1).ok_or_else(|| self.damaged("its first recording begins nowhere"))? * SPARSE) as u32;
        let starts = self.starts(first, first + SPARSE as u32 + 1)?;
        let within = starts.partition_point(|start| *start <= value);
        let index = within.checked_sub(1).ok_or_else(|| self.damaged("its starts contradict each other"))?;
        let end = starts.get(within).copied().unwrap_or(self.values);
        if end > self.values || value >= end {
            return Err(self.damaged("its starts contradict each other"));
        }
        let at = |value: u32| u64::from(value) * STRIDE as u64;
        Ok(Recording { number: first + index as u32, start: at(starts[index]), end: at(end) })
    }

    /// Reads all of it and compares its checksum.
    pub(super) fn verify(&self) -> Result<(), SoundIndexError> {
        let mut checksum = Hasher::new();
        self.each_chunk(0, self.body_end, |bytes| {
            checksum.update(bytes);
            Ok(())
        })?;
        if checksum.finalize() == self.body_checksum { Ok(()) } else { Err(self.damaged("it has a wrong checksum")) }
    }

    /// The bytes of all kept values.
    pub(super) fn each_of_values(
        &self,
        act: impl FnMut(&[u8]) -> Result<(), SoundIndexError>,
    ) -> Result<(), SoundIndexError> {
        self.each_chunk(HEAD, self.roots_at, act)
    }

    /// The bytes of all roots.
    pub(super) fn each_of_roots(
        &self,
        act: impl FnMut(&[u8]) -> Result<(), SoundIndexError>,
    ) -> Result<(), SoundIndexError> {
        self.each_chunk(self.roots_at, self.starts_at, act)
    }

    fn each_chunk(
        &self,
        from: u64,
        to: u64,
        mut act: impl FnMut(&[u8]) -> Result<(), SoundIndexError>,
    ) -> Result<(), SoundIndexError> {
        let mut buffer = vec![0; 1 << 18];
        let mut at = from;
        while at < to {
            let some = usize::try_from(to - at).unwrap_or(usize::MAX).min(buffer.len());
            read_at(&self.file, &mut buffer[..some], at).map_err(SoundIndexError::io(&self.path))?;
            act(&buffer[..some])?;
            at += some as u64;
        }
        Ok(())
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, position)
}

#[cfg(windows)]
fn read_at(file: &File, mut buffer: &mut [u8], mut position: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, position)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                buffer = &mut buffer[read..];
                position += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posting_holds_every_key_and_place() {
        for places in [1, 2, 2047, 2048, 2049, 1 << 20, (1 << 27) - 1, MAX_PLACES] {
            let layout = Layout::of(places);
            assert!(layout.rest_bits() + layout.place_bits <= 40, "{places}: {layout:?}");
            for (key, place) in [(0, 0), ((1 << KEY_BITS) - 1, (places - 1) as u32), (0x0123_4567, (places / 2) as u32)]
            {
                assert_eq!(layout.unpack(layout.bucket(key), layout.pack(key, place)), (key, place), "{places}");
            }
        }
    }
}
