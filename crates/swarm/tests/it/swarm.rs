//! `fetch_by_swarm` from our own seeder.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fonoteca_model::Silent;
use fonoteca_swarm::{SeedTorrent, SeederOptions, SwarmError, fetch_by_swarm};
use fonoteca_torrent::{Limits, Metainfo};

use crate::testbed::{Collection, MIB, Remember, fetch, kill_after, seed, slow, start, within};

/// One byte, a block and its neighbours, a piece and its neighbours, several pieces.
const BOUNDARIES: [usize; 8] = [1, 16383, 16384, 16385, MIB - 1, MIB, MIB + 1, 3 * MIB + 70_000];

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_boundary_size_arrive() {
    let collection = Collection::of(&BOUNDARIES);
    for torrent in [&collection.hybrid, &collection.twin] {
        let folder = tempfile::tempdir().expect("a folder");
        let seeder = seed(&collection, torrent, SeederOptions::default()).await;
        let progress = Remember::default();
        let fetched = within(60, fetch_by_swarm(fetch(torrent, folder.path(), &seeder), &progress)).await.expect("all");
        collection.assert_in(folder.path());
        assert_eq!((fetched.bytes_already, fetched.pieces_refused), (0, 0));
        assert_eq!(*progress.latest.lock(), (Some(collection.bytes()), collection.bytes()));
        // Padding does not cross the wire, but for the rest of each file's last block.
        let most = collection.bytes() + 16 * 1024 * BOUNDARIES.len() as u64;
        assert!(fetched.bytes_downloaded >= collection.bytes() && fetched.bytes_downloaded < most, "{fetched:?}");
        assert_eq!(seeder.stats().uploaded_bytes, fetched.bytes_downloaded);
        assert_eq!(seeder.uploaded_bytes(&torrent.info_hash_v1.expect("v1")), Some(fetched.bytes_downloaded));
        seeder.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_wanted_is_not_fetched() {
    let collection = Collection::of(&[2 * MIB, 2 * MIB + 5, 700_000]);
    let folder = tempfile::tempdir().expect("a folder");
    let seeder = seed(&collection, &collection.hybrid, SeederOptions::default()).await;
    let mut options = fetch(&collection.hybrid, folder.path(), &seeder);
    options.wanted = Some(vec![collection.index(1)]);
    let fetched = within(60, fetch_by_swarm(options.clone(), &Silent)).await.expect("one file");
    assert!(fetched.bytes_downloaded < 2 * MIB as u64 + 5 + 16 * 1024, "{fetched:?}");
    let names: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert_eq!(std::fs::read(folder.path().join("01/sóng #1 100%.bin")).expect("there"), collection.files[1].1);

    // The rest later: what is there is checked, and not fetched again.
    options.wanted = None;
    let fetched = within(60, fetch_by_swarm(options, &Silent)).await.expect("all");
    assert_eq!(fetched.bytes_already, 2 * MIB as u64 + 5);
    assert!(fetched.bytes_downloaded < collection.bytes() - fetched.bytes_already + 2 * 16 * 1024, "{fetched:?}");
    collection.assert_in(folder.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_download_goes_on_where_it_was() {
    let collection = Collection::of(&[20 * MIB, 9 * MIB + 3, 3 * MIB, 100]);
    let folder = tempfile::tempdir().expect("a folder");
    let seeder = seed(&collection, &collection.twin, slow(12 << 20)).await;
    let options = fetch(&collection.twin, folder.path(), &seeder);
    kill_after(10 << 20, &seeder, options.clone()).await;
    let fetched = within(60, fetch_by_swarm(options, &Silent)).await.expect("all");
    collection.assert_in(folder.path());
    assert!(fetched.bytes_already > 0, "{fetched:?}");
    let total = seeder.stats().uploaded_bytes;
    assert!(total < collection.bytes() * 11 / 10, "{total} bytes went for {}", collection.bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_download_leaves_no_task_behind() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let collection = Collection::of(&[8 * MIB]);
    let folder = tempfile::tempdir().expect("a folder");
    let before = tasks();
    let seeder = seed(&collection, &collection.hybrid, slow(8 << 20)).await;
    let options = fetch(&collection.hybrid, folder.path(), &seeder);
    kill_after(MIB as u64, &seeder, options.clone()).await;
    within(60, fetch_by_swarm(options, &Silent)).await.expect("all");
    seeder.shutdown().await;
    let all_gone = async {
        while tasks() > before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let left = tokio::time::timeout(Duration::from_secs(10), all_gone).await;
    assert!(left.is_ok(), "{} tasks are left of {before}", tasks());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lying_peer_is_named_and_nothing_wrong_is_kept() {
    let collection = Collection::of(&[2 * MIB + 9, 300_000]);
    let folder = tempfile::tempdir().expect("a folder");
    let mut source = collection.source();
    source.lies = true;
    let seeder = start(source, &collection.hybrid, SeederOptions::default()).await;
    let progress = Remember::default();
    let options = fetch(&collection.hybrid, folder.path(), &seeder);
    let error = within(60, fetch_by_swarm(options, &progress)).await.expect_err("only wrong bytes");
    let SwarmError::Stalled { pieces_refused, liars, have_bytes, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(*pieces_refused > 0 && *have_bytes == 0);
    assert_eq!(*liars, [seeder.local_addr()]);
    assert!(error.to_string().contains(&seeder.local_addr().to_string()), "{error}");
    assert!(progress.notes.lock().iter().any(|note| note.contains("wrong bytes")), "{:?}", progress.notes.lock());
    for (path, _) in &collection.files {
        assert!(!folder.path().join(path.join("/")).exists(), "{path:?} was finished");
    }

    // An honest peer mends it.
    let honest = seed(&collection, &collection.hybrid, SeederOptions::default()).await;
    let options = fetch(&collection.hybrid, folder.path(), &honest);
    within(60, fetch_by_swarm(options, &Silent)).await.expect("all");
    collection.assert_in(folder.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn several_peers_and_a_liar_among_them() {
    let collection = Collection::of(&[6 * MIB, 3 * MIB]);
    let folder = tempfile::tempdir().expect("a folder");
    let mut source = collection.source();
    source.lies = true;
    let liar = start(source, &collection.hybrid, slow(4 << 20)).await;
    let honest = seed(&collection, &collection.hybrid, slow(4 << 20)).await;
    let mut options = fetch(&collection.hybrid, folder.path(), &honest);
    options.initial_peers.push(liar.local_addr());
    options.stall = Duration::from_secs(30);
    within(90, fetch_by_swarm(options, &Silent)).await.expect("all");
    collection.assert_in(folder.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_a_stall_and_cancelling_ends_it() {
    let collection = Collection::of(&[100_000]);
    let folder = tempfile::tempdir().expect("a folder");
    let seeder = seed(&collection, &collection.hybrid, SeederOptions::default()).await;
    let mut options = fetch(&collection.hybrid, folder.path(), &seeder);
    options.stall = Duration::from_secs(1);
    seeder.shutdown().await;
    let error = within(20, fetch_by_swarm(options.clone(), &Silent)).await.expect_err("nobody");
    assert_eq!(error.to_string(), "torrent \"a release\": nothing new for 1 s, 0 of 100000 bytes are there");
    let progress = Remember::default();
    progress.cancel.store(true, Ordering::Relaxed);
    let error = within(20, fetch_by_swarm(options.clone(), &progress)).await.expect_err("cancelled");
    assert!(matches!(error, SwarmError::Cancelled));
    options.wanted = Some(vec![7]);
    let error = within(20, fetch_by_swarm(options.clone(), &Silent)).await.expect_err("no such file");
    assert_eq!(error.to_string(), "torrent \"a release\" has no file with index 7");
    options.torrent_bytes.truncate(100);
    let error = within(20, fetch_by_swarm(options, &Silent)).await.expect_err("no torrent");
    assert!(matches!(error, SwarmError::Torrent { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_torrent_stops_at_once() {
    let collection = Collection::of(&[30 * MIB]);
    let folder = tempfile::tempdir().expect("a folder");
    let seeder = seed(&collection, &collection.hybrid, slow(4 << 20)).await;
    let options = fetch(&collection.hybrid, folder.path(), &seeder);
    let download = tokio::spawn(async move { fetch_by_swarm(options, &Silent).await });
    within(20, async {
        while seeder.stats().uploaded_bytes < MIB as u64 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let hash = collection.hybrid.info_hash_v1.expect("v1");
    assert!(seeder.remove(&hash) && !seeder.remove(&hash));
    assert_eq!(seeder.stats().torrents, 0);
    let after = seeder.stats().uploaded_bytes;
    let error = within(30, download).await.expect("no panic").expect_err("stalled");
    assert!(matches!(error, SwarmError::Stalled { have_bytes: 1.., .. }), "{error}");
    assert!(seeder.stats().uploaded_bytes <= after + 64 * 1024);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twin_read_from_disk_is_seeded_with_roots_given() {
    let collection = Collection::of(&[MIB + 1, 5000]);
    let read = Metainfo::parse(collection.twin.to_bytes(), &Limits::default()).expect("own torrent");
    let error = SeedTorrent::new(&read).expect_err("v1 does not tell roots");
    assert!(error.to_string().contains("has no known root"), "{error}");
    let mut source = collection.source();
    let read = Arc::new(read);
    source.torrents.insert(read.info_hash_v1.expect("v1"), read.clone());
    let seeder = start(source, &read, SeederOptions::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    within(60, fetch_by_swarm(fetch(&read, folder.path(), &seeder), &Silent)).await.expect("all");
    collection.assert_in(folder.path());
}
