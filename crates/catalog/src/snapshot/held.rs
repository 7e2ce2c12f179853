//! What is held: the audio in the order in which it is given out, and the blobs that a fixity check goes through.

use std::collections::BTreeSet;

use fonoteca_model::{BlobHashes, BlobId, Id, Timestamp};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

use super::Snapshot;
use crate::error::CatalogError;
use crate::schema::{Blob, FileState, Table};

/// One held audio blob with the track that it plays for and how popular that is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct HeldAudio {
    /// The blob.
    pub root: BlobId,
    /// The canonical extension of its format.
    pub extension: String,
    /// Bytes.
    pub size: i64,
    /// Whether it arrived whole.
    pub state: FileState,
    /// Its codec.
    pub codec: String,
    /// Milliseconds.
    pub duration_ms: i64,
    /// Its cover's blob.
    pub cover_root: Option<BlobId>,
    /// When it was taken in.
    pub at: Timestamp,
    /// The track with the lowest id that plays from it.
    pub track_id: Id,
    /// That track's title.
    pub title: String,
    /// Its artists as written.
    pub artist_credit: String,
    /// Its album's title.
    pub album: Option<String>,
    /// Its album's artists as written.
    pub album_artist: Option<String>,
    /// Disc, from 1.
    pub disc: Option<i32>,
    /// Position on the disc, from 1.
    pub number: Option<i32>,
    /// The track's date, or else its album's.
    pub date: Option<String>,
    /// ISRC.
    pub isrc: Option<String>,
    /// The recording, links followed.
    pub recording_id: Id,
    /// 0 to 100.
    pub popularity: i32,
    /// The recording's latest count.
    pub listens: i64,
    /// When it was counted.
    pub listens_as_of: Option<Timestamp>,
}

/// Redirects are followed three deep for the order; a longer chain sorts with the recording that it reached.
const BY_POPULARITY: &str = "WITH
    hop AS (
        SELECT from_id, last_value(to_id ORDER BY at, id) AS to_id FROM links
        WHERE entity = 'recording' AND id NOT IN (SELECT supersedes FROM links WHERE supersedes IS NOT NULL)
        GROUP BY from_id),
    counted AS (
        SELECT recording_id, last_value(popularity ORDER BY as_of, \"count\") AS popularity,
            last_value(\"count\" ORDER BY as_of, \"count\") AS listens, max(as_of) AS as_of
        FROM listens GROUP BY recording_id),
    latest AS (
        SELECT coalesce(h3.to_id, h2.to_id, h1.to_id, c.recording_id) AS recording_id, max(c.popularity) AS popularity,
            sum(c.listens) AS listens, max(c.as_of) AS as_of
        FROM counted c
        LEFT JOIN hop h1 ON h1.from_id = c.recording_id
        LEFT JOIN hop h2 ON h2.from_id = h1.to_id
        LEFT JOIN hop h3 ON h3.from_id = h2.to_id
        GROUP BY 1),
    held AS (SELECT root, min(track_id) AS track_id FROM holdings GROUP BY root)
    SELECT f.root AS root, f.extension AS extension, f.size AS size, f.state AS state, f.codec AS codec,
        f.duration_ms AS duration_ms, f.cover_root AS cover_root, f.at AS at,
        t.id AS track_id, t.title AS title, t.artist_credit AS artist_credit,
        a.title AS album, a.artist_credit AS album_artist, t.disc AS disc, t.number AS number,
        coalesce(t.date, a.date) AS date, t.isrc AS isrc,
        coalesce(h3.to_id, h2.to_id, h1.to_id, t.id) AS recording_id,
        coalesce(l.popularity, 0) AS popularity, coalesce(l.listens, 0) AS listens, l.as_of AS listens_as_of
    FROM files f
    JOIN held h ON h.root = f.root
    JOIN tracks t ON t.id = h.track_id
    LEFT JOIN albums a ON a.id = t.album_id
    LEFT JOIN hop h1 ON h1.from_id = t.id
    LEFT JOIN hop h2 ON h2.from_id = h1.to_id
    LEFT JOIN hop h3 ON h3.from_id = h2.to_id
    LEFT JOIN latest l ON l.recording_id = coalesce(h3.to_id, h2.to_id, h1.to_id, t.id)
    ORDER BY popularity DESC, listens DESC, root";

/// Blobs that a mirror dropped when their feed withdrew them: known, and rightly gone.
const DELETED: &str = "SELECT subject FROM events WHERE kind = 'deletion' AND subject_kind = 'blob'";

impl Snapshot {
    /// All held audio, most popular first, then most listened, then by root: an order without ties.
    pub async fn held_by_popularity(
        &self,
    ) -> Result<BoxStream<'static, Result<Vec<HeldAudio>, CatalogError>>, CatalogError> {
        let batches = self.sql_stream(BY_POPULARITY).await?;
        Ok(batches
            .map(|batch| serde_arrow::from_record_batch(&batch?).map_err(CatalogError::rows(Table::Files)))
            .boxed())
    }

    /// The hashes of every blob that should be in the store, in chunks.
    pub async fn all_blobs(&self) -> Result<BoxStream<'static, Result<Vec<BlobHashes>, CatalogError>>, CatalogError> {
        let rows = self.stream::<Blob>(&format!("WHERE root NOT IN ({DELETED})")).await?;
        Ok(rows.map(|some| some?.iter().map(Blob::hashes).collect()).boxed())
    }

    /// Blobs whose last fixity check failed.
    pub async fn damaged_roots(&self) -> Result<BTreeSet<BlobId>, CatalogError> {
        let query = "SELECT subject FROM (
                SELECT subject, last_value(outcome ORDER BY at, id) AS last FROM events
                WHERE kind = 'fixity check' AND subject_kind = 'blob' GROUP BY subject)
            WHERE last = 'failure'";
        let mut roots = BTreeSet::new();
        let mut batches = self.sql_stream(query).await?;
        while let Some(batch) = batches.try_next().await? {
            let rows: Vec<OfBlob> =
                serde_arrow::from_record_batch(&batch).map_err(CatalogError::rows(Table::Events))?;
            roots.extend(rows.into_iter().map(|row| row.subject));
        }
        Ok(roots)
    }
}

#[derive(Deserialize)]
struct OfBlob {
    subject: BlobId,
}
