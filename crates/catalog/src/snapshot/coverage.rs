//! How few tracks have how many of the listens.
//!
//! Recordings are gone through from the most listened to the least. Memory stays the same however many there are: the
//! query groups them by their count, and joins and sorts that are large go to disk.

use std::sync::Arc;

use arrow::array::{Array as _, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::execution::config::SessionConfig;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use futures::TryStreamExt as _;
use serde::Serialize;

use super::Snapshot;
use crate::error::CatalogError;
use crate::schema::Table;

/// The shares of all listens of which is told how few tracks have them.
pub const SHARES: [f64; 5] = [0.5, 0.8, 0.9, 0.99, 0.996];
/// Popularity bands, the most popular first; releases are cut along the same ones.
pub const BANDS: [(i32, i32); 5] = [(75, 100), (50, 74), (25, 49), (1, 24), (0, 0)];

/// Rows above which joins sort on disk instead of holding one side in memory.
const ROWS_IN_MEMORY: i64 = 4_000_000;
const MEMORY_BYTES: usize = 1 << 30;
/// Two points of the curve differ by so much: in the logarithm to base 10 of tracks or bytes, or in the share.
const STEP_LOG: f64 = 0.005;
const STEP_SHARE: f64 = 0.002;

/// How listens spread over what there is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Coverage {
    /// All listens.
    pub listens: i64,
    /// Tracks of recordings that were listened to.
    pub tracks_listened: i64,
    /// Tracks of recordings that nobody listened to.
    pub tracks_unlistened: i64,
    /// Recordings that were listened to.
    pub recordings_listened: i64,
    /// Bytes of held audio, whether listened to or not.
    pub bytes_held: i64,
    /// Share of all listens that is of held recordings, 0 to 1.
    pub share_held: f64,
    /// How few have so much: one entry for each of [`SHARES`].
    pub covering: Vec<Covering>,
    /// One entry for each of [`BANDS`].
    pub bands: Vec<Band>,
    /// From the most listened on, some hundred points.
    #[serde(skip)]
    pub curve: Vec<Point>,
}

/// The fewest that have a share of all listens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Covering {
    /// The share, 0 to 1.
    pub share: f64,
    /// So many recordings have it.
    pub recordings: i64,
    /// They are so many tracks.
    pub tracks: i64,
    /// Bytes held of them; of a file with several tracks each has an equal part.
    pub bytes: i64,
}

/// A popularity band.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Band {
    /// The lowest and the highest popularity in it.
    pub popularity: (i32, i32),
    /// Recordings with listens in it.
    pub recordings: i64,
    /// Tracks in it; in the lowest band all that nobody listened to.
    pub tracks: i64,
    /// Their listens.
    pub listens: i64,
    /// Of all listens, 0 to 1.
    pub share: f64,
    /// Bytes held of them.
    pub bytes: i64,
}

/// What the most listened recordings come to together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Point {
    /// Tracks.
    pub tracks: f64,
    /// Their share of all listens, 0 to 1.
    pub share: f64,
    /// Bytes held of them.
    pub bytes: f64,
    /// The share of all listens that is held of them, 0 to 1.
    pub share_held: f64,
}

/// Recordings that have the same count and popularity, together.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    listens: i64,
    popularity: i32,
    recordings: i64,
    tracks: i64,
    held: i64,
    bytes: i64,
}

/// Redirects are followed three deep, as for the order of releases.
const GROUPS: &str = "WITH
    hop AS (
        SELECT from_id, last_value(to_id ORDER BY at, id) AS to_id FROM links
        WHERE entity = 'recording' AND NOT EXISTS (SELECT 1 FROM links AS later WHERE later.supersedes = links.id)
        GROUP BY from_id),
    latest AS (
        SELECT recording_id, last_value(popularity ORDER BY as_of, \"count\") AS popularity,
            last_value(\"count\" ORDER BY as_of, \"count\") AS listens
        FROM listens GROUP BY recording_id),
    played AS (SELECT * FROM latest WHERE listens > 0),
    track AS (
        SELECT t.id AS track_id, coalesce(h3.to_id, h2.to_id, h1.to_id, t.id) AS recording_id FROM tracks t
        LEFT JOIN hop h1 ON h1.from_id = t.id
        LEFT JOIN hop h2 ON h2.from_id = h1.to_id
        LEFT JOIN hop h3 ON h3.from_id = h2.to_id),
    counted AS (SELECT recording_id, count(*) AS tracks FROM track GROUP BY recording_id),
    parts AS (SELECT root, count(*) AS parts FROM holdings WHERE start_ms IS NOT NULL GROUP BY root),
    copies AS (
        SELECT t.recording_id AS recording_id, b.root AS root, max(b.size) / max(coalesce(p.parts, 1)) AS size
        FROM holdings h JOIN track t ON t.track_id = h.track_id JOIN blobs b ON b.root = h.root
        LEFT JOIN parts p ON p.root = h.root
        GROUP BY t.recording_id, b.root),
    held AS (SELECT recording_id, sum(size) AS bytes FROM copies GROUP BY recording_id)
    SELECT p.listens AS listens, p.popularity AS popularity, count(*) AS recordings,
        sum(coalesce(c.tracks, 0)) AS tracks, count(h.bytes) AS held, sum(coalesce(h.bytes, 0)) AS bytes
    FROM played p LEFT JOIN counted c ON c.recording_id = p.recording_id
    LEFT JOIN held h ON h.recording_id = p.recording_id
    GROUP BY p.listens, p.popularity ORDER BY p.listens DESC, p.popularity DESC";

/// What everything comes to.
const TOTALS: &str = "SELECT
    (SELECT coalesce(sum(latest), 0) FROM (
        SELECT last_value(\"count\" ORDER BY as_of, \"count\") AS latest FROM listens GROUP BY recording_id)
     WHERE latest > 0) AS listens,
    (SELECT count(*) FROM tracks) AS tracks,
    (SELECT coalesce(sum(size), 0) FROM blobs WHERE root IN (SELECT root FROM holdings)) AS bytes";

impl Snapshot {
    /// How listens spread over tracks, recordings and bytes.
    pub async fn coverage(&self) -> Result<Coverage, CatalogError> {
        self.coverage_with(ROWS_IN_MEMORY).await
    }

    /// The same; where there are more links, counts and holdings than `rows_in_memory`, joins sort on disk.
    pub async fn coverage_with(&self, rows_in_memory: i64) -> Result<Coverage, CatalogError> {
        let size =
            "SELECT (SELECT count(*) FROM links) + (SELECT count(*) FROM listens) + (SELECT count(*) FROM holdings)";
        let rows = numbers(&self.sql(size).await?)?.first().map_or(0, |row| row[0]);
        let snapshot = if rows > rows_in_memory { self.sorting_on_disk().await? } else { self.clone() };
        let totals = numbers(&snapshot.sql(TOTALS).await?)?;
        let totals = totals.first().cloned().unwrap_or_else(|| vec![0; 3]);
        let mut counting = Counting::new(totals[0], totals[1], totals[2]);
        if totals[0] > 0 {
            let mut groups = snapshot.sql_stream(GROUPS).await?;
            while let Some(batch) = groups.try_next().await? {
                for row in numbers(&[batch])? {
                    counting.add(&Group {
                        listens: row[0],
                        popularity: row[1] as i32,
                        recordings: row[2],
                        tracks: row[3],
                        held: row[4],
                        bytes: row[5],
                    });
                }
            }
        }
        Ok(counting.finish())
    }

    /// The same versions, with joins that need no side in memory.
    async fn sorting_on_disk(&self) -> Result<Self, CatalogError> {
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(MEMORY_BYTES)));
        let runtime = runtime.build_arc().map_err(CatalogError::query("setting up queries"))?;
        let mut config = SessionConfig::new();
        config.options_mut().optimizer.prefer_hash_join = false;
        Self::build_with(&self.inner.shared, self.inner.tables.clone(), config, runtime).await
    }
}

/// All columns as whole numbers, row by row; null is 0.
fn numbers(batches: &[arrow::array::RecordBatch]) -> Result<Vec<Vec<i64>>, CatalogError> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter().map(|column| cast(column, &DataType::Int64));
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(CatalogError::rows(Table::Listens))?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(AsArray::as_primitive::<Int64Type>);
            rows.push(cells.map(|cells| if cells.is_null(row) { 0 } else { cells.value(row) }).collect());
        }
    }
    Ok(rows)
}

/// Goes through the groups in descending order of their counts.
struct Counting {
    done: Coverage,
    tracks: i64,
    listens: i64,
    bytes: i64,
    held: f64,
    last: Point,
}

impl Counting {
    fn new(listens: i64, tracks: i64, bytes: i64) -> Self {
        let bands = BANDS.iter().map(|popularity| Band { popularity: *popularity, ..Band::default() }).collect();
        let done = Coverage { listens, bytes_held: bytes, bands, ..Coverage::default() };
        Self { done, tracks, listens: 0, bytes: 0, held: 0.0, last: Point::default() }
    }

    fn add(&mut self, group: &Group) {
        let all = self.done.listens.max(1) as f64;
        let of_group = group.listens.saturating_mul(group.recordings);
        let wanted = SHARES.iter().skip(self.done.covering.len());
        for share in wanted {
            // The fewest listens that are not less than the share.
            let missing = (share * all - 1e-6).ceil() as i64 - self.listens;
            if missing > of_group {
                break;
            }
            let recordings = (missing.max(1) as u64).div_ceil(group.listens.max(1) as u64) as i64;
            let part = |of: i64| ((of as f64) * recordings as f64 / group.recordings.max(1) as f64).ceil() as i64;
            self.done.covering.push(Covering {
                share: *share,
                recordings: self.done.recordings_listened + recordings,
                tracks: self.done.tracks_listened + part(group.tracks),
                bytes: self.bytes + part(group.bytes),
            });
        }
        self.done.recordings_listened += group.recordings;
        self.done.tracks_listened += group.tracks;
        self.listens += of_group;
        self.bytes += group.bytes;
        self.held += group.listens as f64 * group.held as f64;
        let in_band = |band: &&mut Band| (band.popularity.0..=band.popularity.1).contains(&group.popularity);
        if let Some(band) = self.done.bands.iter_mut().find(in_band) {
            band.recordings += group.recordings;
            band.tracks += group.tracks;
            band.listens += of_group;
            band.bytes += group.bytes;
            band.share = band.listens as f64 / all;
        }
        let point = Point {
            tracks: self.done.tracks_listened as f64,
            share: self.listens as f64 / all,
            bytes: self.bytes as f64,
            share_held: self.held / all,
        };
        let far = |to: f64, from: f64| from < 1.0 || (to / from).log10() >= STEP_LOG;
        let moved = far(point.tracks, self.last.tracks)
            || point.share - self.last.share >= STEP_SHARE
            || point.bytes > self.last.bytes && far(point.bytes, self.last.bytes);
        // The end is where it ends: it moves along until it is far enough from the point before it.
        if moved || self.done.curve.len() < 2 {
            self.done.curve.push(point);
            self.last = point;
        } else if let Some(end) = self.done.curve.last_mut() {
            *end = point;
        }
    }

    fn finish(mut self) -> Coverage {
        self.done.tracks_unlistened = (self.tracks - self.done.tracks_listened).max(0);
        self.done.share_held = if self.done.listens > 0 { self.held / self.done.listens as f64 } else { 0.0 };
        if let Some(lowest) = self.done.bands.last_mut() {
            lowest.tracks += self.done.tracks_unlistened;
            let held: i64 = self.bytes;
            lowest.bytes += (self.done.bytes_held - held).max(0);
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(listens: i64, recordings: i64) -> Group {
        Group { listens, popularity: 50, recordings, tracks: recordings * 2, held: recordings, bytes: recordings * 10 }
    }

    #[test]
    fn the_fewest_that_have_a_share_are_counted_within_a_group_too() {
        let mut counting = Counting::new(1000, 500, 5000);
        // 500 + 10 × 40 + 100 × 1.
        [group(500, 1), group(40, 10), group(1, 100)].iter().for_each(|group| counting.add(group));
        let coverage = counting.finish();
        let few: Vec<(i64, i64)> = coverage.covering.iter().map(|few| (few.recordings, few.tracks)).collect();
        assert_eq!(few, [(1, 2), (9, 18), (11, 22), (101, 202), (107, 214)]);
        assert_eq!(
            (coverage.recordings_listened, coverage.tracks_listened, coverage.tracks_unlistened),
            (111, 222, 278)
        );
        assert!((coverage.share_held - 1.0).abs() < 1e-9);
        let band = coverage.bands[1];
        assert_eq!((band.popularity, band.listens, band.recordings), ((50, 74), 1000, 111));
        assert_eq!(coverage.bands[4].tracks, 278);
        let end = coverage.curve.last().expect("a point");
        assert_eq!((end.tracks, end.share), (222.0, 1.0));
    }

    #[test]
    fn the_curve_stays_short_and_never_falls() {
        let mut counting = Counting::new((1..=200_000).sum(), 1 << 20, 0);
        (1..=200_000).rev().for_each(|listens| counting.add(&group(listens, 1)));
        let curve = counting.finish().curve;
        assert!((200..3000).contains(&curve.len()), "{}", curve.len());
        assert!(curve.windows(2).all(|two| two[0].tracks <= two[1].tracks && two[0].share <= two[1].share));
    }

    #[test]
    fn without_listens_there_is_nothing_to_cover() {
        let coverage = Counting::new(0, 7, 9).finish();
        assert_eq!((coverage.tracks_unlistened, coverage.covering.len(), coverage.curve.len()), (7, 0, 0));
        assert_eq!(coverage.bands[4], Band { popularity: (0, 0), tracks: 7, bytes: 9, ..Band::default() });
    }
}
