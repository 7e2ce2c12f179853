//! One section of a keys file: the keys of a kind, sorted by hash, packed, in buckets.
//!
//! The first bits of a hash name its bucket. The next [`PART_BITS`] name a part of that, and are told as in Elias's and
//! Fano's lists: in front of a bucket's keys there is a one for each key and a zero where a part ends, 2 bits a key.
//! What is left of the hash, its check, stands with the key. A bucket begins where so many keys and buckets end, in
//! bits: nothing else has to be known of it than how many keys there are before it.

use std::ops::Range;

use super::KeyKind;
use crate::beside::{BesideError, Cursor, FrameWriter, Wrong, put_varint};

/// Bits of a hash that name a part of a bucket.
const PART_BITS: u32 = 6;
/// Parts of a bucket; and its keys, on the average.
const PARTS: u64 = 1 << PART_BITS;
/// Buckets that have one start in full, and how far theirs are from it in 2 bytes each, where those suffice.
const GROUP: usize = 64;
const GROUP_BYTES: usize = 4 + GROUP * 2;

/// How many bits of its hash a key keeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits {
    /// More than it takes to count the keys.
    check: u32,
    /// Of all, at least.
    all: u32,
}

impl KeyKind {
    /// In the file of one Parquet file, which is to be joined with any number of others: of 4,000 million keys, a
    /// look-up would have one wrong candidate. Where nothing settles candidates, all bits.
    pub(super) const fn kept_bits(self) -> Bits {
        if self.is_in_rows() { Bits { check: 3, all: 32 } } else { Bits { check: 64, all: 64 } }
    }

    /// In what is joined. Where the row store settles candidates: one look-up in three or so has a wrong one, which
    /// costs some 10 µs and, when nothing is in memory, a read from the disk; a third of a byte a track would make them
    /// half as many. What is joined from few keys has so many bits that it can be joined again when there are many
    /// more. Where nothing settles candidates: of ten million keys that nobody has, one has a wrong candidate.
    pub(super) const fn joined_bits(self) -> Bits {
        if self.is_in_rows() { Bits { check: 2, all: 24 } } else { Bits { check: 24, all: 44 } }
    }
}

/// How the keys of a section are laid out, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    pub count: u32,
    pub bucket_bits: u32,
    pub check_bits: u32,
    pub place_bits: u32,
    pub buckets_at: u64,
    /// Where buckets begin is told in groups.
    pub grouped: bool,
    pub keys_at: u64,
}

impl Section {
    /// Bits of a hash that are known: bucket, part, and check.
    pub(super) const fn hash_bits(self) -> u32 {
        self.bucket_bits + self.rest_bits()
    }

    /// Part and check.
    const fn rest_bits(self) -> u32 {
        PART_BITS + self.check_bits
    }

    const fn width(self) -> u32 {
        self.check_bits + self.place_bits
    }

    pub(super) fn bucket(self, hash: u64) -> u64 {
        if self.bucket_bits == 0 { 0 } else { hash >> (64 - self.bucket_bits) }
    }

    /// What is known of a hash behind the bits that name its bucket.
    pub(super) const fn rest(self, hash: u64) -> u64 {
        hash << self.bucket_bits >> (64 - self.rest_bits())
    }

    /// As much of the hash as is known, in the highest bits.
    pub(super) fn hash(self, bucket: u64, rest: u64) -> u64 {
        bucket.checked_shl(64 - self.bucket_bits).unwrap_or(0) | rest << (64 - self.hash_bits())
    }

    /// The bit at which a bucket begins when there are so many keys before it.
    const fn bit_of(self, bucket: u64, keys: u32) -> u64 {
        bucket * PARTS + keys as u64 * (self.width() as u64 + 1)
    }

    /// Where in the file some buckets lie, of which the first and the last are told by their keys, and in how many
    /// bytes.
    pub(super) const fn extent(self, buckets: &Range<u64>, keys: &Range<u32>) -> (u64, u64) {
        let (first, end) = (self.bit_of(buckets.start, keys.start), self.bit_of(buckets.end, keys.end));
        (self.keys_at + first / 8, end.div_ceil(8) - first / 8)
    }

    pub(super) fn read(bytes: &mut Cursor<'_>) -> Result<Self, Wrong> {
        let count = u32::try_from(bytes.varint()?).map_err(|_| Wrong("it has too many keys"))?;
        let [bucket_bits, check_bits, place_bits] = [bytes.byte()?, bytes.byte()?, bytes.byte()?].map(u32::from);
        if bucket_bits > 32 || bucket_bits + PART_BITS + check_bits > 64 || place_bits > 32 {
            return Err(Wrong("its keys have an impossible width"));
        }
        let (buckets_at, keys_at) = (bytes.varint()?, bytes.varint()?);
        if buckets_at > 1 << 62 || keys_at > 1 << 62 {
            return Err(Wrong("its keys lie beyond its end"));
        }
        let grouped = bytes.byte()? != 0;
        Ok(Self { count, bucket_bits, check_bits, place_bits, buckets_at, grouped, keys_at })
    }

    fn put(self, footer: &mut Vec<u8>) {
        put_varint(footer, u64::from(self.count));
        footer.extend([self.bucket_bits as u8, self.check_bits as u8, self.place_bits as u8]);
        put_varint(footer, self.buckets_at);
        put_varint(footer, self.keys_at);
        footer.push(u8::from(self.grouped));
    }

    /// Where in the file it is told where some buckets begin, and in how many bytes.
    pub(super) const fn starts_at(self, first: u64, buckets: usize) -> (u64, usize) {
        if self.grouped {
            let groups = (first as usize % GROUP + buckets) / GROUP + 1;
            (self.buckets_at + first / GROUP as u64 * GROUP_BYTES as u64, groups * GROUP_BYTES)
        } else {
            (self.buckets_at + first * 4, (buckets + 1) * 4)
        }
    }

    /// Where the buckets begin, and the last of them ends, in those bytes.
    pub(super) fn starts(self, bytes: &[u8], first: u64, buckets: usize) -> Vec<u32> {
        if !self.grouped {
            return bytes.as_chunks::<4>().0.iter().map(|start| u32::from_le_bytes(*start)).collect();
        }
        let of_group = |group: &[u8; GROUP_BYTES]| -> [u32; GROUP] {
            let (base, others) = group.split_first_chunk::<4>().expect("a start is in front");
            let mut others = others.as_chunks::<2>().0.iter();
            std::array::from_fn(|_| {
                let further = others.next().map_or(0, |further| u16::from_le_bytes(*further));
                u32::from_le_bytes(*base).saturating_add(u32::from(further))
            })
        };
        let all = bytes.as_chunks::<GROUP_BYTES>().0.iter().flat_map(of_group);
        all.skip(first as usize % GROUP).take(buckets + 1).collect()
    }
}

/// A section that is being written: first the keys, in the order of their hashes, then where each bucket begins.
pub(super) struct SectionWriter<'a> {
    frame: &'a mut FrameWriter,
    section: Section,
    /// Of each bucket so far: how many keys there were when it began.
    starts: Vec<u32>,
    packed: Packer,
    last: Option<(u64, u32)>,
    /// The keys of the bucket that is being filled: what is kept of the hash, and the place.
    bucket: Vec<(u64, u32)>,
}

impl<'a> SectionWriter<'a> {
    /// At most `most` keys with places up to `last_place`; `known` bits of their hashes are right.
    pub(super) fn begin(frame: &'a mut FrameWriter, most: u64, last_place: u32, (known, bits): (u32, Bits)) -> Self {
        let count_bits = most.checked_ilog2().unwrap_or(0);
        let hash_bits = bits.all.max(count_bits + bits.check).min(known);
        let bucket_bits = count_bits.min(hash_bits).saturating_sub(PART_BITS).min(32);
        let check_bits = hash_bits.saturating_sub(bucket_bits + PART_BITS);
        let place_bits = 32 - last_place.leading_zeros();
        let keys_at = frame.position();
        let section = Section { count: 0, bucket_bits, check_bits, place_bits, buckets_at: 0, grouped: false, keys_at };
        Self { frame, section, starts: vec![0], packed: Packer::default(), last: None, bucket: Vec::new() }
    }

    /// Adds a key, which must not come before those added; what is there already is not added again.
    pub(super) fn push(&mut self, hash: u64, place: u32) -> Result<(), BesideError> {
        if self.last == Some((hash, place)) {
            return Ok(());
        }
        self.last = Some((hash, place));
        let bucket = self.section.bucket(hash) as usize;
        while self.starts.len() <= bucket {
            self.end_bucket()?;
            self.starts.push(self.section.count);
        }
        self.section.count = self
            .section
            .count
            .checked_add(1)
            .ok_or_else(|| BesideError::damaged(self.frame.path(), "too many keys"))?;
        self.bucket.push((self.section.rest(hash), place));
        Ok(())
    }

    fn end_bucket(&mut self) -> Result<(), BesideError> {
        let Section { check_bits, place_bits, .. } = self.section;
        let mut part = 0;
        for (rest, _) in &self.bucket {
            for _ in part..rest >> check_bits {
                self.packed.push(0, 1);
            }
            self.packed.push(1, 1);
            part = rest >> check_bits;
        }
        (part..PARTS).for_each(|_| self.packed.push(0, 1));
        for (rest, place) in self.bucket.drain(..) {
            self.packed.push(rest & ((1 << check_bits) - 1), check_bits);
            self.packed.push(u64::from(place), place_bits);
        }
        if self.packed.bytes.len() >= 1 << 16 {
            self.frame.write(&self.packed.bytes)?;
            self.packed.bytes.clear();
        }
        Ok(())
    }

    pub(super) fn finish(mut self, footer: &mut Vec<u8>) -> Result<(), BesideError> {
        // One more than there are buckets: where the last one ends.
        while self.starts.len() <= 1 << self.section.bucket_bits {
            self.end_bucket()?;
            self.starts.push(self.section.count);
        }
        self.frame.write(&self.packed.finish())?;
        self.section.buckets_at = self.frame.position();
        let furthest = self.starts.chunks(GROUP).map(|group| group[group.len() - 1] - group[0]).max();
        self.section.grouped =
            self.starts.len() > GROUP && furthest.is_some_and(|furthest| u16::try_from(furthest).is_ok());
        for group in self.starts.chunks(GROUP) {
            let mut bytes = Vec::with_capacity(GROUP_BYTES);
            if self.section.grouped {
                bytes.extend(group[0].to_le_bytes());
                bytes.extend(group.iter().flat_map(|start| ((start - group[0]) as u16).to_le_bytes()));
                bytes.resize(GROUP_BYTES, 0);
            } else {
                bytes.extend(group.iter().flat_map(|start| start.to_le_bytes()));
            }
            self.frame.write(&bytes)?;
        }
        self.section.put(footer);
        Ok(())
    }
}

/// Numbers of few bits, one behind the other, lowest bit first.
#[derive(Default)]
struct Packer {
    bytes: Vec<u8>,
    waiting: u128,
    bits: u32,
}

impl Packer {
    fn push(&mut self, value: u64, bits: u32) {
        self.waiting |= u128::from(value) << self.bits;
        self.bits += bits;
        if self.bits >= 64 {
            self.bytes.extend((self.waiting as u64).to_le_bytes());
            self.waiting >>= 64;
            self.bits -= 64;
        }
    }

    fn finish(&mut self) -> Vec<u8> {
        self.bytes.extend(&self.waiting.to_le_bytes()[..self.bits.div_ceil(8) as usize]);
        std::mem::take(&mut self.bytes)
    }
}

impl Section {
    /// Takes the keys of a bucket apart: what is known of the hash behind the bits that name the bucket, and the place.
    /// The bytes are those from [`Section::extent`] on, where the bucket and its keys are not the first ones of `from`.
    pub(super) fn bucket_keys(
        self,
        bytes: &[u8],
        from: (u64, u32),
        (bucket, keys): (u64, &Range<u32>),
        mut each: impl FnMut(u64, u32),
    ) -> Result<(), Wrong> {
        let first = self.bit_of(from.0, from.1) / 8 * 8;
        let marks = self.bit_of(bucket, keys.start) - first;
        let marks = marks..marks + PARTS + keys.len() as u64;
        let mut at = marks.end;
        let mut left = keys.len();
        let mut part = 0;
        for mark in marks {
            if window(bytes, mark) & 1 == 0 {
                part += 1;
                continue;
            }
            if left == 0 || part >= PARTS {
                return Err(Wrong("a bucket has other keys than it says"));
            }
            let key = window(bytes, at);
            let check = (key & ((1 << self.check_bits) - 1)) as u64;
            each(part << self.check_bits | check, (key >> self.check_bits & ((1 << self.place_bits) - 1)) as u32);
            at += u64::from(self.width());
            left -= 1;
        }
        Ok(())
    }
}

/// More than a hundred bits from one on; what lies beyond the bytes is zero.
fn window(bytes: &[u8], at: u64) -> u128 {
    let first = (at / 8) as usize;
    let window = bytes.get(first..).unwrap_or_default();
    let window = window.first_chunk::<16>().copied().unwrap_or_else(|| {
        let mut all = [0; 16];
        all[..window.len()].copy_from_slice(window);
        all
    });
    u128::from_le_bytes(window) >> (at % 8)
}
