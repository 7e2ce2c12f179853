//! The counts of `fonoteca stats`.

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use serde::Serialize;

use super::Snapshot;
use crate::error::CatalogError;
use crate::schema::Table;

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Rows of `artists`.
    pub artists: i64,
    /// Rows of `albums`.
    pub albums: i64,
    /// Rows of `tracks`.
    pub tracks: i64,
    /// Distinct recordings of the tracks, links followed.
    pub recordings: i64,
    /// Ingested files.
    pub files: i64,
    /// Blobs of every kind.
    pub blobs: i64,
    /// Their bytes.
    pub bytes: i64,
    /// Files that arrived incomplete.
    pub malformed: i64,
    /// Blobs whose last fixity check failed.
    pub damaged: i64,
    /// The latest counts of all recordings together.
    pub listens: i64,
    /// The version of the table `files`.
    pub version: i64,
}

const COUNTS: &str = "SELECT
    (SELECT count(*) FROM artists) AS artists,
    (SELECT count(*) FROM albums) AS albums,
    (SELECT count(*) FROM tracks) AS tracks,
    (SELECT count(*) FROM files) AS files,
    (SELECT count(*) FROM blobs) AS blobs,
    (SELECT coalesce(sum(size), 0) FROM blobs) AS bytes,
    (SELECT count(*) FROM files WHERE state = 'malformed') AS malformed,
    (SELECT count(*) FROM (
        SELECT last_value(outcome ORDER BY at, id) AS last FROM events
        WHERE kind = 'fixity check' AND subject_kind = 'blob' AND subject IN (
            SELECT subject FROM events WHERE kind = 'fixity check' AND outcome = 'failure')
        GROUP BY subject) WHERE last = 'failure') AS damaged,
    (SELECT coalesce(sum(latest), 0) FROM (
        SELECT last_value(\"count\" ORDER BY as_of, \"count\") AS latest FROM listens GROUP BY recording_id)) AS listens";

impl Snapshot {
    /// Counts everything.
    pub async fn stats(&self) -> Result<Stats, CatalogError> {
        let counts = self.sql(COUNTS).await?;
        let count = |column: usize| first_number(&counts, column);
        let tracks = count(2);
        Ok(Stats {
            artists: count(0),
            albums: count(1),
            tracks,
            recordings: self.count_recordings(tracks).await?,
            files: count(3),
            blobs: count(4),
            bytes: count(5),
            malformed: count(6),
            damaged: count(7),
            listens: count(8),
            version: self.versions().get(&Table::Files).copied().unwrap_or(-1),
        })
    }
}

/// A number in the first row of an answer; 0 for none.
pub(super) fn first_number(batches: &[RecordBatch], column: usize) -> i64 {
    let column = batches.iter().find(|batch| batch.num_rows() > 0).map(|batch| batch.column(column));
    column
        .and_then(|column| {
            column.as_primitive_opt::<Int64Type>().filter(|numbers| numbers.is_valid(0))?.value(0).into()
        })
        .unwrap_or(0)
}
