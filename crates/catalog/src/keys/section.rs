//! One section of a keys file: the keys of a kind, sorted by hash, packed, in buckets.

use super::KeyKind;
use crate::beside::{BesideError, Cursor, FrameWriter, Wrong, put_varint};

/// Keys in a bucket, on the average.
pub(super) const BUCKET: u64 = 16;
/// Buckets that have one start in full, and how far theirs are from it in 2 bytes each, where those suffice.
const GROUP: usize = 64;
const GROUP_BYTES: usize = 4 + GROUP * 2;

/// How many bits of its hash a key keeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits {
    /// Behind those that name the bucket.
    check: u32,
    /// Of all, at least.
    all: u32,
}

impl KeyKind {
    /// In the file of one Parquet file, which is to be joined with any number of others: of 4,000 million keys, a look-up
    /// would have one wrong candidate. Where nothing settles candidates, all bits.
    pub(super) const fn kept_bits(self) -> Bits {
        if self.is_in_rows() { Bits { check: 6, all: 32 } } else { Bits { check: 64, all: 64 } }
    }

    /// In what is joined. Where the row store settles candidates: one look-up in four has a wrong one, which costs some 10 µs
    /// and, when nothing is in memory, a read from the disk; half a byte a track would make them half as many. What is joined
    /// from few keys has so many bits that it can be joined again when there are a thousand times as many. Where nothing
    /// settles candidates: of a thousand million keys that nobody has, four have a wrong candidate.
    pub(super) const fn joined_bits(self) -> Bits {
        if self.is_in_rows() { Bits { check: 6, all: 26 } } else { Bits { check: 32, all: 32 } }
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
    /// Bits of a hash that are known, bucket and check together.
    pub(super) const fn hash_bits(self) -> u32 {
        self.bucket_bits + self.check_bits
    }

    pub(super) const fn width(self) -> u32 {
        self.check_bits + self.place_bits
    }

    pub(super) fn bucket(self, hash: u64) -> u64 {
        if self.bucket_bits == 0 { 0 } else { hash >> (64 - self.bucket_bits) }
    }

    pub(super) fn check(self, hash: u64) -> u64 {
        hash.checked_shl(self.bucket_bits).unwrap_or(0) >> (64 - self.check_bits)
    }

    pub(super) fn read(bytes: &mut Cursor<'_>) -> Result<Self, Wrong> {
        let count = u32::try_from(bytes.varint()?).map_err(|_| Wrong("it has too many keys"))?;
        let [bucket_bits, check_bits, place_bits] = [bytes.byte()?, bytes.byte()?, bytes.byte()?].map(u32::from);
        if bucket_bits > 32 || !(1..=64).contains(&check_bits) || bucket_bits + check_bits > 64 || place_bits > 32 {
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
}

impl<'a> SectionWriter<'a> {
    /// At most `most` keys with places up to `last_place`; `known` bits of their hashes are right.
    pub(super) fn begin(frame: &'a mut FrameWriter, most: u64, last_place: u32, (known, bits): (u32, Bits)) -> Self {
        let bucket_bits = (most / BUCKET).checked_ilog2().unwrap_or(0).min(known - 1).min(32);
        let check_bits = bits.check.max(bits.all.saturating_sub(bucket_bits)).min(known - bucket_bits);
        let place_bits = 32 - last_place.leading_zeros();
        let keys_at = frame.position();
        let section = Section { count: 0, bucket_bits, check_bits, place_bits, buckets_at: 0, grouped: false, keys_at };
        Self { frame, section, starts: vec![0], packed: Packer::default(), last: None }
    }

    /// Adds a key, which must not come before those added; what is there already is not added again.
    pub(super) fn push(&mut self, hash: u64, place: u32) -> Result<(), BesideError> {
        if self.last == Some((hash, place)) {
            return Ok(());
        }
        self.last = Some((hash, place));
        let bucket = self.section.bucket(hash) as usize;
        while self.starts.len() <= bucket {
            self.starts.push(self.section.count);
        }
        self.section.count = self
            .section
            .count
            .checked_add(1)
            .ok_or_else(|| BesideError::damaged(self.frame.path(), "too many keys"))?;
        self.packed.push(self.section.check(hash), self.section.check_bits);
        self.packed.push(u64::from(place), self.section.place_bits);
        if self.packed.bytes.len() >= 1 << 16 {
            self.frame.write(&self.packed.bytes)?;
            self.packed.bytes.clear();
        }
        Ok(())
    }

    pub(super) fn finish(mut self, footer: &mut Vec<u8>) -> Result<(), BesideError> {
        self.frame.write(&self.packed.finish())?;
        self.section.buckets_at = self.frame.position();
        // One more than there are buckets: where the last one ends.
        self.starts.resize((1 << self.section.bucket_bits) + 1, self.section.count);
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
    /// Check and place of the key whose first bit is bit `at`; what lies beyond the bytes is zero.
    pub(super) fn unpack(self, bytes: &[u8], at: u64) -> (u64, u32) {
        let first = (at / 8) as usize;
        let window = if let Some(window) = bytes.get(first..first + 16) {
            u128::from_le_bytes(window.try_into().expect("sixteen bytes"))
        } else {
            let mut window = [0; 16];
            let some = &bytes[first.min(bytes.len())..];
            window[..some.len()].copy_from_slice(some);
            u128::from_le_bytes(window)
        };
        let key = window >> (at % 8);
        let check = (key & ((1 << self.check_bits) - 1)) as u64;
        (check, (key >> self.check_bits & ((1 << self.place_bits) - 1)) as u32)
    }
}
