//! Telling what became of each file: to whoever asked, to a person watching, and to the sum.

use fonoteca_model::progress::Progress;
use fonoteca_model::{Id, Timestamp};
use parking_lot::Mutex;

use super::outcome::{FileOutcome, Status, Summary};
use crate::archive::Archive;

/// New tracks that are matched to the catalogue at the end, 8 bytes each; `links join` and `review` meet all.
const MATCHED_AT_THE_END: usize = 4_000_000;

/// What was told so far. The stages of an ingest share it.
pub(super) struct Ledger<'a> {
    progress: &'a dyn Progress,
    told: Mutex<Told<'a>>,
}

struct Told<'a> {
    summary: Summary,
    added: Vec<Id>,
    report: &'a mut (dyn FnMut(FileOutcome) + Send),
}

impl<'a> Ledger<'a> {
    pub fn new(progress: &'a dyn Progress, report: &'a mut (dyn FnMut(FileOutcome) + Send)) -> Self {
        Self { progress, told: Mutex::new(Told { summary: Summary::default(), added: Vec::new(), report }) }
    }

    /// A file is settled; `bytes` of audio are new.
    pub fn settle(&self, outcome: FileOutcome, bytes: u64) {
        if let Some(reason) = outcome.reason.as_deref().filter(|_| outcome.is_worth_a_note()) {
            // Most errors name their file already.
            let named = reason.contains(&outcome.path) || reason.contains(&format!("{:?}", outcome.path));
            self.progress.note(&if named { reason.to_owned() } else { format!("{}: {reason}", outcome.path) });
        }
        let mut told = self.told.lock();
        told.summary.count(&outcome, bytes);
        let is_new = matches!(outcome.status, Status::Added | Status::Malformed);
        if is_new && told.added.len() < MATCHED_AT_THE_END {
            let several = outcome.track_ids.iter();
            let one = outcome.track_id.iter().filter(|_| outcome.track_ids.is_empty());
            told.added.extend(several.chain(one).filter_map(|id| id.parse::<Id>().ok()));
        }
        (told.report)(outcome);
        drop(told);
        self.progress.advance(1);
    }

    /// A known file is settled that was not even read.
    pub fn settle_unchanged(&self, outcome: FileOutcome) {
        self.told.lock().summary.unchanged += 1;
        self.settle(outcome, 0);
    }

    /// Files that nobody asked for were passed over.
    pub fn pass_over(&self, files: u64) {
        self.told.lock().summary.ignored += files;
    }

    /// The tracks that came in since this was asked before.
    pub fn take_added(&self) -> Vec<Id> {
        std::mem::take(&mut self.told.lock().added)
    }

    /// The sum of what was told since `started`.
    pub fn into_summary(self, archive: &Archive, started: Timestamp) -> Summary {
        let mut summary = self.told.into_inner().summary;
        // A clock may be set back meanwhile.
        summary.seconds = (archive.now().0 - started.0).max(0) as f64 / 1e6;
        summary
    }
}
