//! What the tracks say about albums and artists, as a rebuild learns it on the way: one list for all workers, 12 bytes an
//! album or artist, which are known before the first track is read.

use std::sync::atomic::{AtomicU32, Ordering};

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use futures::TryStreamExt as _;

use super::by_id::ById;
use super::change::{Aggregate, Container};
use super::document::{Kind, Standing};
use crate::error::CatalogError;
use crate::schema::Table;
use crate::snapshot::Snapshot;

/// What was told of each album and artist that there is.
pub(super) struct Tally {
    albums: ById<Told>,
    artists: ById<Told>,
}

impl Tally {
    /// Of all albums and artists, of which nothing is told yet.
    pub(super) async fn of_nothing(snapshot: &Snapshot) -> Result<Self, CatalogError> {
        Ok(Self {
            albums: read_ids(snapshot, Table::Albums).await?,
            artists: read_ids(snapshot, Table::Artists).await?,
        })
    }

    /// Counts a track of an album or artist; one that is in no table is nobody's concern.
    pub(super) fn count(&self, container: Container, of_track: Aggregate) {
        if let Some(told) = self.told(container) {
            told.add(of_track);
        }
    }

    pub(super) fn of(&self, container: Container) -> Aggregate {
        self.told(container).map(Told::aggregate).unwrap_or_default()
    }

    fn told(&self, (kind, id): Container) -> Option<&Told> {
        if kind == Kind::Album { self.albums.get(id.0) } else { self.artists.get(id.0) }
    }
}

async fn read_ids(snapshot: &Snapshot, table: Table) -> Result<ById<Told>, CatalogError> {
    let mut ids = Vec::with_capacity(snapshot.room_for(table)?);
    let mut batches = snapshot.sql_stream(&format!("SELECT id FROM {}", table.name())).await?;
    while let Some(batch) = batches.try_next().await? {
        ids.extend_from_slice(batch.column(0).as_primitive::<Int64Type>().values());
    }
    Ok(by_ids(ids))
}

fn by_ids(mut ids: Vec<i64>) -> ById<Told> {
    ids.sort_unstable();
    ids.dedup();
    ids.shrink_to_fit();
    let told = ids.iter().map(|_| Told::default()).collect();
    ById::new(ids, told)
}

/// An [`Aggregate`] that grows under many hands: the best standing, and which sorts of tracks there were.
#[derive(Default)]
struct Told(AtomicU32);

const HELD: u32 = 1 << 29;
const WITHDRAWN: u32 = 1 << 30;
const GIVEN: u32 = 1 << 31;
const SORTS: u32 = HELD | WITHDRAWN | GIVEN;

impl Told {
    fn add(&self, of_track: Aggregate) {
        let sort = match of_track {
            Aggregate { withdrawn: true, .. } => WITHDRAWN,
            Aggregate { held: true, .. } => GIVEN | HELD,
            Aggregate { .. } => GIVEN,
        };
        let standing = of_track.standing.bits();
        let with = |before: u32| {
            let after = (before | sort) & SORTS | (before & !SORTS).max(standing);
            (after != before).then_some(after)
        };
        // What it says already need not be written; and nothing else is read by it, so that any order will do.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with);
    }

    fn aggregate(&self) -> Aggregate {
        let bits = self.0.load(Ordering::Relaxed);
        Aggregate {
            standing: Standing::from_bits(bits & !SORTS),
            held: bits & HELD != 0,
            withdrawn: bits & (WITHDRAWN | GIVEN) == WITHDRAWN,
        }
    }
}

#[cfg(test)]
mod tests {
    use fonoteca_model::Id;

    use super::*;

    #[test]
    fn what_is_told_again_and_again_is_drawn_together() {
        let told = |popularity, held, withdrawn| Aggregate { standing: Standing::new(popularity, 1), held, withdrawn };
        let tally = Tally { albums: by_ids((0..1000).chain([21, 7]).collect()), artists: by_ids(vec![21]) };
        std::thread::scope(|scope| {
            for round in 0..3_i32 {
                let tally = &tally;
                scope.spawn(move || {
                    for id in 0..1000 {
                        tally.count((Kind::Album, Id(id * 3 % 1000)), told(round, id == 7, false));
                    }
                });
            }
        });
        tally.count((Kind::Album, Id(21)), told(9, false, false));
        tally.count((Kind::Artist, Id(21)), told(0, false, true));
        assert_eq!(tally.of((Kind::Album, Id(21))), told(9, true, false));
        assert_eq!(tally.of((Kind::Album, Id(22))), told(2, false, false));
        assert!(tally.of((Kind::Artist, Id(21))).withdrawn);
        tally.count((Kind::Artist, Id(21)), told(4, false, false));
        assert_eq!(tally.of((Kind::Artist, Id(21))), told(4, false, false));
        tally.count((Kind::Album, Id(-1)), told(4, false, false));
        assert_eq!(tally.of((Kind::Album, Id(-1))), Aggregate::default(), "there is no such album");
    }
}
