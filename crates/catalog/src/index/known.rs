//! What a rebuild must know of other tables at every row, as small as it gets: sorted numbers.

use arrow::array::AsArray as _;
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use fonoteca_model::Id;
use futures::TryStreamExt as _;

use super::document::{Kind, Standing};
use crate::error::CatalogError;
use crate::schema::{LinkEntity, Table};
use crate::snapshot::Snapshot;

/// Standings, links and holdings: 16 bytes a recording that was listened to, 24 a link, 8 a held track.
#[derive(Default)]
pub(crate) struct Known {
    /// By recording; what nobody listens to is left out.
    standings: Vec<(i64, Standing)>,
    links: [Links; 3],
    /// Tracks of which audio is held.
    held: Vec<i64>,
}

/// The links of one kind that count.
#[derive(Default)]
struct Links {
    /// From where to where.
    hops: Vec<(i64, i64)>,
    /// To where any of them leads.
    ends: Vec<i64>,
}

impl Links {
    fn hop(&self, id: i64) -> Option<i64> {
        let place = self.hops.binary_search_by_key(&id, |(from, _)| *from).ok()?;
        Some(self.hops[place].1).filter(|to| *to != id)
    }

    /// The end of the way from `id`; of a circle the lowest id in it.
    fn follow(&self, id: i64) -> i64 {
        let mut seen = vec![id];
        let mut at = id;
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
        Ok(Self { standings: read_standings(snapshot, recordings).await?, links, held: read_held(snapshot).await? })
    }

    /// What this is one of, and whether links lead to or from it.
    pub(crate) fn group(&self, kind: Kind, id: Id) -> (Id, bool) {
        let links = &self.links[usize::from(kind.code())];
        if links.hops.is_empty() {
            return (id, false);
        }
        let group = links.follow(id.0);
        (Id(group), group != id.0 || links.ends.binary_search(&id.0).is_ok())
    }

    pub(crate) fn standing(&self, recording: Id) -> Standing {
        let place = self.standings.binary_search_by_key(&recording.0, |(id, _)| *id);
        place.map_or_else(|_| Standing::default(), |place| self.standings[place].1)
    }

    pub(crate) fn is_held(&self, track: Id) -> bool {
        self.held.binary_search(&track.0).is_ok()
    }

    pub(crate) fn held(&self) -> &[i64] {
        &self.held
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
    let query = format!(
        "SELECT from_id, last_value(to_id ORDER BY at, id) AS to_id FROM links WHERE entity = '{}' \
         AND NOT EXISTS (SELECT 1 FROM links AS later WHERE later.supersedes = links.id) GROUP BY from_id",
        entity.as_str()
    );
    let mut links = Links::default();
    let mut batches = snapshot.sql_stream(&query).await?;
    while let Some(batch) = batches.try_next().await? {
        let from = batch.column(0).as_primitive::<Int64Type>().values();
        let to = batch.column(1).as_primitive::<Int64Type>().values();
        links.hops.extend(from.iter().copied().zip(to.iter().copied()));
    }
    links.hops.sort_unstable();
    links.ends = links.hops.iter().filter(|(from, to)| from != to).map(|(_, to)| *to).collect();
    links.ends.sort_unstable();
    links.ends.dedup();
    Ok(links)
}

/// The latest count of each recording, with what was counted under ids that are this recording by now, as
/// [`Snapshot::listens`] has it. Counts add up over the years, so what later ones replace is dropped on the way.
async fn read_standings(snapshot: &Snapshot, recordings: &Links) -> Result<Vec<(i64, Standing)>, CatalogError> {
    let mut counted: Vec<(i64, i64, i64, i32)> = Vec::new();
    let mut dropped_at = 1 << 20;
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
        counted.extend(
            (0..ids.len()).map(|row| (ids.value(row), at.value(row), counts.value(row), popularity.value(row))),
        );
        if counted.len() >= dropped_at {
            keep_latest(&mut counted);
            dropped_at = (counted.len() * 2).max(dropped_at);
        }
    }
    keep_latest(&mut counted);
    if !recordings.hops.is_empty() {
        for (id, ..) in &mut counted {
            *id = recordings.follow(*id);
        }
        counted.sort_unstable_by_key(|(id, ..)| *id);
        counted.dedup_by(|same, first| {
            let is_one = same.0 == first.0;
            if is_one {
                first.2 = first.2.saturating_add(same.2);
                first.3 = first.3.max(same.3);
            }
            is_one
        });
    }
    let standings = counted.into_iter().map(|(id, _, count, popularity)| (id, Standing::new(popularity, count)));
    let mut standings: Vec<(i64, Standing)> = standings.filter(|(_, standing)| !standing.is_nothing()).collect();
    standings.shrink_to_fit();
    Ok(standings)
}

fn keep_latest(counted: &mut Vec<(i64, i64, i64, i32)>) {
    counted.sort_unstable_by_key(|(id, at, count, popularity)| (*id, std::cmp::Reverse((*at, *count, *popularity))));
    counted.dedup_by_key(|(id, ..)| *id);
}

async fn read_held(snapshot: &Snapshot) -> Result<Vec<i64>, CatalogError> {
    let mut held = Vec::new();
    let mut batches = snapshot.sql_stream("SELECT track_id FROM holdings").await?;
    while let Some(batch) = batches.try_next().await? {
        held.extend(batch.column(0).as_primitive::<Int64Type>().values());
    }
    held.sort_unstable();
    held.dedup();
    Ok(held)
}
