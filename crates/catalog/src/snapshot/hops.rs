//! Where the links of one kind lead, all of them at once.
//!
//! There are as many as a quarter of the tracks. A query that leaves out what is superseded and keeps the latest of each id
//! joins and groups all of them in the memory of queries; here they are sorted numbers.

use std::collections::HashSet;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use fonoteca_model::Id;
use futures::TryStreamExt as _;

use super::Snapshot;
use crate::error::CatalogError;
use crate::schema::{LinkEntity, Table};

impl Snapshot {
    /// From where to where the links that count lead, in the order of whence; those that lead nowhere else included. Takes 24
    /// bytes a link, and what they are called of those that are superseded.
    pub(crate) async fn hops(&self, entity: LinkEntity) -> Result<Vec<(i64, i64)>, CatalogError> {
        let superseded = self.superseded_links().await?;
        let name = if superseded.is_empty() { "" } else { ", id" };
        let query = format!(
            "SELECT from_id, to_id, CAST(at AS BIGINT) AS at{name} FROM links WHERE entity = '{}'",
            entity.as_str()
        );
        let mut links: Vec<(i64, i64, i64)> = Vec::with_capacity(self.room_for(Table::Links)?);
        let mut batches = self.sql_stream(&query).await?;
        while let Some(batch) = batches.try_next().await? {
            let numbers = [0, 1, 2].map(|column| batch.column(column).as_primitive::<Int64Type>());
            let names = (!superseded.is_empty()).then(|| batch.column(3).as_string::<i32>());
            let counts = |row: &usize| names.is_none_or(|names| !superseded.contains(names.value(*row)));
            let rows = (0..batch.num_rows()).filter(counts);
            links.extend(rows.map(|row| (numbers[0].value(row), numbers[2].value(row), numbers[1].value(row))));
        }
        links.sort_unstable();
        // Of two made at one moment, what they are called decides: this is asked of these few.
        let at_once =
            links.windows(2).filter(|two| (two[0].0, two[0].1) == (two[1].0, two[1].1) && two[0].2 != two[1].2);
        let at_once: HashSet<Id> = at_once.map(|two| Id(two[0].0)).collect();
        let at_once: Vec<Id> = at_once.into_iter().collect();
        let decided = self.counting_links(entity, &at_once).await?;
        links.dedup_by(|later, earlier| {
            let is_of_same = later.0 == earlier.0;
            if is_of_same {
                *earlier = *later;
            }
            is_of_same
        });
        let decide = |(from, _, to): (i64, i64, i64)| (from, decided.get(&Id(from)).map_or(to, |link| link.to_id.0));
        Ok(links.into_iter().map(decide).collect())
    }

    /// The links of any kind that others replace: few, since only people replace them.
    async fn superseded_links(&self) -> Result<HashSet<String>, CatalogError> {
        let mut superseded = HashSet::new();
        let mut batches = self.sql_stream("SELECT supersedes FROM links WHERE supersedes IS NOT NULL").await?;
        while let Some(batch) = batches.try_next().await? {
            superseded.extend(batch.column(0).as_string::<i32>().iter().flatten().map(str::to_owned));
        }
        Ok(superseded)
    }
}
