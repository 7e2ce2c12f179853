//! What a rebuild must know of other tables at every row, as small as it gets: sorted numbers.

use std::cmp::Reverse;

use arrow::array::AsArray as _;
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use fonoteca_model::Id;
use futures::TryStreamExt as _;

use super::by_id::ById;
use super::document::{Kind, MAX_POPULARITY, Standing};
use crate::error::CatalogError;
use crate::schema::{LinkEntity, Table};
use crate::snapshot::Snapshot;

/// Standings, links and holdings: 12 bytes a recording that was listened to, 24 a link, 8 a track that is held or was
/// withdrawn; 24 a count while they are read.
#[derive(Default)]
pub(crate) struct Known {
    /// By recording; what nobody listens to is left out.
    standings: ById<Standing>,
    links: [Links; 3],
    /// Tracks of which audio is held, and those that were withdrawn: too much follows from them to be told row by row.
    singled_out: Vec<i64>,
}

/// The links of one kind that count.
#[derive(Default)]
struct Links {
    /// From where to where.
    hops: ById<i64>,
    /// To where any of them leads.
    ends: ById<()>,
}

impl Links {
    fn hop(&self, id: i64) -> Option<i64> {
        self.hops.get(id).copied().filter(|to| *to != id)
    }

    /// The end of the way from `id`; of a circle the lowest id in it.
    fn follow(&self, id: i64) -> i64 {
        // Most lead nowhere.
        let Some(mut at) = self.hop(id) else { return id };
        let mut seen = vec![id, at];
        while let Some(next) = self.hop(at) {
            if let Some(start) = seen.iter().position(|earlier| *earlier == next) {
                return seen[start..].iter().copied().min().unwrap_or(next);
            }
            seen.push(next);
            at = next;
        }
        at
    }
}

impl Known {
    pub(crate) async fn read(snapshot: &Snapshot) -> Result<Self, CatalogError> {
        let mut links = [Links::default(), Links::default(), Links::default()];
        for entity in LinkEntity::ALL {
            links[usize::from(kind_of(*entity).code())] = read_links(snapshot, *entity).await?;
        }
        let recordings = &links[usize::from(Kind::Track.code())];
        Ok(Self {
            standings: read_standings(snapshot, recordings).await?,
            links,
            singled_out: single_out(snapshot).await?,
        })
    }

    /// What this is one of, and whether links lead to or from it.
    pub(crate) fn group(&self, kind: Kind, id: Id) -> (Id, bool) {
        let links = &self.links[usize::from(kind.code())];
        if links.hops.is_empty() {
            return (id, false);
        }
        let group = links.follow(id.0);
        (Id(group), group != id.0 || links.ends.get(id.0).is_some())
    }

    pub(crate) fn standing(&self, recording: Id) -> Standing {
        self.standings.get(recording.0).copied().unwrap_or_default()
    }

    pub(crate) fn is_singled_out(&self, track: Id) -> bool {
        self.singled_out.binary_search(&track.0).is_ok()
    }

    /// The tracks that are put one by one.
    pub(crate) fn singled_out(&self) -> &[i64] {
        &self.singled_out
    }
}

const fn kind_of(entity: LinkEntity) -> Kind {
    match entity {
        LinkEntity::Recording => Kind::Track,
        LinkEntity::Album => Kind::Album,
        LinkEntity::Artist => Kind::Artist,
    }
}

async fn read_links(snapshot: &Snapshot, entity: LinkEntity) -> Result<Links, CatalogError> {
    let hops = snapshot.hops(entity).await?;
    let mut ends: Vec<i64> = hops.iter().filter(|(from, to)| from != to).map(|(_, to)| *to).collect();
    ends.sort_unstable();
    ends.dedup();
    let nothing = vec![(); ends.len()];
    let (from, to) = hops.into_iter().unzip();
    Ok(Links { hops: ById::new(from, to), ends: ById::new(ends, nothing) })
}

/// The latest count of each recording, with what was counted under ids that are this recording by now, as
/// [`Snapshot::listens`] has it. Counts add up over the years, so what later ones replace is dropped on the way.
async fn read_standings(snapshot: &Snapshot, recordings: &Links) -> Result<ById<Standing>, CatalogError> {
    let mut counted: Vec<Counted> = Vec::with_capacity(snapshot.room_for(Table::Listens)?);
    let mut dropped_at = counted.capacity().max(1 << 20);
    let mut batches = snapshot.sql_stream("SELECT recording_id, as_of, \"count\", popularity FROM listens").await?;
    while let Some(batch) = batches.try_next().await? {
        let ids = batch.column(0).as_primitive::<Int64Type>();
        let cast = arrow::compute::cast(
            batch.column(1),
            &arrow::datatypes::DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None),
        );
        let cast = cast.map_err(CatalogError::rows(Table::Listens))?;
        let (at, counts) =
            (cast.as_primitive::<TimestampMicrosecondType>(), batch.column(2).as_primitive::<Int64Type>());
        let popularity = batch.column(3).as_primitive::<Int32Type>();
        counted.extend((0..ids.len()).map(|row| Counted {
            id: ids.value(row),
            at: at.value(row),
            what: Count::new(counts.value(row), popularity.value(row)),
        }));
        if counted.len() >= dropped_at {
            keep_latest(&mut counted);
            dropped_at = (counted.len() * 2).max(dropped_at);
        }
    }
    keep_latest(&mut counted);
    if !recordings.hops.is_empty() {
        for one in &mut counted {
            one.id = recordings.follow(one.id);
        }
        counted.sort_unstable_by_key(|one| one.id);
        counted.dedup_by(|same, first| {
            let is_one = same.id == first.id;
            if is_one {
                first.what = first.what.and(same.what);
            }
            is_one
        });
    }
    counted.retain(|one| !one.what.standing().is_nothing());
    let ids = counted.iter().map(|one| one.id).collect();
    Ok(ById::new(ids, counted.iter().map(|one| one.what.standing()).collect()))
}

/// What was counted of a recording at some moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Counted {
    id: i64,
    at: i64,
    what: Count,
}

/// Listens, and the popularity in the lowest byte: a count takes 24 bytes with its id and its moment, and not 32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Count(u64);

impl Count {
    fn new(listens: i64, popularity: i32) -> Self {
        let listens = u64::try_from(listens).unwrap_or(0).min(u64::MAX >> 8);
        Self(listens << 8 | u64::from(popularity.clamp(0, i32::from(MAX_POPULARITY)) as u8))
    }

    /// Of what is one by now.
    fn and(self, other: Self) -> Self {
        let listens = ((self.0 >> 8) + (other.0 >> 8)).min(u64::MAX >> 8);
        Self(listens << 8 | (self.0 & 0xff).max(other.0 & 0xff))
    }

    fn standing(self) -> Standing {
        Standing::new((self.0 & 0xff) as i32, (self.0 >> 8) as i64)
    }
}

/// Of each recording the latest; of two made at one moment the larger one.
fn keep_latest(counted: &mut Vec<Counted>) {
    counted.sort_unstable_by_key(|one| (one.id, Reverse((one.at, one.what))));
    counted.dedup_by_key(|one| one.id);
}

async fn single_out(snapshot: &Snapshot) -> Result<Vec<i64>, CatalogError> {
    let mut tracks: Vec<i64> = snapshot.all_withdrawn().await?.into_iter().map(|id| id.0).collect();
    let mut batches = snapshot.sql_stream("SELECT track_id FROM holdings").await?;
    while let Some(batch) = batches.try_next().await? {
        tracks.extend(batch.column(0).as_primitive::<Int64Type>().values());
    }
    tracks.sort_unstable();
    tracks.dedup();
    Ok(tracks)
}
