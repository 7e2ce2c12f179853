//! What is held: the audio in the order in which it is given out, and the blobs that a fixity check goes through.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use fonoteca_model::{BlobHashes, BlobId, Id, Timestamp};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

use super::Snapshot;
use super::query_error::QueryError;
use super::stats::first_number;
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
    /// How many tracks play from it.
    pub tracks: i64,
    /// Whether the condition holds that was asked for.
    pub chosen: bool,
    /// Its copy made the way that was asked for.
    pub copy_root: Option<BlobId>,
    /// Bytes of the copy.
    pub copy_size: Option<i64>,
}

/// What is asked about held audio beside its order.
#[derive(Debug, Clone, Copy, Default)]
pub struct HeldQuery<'a> {
    /// An SQL condition over the columns that [`HeldAudio`] begins with, and any table; none: it holds for all.
    pub condition: Option<&'a str>,
    /// What `derived_how` of a copy begins with; none: no copies.
    pub copies: Option<&'a str>,
}

/// The recording that each track or recording was joined to, one hop far.
pub(super) const HOP: &str = "hop AS (
        SELECT from_id, last_value(to_id ORDER BY at, id) AS to_id FROM links
        WHERE entity = 'recording' AND id NOT IN (SELECT supersedes FROM links WHERE supersedes IS NOT NULL)
        GROUP BY from_id)";

/// Redirects are followed three deep for the order; a longer chain sorts with the recording that it reached.
const BY_POPULARITY: &str = "
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
    held AS (SELECT root, min(track_id) AS track_id, count(DISTINCT track_id) AS tracks FROM holdings GROUP BY root),
    audio AS (SELECT f.root AS root, f.extension AS extension, f.size AS size, f.state AS state, f.codec AS codec,
        f.duration_ms AS duration_ms, f.cover_root AS cover_root, f.at AS at,
        t.id AS track_id, t.title AS title, t.artist_credit AS artist_credit,
        a.title AS album, a.artist_credit AS album_artist, t.disc AS disc, t.number AS number,
        coalesce(t.date, a.date) AS date, t.isrc AS isrc,
        coalesce(h3.to_id, h2.to_id, h1.to_id, t.id) AS recording_id,
        coalesce(l.popularity, 0) AS popularity, coalesce(l.listens, 0) AS listens, l.as_of AS listens_as_of,
        h.tracks AS tracks
    FROM files f
    JOIN held h ON h.root = f.root
    JOIN tracks t ON t.id = h.track_id
    LEFT JOIN albums a ON a.id = t.album_id
    LEFT JOIN hop h1 ON h1.from_id = t.id
    LEFT JOIN hop h2 ON h2.from_id = h1.to_id
    LEFT JOIN hop h3 ON h3.from_id = h2.to_id
    LEFT JOIN latest l ON l.recording_id = coalesce(h3.to_id, h2.to_id, h1.to_id, t.id))";

impl HeldQuery<'_> {
    fn sql(self) -> String {
        let mut joins = String::new();
        let mut columns = "audio.*".to_owned();
        match self.condition {
            // On a line of its own: what is asked may end in a comment.
            Some(condition) => {
                columns.push_str(", chosen.root IS NOT NULL AS chosen");
                let chosen = format!("SELECT DISTINCT root FROM audio WHERE (\n{condition}\n)");
                joins = format!(" LEFT JOIN ({chosen}) chosen ON chosen.root = audio.root");
            }
            None => columns.push_str(", true AS chosen"),
        }
        match self.copies {
            Some(how) => {
                columns.push_str(", copy.root AS copy_root, copy.size AS copy_size");
                joins = format!(
                    "{joins} LEFT JOIN (SELECT derived_from, min(root) AS root, first_value(size ORDER BY root) AS size FROM blobs
                    WHERE kind = 'derived' AND starts_with(derived_how, '{}') GROUP BY derived_from) copy
                    ON copy.derived_from = audio.root",
                    how.replace('\'', "''")
                );
            }
            None => columns
                .push_str(", nullif(audio.root, audio.root) AS copy_root, nullif(audio.size, audio.size) AS copy_size"),
        }
        format!(
            "WITH {HOP}, {BY_POPULARITY} SELECT {columns} FROM audio{joins}
            WHERE audio.root NOT IN ({DELETED})
            ORDER BY audio.popularity DESC, audio.listens DESC, audio.root"
        )
    }
}

/// Blobs that a mirror dropped, because their feed withdrew them or for want of room: known, and rightly gone. Some are
/// fetched again later.
pub(super) const DELETED: &str = "SELECT subject FROM (
        SELECT subject, last_value(kind ORDER BY at, id) AS last FROM events
        WHERE kind IN ('deletion', 'replication') AND subject_kind = 'blob' GROUP BY subject)
    WHERE last = 'deletion'";

impl Snapshot {
    /// All held audio, most popular first, then most listened, then by root: an order without ties.
    pub async fn held_by_popularity(
        &self,
    ) -> Result<BoxStream<'static, Result<Vec<HeldAudio>, CatalogError>>, CatalogError> {
        self.held_asked(HeldQuery::default()).await
    }

    /// The same, with answers to what is asked about each.
    pub async fn held_asked(
        &self,
        asked: HeldQuery<'_>,
    ) -> Result<BoxStream<'static, Result<Vec<HeldAudio>, CatalogError>>, CatalogError> {
        let batches = self.sql_stream(&asked.sql()).await?;
        Ok(batches
            .map(|batch| serde_arrow::from_record_batch(&batch?).map_err(CatalogError::rows(Table::Files)))
            .boxed())
    }

    /// Whether `condition` can be asked about held audio, as [`HeldQuery::condition`].
    pub async fn check_condition(&self, condition: &str) -> Result<(), QueryError> {
        let text = format!("WITH {HOP}, {BY_POPULARITY} SELECT root FROM audio WHERE (\n{condition}\n) LIMIT 0");
        let unplaced = |mut error: QueryError| {
            // Places are those in the whole query, which nobody wrote.
            match &mut error {
                QueryError::Syntax { at, .. }
                | QueryError::Table { at, .. }
                | QueryError::Column { at, .. }
                | QueryError::Plan { at, .. } => *at = None,
                _ => {}
            }
            error
        };
        let mut batches = self.query(&text, false).await.map_err(unplaced)?.batches;
        while batches.try_next().await.map_err(unplaced)?.is_some() {}
        Ok(())
    }

    /// All tracks that something is held of, each once, in order, in chunks.
    pub async fn held_tracks(&self) -> Result<BoxStream<'static, Result<Vec<Id>, CatalogError>>, CatalogError> {
        let batches = self.sql_stream("SELECT DISTINCT track_id FROM holdings ORDER BY track_id").await?;
        Ok(batches
            .map(|batch| {
                let batch = batch?;
                Ok(batch.column(0).as_primitive::<Int64Type>().values().iter().copied().map(Id).collect())
            })
            .boxed())
    }

    /// How many blobs should be in the store, and their bytes.
    pub async fn count_blobs(&self) -> Result<(u64, u64), CatalogError> {
        let query = format!("SELECT count(*), coalesce(sum(size), 0) FROM blobs WHERE root NOT IN ({DELETED})");
        let counts = self.sql(&query).await?;
        Ok((first_number(&counts, 0) as u64, first_number(&counts, 1) as u64))
    }

    /// The hashes of every blob that should be in the store and whose root is within the range, ascending, each once, in
    /// chunks. The range is sorted before the first comes.
    pub async fn blobs_within(
        &self,
        roots: RangeInclusive<BlobId>,
    ) -> Result<BoxStream<'static, Result<Vec<BlobHashes>, CatalogError>>, CatalogError> {
        let (first, last) = roots.into_inner();
        let tail = format!("WHERE root >= '{first}' AND root <= '{last}' AND root NOT IN ({DELETED}) ORDER BY root");
        let rows = self.stream::<Blob>(&tail).await?;
        let mut before = None;
        Ok(rows
            .map(move |some| {
                let mut some = some?;
                some.retain(|blob| before.replace(blob.root) != Some(blob.root));
                some.iter().map(Blob::hashes).collect()
            })
            .boxed())
    }

    /// The roots of all blobs that should be in the store, in any order, in chunks.
    pub async fn blob_roots(&self) -> Result<BoxStream<'static, Result<Vec<BlobId>, CatalogError>>, CatalogError> {
        let query = format!("SELECT root AS subject FROM blobs WHERE root NOT IN ({DELETED})");
        let batches = self.sql_stream(&query).await?;
        Ok(batches
            .map(|batch| {
                let rows: Vec<OfBlob> =
                    serde_arrow::from_record_batch(&batch?).map_err(CatalogError::rows(Table::Blobs))?;
                Ok(rows.into_iter().map(|row| row.subject).collect())
            })
            .boxed())
    }

    /// Those of these blobs that a mirror dropped, and that did not come again.
    pub async fn deleted(&self, roots: &[BlobId]) -> Result<BTreeSet<BlobId>, CatalogError> {
        self.among(roots, |_| format!("SELECT subject FROM ({DELETED})")).await
    }

    /// Those of these blobs that this archive took in itself, as audio or with audio: covers and words.
    pub async fn taken_in(&self, roots: &[BlobId]) -> Result<BTreeSet<BlobId>, CatalogError> {
        const TAKEN_IN: &str = "SELECT subject FROM events WHERE kind = 'ingestion' AND subject_kind = 'blob'";
        self.among(roots, |list| {
            format!(
                "{TAKEN_IN} AND subject IN ({list})
                UNION SELECT cover_root FROM files WHERE cover_root IN ({list}) AND root IN ({TAKEN_IN})
                UNION SELECT lyrics_root FROM files WHERE lyrics_root IN ({list}) AND root IN ({TAKEN_IN})"
            )
        })
        .await
    }

    /// Those of `roots` that a query finds, whose only column is `subject`; it is given them as a list of literals.
    async fn among(&self, roots: &[BlobId], query: impl Fn(&str) -> String) -> Result<BTreeSet<BlobId>, CatalogError> {
        let mut found = BTreeSet::new();
        for some in roots.chunks(1_000) {
            let list = some.iter().map(|root| format!("'{root}'")).collect::<Vec<_>>().join(", ");
            let text = format!("SELECT subject FROM ({}) WHERE subject IN ({list})", query(&list));
            let mut batches = self.sql_stream(&text).await?;
            while let Some(batch) = batches.try_next().await? {
                let rows: Vec<OfBlob> =
                    serde_arrow::from_record_batch(&batch).map_err(CatalogError::rows(Table::Events))?;
                found.extend(rows.into_iter().map(|row| row.subject));
            }
        }
        Ok(found)
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
