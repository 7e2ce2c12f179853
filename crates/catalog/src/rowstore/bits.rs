//! Numbers of any count of bits, one behind the other; the most significant bit comes first.

use crate::beside::Wrong;

/// Bits that are written.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// The last bits, fewer than 8, from the left.
    open: u8,
    /// How many of them there are.
    count: u32,
}

impl BitWriter {
    /// The lowest `bits` bits of a number, at most 64.
    pub(super) fn put(&mut self, value: u64, bits: u32) {
        let mut left = bits;
        while left > 0 {
            let some = left.min(8 - self.count);
            let part = (value >> (left - some)) & ((1 << some) - 1);
            self.open |= (part as u8) << (8 - self.count - some);
            self.count += some;
            left -= some;
            if self.count == 8 {
                self.bytes.push(self.open);
                (self.open, self.count) = (0, 0);
            }
        }
    }

    /// All of it, filled up with zeros to a whole byte.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push(self.open);
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
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
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
            let mut reader = BitReader::new(&bytes);
            for (value, bits) in &numbers {
                let wanted = if *bits == 64 { *value } else { value & ((1 << bits) - 1) };
                prop_assert_eq!(reader.take(*bits), Ok(wanted));
            }
            prop_assert!(reader.take(8).is_err());
        }
    }
}
