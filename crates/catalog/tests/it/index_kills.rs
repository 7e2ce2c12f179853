//! A process that is killed while it makes or updates the index: whoever comes next has the same answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fonoteca_catalog::index::{Hit, Index};
use fonoteca_catalog::object_store::local::LocalFileSystem;
use fonoteca_catalog::{Batch, Catalog, Listens};
use fonoteca_model::Silent;

use crate::archive::{Archive, commit};
use crate::index::{catch_up, folder, search};
use crate::index_library::{library, track_id};
use crate::kills::copy_folder;
use crate::sample::{AT, song};

const FOLDER: &str = "FONOTECA_TEST_ARCHIVE";
/// Kills of one run, spread over the time that the work takes.
const KILLS: u32 = 10;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a child that the test below kills"]
async fn child_that_catches_up() {
    let Some(path) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let objects = std::sync::Arc::new(LocalFileSystem::new_with_prefix(&path).expect("an object store"));
    let catalog = Catalog::open(objects, &path.join("state")).await.expect("open");
    let snapshot = catalog.snapshot().await.expect("snapshot");
    fs::write(path.join("started"), "").expect("write");
    let index = Index::open(&path.join("index")).expect("open");
    index.catch_up(&snapshot, &Silent).await.expect("catch up");
    fs::write(path.join("done"), "").expect("write");
}

/// A child that has read the tables, and begins now.
fn begun(path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--ignored", "--exact", "index_kills::child_that_catches_up"]).env(FOLDER, path);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a child");
    while !path.join("started").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

fn answers(index: &Index) -> Vec<Vec<Hit>> {
    let mut answers: Vec<Vec<Hit>> =
        ["", "river", "lanterns", "harb", "killed"].map(|words| search(index, words)).into();
    answers.push(index.lookup("ZZFON7500001").expect("lookup"));
    answers
}

async fn killed_while_catching_up(archive: &Archive) {
    let rebuilt = Index::open(&archive.path().join("rebuilt")).expect("open");
    rebuilt.rebuild(&archive.open().await.snapshot().await.expect("snapshot"), &Silent).await.expect("rebuild");
    let expected = answers(&rebuilt);
    let whole = Archive::empty();
    copy_folder(archive.path(), whole.path());
    let start = Instant::now();
    assert!(begun(whole.path()).wait().expect("a child").success() && whole.path().join("done").exists());
    let takes = start.elapsed();
    let before = answers(&Index::open(&folder(archive)).expect("open"));
    let mut interrupted = 0;
    for kill in 0..KILLS {
        let copy = Archive::empty();
        copy_folder(archive.path(), copy.path());
        let mut child = begun(copy.path());
        std::thread::sleep(takes * kill / KILLS);
        child.kill().expect("kill");
        child.wait().expect("dead");
        interrupted += u32::from(!copy.path().join("done").exists());
        let index = Index::open(&folder(&copy)).expect("whole, whenever it was killed");
        let found = answers(&index);
        assert!(found == before || found == expected, "as before or as after, kill {kill}");
        catch_up(&index, &copy.open().await).await;
        assert_eq!(answers(&index), expected, "kill {kill}");
        index.verify().expect("sound");
    }
    assert!(interrupted > 0, "no child was killed while it worked");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_is_filled() {
    let (archive, catalog) = Archive::new().await;
    commit(&catalog, "library", 1, library()).await;
    killed_while_catching_up(&archive).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_is_updated() {
    let (archive, catalog) = Archive::new().await;
    commit(&catalog, "library", 1, library()).await;
    catch_up(&Index::open(&folder(&archive)).expect("open"), &catalog).await;
    let recording_id = track_id("The Lanterns", "A Day in the Wind");
    let listens = vec![Listens { recording_id, as_of: AT.plus_seconds(5), count: 5, popularity: 99 }];
    commit(&catalog, "more", 2, Batch { listens, ..song("killed") }).await;
    killed_while_catching_up(&archive).await;
}
