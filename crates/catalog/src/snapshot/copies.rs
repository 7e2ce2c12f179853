//! What is held more than once.

use fonoteca_model::BlobId;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use super::Snapshot;
use super::held::{DELETED, HOP};
use crate::error::CatalogError;
use crate::schema::Table;

/// What copies have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sameness {
    /// All bytes: one blob that lies at several places.
    Bytes,
    /// The packets: what was re-tagged or put into another container.
    Essence,
    /// The recording, in another codec, bit rate or edition.
    Recording,
}

impl Sameness {
    /// All of them, the closest first.
    pub const ALL: [Self; 3] = [Self::Bytes, Self::Essence, Self::Recording];
}

/// One of several copies.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Twin {
    /// What they have in common: a root, an essence hash, or the number of a recording.
    pub key: String,
    /// The blob.
    pub root: BlobId,
}

impl Snapshot {
    /// All that is held more than once, each group together, in an order that is the same every time. A group by essence
    /// has several blobs; one by recording has several essences. Packets that were not read are like no others, and a part of
    /// a file is no copy that could go without the rest of it.
    pub async fn twins(
        &self,
        sameness: Sameness,
    ) -> Result<BoxStream<'static, Result<Vec<Twin>, CatalogError>>, CatalogError> {
        let query = match sameness {
            Sameness::Bytes => {
                "SELECT root AS key, root FROM locations GROUP BY root HAVING count(DISTINCT path) > 1 ORDER BY root"
                    .to_owned()
            }
            Sameness::Essence => format!(
                "WITH held AS (SELECT DISTINCT essence, essence_version, root FROM files
                        WHERE essence_version > 0 AND root NOT IN ({DELETED})),
                    many AS (SELECT essence, essence_version FROM held GROUP BY essence, essence_version
                        HAVING count(*) > 1)
                SELECT h.essence AS key, h.root AS root FROM held h
                JOIN many m ON m.essence = h.essence AND m.essence_version = h.essence_version
                ORDER BY key, root"
            ),
            // As everywhere in SQL, redirects are followed three deep.
            Sameness::Recording => format!(
                "WITH {HOP},
                    held AS (
                        SELECT DISTINCT coalesce(h3.to_id, h2.to_id, h1.to_id, h.track_id) AS recording, f.root AS root,
                            CASE WHEN f.essence_version = 0 THEN f.root ELSE f.essence END AS essence
                        FROM holdings h
                        JOIN files f ON f.root = h.root
                        LEFT JOIN hop h1 ON h1.from_id = h.track_id
                        LEFT JOIN hop h2 ON h2.from_id = h1.to_id
                        LEFT JOIN hop h3 ON h3.from_id = h2.to_id
                        WHERE f.root NOT IN ({DELETED}) AND h.start_ms IS NULL AND h.end_ms IS NULL),
                    many AS (SELECT recording FROM held GROUP BY recording HAVING count(DISTINCT essence) > 1)
                SELECT CAST(h.recording AS VARCHAR) AS key, h.root AS root FROM held h
                JOIN many m ON m.recording = h.recording
                ORDER BY h.recording, root"
            ),
        };
        let batches = self.sql_stream(&query).await?;
        Ok(batches
            .map(|batch| serde_arrow::from_record_batch(&batch?).map_err(CatalogError::rows(Table::Files)))
            .boxed())
    }
}
