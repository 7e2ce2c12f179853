//! `rights import`: a CSV of decisions, one file or work a row.

use std::path::{Path, PathBuf};

use fonoteca_model::BlobId;
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::rights::{Basis, Decision, Layer, Subject, SubjectKind, Use};
use serde::Serialize;

use super::{Statement, read_subject, set};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::hashing::hash_file;

/// Columns that a file may have; the first three it must have.
const COLUMNS: &[&str] = &[
    "subject_kind",
    "subject",
    "basis",
    "licence",
    "layer",
    "permits",
    "territory",
    "holder",
    "attribution",
    "evidence",
    "note",
];
const REQUIRED: usize = 3;
/// Rows that go into one commit.
const ROWS_A_COMMIT: usize = 4096;

/// What became of one row.
#[derive(Debug, Clone, Serialize)]
pub struct RowResult {
    /// The line in the file, the header being line 1.
    pub line: u64,
    /// The subject as it was understood, or as it was written.
    pub subject: String,
    /// Why it was rejected, and in which column.
    pub rejected: Option<String>,
}

/// What became of all rows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ImportReport {
    /// Rows recorded.
    pub recorded: u64,
    /// Rows rejected, each named.
    pub rejected: Vec<RowResult>,
}

/// Records a decision for each row. A row that makes no sense is named and left out; the others are recorded.
///
/// With `subject_kind` `file`, the subject is a path, relative to the CSV's folder, to a file whose bytes the archive
/// knows or will know: what counts is its root.
pub async fn import(
    archive: &Archive,
    csv: &Path,
    asserted_by: &str,
    progress: &dyn Progress,
) -> Result<ImportReport, ArchiveError> {
    let file = std::fs::File::open(csv).map_err(ArchiveError::io(csv, "cannot be opened"))?;
    let mut reader = csv::ReaderBuilder::new().flexible(false).trim(csv::Trim::All).from_reader(file);
    let name = csv.display().to_string();
    let foreign = |reason: String| ArchiveError::Foreign { name: name.clone(), reason };
    let headers = reader.headers().map_err(|error| foreign(error.to_string()))?.clone();
    check_headers(&headers).map_err(foreign)?;
    let folder = csv.parent().unwrap_or(Path::new("."));
    progress.stage("reading decisions", None, Unit::Items);
    let mut report = ImportReport::default();
    let mut statements = Vec::new();
    for record in reader.records() {
        progress.advance(1);
        let parsed = match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                let row = Row { headers: &headers, record: &record };
                row.statement(folder, asserted_by).map_err(|reason| RowResult {
                    line,
                    subject: row.get("subject").unwrap_or_default().to_owned(),
                    rejected: Some(reason),
                })
            }
            Err(error) => Err(RowResult {
                line: error.position().map_or(0, csv::Position::line),
                subject: String::new(),
                rejected: Some(error.to_string()),
            }),
        };
        match parsed {
            Ok(statement) => statements.push(statement),
            Err(rejected) => report.rejected.push(rejected),
        }
        if statements.len() == ROWS_A_COMMIT {
            set(archive, &std::mem::take(&mut statements)).await?;
            report.recorded += ROWS_A_COMMIT as u64;
        }
        if progress.cancelled() {
            return Err(ArchiveError::Cancelled);
        }
    }
    if !statements.is_empty() {
        report.recorded += statements.len() as u64;
        set(archive, &statements).await?;
    }
    Ok(report)
}

fn check_headers(headers: &csv::StringRecord) -> Result<(), String> {
    if let Some(unknown) = headers.iter().find(|header| !COLUMNS.contains(header)) {
        return Err(format!("column {unknown:?} is not known; columns are {}", COLUMNS.join(", ")));
    }
    match COLUMNS[..REQUIRED].iter().find(|column| !headers.iter().any(|header| header == **column)) {
        Some(missing) => Err(format!("column {missing:?} is missing; the first line names the columns")),
        None => Ok(()),
    }
}

struct Row<'a> {
    headers: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
}

impl Row<'_> {
    fn get(&self, column: &str) -> Option<&str> {
        let position = self.headers.iter().position(|header| header == column)?;
        self.record.get(position).filter(|value| !value.is_empty())
    }

    fn text(&self, column: &str) -> Option<String> {
        self.get(column).map(str::to_owned)
    }

    fn statement(&self, folder: &Path, asserted_by: &str) -> Result<Statement, String> {
        let of_column = |column: &'static str| move |error: String| format!("column {column}: {error}");
        let basis = self.get("basis").ok_or_else(|| of_column("basis")("is empty".to_owned()))?;
        let basis: Basis =
            basis.parse().map_err(|error: fonoteca_model::rights::WordError| of_column("basis")(error.to_string()))?;
        let subject = self.subject(folder).map_err(of_column("subject"))?;
        let mut said = Decision::draft(subject, basis, asserted_by);
        if let Some(layer) = self.get("layer") {
            said.layer = layer.parse::<Layer>().map_err(|error| of_column("layer")(error.to_string()))?;
        }
        for word in self.get("permits").unwrap_or_default().split([' ', ';', '|']).filter(|word| !word.is_empty()) {
            said.permits.push(word.parse::<Use>().map_err(|error| of_column("permits")(error.to_string()))?);
        }
        said.licence = self.text("licence");
        said.territory = self.text("territory");
        said.holder = self.text("holder");
        said.attribution = self.text("attribution");
        let mut statement = Statement::from(said);
        statement.note = self.text("note");
        statement.evidence =
            self.get("evidence").map(|path| document(folder, path)).transpose().map_err(of_column("evidence"))?;
        statement.check().map_err(|error| error.to_string())?;
        Ok(statement)
    }

    fn subject(&self, folder: &Path) -> Result<Subject, String> {
        let kind = self.get("subject_kind").ok_or("subject_kind is empty")?;
        let key = self.get("subject").ok_or("is empty")?;
        if kind == "file" {
            let root = root_of(&inside(folder, key)?)?;
            return Ok(Subject::new(SubjectKind::Blob, root.to_string()));
        }
        kind.parse::<SubjectKind>().map_err(|error| format!("{error}, or file"))?;
        read_subject(&format!("{kind}:{key}")).map_err(|error| error.to_string())
    }
}

/// A path that a CSV names; it may not climb out of the CSV's own folder.
fn inside(folder: &Path, path: &str) -> Result<PathBuf, String> {
    let relative = Path::new(path);
    let climbs = relative
        .components()
        .any(|part| !matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir));
    if climbs { Err(format!("{path:?} leads out of the CSV's folder")) } else { Ok(folder.join(relative)) }
}

/// A document that proves a row; one that is not there is the row's fault, and no reason to leave out the others.
fn document(folder: &Path, path: &str) -> Result<PathBuf, String> {
    let path = inside(folder, path)?;
    match std::fs::File::open(&path).and_then(|file| file.metadata()) {
        Err(error) => Err(format!("{}: {error}", path.display())),
        Ok(found) if !found.is_file() || found.len() == 0 => Err(format!("{} is no document", path.display())),
        Ok(_) => Ok(path),
    }
}

fn root_of(path: &Path) -> Result<BlobId, String> {
    let problem = |error: std::io::Error| format!("{}: {error}", path.display());
    if !path.metadata().map_err(problem)?.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    let hashes = hash_file(path).map_err(problem)?;
    hashes.map(|hashes| hashes.root).ok_or_else(|| format!("{} is empty", path.display()))
}
