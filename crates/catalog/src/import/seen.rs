//! Which ids came already, within memory that does not grow with the dump.
//!
//! Up to [`SeenLimits::exact`] ids are known exactly. Beyond that they are in a Bloom filter, which never misses one that
//! came and now and then suspects one that did not: suspects are looked up in what was staged. The filter is cut into
//! blocks of one cache line, so that asking costs one access to memory (Putze, Sanders, Singler 2007: *Cache-, hash- and
//! space-efficient Bloom filters*).

use std::collections::HashSet;

/// How much memory may be spent on each table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenLimits {
    /// Ids that are known exactly, at some 20 bytes each.
    pub exact: usize,
    /// Bytes of the filter, a multiple of 64. Of 256 M ids in 512 MiB about one in 500 is suspected without cause.
    pub filter_bytes: usize,
}

impl Default for SeenLimits {
    fn default() -> Self {
        Self { exact: 4_000_000, filter_bytes: 512 << 20 }
    }
}

/// What is known of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It comes for the first time.
    New,
    /// It came before, or perhaps it did.
    Before,
}

pub(super) struct SeenIds {
    limits: SeenLimits,
    exact: HashSet<i64>,
    blocks: Vec<[u64; 8]>,
}

/// Bits that an id sets in its block.
const BITS: u32 = 7;

impl SeenIds {
    pub(super) fn new(limits: SeenLimits) -> Self {
        Self { limits, exact: HashSet::new(), blocks: Vec::new() }
    }

    /// Notes that `id` came, and says whether it came before. What came is never called new; what is new is rarely called
    /// anything else.
    pub(super) fn insert(&mut self, id: i64) -> Seen {
        if self.blocks.is_empty() {
            if !self.exact.insert(id) {
                return Seen::Before;
            }
            if self.exact.len() > self.limits.exact {
                self.blocks = vec![[0; 8]; (self.limits.filter_bytes / 64).max(1)];
                for id in std::mem::take(&mut self.exact) {
                    set(&mut self.blocks, id);
                }
            }
            return Seen::New;
        }
        if set(&mut self.blocks, id) { Seen::Before } else { Seen::New }
    }
}

/// Sets the bits of an id; whether all of them were set.
fn set(blocks: &mut [[u64; 8]], id: i64) -> bool {
    // Ids are the heads of SHA-256 sums, but somebody may have made them otherwise.
    let mixed = (id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = mixed ^ (mixed >> 32);
    let block = ((u128::from(mixed) * blocks.len() as u128) >> 64) as usize;
    let block = &mut blocks[block];
    let mut bits = mixed.wrapping_mul(0x94d0_49bb_1331_11eb) | 1;
    let mut all = true;
    for _ in 0..BITS {
        let bit = (bits >> 55) as usize;
        let (word, mask) = (bit / 64, 1 << (bit % 64));
        all &= block[word] & mask != 0;
        block[word] |= mask;
        bits = bits.wrapping_mul(0x2545_f491_4f6c_dd1d).rotate_left(9);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_known_exactly_and_of_many_none_is_missed() {
        let mut seen = SeenIds::new(SeenLimits { exact: 1000, filter_bytes: 1 << 18 });
        let id = |n: i64| n.wrapping_mul(0x1234_5678_9abc_def1);
        for n in 0..=1000 {
            assert_eq!(seen.insert(id(n)), Seen::New);
        }
        let suspected = (1001..100_000).filter(|n| seen.insert(id(*n)) != Seen::New).count();
        // 21 bits an id.
        assert!(suspected < 200, "{suspected} of 99,000 suspected without cause");
        assert!((0..100_000).all(|n| seen.insert(id(n)) == Seen::Before));
        let mut few = SeenIds::new(SeenLimits::default());
        assert_eq!([7, 8, 7].map(|id| few.insert(id)), [Seen::New, Seen::New, Seen::Before]);
    }

    #[test]
    fn ids_that_count_up_fill_the_filter_evenly_too() {
        let mut seen = SeenIds::new(SeenLimits { exact: 0, filter_bytes: 1 << 18 });
        let suspected = (0..100_000).filter(|n| seen.insert(*n) != Seen::New).count();
        assert!(suspected < 200, "{suspected}");
    }
}
