//! Looking after the tables changes no answer, whatever happens in between.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fonoteca_catalog::arrow::array::AsArray as _;
use fonoteca_catalog::arrow::datatypes::Int64Type;
use fonoteca_catalog::{Batch, Catalog, CatalogError, Release, ReleaseStatus, Table, Versions};
use fonoteca_model::{Silent, Timestamp};

use crate::archive::{Archive, all, commit, everything, sorted};
use crate::failing::Failing;
use crate::kills::copy_folder;
use crate::sample::{AT, song, track};

const TARGET: u64 = 256 << 20;
const DAY: Duration = Duration::from_hours(24);
/// Longer than a checkpoint waits.
const BATCHES: i64 = 23;

async fn filled(batches: i64) -> (Archive, Catalog) {
    let (archive, catalog) = Archive::new().await;
    for number in 0..batches {
        commit(&catalog, if number % 2 == 0 { "even" } else { "odd" }, number, song(&format!("song {number}"))).await;
    }
    let import = Batch { tracks: vec![track("import", "x", None)], ..Batch::default() };
    commit(&catalog, "import", 0, import).await;
    (archive, catalog)
}

/// The Parquet files in a table's folder.
fn files(archive: &Archive, table: Table) -> BTreeSet<PathBuf> {
    let folder = std::fs::read_dir(archive.path().join("catalog").join(table.name())).expect("a table");
    folder.map(|entry| entry.expect("an entry").path()).filter(|path| path.extension().is_some()).collect()
}

pub async fn optimize(catalog: &Catalog) -> u64 {
    let plan = catalog.plan_optimize(Table::ALL, TARGET).await.expect("a plan");
    catalog.optimize(&plan, &Silent).await.expect("optimized").files_before
}

/// A moment so many days from now.
fn in_days(days: u32) -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Timestamp((now + DAY * days).as_micros() as i64)
}

fn release(tables: &Versions) -> Batch {
    let tables: serde_json::Map<_, _> =
        tables.iter().map(|(table, version)| (table.name().to_owned(), (*version).into())).collect();
    let release = Release {
        name: "one".into(),
        at: AT,
        serial: 1,
        status: ReleaseStatus::Built,
        tables: serde_json::Value::Object(tables).to_string(),
        manifest: "{}".into(),
        supersedes: None,
    };
    Batch { releases: vec![release], ..Batch::default() }
}

/// The titles of all tracks in the order in which a scan of one thread gives them.
async fn in_order(catalog: &Catalog) -> Vec<String> {
    let snapshot = catalog.snapshot().await.expect("snapshot").with_memory(1).await.expect("one thread");
    let batches = snapshot.sql("SELECT title FROM tracks").await.expect("titles");
    let titles = batches.iter().flat_map(|batch| batch.column(0).as_string::<i32>().iter().flatten());
    titles.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optimized_table_has_one_file_and_the_same_rows() {
    let (archive, catalog) = filled(BATCHES).await;
    let before = everything(&catalog).await;
    let versions = catalog.snapshot().await.expect("snapshot").versions().clone();
    assert!(optimize(&catalog).await >= 7 * BATCHES as u64);
    assert_eq!(everything(&catalog).await, before);
    assert_eq!(everything(&archive.open().await).await, before, "also to whoever opens it now");
    let plan = catalog.plan_optimize(Table::ALL, TARGET).await.expect("a plan");
    assert!(plan.rewrites.is_empty() && plan.files[&Table::Tracks] == 1, "{plan:?}");
    let old = catalog.snapshot_at(&versions).await.expect("earlier versions stay readable");
    assert_eq!(old.rows::<fonoteca_catalog::Track>("").await.expect("rows").len(), before.tracks.len());

    let mut titles: Vec<String> = (0..BATCHES).map(|number| format!("song {number}")).collect();
    titles.push("import".to_owned());
    assert_eq!(in_order(&catalog).await, titles, "rows are in the order in which they came");

    // What was compacted is known to be committed, and what comes later is compacted with it.
    commit(&catalog, "even", 22, song("song 22")).await;
    assert_eq!(everything(&catalog).await, before);
    commit(&catalog, "even", 24, song("later")).await;
    assert_eq!(optimize(&catalog).await, 2 * 7, "two files of each table that has a song's rows");
    assert_eq!(everything(&catalog).await.tracks.len(), before.tracks.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn which_batches_a_file_has_is_known_without_reading_it_also_from_a_checkpoint() {
    let (archive, catalog) = filled(3).await;
    optimize(&catalog).await;
    // Enough commits for a checkpoint, after which the log's entries are no longer read one by one.
    for number in 100..100 + BATCHES {
        commit(&catalog, "even", number, song(&format!("song {number}"))).await;
    }
    drop(catalog);
    let log = archive.path().join("catalog/tracks/_delta_log");
    let has_checkpoint = std::fs::read_dir(log)
        .expect("a log")
        .any(|entry| entry.expect("an entry").file_name().to_string_lossy().contains("checkpoint.parquet"));
    assert!(has_checkpoint);
    let before = everything(&archive.open().await).await;
    // The compacted files cannot be read: opening the archive does not need to.
    let largest = |table| files(&archive, table).into_iter().max_by_key(|path| path.metadata().expect("a file").len());
    let hidden: Vec<PathBuf> =
        [Table::Artists, Table::Albums, Table::Holdings].into_iter().filter_map(largest).collect();
    let aside = |path: &PathBuf| path.with_extension("aside");
    hidden.iter().for_each(|path| std::fs::rename(path, aside(path)).expect("put aside"));
    let opened = archive.open().await;
    let snapshot = opened.snapshot().await.expect("a snapshot reads no rows");
    assert_eq!(snapshot.rows::<fonoteca_catalog::Track>("").await.expect("tracks").len(), before.tracks.len());
    assert!(snapshot.rows::<fonoteca_catalog::Artist>("").await.is_err(), "this one was put aside");
    hidden.iter().for_each(|path| std::fs::rename(aside(path), path).expect("brought back"));
    assert_eq!(everything(&archive.open().await).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_rewrite_leaves_the_tables_as_they_are() {
    let (archive, catalog) = Archive::new().await;
    for number in 0..2 {
        let song = song(&format!("song {number}"));
        let small = Batch { tracks: song.tracks, files: song.files, ..Batch::default() };
        commit(&catalog, "job", number, small).await;
    }
    let before = seen(&catalog).await;
    drop(catalog);
    let mut operations = 0;
    loop {
        let copy = Archive::empty();
        copy_folder(archive.path(), copy.path());
        let failing = Failing::after(usize::MAX, copy.objects());
        let killed = Catalog::open(Arc::new(failing.clone()), &copy.state()).await.expect("open");
        let plan = killed.plan_optimize(&[Table::Tracks, Table::Files], TARGET).await.expect("a plan");
        assert_eq!(plan.rewrites.len(), 2);
        failing.allow(operations);
        let outcome = killed.optimize(&plan, &Silent).await;
        drop(killed);
        let next = copy.open().await;
        assert_eq!(seen(&next).await, before, "after {operations} operations");
        if outcome.is_ok() {
            assert!(operations > 4, "it did something");
            break;
        }
        if operations % 4 == 0 {
            optimize(&next).await;
            // What the killed one left is nobody's, and goes when it is old.
            let plan = next.plan_vacuum(in_days(60), DAY).await.expect("a plan");
            next.vacuum(&plan, in_days(60)).await.expect("vacuumed");
            assert_eq!(files(&copy, Table::Tracks).len(), 1, "after {operations} operations");
            assert_eq!(seen(&copy.open().await).await, before, "after {operations} operations and a second run");
        }
        operations += if operations < 8 { 1 } else { 3 };
    }
}

async fn seen(catalog: &Catalog) -> Batch {
    let snapshot = catalog.snapshot().await.expect("snapshot");
    Batch { tracks: all(&snapshot).await, files: all(&snapshot).await, ..Batch::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_others_overtook_is_refused_and_an_append_is_no_obstacle() {
    let (archive, catalog) = filled(3).await;
    let plan = catalog.plan_optimize(&[Table::Tracks], TARGET).await.expect("a plan");
    let other = archive.open().await;
    commit(&other, "meanwhile", 0, song("meanwhile")).await;
    catalog.optimize(&plan, &Silent).await.expect("an ingest does not disturb");
    let before = everything(&catalog).await;
    assert_eq!(before.tracks.len(), 5);
    let again = other.optimize(&plan, &Silent).await.expect_err("these files are gone");
    assert!(matches!(again, CatalogError::Changed { table: Table::Tracks }), "{again}");
    assert_eq!(everything(&other).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn vacuum_keeps_what_is_pinned_recent_or_in_progress() {
    let (archive, catalog) = filled(3).await;
    let pinned = catalog.snapshot().await.expect("snapshot").versions().clone();
    let of_release = everything(&catalog).await;
    commit(&catalog, "release", 0, release(&pinned)).await;
    commit(&catalog, "even", 10, song("ten")).await;
    commit(&catalog, "even", 11, song("eleven")).await;
    let unpinned = catalog.snapshot().await.expect("snapshot").versions().clone();
    optimize(&catalog).await;
    let before = everything(&catalog).await;
    // An import in progress: a file that no version names yet.
    let stray = archive.path().join("catalog/tracks/part-00000-in-progress.parquet");
    std::fs::write(&stray, b"rows").expect("a file");

    let plan = catalog.plan_vacuum(in_days(1), DAY * 30).await.expect("a plan");
    assert_eq!(plan.files, [], "everything is younger than what is kept");
    let plan = catalog.plan_vacuum(in_days(1), Duration::ZERO).await.expect("a plan");
    assert!(plan.files.iter().all(|file| file.named), "what was never named stays for a week: {plan:?}");
    assert_eq!(plan.files.iter().filter(|file| file.table == Table::Tracks).count(), 2, "those of ten and eleven");
    let held = files(&archive, Table::Tracks).len();
    let done = catalog.vacuum(&plan, in_days(1)).await.expect("vacuumed");
    assert_eq!((done.files as usize, files(&archive, Table::Tracks).len()), (plan.files.len(), held - 2));
    assert!(stray.exists());

    assert_eq!(everything(&archive.open().await).await, before);
    let of_pinned = catalog.snapshot_at(&pinned).await.expect("the pinned versions");
    assert_eq!(all::<fonoteca_catalog::Track>(&of_pinned).await, of_release.tracks);
    let gone = catalog.snapshot_at(&unpinned).await.expect("its log is still there");
    assert!(gone.rows::<fonoteca_catalog::Track>("").await.is_err(), "nothing pinned this one");

    let plan = catalog.plan_vacuum(in_days(9), Duration::ZERO).await.expect("a plan");
    assert_eq!(plan.files.iter().map(|file| (file.table, file.named)).collect::<Vec<_>>(), [(Table::Tracks, false)]);
    catalog.vacuum(&plan, in_days(9)).await.expect("vacuumed");
    assert!(!stray.exists());
    assert_eq!(everything(&archive.open().await).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_does_not_say_what_it_needs_stops_a_vacuum() {
    let (_archive, catalog) = filled(2).await;
    let mut batch = release(&Versions::new());
    batch.releases[0].tables = "nonsense".into();
    commit(&catalog, "release", 0, batch).await;
    let error = catalog.plan_vacuum(in_days(60), DAY).await.expect_err("nobody knows");
    assert!(matches!(error, CatalogError::Pinned { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_tells_every_version_and_moments_find_them() {
    let (_archive, catalog) = filled(3).await;
    let history = catalog.history(Table::Tracks).await.expect("history");
    let told: Vec<(i64, &str, Option<u64>, Option<u64>)> =
        history.iter().map(|commit| (commit.version, commit.operation.as_str(), commit.files, commit.rows)).collect();
    assert_eq!(
        told,
        [
            (0, "CREATE TABLE", Some(0), Some(0)),
            (1, "WRITE", Some(1), Some(1)),
            (2, "WRITE", Some(2), Some(2)),
            (3, "WRITE", Some(3), Some(3)),
            (4, "WRITE", Some(4), Some(4)),
        ]
    );
    assert_eq!((history[2].job.as_deref(), history[2].batch), (Some("odd"), Some(1)));
    optimize(&catalog).await;
    let last = catalog.history(Table::Tracks).await.expect("history").pop().expect("a version");
    assert_eq!((last.operation.as_str(), last.files_removed, last.files_added), ("OPTIMIZE", 4, 1));
    assert_eq!((last.files, last.rows), (Some(1), Some(4)));

    let moment = catalog.committed_at(Table::Files, 2).await.expect("a moment");
    let versions = catalog.versions_at(moment).await.expect("versions");
    assert!(versions[&Table::Files] >= 2 && versions[&Table::Tracks] >= 2);
    let then = catalog.snapshot_at(&versions).await.expect("snapshot");
    let count = then.sql("SELECT count(*) FROM tracks").await.expect("counted");
    let count = count[0].column(0).as_primitive::<Int64Type>().value(0);
    assert!((2..5).contains(&count), "{count}");
    let before = catalog.versions_at(Timestamp(0)).await.expect_err("there was nothing then");
    assert!(matches!(before, CatalogError::Before { .. }), "{before}");
    assert!(catalog.committed_at(Table::Files, 99).await.is_err());
    assert_eq!(sorted(everything(&catalog).await), everything(&catalog).await);
}
