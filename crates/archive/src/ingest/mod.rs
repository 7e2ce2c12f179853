//! Taking audio in: from paths to committed rows.
//!
//! Files go in chunks. Of each chunk, every file is hashed and, unless it stays where it is, put into the store; those whose
//! root is not known yet are analysed; what was found becomes rows, which are committed in one batch. Kill it at any
//! instant and run the same command again: what was committed is recognised by its root, or by looking as it did, so at
//! most the chunks that were open are analysed twice.

mod bag;
mod beside;
mod chunk;
mod commit;
mod deepen;
mod describe;
mod keep;
mod ledger;
mod look;
mod matching;
mod outcome;
mod packed;
mod parts;
mod resolve;
mod rows;
mod run;
mod sift;
mod walk;
mod watch;
mod words;

use std::path::{Path, PathBuf};

use fonoteca_model::limits::Limits;
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::rights::Basis;
use tokio::sync::Semaphore;

pub use bag::Bag;
pub use deepen::{Deepening, deepen};
pub use fonoteca_audio::Depth;
pub use outcome::{FileOutcome, Kept, Status, Summary};
pub use packed::PackedLimits;
pub(crate) use rows::{AGENT, blob_row, only_new};
pub use watch::watch;
pub use words::{LRC, PLAIN};

use crate::archive::Archive;
use crate::error::ArchiveError;
use beside::Folders;
use ledger::Ledger;
use run::Run;
use walk::Walk;

/// Where the bytes of what is taken in are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// In the archive, as copies.
    #[default]
    Copy,
    /// In the archive, sharing their blocks with the sources: by a reflink, else by a hard link, else as copies.
    Link,
    /// Where they are. No file is ever written to.
    InPlace,
}

/// What to take in, and under which terms.
#[derive(Debug, Clone)]
pub struct Options {
    /// Files, folders, and archives of audio.
    pub paths: Vec<PathBuf>,
    /// Why the archive may hold them.
    pub basis: Basis,
    /// The licence of files whose tags name none.
    pub licence: Option<String>,
    /// Who says so.
    pub asserted_by: String,
    /// The name of the job in every row and commit; unique.
    pub job: String,
    /// Where the bytes are to be.
    pub keep: Keep,
    /// How far into each file to look.
    pub depth: Depth,
    /// Files hashed or decoded at once.
    pub jobs: usize,
    /// Files of the first batch; batches double up to [`Self::LARGEST_BATCH`].
    pub first_batch: usize,
    /// What is refused or cut.
    pub limits: Limits,
    /// What an archive of audio may hold.
    pub packed: PackedLimits,
}

impl Options {
    /// A small first batch shows a small collection within seconds; doubling keeps commits rare in a large one.
    pub const FIRST_BATCH: usize = 32;
    /// A kill costs at most the analysis of three such batches.
    pub const LARGEST_BATCH: usize = 1024;

    /// One file at a time, with the usual batches and limits.
    pub fn new(paths: Vec<PathBuf>, basis: Basis, asserted_by: &str, job: &str) -> Self {
        Self {
            paths,
            basis,
            licence: None,
            asserted_by: asserted_by.to_owned(),
            job: job.to_owned(),
            keep: Keep::default(),
            depth: Depth::default(),
            jobs: 1,
            first_batch: Self::FIRST_BATCH,
            limits: Limits::default(),
            packed: PackedLimits::default(),
        }
    }
}

/// What is committed is in the search index within so many seconds, or at the end: bringing it up to date takes longer than
/// the commit of a small batch does.
const SHOW_AFTER_SECONDS: i64 = 3;

/// Takes everything in. `report` is told of each file once it is settled: for a kept file, after its batch is committed.
///
/// Returns [`ArchiveError::Cancelled`] when the user stopped it, and any other error when going on makes no sense (a full
/// disk); a file that cannot be taken in is an outcome, not an error.
pub async fn ingest(
    archive: &Archive,
    options: &Options,
    progress: &dyn Progress,
    report: &mut (dyn FnMut(FileOutcome) + Send),
) -> Result<Summary, ArchiveError> {
    let started = archive.now();
    let ledger = Ledger::new(progress, report);
    take(archive, options, None, progress, &ledger).await?;
    Ok(ledger.into_summary(archive, started))
}

/// Takes everything in, once. `changed_below`: the paths are what was changed below that folder, and may be gone by now.
async fn take(
    archive: &Archive,
    options: &Options,
    changed_below: Option<&Path>,
    progress: &dyn Progress,
    ledger: &Ledger<'_>,
) -> Result<(), ArchiveError> {
    archive.store().sweep_staging()?;
    let places = archive.places().await?;
    let walk = Walk::new(options, changed_below, archive.root());
    let total = walk.count(progress)?;
    progress.stage("ingesting", Some(total), Unit::Items);
    let processors = Semaphore::new(options.jobs.max(1));
    let tell_unchanged = changed_below.is_none();
    let folders = Folders::default();
    let run = Run { archive, options, progress, ledger, places, tell_unchanged, processors, folders };
    let taken = run.take_all(walk).await;
    // Also what came in before it was stopped is found from now on.
    let shown = archive.refresh_index().await;
    taken.and(shown)?;
    crate::matching::join_sure(archive, &ledger.take_added(), progress).await?;
    Ok(())
}
