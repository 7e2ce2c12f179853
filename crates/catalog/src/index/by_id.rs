//! Values by id in one sorted list: 8 bytes an id, its value, and up to a byte to find it.

/// Entries for each of which there is about one start.
const BUCKET: usize = 8;

/// A sorted list, and where the ids with the same first bits begin in it. Ids are hashes, so these are about equally many:
/// one look at the starts and one at the list find an id, where halving the list would look at it once a bit.
pub(crate) struct ById<T> {
    ids: Vec<i64>,
    /// In the same order: beside the ids, so that nothing is lost to alignment.
    values: Vec<T>,
    starts: Vec<u32>,
    /// Bits of an id that do not count for its bucket.
    shift: u32,
}

impl<T> Default for ById<T> {
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new())
    }
}

impl<T> ById<T> {
    /// Of ids that are sorted, no two the same, fewer than 2^32, and the value of each.
    pub(crate) fn new(ids: Vec<i64>, values: Vec<T>) -> Self {
        let bits = (ids.len() / BUCKET).max(1).ilog2() + 1;
        let shift = i64::BITS - bits;
        let mut starts = vec![0_u32; (1 << bits) + 1];
        for id in &ids {
            starts[bucket(*id, shift) + 1] += 1;
        }
        let mut before = 0;
        for start in &mut starts {
            before += *start;
            *start = before;
        }
        Self { ids, values, starts, shift }
    }

    pub(crate) fn get(&self, id: i64) -> Option<&T> {
        let bucket = bucket(id, self.shift);
        let start = self.starts[bucket] as usize;
        let ids = &self.ids[start..self.starts[bucket + 1] as usize];
        self.values.get(start + ids.binary_search(&id).ok()?)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// The first bits of an id, which order buckets as ids are ordered.
fn bucket(id: i64, shift: u32) -> usize {
    ((id as u64 ^ 1 << 63) >> shift) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_found_and_no_other() {
        let scattered = |count: i64| (0..count).map(|number| number.wrapping_mul(-7_046_029_254_386_353_131));
        let lists: [Vec<i64>; 6] = [
            vec![],
            vec![7],
            vec![i64::MIN, -1, 0, 1, i64::MAX],
            (0..1000).collect(),
            scattered(1000).collect(),
            scattered(100_000).collect(),
        ];
        for mut ids in lists {
            ids.sort_unstable();
            let by_id = ById::new(ids.clone(), ids.iter().map(|id| !*id).collect());
            assert!(ids.iter().all(|id| by_id.get(*id) == Some(&!*id)));
            for id in ids.iter().flat_map(|id| [id.wrapping_sub(1), id.wrapping_add(1)]).chain([5, i64::MAX]) {
                assert_eq!(by_id.get(id).is_some(), ids.binary_search(&id).is_ok(), "{id}");
            }
            assert_eq!(by_id.is_empty(), ids.is_empty());
        }
    }
}
