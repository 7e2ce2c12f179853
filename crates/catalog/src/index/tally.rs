//! What a rebuild learns of all rows on the way, in as little memory as it gets.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use fonoteca_model::Id;

use super::change::{Aggregate, Container};
use super::document::Kind;

/// What the tracks say about albums and artists.
#[derive(Default)]
pub(super) struct Tally {
    albums: Told,
    artists: Told,
    /// Ids of rows, to find those that are stated twice.
    pub ids: Ids,
}

impl Tally {
    pub(super) fn count(&mut self, (kind, id): Container, of_track: Aggregate) {
        let told = if kind == Kind::Album { &mut self.albums } else { &mut self.artists };
        told.add(id.0, of_track);
    }

    pub(super) fn together(tallies: Vec<Self>) -> Self {
        let mut all = Self::default();
        for mut tally in tallies {
            all.albums.append(&mut tally.albums);
            all.artists.append(&mut tally.artists);
            all.ids.append(tally.ids);
        }
        all.albums.settle();
        all.artists.settle();
        all
    }

    pub(super) fn of(&self, (kind, id): Container) -> Aggregate {
        let told = if kind == Kind::Album { &self.albums } else { &self.artists };
        told.of(id.0)
    }
}

/// What is told of many ids, some of them again and again: what was told of one is drawn together on the way.
#[derive(Default)]
struct Told {
    /// Up to `settled` in the order of ids, each once; then as it came.
    all: Vec<(i64, Aggregate)>,
    settled: usize,
}

/// Fewer are not worth drawing together.
const MIN_UNSETTLED: usize = 1 << 20;

impl Told {
    fn add(&mut self, id: i64, of_track: Aggregate) {
        match self.all[self.settled..].last_mut() {
            Some((last, known)) if *last == id => *known = known.and(of_track),
            _ => self.all.push((id, of_track)),
        }
        if self.all.len() >= self.settled.saturating_mul(2).max(MIN_UNSETTLED) {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.all.sort_unstable_by_key(|(id, _)| *id);
        self.all.dedup_by(|(id, of_track), (known_id, known)| {
            let same = id == known_id;
            if same {
                *known = known.and(*of_track);
            }
            same
        });
        self.settled = self.all.len();
    }

    fn append(&mut self, other: &mut Self) {
        self.all.reserve_exact(other.all.len());
        self.all.append(&mut other.all);
    }

    /// Of what was settled.
    fn of(&self, id: i64) -> Aggregate {
        let place = self.all.binary_search_by_key(&id, |(id, _)| *id);
        place.map_or_else(|_| Aggregate::default(), |place| self.all[place].1)
    }
}

/// The ids of many rows, file by file: 8 bytes each, and no more while they grow.
#[derive(Default)]
pub(super) struct Ids {
    files: Vec<Vec<i64>>,
    /// Of the file that is being read.
    latest: Vec<i64>,
}

impl Ids {
    pub(super) fn add(&mut self, id: Id) {
        self.latest.push(id.0);
    }

    pub(super) fn end_file(&mut self) {
        let mut ids = std::mem::take(&mut self.latest);
        ids.sort_unstable();
        ids.shrink_to_fit();
        self.files.push(ids);
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.files.append(&mut other.files);
    }

    /// Those that are there more than once.
    pub(super) fn repeated(self) -> Vec<Id> {
        let mut files: Vec<_> = self.files.into_iter().map(Vec::into_iter).collect();
        let first = files.iter_mut().enumerate().filter_map(|(file, ids)| Some(Reverse((ids.next()?, file))));
        let mut next: BinaryHeap<Reverse<(i64, usize)>> = first.collect();
        let mut repeated = Vec::new();
        let mut last = None;
        while let Some(mut least) = next.peek_mut() {
            let Reverse((id, file)) = *least;
            if last == Some(id) && repeated.last() != Some(&Id(id)) {
                repeated.push(Id(id));
            }
            last = Some(id);
            match files[file].next() {
                Some(id) => *least = Reverse((id, file)),
                None => drop(PeekMut::pop(least)),
            }
        }
        repeated
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::Standing;
    use super::*;

    #[test]
    fn ids_that_are_stated_twice_are_found_wherever() {
        let mut first = Ids::default();
        for file in [&[5, 1, 9][..], &[], &[7, 5, 7, 7]] {
            file.iter().for_each(|id| first.add(Id(*id)));
            first.end_file();
        }
        let mut second = Ids::default();
        for id in [-3, 9, 5] {
            second.add(Id(id));
        }
        second.end_file();
        first.append(second);
        assert_eq!(first.repeated(), [Id(5), Id(7), Id(9)]);
        assert_eq!(Ids::default().repeated(), []);
    }

    #[test]
    fn what_is_told_again_and_again_is_drawn_together() {
        let told = |popularity, held| Aggregate { standing: Standing::new(popularity, 1), held, withdrawn: false };
        let (mut one, mut other) = (Tally::default(), Tally::default());
        for round in 0..3_i32 {
            for id in 0..700_000 {
                one.count((Kind::Album, Id(id * 3 % 700_000)), told(round, id == 7));
            }
        }
        other.count((Kind::Album, Id(21)), told(9, false));
        other.count((Kind::Artist, Id(21)), told(4, false));
        let all = Tally::together(vec![one, other]);
        assert_eq!(all.of((Kind::Album, Id(21))), told(9, true));
        assert_eq!(all.of((Kind::Album, Id(22))), told(2, false));
        assert_eq!(all.of((Kind::Artist, Id(21))), told(4, false));
        assert_eq!(all.of((Kind::Album, Id(700_000))), Aggregate::default());
        assert_eq!(all.albums.all.len(), 700_000);
    }
}
