//! Which blobs a check looks at, and in which order.

use std::collections::BinaryHeap;
use std::ops::RangeInclusive;

use fonoteca_catalog::Snapshot;
use fonoteca_model::BlobId;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;

/// Rows of `blobs` that are sorted together, on average: some 500 bytes each.
const BLOBS_PER_SLICE: u64 = 100_000;
/// Slices at most; each is a pass over the roots of the table.
const MOST_SLICES: u32 = 1 << 12;

/// How many blobs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// Of a hundred; above 0, up to 100.
    Percent(f64),
    /// So many.
    Items(u64),
}

impl Amount {
    /// How many of so many; at least one.
    pub(super) fn of(self, count: u64) -> u64 {
        match self {
            Self::Percent(percent) => ((count as f64 * percent / 100.0).ceil() as u64).max(1),
            Self::Items(items) => items,
        }
    }
}

/// The blobs that are checked of those that are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    /// Each.
    All,
    /// Each, up to so many.
    Next(u64),
    /// Those that chance, begun with `seed`, puts no higher than `limit`.
    Below { seed: u64, limit: u64 },
}

impl Chosen {
    /// A sample: a share by where it lies in the range of chance, a number by the lowest so many.
    pub(super) async fn below(snapshot: &Snapshot, amount: Amount, seed: u64) -> Result<Self, ArchiveError> {
        let limit = match amount {
            Amount::Percent(percent) => (percent / 100.0 * u64::MAX as f64) as u64,
            Amount::Items(items) => {
                let mut lowest = BinaryHeap::new();
                let mut roots = snapshot.blob_roots().await?;
                while let Some(some) = roots.try_next().await? {
                    for root in some {
                        lowest.push((chance(root, seed), root));
                        if lowest.len() as u64 > items {
                            lowest.pop();
                        }
                    }
                }
                lowest.peek().map_or(0, |(chance, _)| *chance)
            }
        };
        Ok(Self::Below { seed, limit })
    }

    pub(super) fn has(self, root: BlobId) -> bool {
        match self {
            Self::All | Self::Next(_) => true,
            Self::Below { seed, limit } => chance(root, seed) <= limit,
        }
    }

    pub(super) fn at_most(self) -> u64 {
        if let Self::Next(items) = self { items } else { u64::MAX }
    }
}

/// A number for each root, spread evenly, and the same for the same seed.
fn chance(root: BlobId, seed: u64) -> u64 {
    let mut head = [0; 8];
    head.copy_from_slice(&root.as_bytes()[8..16]);
    let mixed = (u64::from_le_bytes(head) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 32)
}

/// The roots after `after`, ascending, in slices of which each can be sorted in memory when there are `count` blobs.
pub(super) fn slices(count: u64, after: Option<BlobId>) -> impl Iterator<Item = RangeInclusive<BlobId>> {
    let slices = u32::try_from(count.div_ceil(BLOBS_PER_SLICE)).unwrap_or(u32::MAX);
    let width = (1u32 << 16) / slices.clamp(1, MOST_SLICES).next_power_of_two();
    let next = after.map(successor);
    let first = match next {
        None => 0,
        Some(None) => 1 << 16,
        Some(Some(root)) => u32::from(u16::from_be_bytes([root.0[0], root.0[1]])) / width * width,
    };
    (first..1 << 16).step_by(width as usize).map(move |begin| {
        let bound = |bits: u32, fill: u8| {
            let mut root = [fill; BlobId::LEN];
            root[..2].copy_from_slice(&(bits as u16).to_be_bytes());
            BlobId(root)
        };
        let begin_at = bound(begin, 0);
        begin_at.max(next.flatten().unwrap_or(begin_at))..=bound(begin + width - 1, 0xff)
    })
}

/// The root that follows; none after the last.
fn successor(root: BlobId) -> Option<BlobId> {
    let mut bytes = root.0;
    for byte in bytes.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(BlobId(bytes));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(i: u32) -> BlobId {
        let mut hasher = fonoteca_model::BlobHasher::new();
        hasher.update(&i.to_le_bytes());
        hasher.finish().expect("not empty").root
    }

    #[test]
    fn a_sample_is_about_as_large_as_asked_and_stays_the_same() {
        let below = |seed, percent: f64| Chosen::Below { seed, limit: (percent / 100.0 * u64::MAX as f64) as u64 };
        let sample = |seed| (0..2000).filter(|i| below(seed, 10.0).has(root(*i))).collect::<Vec<_>>();
        assert!((120..280).contains(&sample(1).len()), "{}", sample(1).len());
        assert_eq!(sample(1), sample(1));
        assert_ne!(sample(1), sample(2));
        assert!((0..100).all(|i| below(7, 100.0).has(root(i))));
        assert_eq!((Amount::Percent(5.0).of(10), Amount::Percent(50.0).of(9), Amount::Items(3).of(1)), (1, 5, 3));
    }

    #[test]
    fn slices_meet_every_root_that_is_left_once_and_in_order() {
        for count in [0, 1, 100_000, 100_001, 3_000_000, 86_000_000, u64::MAX] {
            for after in [None, Some(root(5)), Some(BlobId([0; 32])), Some(BlobId([0xff; 32]))] {
                let slices: Vec<_> = slices(count, after).collect();
                let Some(first) = slices.first() else {
                    assert_eq!(after, Some(BlobId([0xff; 32])));
                    continue;
                };
                assert_eq!(Some(*first.start()), after.map_or(Some(BlobId([0; 32])), successor), "{count}");
                assert_eq!(*slices[slices.len() - 1].end(), BlobId([0xff; 32]));
                for two in slices.windows(2) {
                    assert_eq!(successor(*two[0].end()), Some(*two[1].start()), "{count}");
                }
            }
        }
    }
}
