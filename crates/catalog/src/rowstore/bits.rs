//! Numbers of any count of bits, one behind the other; the most significant bit comes first.

use crate::beside::Wrong;

/// Bits that are written.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// The last bits, on the right.
    open: u64,
    /// How many of them there are: fewer than 32.
    count: u32,
}

impl BitWriter {
    /// The lowest `bits` bits of a number, at most 64.
    pub(super) fn put(&mut self, value: u64, bits: u32) {
        if bits > 32 {
            self.put(value >> 32, bits - 32);
            return self.put(value, 32);
        }
        self.open = self.open << bits | value & ((1 << bits) - 1);
        self.count += bits;
        if self.count >= 32 {
            self.count -= 32;
            self.bytes.extend(((self.open >> self.count) as u32).to_be_bytes());
        }
    }

    /// How many bits there are.
    pub(super) const fn position(&self) -> u64 {
        self.bytes.len() as u64 * 8 + self.count as u64
    }

    /// Fills up with zeros to a whole byte.
    pub(super) fn align(&mut self) {
        self.put(0, self.count.wrapping_neg() % 8);
    }

    /// All bits of another one.
    pub(super) fn append(&mut self, other: &Self) {
        other.bytes.iter().for_each(|byte| self.put(u64::from(*byte), 8));
        self.put(other.open, other.count);
    }

    /// All of it, filled up with zeros to a whole byte.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            let last = self.open << (u64::BITS - self.count);
            self.bytes.extend(&last.to_be_bytes()[..self.count.div_ceil(8) as usize]);
        }
        self.bytes
    }
}

/// Bits that are read.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
}

impl<'a> BitReader<'a> {
    /// From some bit on.
    pub(super) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// How many bits were read.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    /// The next 32 bits, which stay where they are; behind the end there are zeros.
    pub(super) fn peek(&self) -> u32 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let eight = rest.first_chunk::<8>().copied().unwrap_or_else(|| {
            let mut eight = [0; 8];
            eight[..rest.len()].copy_from_slice(rest);
            eight
        });
        ((u64::from_be_bytes(eight) << (self.at % 8)) >> 32) as u32
    }

    pub(super) const fn skip(&mut self, bits: u32) -> Result<(), Wrong> {
        self.at += bits as usize;
        if self.at > self.bytes.len() * 8 { Err(Wrong("a block ends too early")) } else { Ok(()) }
    }

    /// A number of so many bits, at most 64.
    pub(super) fn take(&mut self, bits: u32) -> Result<u64, Wrong> {
        let mut value = 0;
        let mut left = bits;
        while left > 0 {
            let some = left.min(32);
            value = value << some | u64::from(self.peek()) >> (32 - some);
            self.skip(some)?;
            left -= some;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers in proptest::collection::vec((any::<u64>(), 0..=64_u32), 0..50)) {
            let mut writer = BitWriter::default();
            numbers.iter().for_each(|(value, bits)| writer.put(*value, *bits));
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes, 0);
            for (value, bits) in &numbers {
                let wanted = if *bits == 64 { *value } else { value & ((1 << bits) - 1) };
                prop_assert_eq!(reader.take(*bits), Ok(wanted));
            }
            prop_assert!(reader.take(8).is_err());
        }
    }
}
