//! An import that is killed, stopped or out of luck: the tables are as before, and the same call goes on.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fonoteca_catalog::import::ImportError;
use fonoteca_catalog::{Batch, Catalog};
use fonoteca_model::Timestamp;
use fonoteca_model::progress::{Progress, Unit};

use super::source::{Dump, counts, files};
use crate::archive::{Archive, commit, everything};
use crate::failing::Failing;
use crate::kills::copy_folder;
use crate::sample::song;

fn text(from: usize, to: usize) -> String {
    let mut text = String::new();
    (from..to).for_each(|n| writeln!(text, "n{n} title{n} tag").expect("a string"));
    text
}

async fn rows(catalog: &Catalog) -> Batch {
    let mut all = everything(catalog).await;
    all.imports.iter_mut().for_each(|import| import.id.clear());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_operation_the_same_call_ends_with_the_same_rows() {
    let (archive, catalog) = Archive::new().await;
    Dump::write(&archive, "one.txt", &text(0, 4)).import(&catalog).await.expect("imported");
    let before = rows(&catalog).await;
    let whole = Archive::empty();
    copy_folder(archive.path(), whole.path());
    let second = |archive: &Archive| Dump { second: 1, ..Dump::write(archive, "two.txt", &text(2, 8)) };
    second(&whole).import(&whole.open().await).await.expect("imported");
    let after = rows(&whole.open().await).await;

    let (mut left_half, mut went_on) = (0, 0);
    for operations in (0..).step_by(17) {
        let copy = Archive::empty();
        copy_folder(archive.path(), copy.path());
        let failing = Failing::after(usize::MAX, copy.objects());
        let killed = Catalog::open(Arc::new(failing.clone()), &copy.state()).await.expect("open");
        let dump = second(&copy);
        failing.allow(operations);
        let outcome = dump.import(&killed).await;
        drop(killed);
        if outcome.is_ok() {
            assert!(operations > 30, "an import takes more than {operations} operations");
            break;
        }
        // What was committed in part is not seen in part by whoever opens it next.
        left_half += usize::from(copy.state().join("pending-import").exists());
        let next = copy.open().await;
        let found = rows(&next).await;
        assert!(found == before || found == after, "after {operations} operations");
        let journal = fs::read_dir(copy.state().join("imports")).into_iter().flatten().count();
        went_on += usize::from(journal > 0);
        let again = Dump { second: 9, ..dump }.import(&next).await.expect("imported");
        assert_eq!(counts(&again), [6, 8, 0, 4, 0, 0], "after {operations} operations");
        let mut found = rows(&next).await;
        found.imports.iter_mut().for_each(|import| import.at = after.imports[0].at);
        let mut wanted = after.clone();
        wanted.imports.iter_mut().for_each(|import| import.at = after.imports[0].at);
        found.imports.sort_by_key(|import| import.read);
        wanted.imports.sort_by_key(|import| import.read);
        assert_eq!(found, wanted, "after {operations} operations");
        assert!(!copy.state().join("pending-import").exists());
        let journals = fs::read_dir(copy.state().join("imports")).into_iter().flatten().count();
        assert_eq!(journals, 0, "after {operations} operations");
    }
    assert!(left_half > 0 && went_on > 2, "{left_half} between commits, {went_on} with something staged");
}

/// Stops after so many stages or steps.
struct Stop {
    after: AtomicU64,
}

impl Progress for Stop {
    fn stage(&self, _what: &str, _total: Option<u64>, _unit: Unit) {}
    fn advance(&self, _units: u64) {}
    fn note(&self, _line: &str) {}
    fn cancelled(&self) -> bool {
        self.after.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
    }
}

/// So many rows that they come in several chunks.
const MANY: usize = 30_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_import_goes_on_where_it_was() {
    let (archive, catalog) = Archive::new().await;
    let mut dump = Dump::write(&archive, "one.txt", &text(0, MANY));
    dump.limits.batch_rows = 8000;
    let stopped = dump.import_with(&catalog, &Stop { after: AtomicU64::new(3) }).await.expect_err("stopped");
    assert!(matches!(stopped, ImportError::Cancelled), "{stopped}");
    let staged = files(&archive, "tracks");
    assert!(staged >= 2, "{staged} files were staged");
    assert_eq!(everything(&catalog).await, Batch::default());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_micros() as i64;
    let in_a_year = Timestamp(now).plus_seconds(365 * 24 * 3600);
    let plan = catalog.plan_vacuum(in_a_year, Duration::ZERO).await.expect("a plan");
    assert_eq!(plan.files, [], "what can be gone on with is left alone");

    // Another process, with other batches: what is staged stays.
    let next = archive.open().await;
    let mut again = Dump { second: 1, ..dump };
    again.limits.batch_rows = 1_000_000;
    assert_eq!(counts(&again.import(&next).await.expect("imported")), [MANY as u64, 2 * MANY as u64, 0, 0, 0, 0]);
    assert_eq!(files(&archive, "tracks"), staged + 1);
    let stats = next.snapshot().await.expect("snapshot").stats().await.expect("stats");
    assert_eq!(stats.tracks, MANY as i64);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_staged_of_a_file_that_changed_is_removed() {
    let (archive, catalog) = Archive::new().await;
    let mut dump = Dump::write(&archive, "one.txt", &text(0, MANY));
    dump.limits.batch_rows = 8000;
    dump.import_with(&catalog, &Stop { after: AtomicU64::new(3) }).await.expect_err("stopped");
    assert!(files(&archive, "tracks") >= 2);
    let changed = Dump { second: 1, ..Dump::write(&archive, "one.txt", "a One\n") };
    assert_eq!(counts(&changed.import(&catalog).await.expect("imported"))[1], 1);
    assert_eq!(files(&archive, "tracks"), 1);

    // Killed between the commits and the end of the journal: the same path with another dump must not take live files.
    let journal = archive.state().join("imports");
    let kept = archive.path().join("kept");
    let mut next = Dump { second: 2, ..Dump::write(&archive, "one.txt", &text(0, MANY)) };
    next.limits.batch_rows = 8000;
    next.import_with(&catalog, &Stop { after: AtomicU64::new(5) }).await.expect_err("stopped");
    copy_folder(&journal, &kept);
    next.import(&catalog).await.expect("imported");
    copy_folder(&kept, &journal);
    let last = Dump { second: 3, ..Dump::write(&archive, "one.txt", "b Two\n") };
    last.import(&catalog).await.expect("imported");
    let versions = catalog.snapshot().await.expect("snapshot").versions().clone();
    let before: std::collections::BTreeMap<_, _> =
        versions.into_iter().map(|(table, at)| (table, (at - 1).max(0))).collect();
    let then = catalog.snapshot_at(&before).await.expect("the versions before");
    assert_eq!(then.stats().await.expect("stats").tracks, MANY as i64, "every file of that version is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingest_goes_on_while_an_import_is_half_done() {
    let (archive, catalog) = Archive::new().await;
    let failing = Failing::after(usize::MAX, archive.objects());
    let killed = Catalog::open(Arc::new(failing.clone()), &archive.state()).await.expect("open");
    let dump = Dump::write(&archive, "one.txt", &text(0, 3));
    // Somewhere between the first commit and the last.
    for operations in (10..).step_by(7) {
        failing.allow(operations);
        dump.import(&killed).await.expect_err("killed");
        failing.allow(usize::MAX);
        if archive.state().join("pending-import").exists() {
            break;
        }
    }
    commit(&catalog, "ingest", 0, song("mine")).await;
    let all = everything(&catalog).await;
    assert_eq!(
        (all.tracks.len(), all.supplements.len(), all.imports.len()),
        (4, 3, 1),
        "the ingest finished the import"
    );
    let again = Dump { second: 1, ..dump }.import(&catalog).await.expect("known");
    assert!(again.already);
    assert_eq!(everything(&catalog).await, all);
}
