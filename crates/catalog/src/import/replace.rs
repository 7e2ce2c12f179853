//! Putting an import in place of the one before it: one commit a table, finished by whoever comes next after a kill.
//!
//! `state/pending-import` says what is to be done, and is made durable before the first commit, as `state/pending-batch` is
//! for a batch. Each commit carries the Delta transaction (import, 0), so that none is made twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::AsArray as _;
use datafusion::execution::config::SessionConfig;
use datafusion::prelude::{Expr, SessionContext, col, lit};
use deltalake::DeltaTable;
use deltalake::delta_datafusion::{FileSelection, TableProviderBuilder};
use deltalake::kernel::{Action, Add};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog::Shared;
use crate::delta::{self, FileInProgress};
use crate::error::CatalogError;
use crate::rows::{conform, encode, stamp};
use crate::schema::{IMPORT_COLUMN, Import, Table};
use crate::writer::Writer;

const FORMAT: &str = "fonoteca-replacement/1";
/// Rows of a file that is written anew.
const FILE_ROWS: u64 = 4_000_000;

/// What is to be committed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Replacement {
    format: String,
    #[serde(default)]
    row: Option<Import>,
    /// The new files, by table.
    #[serde(default)]
    files: BTreeMap<String, Vec<Add>>,
}

impl Replacement {
    pub(super) fn new(row: Import, files: BTreeMap<String, Vec<Add>>) -> Self {
        Self { format: FORMAT.to_owned(), row: Some(row), files }
    }
}

/// The rows of all imports of the dataset to which an import belongs.
pub(super) fn of_dataset(import: &str) -> Expr {
    let prefix = prefix(import);
    // The character after a slash is a zero.
    let end = format!("{}0", &prefix[..prefix.len() - 1]);
    col(IMPORT_COLUMN).gt_eq(lit(prefix)).and(col(IMPORT_COLUMN).lt(lit(end)))
}

/// `source/dataset/`.
fn prefix(import: &str) -> &str {
    import.rfind('/').map_or(import, |slash| &import[..=slash])
}

/// Whether an import that is to be replaced belongs to the same dataset as the one that replaces it.
fn is_earlier(import: &str, of: &str) -> bool {
    import != of && prefix(import) == prefix(of)
}

/// Commits the replacement under the writer's lock.
pub(super) async fn carry_out(writer: Writer, replacement: Replacement) -> Result<(), CatalogError> {
    let (shared, lock) = writer.into_parts();
    let state = shared.state.clone();
    let replacement = tokio::task::spawn_blocking(move || write(&state, &replacement).map(|()| replacement)).await;
    let replacement = replacement.map_err(|error| CatalogError::state("work in", &shared.state)(error.into()))??;
    apply(&shared, replacement).await?;
    drop(lock);
    Ok(())
}

/// Whether a killed process left a replacement.
pub(crate) fn is_pending(state: &Path) -> bool {
    place(state).exists()
}

/// Finishes the replacement of a killed process, if there is one. The caller holds the lock.
pub(crate) async fn roll_forward(shared: &Arc<Shared>) -> Result<(), CatalogError> {
    let Some(left) = read(&shared.state)? else { return Ok(()) };
    tracing::info!(import = left.row.as_ref().map(|row| &row.id), "finishing an import that was interrupted");
    apply(shared, left).await
}

async fn apply(shared: &Arc<Shared>, replacement: Replacement) -> Result<(), CatalogError> {
    let Replacement { row: Some(row), files, .. } = replacement else { return remove(&shared.state) };
    for table in Table::ALL.iter().copied().filter(|table| table.is_imported()) {
        let mut delta = shared.table(table).await?;
        if delta::recorded(&delta, table, &row.id).await?.is_some() {
            continue;
        }
        let mut actions = earlier(shared, table, &delta, &row.id).await?;
        actions.extend(files.get(table.name()).into_iter().flatten().cloned().map(Action::Add));
        if !actions.is_empty() {
            delta::commit(&mut delta, table, actions, &row.id, 0).await?;
        }
    }
    let mut delta = shared.table(Table::Imports).await?;
    if delta::recorded(&delta, Table::Imports, &row.id).await?.is_none() {
        let rows = stamp(Table::Imports, &encode(std::slice::from_ref(&row))?, None)?;
        delta::append(&mut delta, Table::Imports, rows, &row.id, 0).await?;
    }
    remove(&shared.state)
}

/// What takes the rows of earlier imports of the dataset out of the table. Files that have other rows as well, since
/// somebody compacted the table, are written anew with those.
async fn earlier(
    shared: &Arc<Shared>,
    table: Table,
    delta: &DeltaTable,
    import: &str,
) -> Result<Vec<Action>, CatalogError> {
    let snapshot = delta.snapshot().map_err(CatalogError::delta("read the log of", table))?;
    let mut actions = Vec::new();
    for file in snapshot.log_data().iter() {
        match file.stats().as_deref().map_or(OfImports::Untold, of_file) {
            OfImports::One(one) if is_earlier(&one, import) => actions.push(Action::Remove(file.remove_action(true))),
            OfImports::None | OfImports::One(_) => {}
            OfImports::Untold => {
                let path = file.path().into_owned();
                let imports = imports_in(shared, table, delta, &path).await?;
                let is_out = |one: &Option<String>| one.as_deref().is_some_and(|one| is_earlier(one, import));
                if !imports.iter().any(is_out) {
                    continue;
                }
                actions.push(Action::Remove(file.remove_action(true)));
                if !imports.iter().all(is_out) {
                    let kept = write_anew(shared, table, delta, &path, import).await?;
                    actions.extend(kept.into_iter().map(Action::Add));
                }
            }
        }
    }
    Ok(actions)
}

/// What a file's statistics tell of the imports whose rows are in it.
#[derive(Debug, PartialEq, Eq)]
enum OfImports {
    /// All rows are of this one.
    One(String),
    /// No row is of any.
    None,
    /// One has to look.
    Untold,
}

fn of_file(stats: &str) -> OfImports {
    let Ok(stats) = serde_json::from_str::<Value>(stats) else { return OfImports::Untold };
    let (nulls, rows) = (stats["nullCount"][IMPORT_COLUMN].as_i64(), stats["numRecords"].as_i64());
    if nulls.is_some() && nulls == rows {
        return OfImports::None;
    }
    let (least, most) = (stats["minValues"][IMPORT_COLUMN].as_str(), stats["maxValues"][IMPORT_COLUMN].as_str());
    match (least, most) {
        (Some(least), Some(most)) if nulls == Some(0) && least == most => OfImports::One(least.to_owned()),
        _ => OfImports::Untold,
    }
}

/// The imports whose rows are in a file; None stands for rows of no import.
async fn imports_in(
    shared: &Arc<Shared>,
    table: Table,
    delta: &DeltaTable,
    path: &str,
) -> Result<BTreeSet<Option<String>>, CatalogError> {
    let failed = || CatalogError::query("looking for the imports in a file");
    let (context, provider) = one_file(shared, table, delta, path).await?;
    let rows = context.read_table(provider).and_then(|rows| rows.select(vec![col(IMPORT_COLUMN)]));
    let rows = rows.and_then(datafusion::dataframe::DataFrame::distinct).map_err(failed())?;
    let mut stream = rows.execute_stream().await.map_err(failed())?;
    let mut found = BTreeSet::new();
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(failed())?;
        let text = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8);
        let text = text.map_err(CatalogError::rows(table))?;
        found.extend(text.as_string::<i32>().iter().map(|import| import.map(str::to_owned)));
    }
    Ok(found)
}

/// Writes the rows of a file that stay into new ones.
async fn write_anew(
    shared: &Arc<Shared>,
    table: Table,
    delta: &DeltaTable,
    path: &str,
    import: &str,
) -> Result<Vec<Add>, CatalogError> {
    let failed = || CatalogError::query("writing a file anew");
    let (context, provider) = one_file(shared, table, delta, path).await?;
    let is_out = of_dataset(import).and(col(IMPORT_COLUMN).not_eq(lit(import)));
    let rows = context.read_table(provider).and_then(|rows| rows.filter(is_out.is_not_true())).map_err(failed())?;
    let mut stream = rows.execute_stream().await.map_err(failed())?;
    let (mut adds, mut file, mut written) = (Vec::new(), None, 0);
    while let Some(batch) = stream.next().await {
        let batch = conform(table, &batch.map_err(failed())?).map_err(CatalogError::rows(table))?;
        let mut open = match file.take() {
            Some(open) => open,
            None => FileInProgress::begin(delta, table, None)?,
        };
        written += batch.num_rows() as u64;
        open.write(batch).await?;
        if written >= FILE_ROWS {
            adds.append(&mut open.finish().await?);
            written = 0;
        } else {
            file = Some(open);
        }
    }
    if let Some(open) = file {
        adds.append(&mut open.finish().await?);
    }
    Ok(adds)
}

/// A file of the table, by itself.
async fn one_file(
    shared: &Arc<Shared>,
    table: Table,
    delta: &DeltaTable,
    path: &str,
) -> Result<(SessionContext, Arc<dyn datafusion::catalog::TableProvider>), CatalogError> {
    let failed = || CatalogError::query(table.name());
    let mut config = SessionConfig::new();
    config.options_mut().execution.parquet.schema_force_view_types = false;
    let context = SessionContext::new_with_config_rt(config, Arc::clone(&shared.runtime));
    delta.update_datafusion_session(&context.state()).map_err(CatalogError::delta("register the storage of", table))?;
    let snapshot = delta.snapshot().map_err(CatalogError::delta("read the log of", table))?;
    let provider = TableProviderBuilder::default()
        .with_log_store(delta.log_store())
        .with_eager_snapshot(snapshot.snapshot().clone())
        .with_session(Arc::new(context.state()))
        .with_file_selection(FileSelection::from_file_paths([path.to_owned()]))
        .await
        .map_err(failed())?;
    Ok((context, provider))
}

fn place(state: &Path) -> PathBuf {
    state.join("pending-import")
}

/// Writes the replacement so that it outlasts a power cut. Blocks.
fn write(state: &Path, replacement: &Replacement) -> Result<(), CatalogError> {
    let path = place(state);
    let inner = || -> io::Result<()> {
        let staged = state.join("pending-import.tmp");
        let mut encoder = zstd::Encoder::new(File::create(&staged)?, 3)?;
        encoder.include_checksum(true)?;
        encoder.write_all(&serde_json::to_vec(replacement)?)?;
        encoder.finish()?.sync_all()?;
        fs::rename(&staged, &path)?;
        File::open(state)?.sync_all()
    };
    inner().map_err(CatalogError::state("write the unfinished import", &path))
}

fn read(state: &Path) -> Result<Option<Replacement>, CatalogError> {
    let path = place(state);
    let damaged = |reason: String| CatalogError::PendingImport { path: path.clone(), reason };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CatalogError::state("open the unfinished import", &path)(error)),
    };
    let bytes = zstd::decode_all(file).map_err(|error| damaged(error.to_string()))?;
    let format = serde_json::from_slice::<Value>(&bytes).map_err(|error| damaged(error.to_string()))?;
    if format["format"] != FORMAT {
        let found = format["format"].as_str().unwrap_or_default().chars().take(60).collect();
        return Err(CatalogError::Format { file: path.display().to_string(), found, known: FORMAT });
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| damaged(error.to_string()))
}

fn remove(state: &Path) -> Result<(), CatalogError> {
    let path = place(state);
    let inner = || {
        fs::remove_file(&path)?;
        File::open(state)?.sync_all()
    };
    inner().map_err(CatalogError::state("remove the finished import", &path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_tell_the_import_of_a_file() {
        let file = |least: &str, most: &str, nulls: i64| {
            serde_json::json!({"numRecords": 3, "minValues": {"import_id": least}, "maxValues": {"import_id": most},
                "nullCount": {"import_id": nulls}})
            .to_string()
        };
        assert_eq!(of_file(&file("a/b/1", "a/b/1", 0)), OfImports::One("a/b/1".to_owned()));
        for mixed in [file("a/b/1", "a/b/2", 0), file("a/b/1", "a/b/1", 1), "{}".to_owned(), String::new()] {
            assert_eq!(of_file(&mixed), OfImports::Untold, "{mixed}");
        }
        assert_eq!(of_file(r#"{"numRecords":3,"nullCount":{"import_id":3}}"#), OfImports::None);
    }

    #[test]
    fn an_import_replaces_those_of_its_own_dataset_only() {
        assert!(is_earlier("a/b/1", "a/b/2"));
        assert!(!is_earlier("a/b/2", "a/b/2"));
        assert!(!is_earlier("a/bc/1", "a/b/2"));
        assert!(!is_earlier("b/b/1", "a/b/2"));
    }
}
