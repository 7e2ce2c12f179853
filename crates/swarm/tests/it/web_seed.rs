//! `fetch_by_web_seed` from servers of every kind.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fonoteca_model::Silent;
use fonoteca_swarm::{Fetched, SeederOptions, SwarmError, WebSeedOptions, fetch_by_swarm, fetch_by_web_seed};
use fonoteca_torrent::{Limits, Metainfo};
use parking_lot::Mutex;
use tokio::net::TcpListener;

use crate::testbed::{Collection, MIB, Remember, fetch, kill_after, seed, slow, within};
use crate::tiny_http::{Answer, Request, serve};

/// A web seed that answers with the true files, changed by `twist`; and the requests it got.
struct WebSeed {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl WebSeed {
    async fn start(
        collection: &Collection,
        twist: impl Fn(&Request, &[u8], Answer) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/seed/", listener.local_addr().expect("an address"));
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let seen = requests.clone();
        let files = collection.files.clone();
        tokio::spawn(serve(listener, move |request| {
            seen.lock().push(request.clone());
            let found = files.iter().enumerate().find(|(index, _)| {
                request.path == format!("/seed/a%20release/{index:02}/s%C3%B3ng%20%23{index}%20100%25.bin")
            });
            match found {
                Some((_, (_, bytes))) => twist(request, bytes, Answer::file(bytes, request)),
                None => Answer::status(404),
            }
        }));
        Self { url, requests }
    }

    fn ranges(&self) -> Vec<Option<(u64, u64)>> {
        self.requests.lock().iter().map(|request| request.range).collect()
    }
}

fn options(metainfo: &Arc<Metainfo>, seed: &WebSeed, staging: &Path) -> WebSeedOptions {
    let mut options = WebSeedOptions::new(metainfo.clone(), &seed.url, staging);
    options.stall = Duration::from_secs(2);
    options
}

/// One file from a server with a twist.
async fn try_one(
    size: usize,
    twist: impl Fn(&Request, &[u8], Answer) -> Answer + Send + Sync + 'static,
) -> Result<Fetched, SwarmError> {
    let collection = Collection::of(&[size]);
    let folder = tempfile::tempdir().expect("a folder");
    let seed = WebSeed::start(&collection, twist).await;
    let done = within(30, fetch_by_web_seed(options(&collection.hybrid, &seed, folder.path()), &Silent)).await;
    if done.is_ok() {
        collection.assert_in(folder.path());
    } else {
        assert!(!folder.path().join(collection.files[0].0.join("/")).exists(), "a bad file was finished");
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_given_as_it_was_asked_for_whatever_the_server_sends() {
    let collection = Collection::of(&[3 * MIB + 70_000]);
    let (torrent, bytes) = (&collection.hybrid, &collection.files[0].1);
    let size = bytes.len() as u64;
    let index = torrent.real_files().next().expect("a file").0;
    let obedient = WebSeed::start(&collection, |_, _, answer| answer).await;
    let deaf = WebSeed::start(&collection, |_, bytes, _| Answer::ok(bytes.to_vec())).await;
    for seed in [&obedient, &deaf] {
        let asked = fonoteca_swarm::WebSeed::new(&seed.url).expect("a client");
        for range in [0..1, 5..MIB as u64, MIB as u64..2 * MIB as u64, size - 1..size, 0..size] {
            let read = within(30, asked.read(torrent, index, range.clone())).await.expect("read");
            assert_eq!(read, bytes[range.start as usize..range.end as usize], "{range:?}");
        }
        for wrong in [3..3, size - 1..size + 1] {
            let refused = asked.read(torrent, index, wrong).await;
            assert!(matches!(refused, Err(SwarmError::NoSuchFile { .. })), "{refused:?}");
        }
    }
    type Twist = fn(&Request, &[u8], Answer) -> Answer;
    let twists: [(Twist, &str); 4] = [
        (|_, _, _| Answer::status(404), "not there"),
        (
            |_, _, answer| Answer { length: Some(answer.body.len()), body: answer.body[1..].to_vec(), ..answer },
            "broke off",
        ),
        (|_, _, answer| Answer { body: [&answer.body[..], b"!"].concat(), ..answer }, "longer"),
        (|_, bytes, _| Answer::file(bytes, &Request { path: String::new(), range: Some((0, 9)) }), "were asked for"),
    ];
    for (twist, told) in twists {
        let seed = WebSeed::start(&collection, twist).await;
        let asked = fonoteca_swarm::WebSeed::new(&seed.url).expect("a client");
        let error = within(30, asked.read(torrent, index, 5..MIB as u64)).await.expect_err("refused");
        assert!(error.to_string().contains(told), "{told}: {error}");
        assert!(error.to_string().contains(&seed.url), "it names who: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_arrives_in_all_kinds_of_torrent() {
    let collection = Collection::of(&[1, 16385, MIB, MIB + 1, 3 * MIB + 70_000]);
    let read = Arc::new(Metainfo::parse(collection.twin.to_bytes(), &Limits::default()).expect("own torrent"));
    for torrent in [&collection.hybrid, &collection.twin, &read] {
        let folder = tempfile::tempdir().expect("a folder");
        let seed = WebSeed::start(&collection, |_, _, answer| answer).await;
        let progress = Remember::default();
        let fetched = within(30, fetch_by_web_seed(options(torrent, &seed, folder.path()), &progress)).await;
        let expected = Fetched { bytes_downloaded: collection.bytes(), bytes_already: 0, pieces_refused: 0 };
        assert_eq!(fetched.expect("all"), expected);
        assert_eq!(*progress.latest.lock(), (Some(collection.bytes()), collection.bytes()));
        collection.assert_in(folder.path());
        assert_eq!(seed.ranges(), [None; 5]);

        // Once more: all is there, so nothing is asked for.
        let again = within(30, fetch_by_web_seed(options(torrent, &seed, folder.path()), &Silent)).await;
        assert_eq!(again.expect("all").bytes_already, collection.bytes());
        assert_eq!(seed.ranges().len(), 5);
        collection.assert_in(folder.path());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_download_asks_only_for_what_is_missing() {
    let collection = Collection::of(&[6 * MIB + 100]);
    let folder = tempfile::tempdir().expect("a folder");
    // The first answer ends in the middle of the third piece, without a word.
    let stalls = WebSeed::start(&collection, |_, _, mut answer| {
        answer.stall_after = Some(2 * MIB + MIB / 2);
        answer
    })
    .await;
    let error = within(30, fetch_by_web_seed(options(&collection.twin, &stalls, folder.path()), &Silent)).await;
    let error = error.expect_err("it stalls");
    assert!(matches!(error, SwarmError::SeedStalled { seconds: 2, .. }), "{error}");
    // A piece is spoiled on disk meanwhile, and another was there already.
    let part = folder.path().join("00/sóng #0 100%.bin.part");
    let mut bytes = std::fs::read(&part).expect("a part");
    assert_eq!(bytes.len(), 6 * MIB + 100);
    bytes[5] ^= 1;
    bytes[4 * MIB..5 * MIB].copy_from_slice(&collection.files[0].1[4 * MIB..5 * MIB]);
    std::fs::write(&part, bytes).expect("written");
    let seed = WebSeed::start(&collection, |_, _, answer| answer).await;
    let fetched = within(30, fetch_by_web_seed(options(&collection.twin, &seed, folder.path()), &Silent)).await;
    let fetched = fetched.expect("all");
    collection.assert_in(folder.path());
    let mib = MIB as u64;
    assert_eq!(seed.ranges(), [Some((0, mib - 1)), Some((2 * mib, 4 * mib - 1)), Some((5 * mib, 6 * mib + 99))]);
    assert_eq!((fetched.bytes_downloaded, fetched.bytes_already), (4 * mib + 100, 2 * mib));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_ranges_is_read_through() {
    let collection = Collection::of(&[3 * MIB]);
    let folder = tempfile::tempdir().expect("a folder");
    let part = folder.path().join("00/sóng #0 100%.bin.part");
    std::fs::create_dir_all(part.parent().expect("a folder")).expect("made");
    std::fs::write(&part, &collection.files[0].1[..MIB]).expect("written");
    let seed = WebSeed::start(&collection, |_, bytes, _| Answer::ok(bytes.to_vec())).await;
    let fetched = within(30, fetch_by_web_seed(options(&collection.hybrid, &seed, folder.path()), &Silent)).await;
    let fetched = fetched.expect("all");
    collection.assert_in(folder.path());
    assert_eq!((fetched.bytes_downloaded, fetched.bytes_already), (3 * MIB as u64, MIB as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_are_named_and_not_kept() {
    let collection = Collection::of(&[3 * MIB]);
    let folder = tempfile::tempdir().expect("a folder");
    let seed = WebSeed::start(&collection, |_, _, mut answer| {
        answer.body[MIB + 7] ^= 1;
        answer
    })
    .await;
    let progress = Remember::default();
    let error = within(30, fetch_by_web_seed(options(&collection.twin, &seed, folder.path()), &progress)).await;
    let error = error.expect_err("wrong bytes");
    assert!(matches!(&error, SwarmError::WrongBytes { piece: 1, .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains(&seed.url) && said.contains("sóng #0") && said.contains("piece 1"), "{said}");
    assert_eq!(progress.notes.lock().len(), 1);
    let part = std::fs::read(folder.path().join("00/sóng #0 100%.bin.part")).expect("a part");
    assert!(part[..MIB] == collection.files[0].1[..MIB], "the sound piece before it stays");
    assert!(part[MIB..].iter().all(|byte| *byte == 0), "nothing of the wrong piece was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_the_file_are_told_apart() {
    let says = |error: Result<Fetched, SwarmError>, text: &str| {
        let error = error.expect_err(text).to_string();
        assert!(error.contains(text) && error.contains("http://127.0.0.1"), "{error}");
    };
    says(try_one(5000, |_, _, _| Answer::status(451)).await, "withdrawn (HTTP 451)");
    says(try_one(5000, |_, _, _| Answer::status(404)).await, "not there (HTTP 404)");
    says(try_one(5000, |_, _, _| Answer::status(410)).await, "not there (HTTP 410)");
    says(try_one(5000, |_, _, _| Answer::status(503)).await, "answered HTTP 503");
    let html = |_: &Request, _: &[u8], mut answer: Answer| {
        answer.header("Content-Type", "text/html; charset=utf-8");
        answer
    };
    says(try_one(5000, html).await, "a web page came");
    let longer = |_: &Request, _: &[u8], mut answer: Answer| {
        answer.body.push(0);
        answer
    };
    says(try_one(5000, longer).await, "longer than the 5000");
    let shorter = |_: &Request, _: &[u8], mut answer: Answer| {
        answer.body.pop();
        answer
    };
    says(try_one(5000, shorter).await, "shorter than the 5000");
    let breaks_off = |_: &Request, _: &[u8], mut answer: Answer| {
        answer.length = Some(answer.body.len());
        answer.body.truncate(100);
        answer
    };
    says(try_one(5000, breaks_off).await, "did not answer, or broke off");
    let zipped = |_: &Request, _: &[u8], mut answer: Answer| {
        answer.header("Content-Encoding", "gzip");
        answer
    };
    says(try_one(5000, zipped).await, "compressed (gzip)");
    let elsewhere = |_: &Request, _: &[u8], _: Answer| {
        let mut answer = Answer::status(302);
        answer.header("Location", "http://127.0.0.2:1/x");
        answer
    };
    says(try_one(5000, elsewhere).await, "redirects to http://127.0.0.2:1/x");
    let in_circles = |request: &Request, _: &[u8], _: Answer| {
        let mut answer = Answer::status(302);
        answer.header("Location", request.path.clone());
        answer
    };
    says(try_one(5000, in_circles).await, "redirects to");
    let stalls = |_: &Request, _: &[u8], mut answer: Answer| {
        answer.stall_after = Some(0);
        answer
    };
    says(try_one(5000, stalls).await, "nothing came for 2 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_range_than_asked_for_is_refused() {
    let collection = Collection::of(&[2 * MIB]);
    let folder = tempfile::tempdir().expect("a folder");
    let part = folder.path().join("00/sóng #0 100%.bin.part");
    std::fs::create_dir_all(part.parent().expect("a folder")).expect("made");
    std::fs::write(&part, &collection.files[0].1[..MIB]).expect("written");
    let seed = WebSeed::start(&collection, |_, bytes, _| {
        Answer::file(bytes, &Request { path: String::new(), range: Some((0, MIB as u64 - 1)) })
    })
    .await;
    let error = within(30, fetch_by_web_seed(options(&collection.hybrid, &seed, folder.path()), &Silent)).await;
    let error = error.expect_err("another range").to_string();
    assert!(error.contains("bytes 1048576-2097151 of 2097152 were asked for"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trickle_holds_nobody_up() {
    let collection = Collection::of(&[5000]);
    let folder = tempfile::tempdir().expect("a folder");
    let seed = WebSeed::start(&collection, |_, _, mut answer| {
        answer.stall_after = Some(100);
        answer
    })
    .await;
    let mut options = options(&collection.hybrid, &seed, folder.path());
    options.stall = Duration::from_secs(20);
    options.piece_timeout = Duration::from_millis(500);
    let error = within(10, fetch_by_web_seed(options, &Silent)).await.expect_err("too slow").to_string();
    assert!(error.contains("one piece took longer than 0.5 s"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_addresses_and_nobody_there() {
    let collection = Collection::of(&[10]);
    let folder = tempfile::tempdir().expect("a folder");
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    for (url, text) in [
        ("ftp://127.0.0.1/", "is not the http or https address"),
        ("nonsense", "is not the http or https address"),
        (&format!("http://{nobody}/")[..], "did not answer"),
    ] {
        let options = WebSeedOptions::new(collection.hybrid.clone(), url, folder.path());
        let error = within(30, fetch_by_web_seed(options, &Silent)).await.expect_err("no web seed").to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_seed_goes_on_where_peers_left_off() {
    let collection = Collection::of(&[12 * MIB, 6 * MIB + 1]);
    let folder = tempfile::tempdir().expect("a folder");
    let seeder = seed(&collection, &collection.hybrid, slow(8 << 20)).await;
    let by_peers = fetch(&collection.hybrid, folder.path(), &seeder);
    kill_after(9 << 20, &seeder, by_peers).await;
    let web = WebSeed::start(&collection, |_, _, answer| answer).await;
    let mut by_web = options(&collection.hybrid, &web, folder.path());
    by_web.wanted = Some(vec![collection.index(0)]);
    let fetched = within(30, fetch_by_web_seed(by_web, &Silent)).await.expect("one file");
    assert!(fetched.bytes_already >= MIB as u64, "{fetched:?}");
    assert_eq!(fetched.bytes_already + fetched.bytes_downloaded, 12 * MIB as u64);

    // And the other way round.
    let fast = seed(&collection, &collection.hybrid, SeederOptions::default()).await;
    let fetched = within(60, fetch_by_swarm(fetch(&collection.hybrid, folder.path(), &fast), &Silent)).await;
    assert!(fetched.expect("all").bytes_already >= 12 * MIB as u64);
    collection.assert_in(folder.path());
}
