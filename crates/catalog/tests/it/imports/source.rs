//! A source of lines: `NAME TITLE [TAG]` is a track and what is told about it, `!` is not understood, `-` has no table.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};

use fonoteca_catalog::import::{
    Facts, FileIdentity, ImportError, Input, InputLimits, Meter, Opened, Origin, Record, Records, Reject, Report,
    SeenLimits, Source, StagingLimits, run,
};
use fonoteca_catalog::{Batch, Catalog, Supplement, Track};
use fonoteca_model::progress::Progress;
use fonoteca_model::{Id, Silent};

use crate::archive::Archive;
use crate::sample::{AT, track};

pub struct Lines {
    input: Input,
    number: u64,
}

impl Records for Lines {
    fn next(&mut self, rows: &mut Batch) -> Result<Option<Record>, ImportError> {
        let mut line = String::new();
        if self.input.read_line(&mut line).map_err(|error| self.input.error(error))? == 0 {
            self.input.finish()?;
            return Ok(None);
        }
        self.number += 1;
        let mut record = Record { number: self.number, rejects: Vec::new() };
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("!"), _) => record.rejects.push(Reject { field: "line".into(), reason: "is nothing".into() }),
            (Some(name), Some(title)) => {
                let id = Id::of("test", name);
                rows.tracks.push(Track {
                    id,
                    source: "test".into(),
                    source_id: name.into(),
                    ..track(title, "x", None)
                });
                rows.supplements.extend(words.map(|tag| Supplement {
                    source: "test".into(),
                    kind_of: "track".into(),
                    id,
                    kind: "tag".into(),
                    value: tag.into(),
                    licence: None,
                }));
            }
            _ => {}
        }
        Ok(Some(record))
    }
}

/// A dump on disk, and how it is imported.
pub struct Dump {
    pub path: PathBuf,
    pub dataset: &'static str,
    pub limits: StagingLimits,
    pub second: i64,
}

impl Dump {
    pub fn write(archive: &Archive, name: &str, text: &str) -> Self {
        let path = archive.path().join(name);
        std::fs::write(&path, text).expect("a dump");
        let seen = SeenLimits::default();
        Self { path, dataset: "lines", limits: StagingLimits { batch_rows: 4, seen }, second: 0 }
    }

    pub async fn import(&self, catalog: &Catalog) -> Result<Report, ImportError> {
        self.import_with(catalog, &Silent).await
    }

    pub async fn import_with(&self, catalog: &Catalog, progress: &dyn Progress) -> Result<Report, ImportError> {
        let source = Source {
            origin: Origin {
                source: "test".into(),
                dataset: self.dataset.into(),
                name: self.path.file_name().expect("a name").to_string_lossy().into_owned(),
                files: vec![FileIdentity::of(&self.path)?],
                options: None,
            },
            rejects: self.rejects(),
            at: AT.plus_seconds(self.second),
            process: 1,
            limits: self.limits,
        };
        let path = self.path.clone();
        run(catalog, source, move || open(&path), progress).await
    }

    pub fn rejects(&self) -> PathBuf {
        self.path.with_extension("rejects")
    }
}

fn open(path: &Path) -> Result<Opened, ImportError> {
    let meter = Meter::default();
    let input = Input::open(path, InputLimits::default(), &meter)?;
    let facts = Facts { dump_date: Some("2026-11".into()), licence: Some("CC0-1.0".into()), parts: None };
    Ok(Opened { records: Box::new(Lines { input, number: 0 }), meter, facts: Box::new(|| facts) })
}

/// Counts of a report: read, added, changed, removed, rejected, passed over.
pub fn counts(report: &Report) -> [u64; 6] {
    [report.read, report.added, report.changed, report.removed, report.rejected, report.passed_over]
}

/// The Parquet files of a table, whether a version names them or not.
pub fn files(archive: &Archive, table: &str) -> usize {
    let names = std::fs::read_dir(archive.path().join("catalog").join(table)).expect("a table");
    names.filter(|name| name.as_ref().expect("a name").path().extension().is_some_and(|end| end == "parquet")).count()
}
