//! How large the codebooks of a Vorbis stream are (Vorbis I, section 3.2.1), found out before a decoder unpacks them: each
//! takes some twenty bytes to declare and up to 170 MB when it is unpacked, and there may be 256 of them.

/// Codewords of all codebooks together. Real encoders write some twenty thousand.
const MAX_CODEWORDS: u64 = 1 << 16;
/// Numbers of all lookup tables together, of four bytes each.
const MAX_VALUES: u64 = 1 << 22;

/// Why the codebooks of a setup header are not unpacked; `None` where they are not too large. One that breaks off or
/// is wrong is left to the decoder, which stops there too.
pub(super) fn excessive(setup: &[u8]) -> Option<String> {
    let mut bits = Bits { bytes: setup.get(7..)?, at: 0 };
    let count = bits.take(8)? + 1;
    let (mut codewords, mut values) = (0, 0);
    for _ in 0..count {
        let Some((entries, dimensions)) = bits.head() else { break };
        codewords += u64::from(entries);
        values += u64::from(entries) * u64::from(dimensions);
        if codewords > MAX_CODEWORDS || values > MAX_VALUES {
            return Some(format!("its codebooks have more than {MAX_CODEWORDS} codewords or {MAX_VALUES} values"));
        }
        if bits.pass(entries, dimensions).is_none() {
            break;
        }
    }
    None
}

/// Bits of a Vorbis packet, the lowest of each byte first (section 2.1).
struct Bits<'a> {
    bytes: &'a [u8],
    at: u64,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut number = 0;
        for bit in 0..count {
            let byte = self.bytes.get(usize::try_from(self.at / 8).ok()?)?;
            number |= u32::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Some(number)
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        self.at = self.at.checked_add(count).filter(|at| *at <= self.bytes.len() as u64 * 8)?;
        Some(())
    }

    /// Entries and dimensions of the codebook that begins here.
    fn head(&mut self) -> Option<(u32, u32)> {
        (self.take(24)? == 0x0056_4342).then_some(())?;
        let dimensions = self.take(16)?;
        Some((self.take(24)?, dimensions))
    }

    /// Goes on to the end of the codebook whose head was read.
    fn pass(&mut self, entries: u32, dimensions: u32) -> Option<()> {
        let ordered = self.take(1)? == 1;
        let sparse = !ordered && self.take(1)? == 1;
        if ordered {
            self.skip(5)?;
            let mut entry = 0;
            while entry < entries {
                entry += self.take(u32::BITS - (entries - entry).leading_zeros())?;
            }
        } else if sparse {
            for _ in 0..entries {
                if self.take(1)? == 1 {
                    self.skip(5)?;
                }
            }
        } else {
            self.skip(5 * u64::from(entries))?;
        }
        let numbers = match self.take(4)? {
            0 => return Some(()),
            1 => roots(entries, dimensions)?,
            2 => u64::from(entries) * u64::from(dimensions),
            _ => return None,
        };
        self.skip(64)?;
        let bits = self.take(4)? + 1;
        self.skip(1 + numbers * u64::from(bits))
    }
}

/// The largest number whose power by the dimensions is not above the entries (section 9.2.3).
fn roots(entries: u32, dimensions: u32) -> Option<u64> {
    let fits = |number: &u64| number.checked_pow(dimensions).is_some_and(|power| power <= u64::from(entries));
    (dimensions > 0).then(|| (1..=u64::from(entries)).take_while(fits).last().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A setup header of codebooks of 32 dimensions, whose codewords are all as long as it takes.
    fn setup(books: u32, bits: u32) -> Vec<u8> {
        let mut header = b"\x05vorbis".to_vec();
        let mut at = 0;
        let mut put = |number: u32, count: u32| {
            for bit in 0..count {
                if at % 8 == 0 {
                    header.push(0);
                }
                *header.last_mut().expect("a byte") |= ((number >> bit & 1) as u8) << (at % 8);
                at += 1;
            }
        };
        put(books - 1, 8);
        for _ in 0..books {
            for (number, count) in [(0x0056_4342, 24), (32, 16), (1 << bits, 24), (1, 1), (bits - 1, 5)] {
                put(number, count);
            }
            for (number, count) in [(1 << bits, bits + 1), (1, 4), (0, 32), (0, 32), (0, 4), (0, 1), (0, 1)] {
                put(number, count);
            }
        }
        header
    }

    #[test]
    fn codebooks_are_counted_together() {
        assert_eq!(excessive(&setup(1, 16)), None);
        assert_eq!(excessive(&setup(256, 8)), None);
        for (books, bits) in [(1, 17), (2, 16), (256, 9), (256, 17)] {
            assert!(excessive(&setup(books, bits)).is_some(), "{books} of 2^{bits}");
        }
        // What breaks off is not followed further, and what it had before counts.
        let whole = setup(256, 17);
        assert_eq!(excessive(&whole[..15]), None);
        assert!(excessive(&whole[..20]).is_some());
    }

    #[test]
    fn roots_of_entries() {
        for (entries, dimensions, root) in [(0, 1, 0), (1, 9, 1), (8, 3, 2), (26, 3, 2), (27, 3, 3), (131_072, 32, 1)] {
            assert_eq!(roots(entries, dimensions), Some(root), "{entries} {dimensions}");
        }
        assert_eq!(roots(1, 0), None);
    }
}
