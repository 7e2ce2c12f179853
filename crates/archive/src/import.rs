//! Importing what others publish: a dump becomes rows, the rows take the place of the import before, and an event says so.
//!
//! The importers themselves are in [`fonoteca_catalog::import`]; here they get a file, a place for what was not understood,
//! and an index that catches up.

mod discogs;
mod tables;

use std::path::{Path, PathBuf};

use fonoteca_catalog::import::musicbrainz::{self, Dump};
use fonoteca_catalog::import::{
    FileIdentity, ImportError, Input, InputLimits, Meter, Opened, Origin, Report, Source, StagingLimits, run,
};
use fonoteca_catalog::{Batch, Event, Outcome};
use fonoteca_model::PartialDate;
use fonoteca_model::progress::Progress;

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::ingest::AGENT;
use crate::moment::job;
use crate::rights::stable_id;

pub use discogs::discogs;
pub use tables::{guess_map, tables};

/// What is imported, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// The file, or the files that are imported together; none: standard input, which cannot be gone on with after an
    /// interruption.
    pub files: Vec<PathBuf>,
    /// Where what was not understood is listed; None: a file of its own in the archive's `state/rejects`.
    pub rejects: Option<PathBuf>,
    /// Rows after which a batch ends; a kill costs at most one batch.
    pub batch_rows: Option<u64>,
    /// The process, which tells two imports of one moment apart.
    pub process: u32,
}

impl Request {
    /// What it is called: the files' names, or `-`.
    pub fn name(&self) -> String {
        let names: Vec<String> = self.files.iter().map(|path| name_of(path)).collect();
        if names.is_empty() { "-".to_owned() } else { names.join(", ") }
    }

    /// Opens the input, of several files the first.
    pub fn open(&self, limits: InputLimits, meter: &Meter) -> Result<Input, ImportError> {
        match self.files.as_slice() {
            [] => Input::stdin(limits, meter),
            [path, ..] => Input::open(path, limits, meter),
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Imports a MusicBrainz dump. An archive with dumps of several entities is one import for each.
pub async fn musicbrainz(
    archive: &Archive,
    request: &Request,
    options: musicbrainz::Options,
    progress: &dyn Progress,
) -> Result<Vec<Report>, ArchiveError> {
    let mut reports = vec![one_dump(archive, request, options, progress).await?];
    let parts = if options.entity.is_none() { reports[0].parts.clone() } else { Vec::new() };
    for part in parts.iter().skip(1) {
        let Ok(entity) = part.parse() else { continue };
        if request.files.is_empty() {
            progress.note(&format!("standard input also has {part}, which cannot be gone back to: give a file"));
            continue;
        }
        let options = musicbrainz::Options { entity: Some(entity), ..options };
        reports.push(one_dump(archive, request, options, progress).await?);
    }
    Ok(reports)
}

async fn one_dump(
    archive: &Archive,
    request: &Request,
    options: musicbrainz::Options,
    progress: &dyn Progress,
) -> Result<Report, ArchiveError> {
    let (from, meter) = (request.clone(), Meter::default());
    let opened = tokio::task::spawn_blocking(move || {
        let input = from.open(options.limits, &meter)?;
        Ok::<_, ImportError>((Dump::open(input, options)?, meter))
    });
    let (dump, meter) = opened.await.map_err(|error| ArchiveError::Bug(format!("opening a dump: {error}")))??;
    let dataset = dump.entity().as_str();
    let asked = (!options.supplements).then(|| "no-supplements".to_owned());
    let dated = request.files.first().and_then(|path| folder_date(path));
    let open = move || {
        let facts = dump.facts();
        let facts = move || {
            let mut facts = facts();
            facts.dump_date = facts.dump_date.or(dated);
            facts
        };
        Ok(Opened { records: Box::new(dump), meter, facts: Box::new(facts) })
    };
    take_in(archive, request, musicbrainz::SOURCE, dataset, asked, open, progress).await
}

/// The date in the name of the folder that a dump lies in, such as `20261118-001001`.
fn folder_date(path: &Path) -> Option<String> {
    let folder = path.parent()?.file_name()?.to_str()?;
    let digits = folder.get(..8).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    PartialDate::lenient(digits).map(|date| date.to_string())
}

/// Imports what `open` opens as a dataset of a source, records the event, and brings the index up to date.
pub async fn take_in(
    archive: &Archive,
    request: &Request,
    source: &str,
    dataset: &str,
    options: Option<String>,
    open: impl FnOnce() -> Result<Opened, ImportError> + Send + 'static,
    progress: &dyn Progress,
) -> Result<Report, ArchiveError> {
    let at = archive.now();
    let rejects = request
        .rejects
        .clone()
        .unwrap_or_else(|| archive.state_path().join("rejects").join(format!("{source}-{dataset}-{}.jsonl", at.0)));
    let defaults = StagingLimits::default();
    let limits = StagingLimits { batch_rows: request.batch_rows.unwrap_or(defaults.batch_rows), ..defaults };
    let source = Source {
        origin: Origin {
            source: source.to_owned(),
            dataset: dataset.to_owned(),
            name: request.name(),
            files: request.files.iter().map(|path| FileIdentity::of(path)).collect::<Result<_, _>>()?,
            options,
        },
        rejects,
        at,
        process: request.process,
        limits,
    };
    let report = run(archive.catalog(), source, open, progress).await?;
    record(archive, &report, &request.name()).await?;
    archive.refresh_index_with(progress).await?;
    Ok(report)
}

/// Records the event, unless it is there: an earlier run may have been killed before it came to that.
async fn record(archive: &Archive, report: &Report, name: &str) -> Result<(), ArchiveError> {
    let id = stable_id(&["import", &report.import_id]);
    if archive.snapshot().await?.has_event(&id).await? {
        return Ok(());
    }
    let writer = archive.catalog().writer().await?;
    let snapshot = writer.snapshot().clone();
    if snapshot.has_event(&id).await? {
        return Ok(());
    }
    let now = archive.now();
    let event = Event {
        id,
        at: now,
        kind: "metadata modification".to_owned(),
        subject_kind: "import".to_owned(),
        subject: report.import_id.clone(),
        outcome: if report.rejected == 0 { Outcome::Success } else { Outcome::Warning },
        detail: Some(format!(
            "{name}: {} read, {} added, {} changed, {} removed, {} rejected",
            report.read, report.added, report.changed, report.removed, report.rejected
        )),
        agent: AGENT.to_owned(),
    };
    let batch = Batch { events: vec![event], ..Batch::default() };
    writer.commit(&job("import", now, &snapshot), 0, batch).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_dump_has_its_date() {
        assert_eq!(folder_date(Path::new("/d/20261118-001001/artist.tar.xz")).as_deref(), Some("2026-11-18"));
        for none in ["artist.tar.xz", "/d/artist.tar.xz", "/20269999/x", "/dümps-20261118/x"] {
            assert_eq!(folder_date(Path::new(none)).filter(|date| date.len() > 4), None, "{none}");
        }
    }
}
