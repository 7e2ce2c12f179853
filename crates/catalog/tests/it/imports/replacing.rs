//! An import takes the place of the one before it, and of nothing else.

use std::fmt::Write as _;

use fonoteca_catalog::arrow::array::RecordBatch;
use fonoteca_catalog::{Batch, Catalog, Import, Table, Track};
use sha2::Digest as _;

use super::source::{Dump, counts, files};
use crate::archive::{Archive, commit, everything};
use crate::kills::copy_folder;
use crate::sample::song;

/// All rows but what is recorded of the imports.
async fn rows(catalog: &Catalog) -> Batch {
    Batch { imports: Vec::new(), ..everything(catalog).await }
}

const FIRST: &str = "a One rock\nb Two\n!\nc Three jazz live\n-\n";
/// `a` as it was, `b` changed, `c` gone, `d` new; one tag less and one more.
const SECOND: &str = "a One rock\nb Deux\nd Four pop\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_second_dump_leaves_what_it_alone_would() {
    let (archive, catalog) = Archive::new().await;
    commit(&catalog, "ingest", 0, song("mine")).await;
    let one = Dump::write(&archive, "one.txt", FIRST).import(&catalog).await.expect("imported");
    assert_eq!(counts(&one), [5, 6, 0, 0, 1, 1]);
    assert_eq!((one.already, one.import_id.starts_with("test/lines/")), (false, true));
    let then = catalog.snapshot().await.expect("snapshot");
    let recorded: Vec<Import> = then.rows("").await.expect("imports");
    assert_eq!(recorded.len(), 1);
    let first = recorded.into_iter().next().expect("one");
    assert_eq!((first.file.as_str(), first.bytes, first.read), ("one.txt", FIRST.len() as i64, 5));
    assert_eq!((first.dump_date.as_deref(), first.licence.as_deref()), (Some("2026-11"), Some("CC0-1.0")));
    let hash: [u8; 32] = sha2::Sha256::digest(FIRST.as_bytes()).into();
    assert_eq!(first.sha256.0, hash);

    let second = Dump { second: 1, ..Dump::write(&archive, "two.txt", SECOND) };
    let two = second.import(&catalog).await.expect("imported");
    // Added: d and its tag; changed: b; removed: c and its two tags.
    assert_eq!(counts(&two), [3, 2, 1, 3, 0, 0]);

    let (other, fresh) = Archive::new().await;
    commit(&fresh, "ingest", 0, song("mine")).await;
    Dump::write(&other, "two.txt", SECOND).import(&fresh).await.expect("imported");
    assert_eq!(rows(&catalog).await, rows(&fresh).await);

    // The old version can still be read, and each row says where it is from.
    let old = catalog.snapshot_at(then.versions()).await.expect("the versions before");
    let titles = |tracks: Vec<Track>| {
        let mut titles: Vec<String> = tracks.into_iter().map(|track| track.title).collect();
        titles.sort_unstable();
        titles
    };
    assert_eq!(titles(old.rows("source = 'test'").await.expect("rows")), ["One", "Three", "Two"]);
    let now = catalog.snapshot().await.expect("snapshot");
    assert_eq!(titles(now.rows("source = 'test'").await.expect("rows")), ["Deux", "Four", "One"]);
    let of_second = format!("import_id = '{}'", two.import_id);
    assert_eq!(now.rows::<Track>(&of_second).await.expect("rows").len(), 3);
    assert_eq!(now.rows::<Track>("import_id IS NULL").await.expect("rows").len(), 1, "what was ingested");
    assert_eq!(now.rows::<Import>("").await.expect("imports").len(), 2, "both are on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_is_imported_once() {
    let (archive, catalog) = Archive::new().await;
    let dump = Dump::write(&archive, "one.txt", FIRST);
    let first = dump.import(&catalog).await.expect("imported");
    let versions = catalog.snapshot().await.expect("snapshot").versions().clone();
    let again = Dump { second: 5, ..dump }.import(&catalog).await.expect("known");
    assert!(again.already);
    assert_eq!((counts(&again), &again.import_id), (counts(&first), &first.import_id));
    assert_eq!(catalog.snapshot().await.expect("snapshot").versions(), &versions);
    // Going back to an earlier dump is an import like any other.
    Dump { second: 6, ..Dump::write(&archive, "two.txt", SECOND) }.import(&catalog).await.expect("imported");
    let back = Dump { second: 7, ..Dump::write(&archive, "one.txt", FIRST) };
    assert_eq!(counts(&back.import(&catalog).await.expect("imported")), [5, 3, 1, 2, 1, 1]);
    assert!(Dump { second: 8, ..back }.import(&catalog).await.expect("known").already);
}

#[tokio::test(flavor = "multi_thread")]
async fn datasets_are_replaced_apart() {
    let (archive, catalog) = Archive::new().await;
    let lines = Dump::write(&archive, "one.txt", "a One\n");
    lines.import(&catalog).await.expect("imported");
    // A name that begins alike.
    let other = Dump { dataset: "lines-2", ..Dump::write(&archive, "other.txt", "b Two tag\n") };
    assert_eq!(counts(&other.import(&catalog).await.expect("imported")), [1, 2, 0, 0, 0, 0]);
    let gone = Dump { second: 1, ..Dump::write(&archive, "gone.txt", "") };
    assert_eq!(counts(&gone.import(&catalog).await.expect("imported")), [0, 0, 0, 1, 0, 0]);
    let left = rows(&catalog).await;
    assert_eq!((left.tracks.len(), left.supplements.len()), (1, 1));
    assert_eq!(left.tracks[0].title, "Two");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_of_an_earlier_day_takes_imports() {
    let archive = Archive::empty();
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/v1");
    copy_folder(&golden, archive.path());
    let catalog = archive.open().await;
    let before = everything(&catalog).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    assert!(!snapshot.versions().contains_key(&Table::Imports), "nothing was written by reading");
    assert_eq!(snapshot.rows::<Track>("import_id IS NOT NULL").await.expect("a column of nulls").len(), 0);
    Dump::write(&archive, "one.txt", FIRST).import(&catalog).await.expect("imported");
    Dump { second: 1, ..Dump::write(&archive, "two.txt", SECOND) }.import(&catalog).await.expect("imported");
    let after = rows(&archive.open().await).await;
    assert_eq!(after.tracks.len(), before.tracks.len() + 3);
    assert_eq!(after.supplements.len(), before.supplements.len() + 2);
    let none = Dump { second: 2, ..Dump::write(&archive, "none.txt", "") };
    none.import(&catalog).await.expect("imported");
    assert_eq!(rows(&archive.open().await).await, before, "the rows of that day are as they were");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_others_survive_in_files_that_were_compacted() {
    let (archive, catalog) = Archive::new().await;
    commit(&catalog, "ingest", 0, song("mine")).await;
    Dump::write(&archive, "one.txt", FIRST).import(&catalog).await.expect("imported");
    Dump { dataset: "other", ..Dump::write(&archive, "other.txt", "z Zed tag\n") }
        .import(&catalog)
        .await
        .expect("imported");
    for table in ["tracks", "supplements"] {
        let url = url::Url::from_directory_path(archive.path().join("catalog").join(table)).expect("a path");
        let delta = deltalake::open_table(url).await.expect("a table");
        let (_, done) = delta.optimize().await.expect("compacted");
        assert!(done.num_files_removed > 1, "{table} was in several files");
    }
    let catalog = archive.open().await;
    let second = Dump { second: 1, ..Dump::write(&archive, "two.txt", SECOND) };
    assert_eq!(counts(&second.import(&catalog).await.expect("imported")), [3, 2, 1, 3, 0, 0]);

    let (other, fresh) = Archive::new().await;
    commit(&fresh, "ingest", 0, song("mine")).await;
    Dump { dataset: "other", ..Dump::write(&other, "other.txt", "z Zed tag\n") }
        .import(&fresh)
        .await
        .expect("imported");
    Dump::write(&other, "two.txt", SECOND).import(&fresh).await.expect("imported");
    assert_eq!(rows(&catalog).await, rows(&fresh).await);
    let ids =
        catalog.snapshot().await.expect("snapshot").sql("SELECT DISTINCT import_id FROM tracks").await.expect("ids");
    assert_eq!(ids.iter().map(RecordBatch::num_rows).sum::<usize>(), 3, "null, other and the second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_imports_at_once_both_finish() {
    let (archive, catalog) = Archive::new().await;
    let mut text = String::new();
    (0..60).for_each(|n| writeln!(text, "n{n} title{n} tag").expect("a string"));
    let one = Dump::write(&archive, "one.txt", &text);
    let other = Dump { dataset: "other", ..Dump::write(&archive, "other.txt", &text.replace('n', "m")) };
    let same = Dump { second: 1, ..Dump::write(&archive, "one.txt", &text) };
    let (a, b, c) = (archive.open().await, archive.open().await, archive.open().await);
    let (a, b, c) = tokio::join!(one.import(&a), other.import(&b), same.import(&c));
    let (a, b, c) = (a.expect("imported"), b.expect("imported"), c.expect("imported"));
    assert_eq!((counts(&a)[1], counts(&b)[1], counts(&c)[1]), (120, 120, 120));
    assert!(a.already != c.already, "one of the two had nothing to do");
    let all = rows(&catalog).await;
    assert_eq!((all.tracks.len(), all.supplements.len()), (120, 120));
    assert_eq!(files(&archive, "tracks"), 60, "twice 30 batches of 4 rows, two of which are tracks");
    assert!(std::fs::read_dir(archive.state().join("imports")).expect("a folder").next().is_none());
}
