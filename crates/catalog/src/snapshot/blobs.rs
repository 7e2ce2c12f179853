//! Look-ups by blob.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use arrow::array::{AsArray as _, RecordBatch};
use datafusion::prelude::{Expr, col, lit};
use fonoteca_model::{BlobHashes, BlobId};
use futures::stream::BoxStream;

use super::Snapshot;
use crate::error::CatalogError;
use crate::schema::{Blob, BlobKind, File, Fingerprint, Table};

/// The literal that a root is in SQL.
pub(super) fn root_keys<'a>(roots: impl IntoIterator<Item = &'a BlobId>) -> impl Iterator<Item = Expr> {
    roots.into_iter().map(|root| lit(root.to_string()))
}

/// Two columns of roots as pairs; rows without both are left out.
fn pairs(batches: &[RecordBatch]) -> Result<HashMap<BlobId, BlobId>, CatalogError> {
    let mut found = HashMap::new();
    for batch in batches {
        let columns = batch.column(0).as_string::<i32>().iter().zip(batch.column(1).as_string::<i32>());
        for (root, from) in columns.filter_map(|(root, from)| root.zip(from)) {
            let parsed = |text: &str| text.parse::<BlobId>().map_err(CatalogError::rows(Table::Blobs));
            found.insert(parsed(root)?, parsed(from)?);
        }
    }
    Ok(found)
}

impl Snapshot {
    /// Those of `roots` that were ingested already.
    pub async fn known_roots(&self, roots: &[BlobId]) -> Result<HashSet<BlobId>, CatalogError> {
        let batches = self.keyed_batches(Table::Files.name(), &["root"], "root", root_keys(roots), None).await?;
        let mut known = HashSet::new();
        for batch in batches {
            for root in batch.column(0).as_string::<i32>().iter().flatten() {
                known.insert(root.parse().map_err(CatalogError::rows(Table::Files))?);
            }
        }
        Ok(known)
    }

    /// What is known of these blobs as bytes.
    pub async fn blobs(&self, roots: &[BlobId]) -> Result<HashMap<BlobId, (BlobHashes, Blob)>, CatalogError> {
        let rows: Vec<Blob> = self.keyed("root", root_keys(roots)).await?;
        rows.into_iter().map(|row| Ok((row.root, (row.hashes()?, row)))).collect()
    }

    /// What each of these blobs was made from, where it is a copy of other audio.
    pub async fn sources_of(&self, roots: &[BlobId]) -> Result<HashMap<BlobId, BlobId>, CatalogError> {
        let is_copy = Some(col("kind").eq(lit(BlobKind::Derived.as_str())));
        let rows = self.keyed_batches("blobs", &["root", "derived_from"], "root", root_keys(roots), is_copy).await?;
        pairs(&rows)
    }

    /// The copies that were made of this audio, each with what it was made from.
    pub async fn copies_of(&self, roots: &[BlobId]) -> Result<HashMap<BlobId, BlobId>, CatalogError> {
        let is_copy = Some(col("kind").eq(lit(BlobKind::Derived.as_str())));
        let keys = root_keys(roots);
        pairs(&self.keyed_batches("blobs", &["root", "derived_from"], "derived_from", keys, is_copy).await?)
    }

    /// The ingested files of these blobs, the first of each.
    pub async fn files(&self, roots: &[BlobId]) -> Result<HashMap<BlobId, File>, CatalogError> {
        let mut rows: Vec<File> = self.keyed("root", root_keys(roots)).await?;
        rows.sort_by_key(|file| std::cmp::Reverse(file.at));
        Ok(rows.into_iter().map(|file| (file.root, file)).collect())
    }

    /// The fingerprints by an algorithm of sound whose fingerprinted part lasts so long, in milliseconds.
    pub async fn fingerprints_within(
        &self,
        algorithm: i32,
        duration_ms: Range<i64>,
    ) -> Result<BoxStream<'static, Result<Vec<Fingerprint>, CatalogError>>, CatalogError> {
        let Range { start, end } = duration_ms;
        self.stream(&format!("WHERE algorithm = {algorithm} AND duration_ms >= {start} AND duration_ms < {end}")).await
    }
}
