//! An index that is not as it was written, or that two want to write.

use std::fs;
use std::path::{Path, PathBuf};

use fonoteca_catalog::index::{Index, IndexError, Query};
use fonoteca_model::Silent;

use crate::archive::commit;
use crate::index::{catch_up, folder, indexed, search};
use crate::maintenance::optimize;
use crate::sample::song;

fn generation(dir: &Path) -> PathBuf {
    let generations = fs::read_dir(dir).expect("folder").filter_map(|entry| Some(entry.ok()?.path()));
    let mut generations: Vec<PathBuf> =
        generations.filter(|path| path.is_dir() && path.file_name().is_some_and(|name| name != "rows")).collect();
    assert_eq!(generations.len(), 1, "what was replaced is removed: {generations:?}");
    generations.remove(0)
}

/// The files of segments, and rows and keys of data files.
fn files(dir: &Path) -> Vec<PathBuf> {
    let folders = [generation(dir), dir.join("rows")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("folder"));
    let files = files.filter_map(|entry| Some(entry.ok()?.path()));
    let endings = ["term", "idx", "fast", "store", "fieldnorm", "rows", "keys"];
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)))
        .collect();
    files.sort();
    files
}

fn assert_says_rebuild(error: &IndexError) {
    assert!(error.needs_rebuild(), "{error:?}");
    assert!(error.to_string().contains("fonoteca index rebuild"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_says_what_to_do() {
    let (archive, catalog, index) = indexed(song("one")).await;
    let expected = search(&index, "one");
    drop(index);
    let dir = folder(&archive);
    let files = files(&dir);
    assert!(files.len() >= 4 + 6, "{files:?}");
    for file in &files {
        let whole = fs::read(file).expect("read");
        for left in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(file, &whole[..left]).expect("truncate");
            let error = Index::open(&dir).expect_err("damaged");
            assert_says_rebuild(&error);
        }
        fs::remove_file(file).expect("remove");
        assert_says_rebuild(&Index::open(&dir).expect_err("missing"));
        fs::write(file, &whole).expect("restore");
        assert_eq!(search(&Index::open(&dir).expect("whole again"), "one"), expected);
    }
    // One wrong bit is found by who reads everything.
    for file in &files {
        let whole = fs::read(file).expect("read");
        let mut bytes = whole.clone();
        bytes[whole.len() / 3] ^= 1;
        fs::write(file, &bytes).expect("write");
        if let Ok(index) = Index::open(&dir) {
            assert_says_rebuild(&index.verify().expect_err("a wrong checksum"));
        }
        fs::write(file, if file == &files[files.len() - 1] { &bytes } else { &whole }).expect("write");
    }
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let index = Index::rebuild_in(&dir, &snapshot, &Silent).await.expect("rebuild");
    assert_eq!(search(&index, "one"), expected);
    index.verify().expect("sound");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_else_can_be_wrong_says_what_to_do() {
    let (archive, catalog, index) = indexed(song("one")).await;
    drop(index);
    let dir = folder(&archive);
    let current = dir.join("current");
    for text in [
        "",
        "{}",
        "{\"format\":7,\"generation\":\"1\"}",
        "{\"format\":7,\"generation\":\"../x\"}",
        "{\"format\":7,\"generation\":\"99\"}",
    ] {
        fs::write(&current, text).expect("write");
        assert_says_rebuild(&Index::open(&dir).expect_err(text));
    }
    let snapshot = catalog.snapshot().await.expect("snapshot");
    Index::rebuild_in(&dir, &snapshot, &Silent).await.expect("rebuild");
    let meta = generation(&dir).join("meta.json");
    let text = fs::read_to_string(&meta).expect("read");
    for (from, to) in [("\\\"format\\\":7", "\\\"format\\\":8"), ("\"title_words\"", "\"some_words\""), ("{", "")] {
        assert!(text.contains(from), "{from}: {text}");
        fs::write(&meta, text.replacen(from, to, 1)).expect("write");
        assert_says_rebuild(&Index::open(&dir).expect_err(to));
    }
    fs::write(&meta, text).expect("restore");
    Index::open(&dir).expect("whole again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_format_is_replaced_by_itself() {
    let (archive, catalog, index) = indexed(song("one")).await;
    let expected = search(&index, "one");
    drop(index);
    let dir = folder(&archive);
    let old = generation(&dir);
    fs::write(dir.join("current"), format!("{{\"format\":1,\"generation\":{:?}}}", old.file_name().expect("name")))
        .expect("write");
    let index = Index::open(&dir).expect("an empty one");
    catch_up(&index, &catalog).await;
    assert_eq!(search(&index, "one"), expected);
    assert_ne!(generation(&dir), old);
}

/// A killed build leaves rows and keys that are whole, and one that is half written.
#[tokio::test(flavor = "multi_thread")]
async fn rows_and_keys_that_belong_to_nothing_are_removed() {
    let (archive, catalog, index) = indexed(song("one")).await;
    let rows = folder(&archive).join("rows");
    for name in ["0123456789abcdef.rows", "0123456789abcdef.keys", "0123456789abcdef.rows.new"] {
        fs::write(rows.join(name), "half").expect("write");
    }
    commit(&catalog, "library", 2, song("two")).await;
    catch_up(&index, &catalog).await;
    // Two data files each of tracks, albums and artists.
    assert_eq!(fs::read_dir(&rows).expect("folder").count(), 12);
    index.verify().expect("sound");
    assert_eq!(search(&index, "two").len(), 3);
}

/// How many files of keys there are.
fn keys(dir: &Path) -> usize {
    files(dir).iter().filter(|file| file.extension().is_some_and(|ending| ending == "keys")).count()
}

/// A rebuild joins the keys of all data files of a table. What came later has its own, what went is passed over, and a damaged
/// one is made anew like everything else.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_joins_the_keys_of_all_files() {
    let (archive, catalog, index) = indexed(song("one")).await;
    let dir = folder(&archive);
    let found = |index: &Index, words: &str| search(index, words).into_iter().map(|hit| hit.id).collect::<Vec<_>>();
    let answers = |index: &Index| ["one", "two", "three", "four"].map(|words| found(index, words));
    let looked_up = |index: &Index| {
        let ids = answers(index).into_iter().flatten();
        ids.map(|id| index.lookup(&id.to_string()).expect("lookup")).collect::<Vec<_>>()
    };
    for (number, name) in [(2, "two"), (3, "three")] {
        commit(&catalog, "library", number, song(name)).await;
        catch_up(&index, &catalog).await;
    }
    assert_eq!(keys(&dir), 9);
    let (before, known) = (answers(&index), looked_up(&index));
    assert!(known.len() == 9 && known.iter().all(|hits| hits.len() == 1), "{known:?}");
    let snapshot = catalog.snapshot().await.expect("snapshot");
    index.rebuild(&snapshot, &Silent).await.expect("rebuild");
    assert_eq!((keys(&dir), answers(&index), looked_up(&index)), (3, before, known));

    commit(&catalog, "library", 4, song("four")).await;
    catch_up(&index, &catalog).await;
    let (before, known) = (answers(&index), looked_up(&index));
    assert_eq!((keys(&dir), known.len()), (6, 12));
    assert!(optimize(&catalog).await > 0, "all data files are replaced");
    catch_up(&index, &catalog).await;
    assert_eq!((keys(&dir), answers(&index), looked_up(&index)), (3, before.clone(), known.clone()));

    commit(&catalog, "library", 5, song("five")).await;
    index.rebuild(&catalog.snapshot().await.expect("snapshot"), &Silent).await.expect("rebuild");
    index.verify().expect("sound");
    let joined = files(&dir).into_iter().rfind(|file| file.extension().is_some_and(|ending| ending == "keys"));
    fs::write(joined.expect("a file of keys"), "damage").expect("write");
    assert_says_rebuild(&Index::open(&dir).expect_err("damaged"));
    let index = Index::rebuild_in(&dir, &catalog.snapshot().await.expect("snapshot"), &Silent).await.expect("rebuild");
    index.verify().expect("sound");
    assert_eq!((keys(&dir), answers(&index), looked_up(&index)), (3, before, known));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_one_is_told_to_come_back() {
    let (archive, catalog, index) = indexed(song("one")).await;
    commit(&catalog, "library", 2, song("two")).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let lock = fs::File::options().write(true).open(folder(&archive).join(".lock")).expect("lock file");
    lock.lock().expect("lock");
    assert!(!index.catch_up(&snapshot, &Silent).await.expect("busy"));
    assert_eq!(search(&index, "two").len(), 0);
    lock.unlock().expect("unlock");
    let other = Index::open(&folder(&archive)).expect("open");
    let (one, two) = tokio::join!(index.catch_up(&snapshot, &Silent), other.catch_up(&snapshot, &Silent));
    assert!(one.expect("one") | two.expect("two"), "one of them did it");
    assert_eq!(search(&index, "two").len(), 3);
    assert_eq!(search(&other, "two"), search(&index, "two"));
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_keep_working_while_it_is_rebuilt() {
    let (archive, catalog, index) = indexed(song("one")).await;
    let reader = Index::open(&folder(&archive)).expect("open");
    let before = generation(&folder(&archive));
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let asking = {
        let reader = reader.clone();
        tokio::task::spawn_blocking(move || (0..200).all(|_| search(&reader, "one").len() == 3))
    };
    for _ in 0..3 {
        index.rebuild(&snapshot, &Silent).await.expect("rebuild");
    }
    assert!(asking.await.expect("every answer was whole"));
    assert_ne!(generation(&folder(&archive)), before);
    commit(&catalog, "library", 2, song("two")).await;
    catch_up(&index, &catalog).await;
    assert_eq!(reader.search(&Query::new("two")).expect("search").len(), 3, "the new one is seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_rebuild_left_is_removed() {
    let (archive, catalog, index) = indexed(song("one")).await;
    let dir = folder(&archive);
    let left = dir.join("77");
    fs::create_dir(&left).expect("folder");
    fs::write(left.join("meta.json"), "half of").expect("write");
    fs::write(dir.join("current.new"), "{").expect("write");
    assert_eq!(search(&Index::open(&dir).expect("open"), "one").len(), 3);
    commit(&catalog, "library", 2, song("two")).await;
    catch_up(&index, &catalog).await;
    assert!(!left.exists());
    assert_eq!(search(&index, "two").len(), 3);
}
