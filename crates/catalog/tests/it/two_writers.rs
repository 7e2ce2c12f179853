//! Several processes, and several machines, commit at once.

use fonoteca_catalog::object_store::ObjectStore;
use fonoteca_catalog::{Batch, Catalog, Track};

use crate::archive::{Archive, commit, everything, sorted};
use crate::sample::song;

fn expected(jobs: &[&str], batches: i64) -> Batch {
    let mut all = Batch::default();
    for job in jobs {
        for number in 0..batches {
            all.append(song(&format!("{job} {number}")));
        }
    }
    sorted(all)
}

async fn ingest(catalog: Catalog, job: &'static str, batches: i64) {
    for number in 0..batches {
        commit(&catalog, job, number, song(&format!("{job} {number}"))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_take_turns() {
    let (archive, _) = Archive::new().await;
    let (one, other) = (archive.open().await, archive.open().await);
    let both = [tokio::spawn(ingest(one, "a", 4)), tokio::spawn(ingest(other, "b", 4))];
    for task in both {
        task.await.expect("a process");
    }
    assert_eq!(everything(&archive.open().await).await, expected(&["a", "b"], 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_machines_do_not_see_each_others_locks_and_both_proceed() {
    let (archive, _) = Archive::new().await;
    // Each machine has the archive's objects and a state folder of its own.
    let machine = async |name: &str| {
        Catalog::open(archive.objects(), &archive.path().join("machines").join(name)).await.expect("open")
    };
    let both = [tokio::spawn(ingest(machine("one").await, "a", 6)), tokio::spawn(ingest(machine("two").await, "b", 6))];
    for task in both {
        task.await.expect("a machine");
    }
    assert_eq!(everything(&archive.open().await).await, expected(&["a", "b"], 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_sees_whole_batches_only_while_others_write() {
    let (archive, catalog) = Archive::new().await;
    let writing = tokio::spawn(ingest(archive.open().await, "a", 6));
    loop {
        let done = writing.is_finished();
        let snapshot = catalog.snapshot().await.expect("snapshot");
        let tracks: Vec<Track> = snapshot.rows("").await.expect("tracks");
        let stats = snapshot.stats().await.expect("stats");
        assert_eq!([stats.files, stats.artists, stats.albums, stats.tracks, stats.blobs], [tracks.len() as i64; 5]);
        if done {
            assert_eq!(tracks.len(), 6);
            break;
        }
    }
    writing.await.expect("the writer");
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_twice_is_refused_and_a_killed_creation_is_completed() {
    let archive = Archive::empty();
    let error = Catalog::open(archive.objects(), &archive.state()).await.err().expect("nothing there").to_string();
    assert!(error.contains("there is no catalogue here"), "{error}");
    let failing = crate::failing::Failing::after(60, archive.objects());
    Catalog::create(std::sync::Arc::new(failing), &archive.state()).await.err().expect("killed");
    Catalog::create(archive.objects(), &archive.state()).await.expect("completed");
    let error = Catalog::create(archive.objects(), &archive.state()).await.err().expect("twice").to_string();
    assert_eq!(error, "there is a catalogue here already");
    let store: &dyn ObjectStore = &*archive.objects();
    assert!(futures::StreamExt::count(store.list(Some(&"catalog/tracks/_delta_log".into()))).await > 0);
}
