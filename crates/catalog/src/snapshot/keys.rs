//! Look-ups by a column, and the withdrawals in force.

use std::collections::{HashMap, HashSet};

use datafusion::prelude::{Expr, lit};
use fonoteca_model::rights::{ClaimStatus, Decision};
use fonoteca_model::{BlobId, Id};

use super::Snapshot;
use crate::error::CatalogError;
use crate::schema::{Event, File, Rights, Row};

/// What a column can be looked up by.
pub trait Key {
    /// As a literal of a query.
    fn literal(&self) -> Expr;
}

impl Key for Id {
    fn literal(&self) -> Expr {
        lit(self.0)
    }
}

impl Key for BlobId {
    fn literal(&self) -> Expr {
        lit(self.to_string())
    }
}

impl Key for String {
    fn literal(&self) -> Expr {
        lit(self.as_str())
    }
}

impl Snapshot {
    /// The rows whose `column` is one of `keys`.
    pub async fn rows_by<'a, T: Row, K: Key + 'a>(
        &self,
        column: &str,
        keys: impl IntoIterator<Item = &'a K>,
    ) -> Result<Vec<T>, CatalogError> {
        let keys: Vec<Expr> = keys.into_iter().map(Key::literal).collect();
        self.keyed(column, keys).await
    }

    /// For each essence that some file has, the blob that was taken in first.
    pub async fn roots_of_essences(&self, essences: &[String]) -> Result<HashMap<String, BlobId>, CatalogError> {
        let mut rows: Vec<File> = self.rows_by("essence", essences).await?;
        rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.root)));
        Ok(rows.into_iter().map(|row| (row.essence.to_string(), row.root)).collect())
    }

    /// Whether an event is recorded.
    pub async fn has_event(&self, id: &str) -> Result<bool, CatalogError> {
        let rows: Vec<Event> = self.keyed("id", [lit(id)]).await?;
        Ok(!rows.is_empty())
    }

    /// The withdrawals in force, with what was noted about them.
    pub async fn withdrawals(&self) -> Result<Vec<(Decision, Option<String>)>, CatalogError> {
        let rows: Vec<Rights> = self.keyed("status", [lit(ClaimStatus::Withdrawn.as_str())]).await?;
        let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
        let lifting: Vec<Rights> = self.rows_by("supersedes", &ids).await?;
        let lifted: HashSet<String> = lifting.into_iter().filter_map(|row| row.supersedes).collect();
        let in_force = rows.into_iter().filter(|row| !lifted.contains(&row.id));
        in_force
            .map(|row| {
                let note = row.note.clone();
                Ok((Decision::try_from(row)?, note))
            })
            .collect()
    }
}
