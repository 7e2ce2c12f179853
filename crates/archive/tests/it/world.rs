//! An archive in a temporary folder, and sound to put into it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonoteca_archive::ingest::{FileOutcome, Options, Status, Summary, ingest};
use fonoteca_archive::{Archive, ArchiveError};
use fonoteca_catalog::{Row, Stats};
use fonoteca_model::rights::Basis;
use fonoteca_model::{Silent, Timestamp};
use fonoteca_testkit::FixedClock;
pub use fonoteca_testkit::noise;
use tempfile::TempDir;

/// An archive, the music beside it, and the clock that it goes by.
pub struct World {
    pub folder: TempDir,
    pub archive: Archive,
    pub clock: Arc<FixedClock>,
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("music")).expect("a folder for music");
        let clock = Arc::new(FixedClock::new(Timestamp::from_seconds(1_800_000_000)));
        let shown = clock.clone();
        let archive = Archive::init(&folder.path().join("archive"), "Test", Arc::new(move || shown.now()))
            .await
            .expect("a new archive");
        Self { folder, archive, clock }
    }

    pub fn music(&self) -> PathBuf {
        self.folder.path().join("music")
    }

    /// Writes `bytes` to a file below the music.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.music().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, bytes).expect("a file");
        path
    }

    pub fn options(&self, job: &str) -> Options {
        Options { jobs: 2, ..Options::new(vec![self.music()], Basis::OwnWork, "tester", job) }
    }

    /// Takes the music in: what became of each file, by the end of its path.
    pub async fn ingest(&self, job: &str) -> (Summary, Vec<FileOutcome>) {
        self.ingest_with(&self.options(job)).await.expect("an ingest")
    }

    pub async fn ingest_with(&self, options: &Options) -> Result<(Summary, Vec<FileOutcome>), ArchiveError> {
        let mut outcomes = Vec::new();
        let summary = ingest(&self.archive, options, &Silent, &mut |outcome| outcomes.push(outcome)).await?;
        Ok((summary, outcomes))
    }

    pub async fn stats(&self) -> Stats {
        self.archive.snapshot().await.expect("a snapshot").stats().await.expect("counts")
    }

    pub async fn rows<T: Row>(&self) -> Vec<T> {
        self.archive.snapshot().await.expect("a snapshot").rows("").await.expect("rows")
    }
}

/// The statuses of the files whose path ends so.
pub fn statuses(outcomes: &[FileOutcome], end: &str) -> Vec<Status> {
    outcomes.iter().filter(|outcome| Path::new(&outcome.path).ends_with(end)).map(|outcome| outcome.status).collect()
}
