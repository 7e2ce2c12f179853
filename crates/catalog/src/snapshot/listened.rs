//! What was listened to: counts to go on from, and what tracks are called by whoever counts.

use arrow::array::{Array as _, AsArray as _};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use fonoteca_model::Id;
use futures::StreamExt as _;
use futures::stream::BoxStream;

use super::Snapshot;
use crate::error::CatalogError;
use crate::schema::Table;

/// The latest count of one recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listened {
    /// The recording.
    pub recording_id: Id,
    /// Listens.
    pub count: i64,
    /// 0 to 100.
    pub popularity: i32,
}

/// What a track can be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackNames {
    /// The track.
    pub id: Id,
    /// ISRC, without hyphens.
    pub isrc: Option<String>,
    /// MusicBrainz recording id.
    pub mbid: Option<String>,
    /// Its artists as written.
    pub artist_credit: String,
    /// Its title.
    pub title: String,
}

impl Snapshot {
    /// The latest counts of all recordings that were ever listened to, in ascending order of their ids.
    pub async fn listened(&self) -> Result<BoxStream<'static, Result<Vec<Listened>, CatalogError>>, CatalogError> {
        let query = "SELECT recording_id, last_value(\"count\" ORDER BY as_of, \"count\") AS latest, \
                     last_value(popularity ORDER BY as_of, \"count\") AS popularity \
                     FROM listens GROUP BY recording_id ORDER BY recording_id";
        let batches = self.sql_stream(query).await?;
        Ok(batches
            .map(|batch| {
                let batch = batch?;
                let (ids, counts) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1));
                let (counts, popularities) = (counts.as_primitive::<Int64Type>(), batch.column(2));
                let popularities = popularities.as_primitive::<Int32Type>();
                let rows = ids.values().iter().zip(counts.values()).zip(popularities.values());
                Ok(rows
                    .map(|((id, count), popularity)| Listened {
                        recording_id: Id(*id),
                        count: *count,
                        popularity: *popularity,
                    })
                    .collect())
            })
            .boxed())
    }

    /// What each track can be found by, in any order.
    pub async fn track_names(&self) -> Result<BoxStream<'static, Result<Vec<TrackNames>, CatalogError>>, CatalogError> {
        let batches = self.sql_stream("SELECT id, isrc, mbid, artist_credit, title FROM tracks").await?;
        Ok(batches
            .map(|batch| {
                let batch = batch?;
                let texts = (1..5).map(|column| cast(batch.column(column), &DataType::Utf8));
                let texts = texts.collect::<Result<Vec<_>, _>>().map_err(CatalogError::rows(Table::Tracks))?;
                let ids = batch.column(0).as_primitive::<Int64Type>();
                let text = |column: usize, row: usize| {
                    let column = texts[column].as_string::<i32>();
                    column.is_valid(row).then(|| column.value(row).to_owned())
                };
                Ok((0..batch.num_rows())
                    .map(|row| TrackNames {
                        id: Id(ids.value(row)),
                        isrc: text(0, row),
                        mbid: text(1, row),
                        artist_credit: text(2, row).unwrap_or_default(),
                        title: text(3, row).unwrap_or_default(),
                    })
                    .collect())
            })
            .boxed())
    }
}
