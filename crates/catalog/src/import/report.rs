//! What is imported, and what became of it.

use std::path::PathBuf;

use serde::Serialize;

use super::FileIdentity;
use crate::schema::Import;

/// What is imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who published it: `musicbrainz` …
    pub source: String,
    /// Which part of it; an import replaces the one before it of the same source and dataset.
    pub dataset: String,
    /// The file's name, as it is recorded; `-` for standard input.
    pub name: String,
    /// The files, in the order in which they are opened; none: what cannot be read twice, so that an interrupted import
    /// begins anew.
    pub files: Vec<FileIdentity>,
    /// What was asked for beside the usual.
    pub options: Option<String>,
}

/// What is recorded of an import beside what was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The date of the dump, as precise as it says it.
    pub dump_date: Option<String>,
    /// The licence of the data.
    pub licence: Option<String>,
    /// The datasets that the file has, with commas between, if more than one.
    pub parts: Option<String>,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The import's id; of the earlier one where nothing was to be done.
    pub import_id: String,
    /// Who published it.
    pub source: String,
    /// Which part of it.
    pub dataset: String,
    /// The same file is in the tables already, so nothing was written.
    pub already: bool,
    /// Records read.
    pub read: u64,
    /// Rows that the import before did not have.
    pub added: u64,
    /// Rows that are not as they were.
    pub changed: u64,
    /// Rows that are gone.
    pub removed: u64,
    /// Things that were not understood.
    pub rejected: u64,
    /// Records that give no row: no table is for them, or the same was said before.
    pub passed_over: u64,
    /// The datasets that the file has, if more than one.
    pub parts: Vec<String>,
    /// Where the rejects are, if there are any.
    pub rejects_file: Option<PathBuf>,
}

impl Report {
    pub(super) fn of(row: &Import, already: bool, rejects_file: Option<PathBuf>) -> Self {
        Self {
            import_id: row.id.clone(),
            source: row.source.clone(),
            dataset: row.dataset.clone(),
            already,
            read: row.read as u64,
            added: row.added as u64,
            changed: row.changed as u64,
            removed: row.removed as u64,
            rejected: row.rejected as u64,
            passed_over: row.passed_over as u64,
            parts: row.parts.iter().flat_map(|parts| parts.split(',')).map(str::to_owned).collect(),
            rejects_file,
        }
    }
}
