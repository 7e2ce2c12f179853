//! Reading keys.

use std::path::Path;

use super::{FORMAT, KeyHash, KeyKind, Place};
use crate::beside::{BesideError, Cursor, Frame, Wrong};

#[derive(Debug, Clone, Copy)]
struct Section {
    count: u32,
    bucket_bits: u32,
    check_bits: u32,
    place_bits: u32,
    buckets_at: u64,
    keys_at: u64,
}

/// The keys of one Parquet file, open. Any number of threads may read at once.
#[derive(Debug)]
pub(crate) struct Keys {
    frame: Frame,
    sections: Vec<Section>,
}

impl Keys {
    pub(crate) fn open(path: &Path) -> Result<Self, BesideError> {
        let (frame, footer) = Frame::open(path, FORMAT)?;
        let mut bytes = Cursor(&footer);
        let sections = KeyKind::ALL.iter().map(|_| section(&mut bytes)).collect::<Result<Vec<_>, Wrong>>();
        match sections {
            Ok(sections) => Ok(Self { frame, sections }),
            Err(Wrong(what)) => Err(frame.damaged(what)),
        }
    }

    /// Where rows with this key may be, in order.
    pub(crate) fn find(&self, kind: KeyKind, hash: KeyHash) -> Result<Vec<Place>, BesideError> {
        let section = self.sections[usize::from(kind.code())];
        let Section { count, bucket_bits, check_bits, place_bits, buckets_at, keys_at } = section;
        if count == 0 {
            return Ok(Vec::new());
        }
        let wrong = |Wrong(what)| self.frame.damaged(what);
        let bucket = if bucket_bits == 0 { 0 } else { hash.0 >> (64 - bucket_bits) };
        let ends = self.frame.read(buckets_at + bucket * 4, 8)?;
        let mut ends = Cursor(&ends);
        let (first, after) = (ends.u32().map_err(wrong)?, ends.u32().map_err(wrong)?);
        if first > after || after > count {
            return Err(wrong(Wrong("a bucket ends before it begins")));
        }
        let width = u64::from(check_bits + place_bits);
        let (from_bit, to_bit) = (u64::from(first) * width, u64::from(after) * width);
        let length =
            usize::try_from(to_bit.div_ceil(8) - from_bit / 8).map_err(|_| wrong(Wrong("a bucket is too long")))?;
        let bytes = self.frame.read(keys_at + from_bit / 8, length)?;
        let check = hash.0.checked_shl(bucket_bits).unwrap_or(0) >> (64 - check_bits);
        let mut places = Vec::new();
        for key in 0..u64::from(after - first) {
            let at = from_bit % 8 + key * width;
            if bits(&bytes, at, check_bits) == check {
                let place = bits(&bytes, at + u64::from(check_bits), place_bits) as u32;
                places.push(if kind.is_in_rows() { Place::Block(place) } else { Place::Row(place) });
            }
        }
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }

    /// Reads everything and compares its checksum.
    pub(crate) fn verify(&self) -> Result<(), BesideError> {
        self.frame.verify()
    }
}

fn section(bytes: &mut Cursor<'_>) -> Result<Section, Wrong> {
    let count = u32::try_from(bytes.varint()?).map_err(|_| Wrong("it has too many keys"))?;
    let [bucket_bits, check_bits, place_bits] = [bytes.byte()?, bytes.byte()?, bytes.byte()?].map(u32::from);
    if bucket_bits > 32 || !(1..=64).contains(&check_bits) || place_bits > 32 {
        return Err(Wrong("its keys have an impossible width"));
    }
    let (buckets_at, keys_at) = (bytes.varint()?, bytes.varint()?);
    if buckets_at > 1 << 62 || keys_at > 1 << 62 {
        return Err(Wrong("its keys lie beyond its end"));
    }
    Ok(Section { count, bucket_bits, check_bits, place_bits, buckets_at, keys_at })
}

/// Up to 64 bits from bit `at` on; what lies beyond the bytes is zero.
fn bits(bytes: &[u8], at: u64, count: u32) -> u64 {
    let first = (at / 8) as usize;
    let mut window = [0; 16];
    let some = &bytes[first.min(bytes.len())..bytes.len().min(first + 16)];
    window[..some.len()].copy_from_slice(some);
    let value = u128::from_le_bytes(window) >> (at % 8);
    (value & ((1_u128 << count) - 1)) as u64
}
