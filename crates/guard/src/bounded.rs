//! A map that holds so many entries and no more: the one not heard of for longest goes first.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    limit: usize,
    entries: HashMap<K, (u64, V)>,
    /// Keys by when they were last heard of.
    order: BTreeMap<u64, K>,
    next: u64,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), entries: HashMap::new(), order: BTreeMap::new(), next: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry, if there is one; asking does not count as hearing of it.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    /// The entry, made where missing, and now the newest.
    pub(crate) fn hear(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.next += 1;
        let now = self.next;
        if let Some((heard, _)) = self.entries.get(&key) {
            self.order.remove(heard);
        } else if self.entries.len() == self.limit
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.order.insert(now, key.clone());
        let entry = self.entries.entry(key).or_insert_with(|| (now, make()));
        entry.0 = now;
        &mut entry.1
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some((heard, _)) = self.entries.remove(key) {
            self.order.remove(&heard);
        }
    }
}
