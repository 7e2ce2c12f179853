//! What the Delta log of a table tells: its versions, when each was committed, and what it changed.

use std::collections::HashMap;

use deltalake::DeltaTable;
use fonoteca_model::Timestamp;
use futures::TryStreamExt as _;
use object_store::ObjectStore;
use object_store::path::Path as Key;
use serde::Serialize;
use serde_json::Value;

use crate::catalog::{Catalog, Versions};
use crate::delta;
use crate::error::CatalogError;
use crate::schema::Table;

/// One version of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// The version, from 0.
    pub version: i64,
    /// When it was committed, microseconds.
    pub at: Timestamp,
    /// What was done, in Delta's words: `CREATE TABLE`, `WRITE`, `OPTIMIZE` …
    pub operation: String,
    /// The job whose batch it is.
    pub job: Option<String>,
    /// The number of that batch.
    pub batch: Option<i64>,
    /// Files that came.
    pub files_added: u64,
    /// Files that went.
    pub files_removed: u64,
    /// Rows in the files that came.
    pub rows_added: u64,
    /// Bytes of the files that came.
    pub bytes_added: u64,
    /// Files of the table at this version; none where the log does not reach back to its beginning.
    pub files: Option<u64>,
    /// Rows of the table at this version, those of batches that do not count included.
    pub rows: Option<u64>,
}

/// One entry of the log, as far as it matters here.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) at: Timestamp,
    operation: String,
    transaction: Option<(String, i64)>,
    pub(super) added: Vec<Added>,
    pub(super) removed: Vec<String>,
}

/// A file that an entry names.
#[derive(Debug)]
pub(super) struct Added {
    pub(super) path: String,
    bytes: u64,
    rows: Option<u64>,
}

impl Catalog {
    /// The versions of a table, the oldest first.
    pub async fn history(&self, table: Table) -> Result<Vec<Commit>, CatalogError> {
        let mut commits = Vec::new();
        let mut held: HashMap<String, Option<u64>> = HashMap::new();
        let mut whole = true;
        for version in self.logged_versions(table).await? {
            let entry = self.entry(table, version).await?;
            whole &= commits.len() as i64 == version;
            for path in &entry.removed {
                whole &= held.remove(path).is_some();
            }
            held.extend(entry.added.iter().map(|file| (file.path.clone(), file.rows)));
            let (job, batch) = entry.transaction.unzip();
            commits.push(Commit {
                version,
                at: entry.at,
                operation: entry.operation,
                job,
                batch,
                files_added: entry.added.len() as u64,
                files_removed: entry.removed.len() as u64,
                rows_added: entry.added.iter().filter_map(|file| file.rows).sum(),
                bytes_added: entry.added.iter().map(|file| file.bytes).sum(),
                files: whole.then_some(held.len() as u64),
                rows: whole.then(|| held.values().copied().sum::<Option<u64>>()).flatten(),
            });
        }
        Ok(commits)
    }

    /// The latest version of each table that was committed not later than `moment`. Batches commit `files` last, so what
    /// was half committed then does not count.
    pub async fn versions_at(&self, moment: Timestamp) -> Result<Versions, CatalogError> {
        let mut versions = Versions::new();
        for table in Table::ALL {
            let mut logged = self.logged_versions(*table).await?;
            let found = loop {
                let Some(version) = logged.pop() else {
                    return Err(CatalogError::Before { table: *table, moment: moment.to_string() });
                };
                if self.entry(*table, version).await?.at <= moment {
                    break version;
                }
            };
            versions.insert(*table, found);
        }
        Ok(versions)
    }

    /// When a version was committed.
    pub async fn committed_at(&self, table: Table, version: i64) -> Result<Timestamp, CatalogError> {
        if !self.logged_versions(table).await?.contains(&version) {
            return Err(CatalogError::Version { table, version });
        }
        Ok(self.entry(table, version).await?.at)
    }

    /// The versions whose entries the log has, in order.
    pub(super) async fn logged_versions(&self, table: Table) -> Result<Vec<i64>, CatalogError> {
        let folder = format!("catalog/{}/_delta_log", table.name());
        let listed = self.shared.objects.list(Some(&Key::from(folder.as_str())));
        let mut versions: Vec<i64> = listed
            .try_filter_map(|object| async move { Ok(object.location.filename().and_then(version_of)) })
            .try_collect()
            .await
            .map_err(CatalogError::object("list", &folder))?;
        versions.sort_unstable();
        Ok(versions)
    }

    /// One entry of the log.
    pub(super) async fn entry(&self, table: Table, version: i64) -> Result<Entry, CatalogError> {
        let delta: DeltaTable = self.shared.table(table).await?;
        let text = delta.log_store().read_commit_entry(version.unsigned_abs()).await;
        let text = text.map_err(CatalogError::delta(delta::READ_LOG, table))?;
        let text = text.ok_or(CatalogError::Version { table, version })?;
        parse(&text).ok_or_else(|| CatalogError::Log { table, version })
    }
}

/// `00000000000000000012.json` is version 12.
fn version_of(name: &str) -> Option<i64> {
    let digits = name.strip_suffix(".json").filter(|digits| digits.len() == 20)?;
    digits.parse().ok()
}

fn parse(text: &[u8]) -> Option<Entry> {
    let mut entry = Entry::default();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let action: Value = serde_json::from_slice(line).ok()?;
        if let Some(add) = action.get("add") {
            let stats = add["stats"].as_str().and_then(|stats| serde_json::from_str::<Value>(stats).ok());
            entry.added.push(Added {
                path: add["path"].as_str()?.to_owned(),
                bytes: add["size"].as_u64()?,
                rows: stats.and_then(|stats| stats["numRecords"].as_u64()),
            });
        } else if let Some(remove) = action.get("remove") {
            entry.removed.push(remove["path"].as_str()?.to_owned());
        } else if let Some(transaction) = action.get("txn") {
            entry.transaction = Some((transaction["appId"].as_str()?.to_owned(), transaction["version"].as_i64()?));
        } else if let Some(info) = action.get("commitInfo") {
            entry.at = Timestamp(info["timestamp"].as_i64()?.checked_mul(1000)?);
            info["operation"].as_str().unwrap_or_default().clone_into(&mut entry.operation);
        }
    }
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_tells_files_rows_and_moment() {
        let text = br#"{"commitInfo":{"timestamp":1700000000123,"operation":"WRITE"}}
{"txn":{"appId":"job-1","version":3}}
{"add":{"path":"a.parquet","size":10,"stats":"{\"numRecords\":4}"}}
{"remove":{"path":"b.parquet"}}
"#;
        let entry = parse(text).expect("an entry");
        assert_eq!((entry.at.0, entry.operation.as_str()), (1_700_000_000_123_000, "WRITE"));
        assert_eq!(entry.transaction, Some(("job-1".to_owned(), 3)));
        assert_eq!((entry.added[0].path.as_str(), entry.added[0].rows), ("a.parquet", Some(4)));
        assert_eq!(entry.removed, ["b.parquet"]);
        assert!(parse(b"{\"add\":{\"size\":1}}").is_none() && parse(b"not json").is_none());
    }

    #[test]
    fn only_entries_are_versions() {
        assert_eq!(version_of("00000000000000000012.json"), Some(12));
        for other in ["00000000000000000010.checkpoint.parquet", "_last_checkpoint", "12.json", "x.json.tmp"] {
            assert_eq!(version_of(other), None, "{other}");
        }
    }
}
