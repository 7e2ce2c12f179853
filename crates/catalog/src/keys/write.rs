//! Writing keys: gathered in memory, sorted, packed.

use std::path::Path;

use super::{FORMAT, KeyHash, KeyKind};
use crate::beside::{BesideError, FrameWriter, put_varint};
use crate::rowstore::BLOCK_ROWS;

/// Keys in a bucket, on the average.
pub(super) const BUCKET: usize = 16;
/// Bits of a hash that are kept behind those that name the bucket: of 256 files asked for a key that none has, one has a
/// wrong candidate.
pub(super) const CHECK_BITS: u32 = 12;

/// Keys that are being gathered: 16 bytes of memory each.
#[derive(Default)]
pub(crate) struct KeysWriter {
    kinds: [Vec<(u64, u32)>; KeyKind::ALL.len()],
}

impl KeysWriter {
    /// Notes that `row` has a key. Rows come in order.
    pub(crate) fn push(&mut self, kind: KeyKind, hash: KeyHash, row: u32) {
        let place = if kind.is_in_rows() { row / BLOCK_ROWS as u32 } else { row };
        let keys = &mut self.kinds[usize::from(kind.code())];
        // The tracks of an album follow each other.
        if keys.last() != Some(&(hash.0, place)) {
            keys.push((hash.0, place));
        }
    }

    /// Writes the file.
    pub(crate) fn write(self, path: &Path) -> Result<(), BesideError> {
        let mut frame = FrameWriter::create(path, FORMAT)?;
        let mut footer = Vec::new();
        for (kind, mut keys) in KeyKind::ALL.into_iter().zip(self.kinds) {
            keys.sort_unstable();
            keys.dedup();
            let count = u32::try_from(keys.len()).map_err(|_| BesideError::damaged(path, "too many keys"))?;
            let bucket_bits = (keys.len() / BUCKET).checked_ilog2().unwrap_or(0);
            let check_bits = if kind.is_in_rows() { CHECK_BITS } else { 64 - bucket_bits };
            let most = keys.iter().map(|(_, place)| *place).max().unwrap_or(0);
            let place_bits = 32 - most.leading_zeros();
            put_varint(&mut footer, u64::from(count));
            footer.extend([bucket_bits as u8, check_bits as u8, place_bits as u8]);
            put_varint(&mut footer, frame.position());
            put_buckets(&mut frame, &keys, bucket_bits)?;
            put_varint(&mut footer, frame.position());
            let mut packed = Packer::default();
            for (hash, place) in &keys {
                let check = hash.checked_shl(bucket_bits).unwrap_or(0) >> (64 - check_bits);
                packed.push(check, check_bits);
                packed.push(u64::from(*place), place_bits);
                if packed.bytes.len() >= 1 << 16 {
                    frame.write(&packed.bytes)?;
                    packed.bytes.clear();
                }
            }
            frame.write(&packed.finish())?;
        }
        frame.finish(&footer)
    }
}

/// Where each bucket begins, and where the last one ends, as numbers of keys.
fn put_buckets(frame: &mut FrameWriter, keys: &[(u64, u32)], bucket_bits: u32) -> Result<(), BesideError> {
    let mut bytes = Vec::new();
    let mut at = 0;
    for bucket in 0..1_u64 << bucket_bits {
        bytes.extend((at as u32).to_le_bytes());
        let of_bucket = |hash: u64| bucket_bits == 0 || hash >> (64 - bucket_bits) == bucket;
        at += keys[at..].iter().take_while(|(hash, _)| of_bucket(*hash)).count();
    }
    bytes.extend((at as u32).to_le_bytes());
    frame.write(&bytes)
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
        while self.bits >= 8 {
            self.bytes.push(self.waiting as u8);
            self.waiting >>= 8;
            self.bits -= 8;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.bits > 0 {
            self.bytes.push(self.waiting as u8);
        }
        self.bytes
    }
}
