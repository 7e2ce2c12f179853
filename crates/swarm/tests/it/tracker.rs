//! Telling trackers and asking them for counts: opentracker over HTTP and UDP, and trackers that do not behave.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fonoteca_model::Sha1Hash;
use fonoteca_swarm::{Announcement, Event, Scraped, TrackerClient, TrackerOptions, scrape};
use tempfile::TempDir;

const ONE: Sha1Hash = Sha1Hash([0x61; 20]);
const TWO: Sha1Hash = Sha1Hash([0x62; 20]);
const STRANGE: Sha1Hash = Sha1Hash([0x63; 20]);

fn quick() -> TrackerOptions {
    TrackerOptions { pause: Duration::ZERO, timeout: Duration::from_secs(3), ..TrackerOptions::default() }
}

/// `opentracker`, of Debian's package of that name, for two torrents.
struct OpenTracker {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl OpenTracker {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // It gives up root, and then must still read its list.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("set");
        std::fs::write(folder.path().join("white"), format!("{ONE}\n{TWO}\n")).expect("written");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let number = port.to_string();
        let child = Command::new("opentracker")
            .args(["-i", "127.0.0.1", "-p", &number, "-P", &number, "-w", "white"])
            .arg("-d")
            .arg(folder.path())
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("opentracker is missing: apt-get install opentracker");
        let tracker = Self { child, port, _folder: folder };
        for _ in 0..200 {
            // It listens before it has read its list, and refuses everybody until then.
            let reads = |letter: &str| {
                let path = format!(
                    "/announce?info_hash={}&peer_id=-XX0000-000000000000&port=1&left=1&event=stopped",
                    letter.repeat(20)
                );
                !fonoteca_testkit::http::get(tracker.address(), &path).1.starts_with(b"d14:failure reason")
            };
            if std::net::TcpStream::connect(tracker.address()).is_ok() && reads("a") && reads("b") {
                return tracker;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("opentracker does not listen");
    }

    fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    fn announce(&self, hash: char, peer: u16, left: u32) {
        let hash = hash.to_string().repeat(20);
        let path = format!(
            "/announce?info_hash={hash}&peer_id=-XX0000-{peer:012}&port={peer}&left={left}&uploaded=0&downloaded=0&compact=1&event=started"
        );
        let (status, body) = fonoteca_testkit::http::get(self.address(), &path);
        assert!(status == 200 && body.starts_with(b"d8:complete"), "{}", String::from_utf8_lossy(&body));
    }
}

impl Drop for OpenTracker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opentracker_is_told_and_tells_the_same_over_http_and_udp() {
    let tracker = OpenTracker::start();
    announce_and_stop(&tracker).await;
    // It takes one peer an address and port, and all are here.
    tracker.announce('a', 7001, 0);
    tracker.announce('a', 7002, 0);
    tracker.announce('a', 7003, 5);
    tracker.announce('b', 7004, 5);
    let port = tracker.port;
    for address in [format!("http://127.0.0.1:{port}/announce"), format!("udp://127.0.0.1:{port}")] {
        // One question a torrent, and all in one.
        for batch in [1, 74] {
            let options = TrackerOptions { batch, ..quick() };
            let found = scrape(&address, &[ONE, TWO, STRANGE], &options).await.expect("counts");
            let of = |hash| found.get(&hash).map(|Scraped { seeders, leechers, .. }| (*seeders, *leechers));
            assert_eq!((of(ONE), of(TWO)), (Some((2, 1)), Some((0, 1))), "{address}");
            assert!(matches!(of(STRANGE), None | Some((0, 0))), "{address}");
        }
    }
}

/// A seeder that is announced is counted until it stops.
async fn announce_and_stop(tracker: &OpenTracker) {
    let port = tracker.port;
    for (address, seeder) in
        [(format!("http://127.0.0.1:{port}/announce"), 7001), (format!("udp://127.0.0.1:{port}"), 7002)]
    {
        let mut client = TrackerClient::connect(&address, &quick()).await.expect("an address");
        for (info_hash, event, expected) in [
            (ONE, Event::Started, (1, 0)),
            (TWO, Event::Started, (1, 1)),
            (ONE, Event::Regular, (1, 1)),
            (ONE, Event::Stopped, (0, 1)),
            (TWO, Event::Stopped, (0, 0)),
        ] {
            let announcement = Announcement { info_hash, peer_id: *b"-FN0010-abcdefghijkl", port: seeder, event };
            let again = client.announce(&announcement).await.expect("taken");
            assert!(again >= Duration::from_mins(1) && again <= Duration::from_hours(6), "{address}: {again:?}");
            let found = scrape(&address, &[ONE, TWO], &quick()).await.expect("counts");
            let of = |hash| found.get(&hash).map_or(0, |counted| counted.seeders);
            assert_eq!((of(ONE), of(TWO)), expected, "{address}: {event:?}");
        }
    }
    let strange = Announcement { info_hash: STRANGE, peer_id: [b'x'; 20], port: 7003, event: Event::Started };
    let mut client =
        TrackerClient::connect(&format!("http://127.0.0.1:{port}/announce"), &quick()).await.expect("an address");
    let error = client.announce(&strange).await.expect_err("it takes two torrents only").to_string();
    assert!(error.contains("the tracker refuses: "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_named() {
    for (address, reason) in [
        ("nonsense", "it is no URL"),
        ("wss://example.org/announce", "neither HTTP nor UDP"),
        ("http://127.0.0.1:1/tracker", "does not end with `announce`"),
        ("udp://127.0.0.1", "names no port"),
        ("http://127.0.0.1:1/announce", "it does not answer"),
    ] {
        let error = scrape(address, &[ONE], &quick()).await.expect_err("refused").to_string();
        assert!(error.starts_with(address) && error.contains(reason), "{error}");
    }
}

/// Answers one HTTP request with this.
fn answering(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody asks");
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&answer);
    });
    format!("http://{address}/announce")
}

#[tokio::test(flavor = "multi_thread")]
async fn http_trackers_that_do_not_behave() {
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let endless = [head.as_bytes(), b"d5:filesd", &vec![b'9'; 1 << 20]].concat();
    for (answer, reason) in [
        (endless, "it is longer than 262144 bytes"),
        (format!("{head}<html>").into_bytes(), "its answer is none"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_vec(), "status 302"),
    ] {
        let error = scrape(&answering(answer), &[ONE], &quick()).await.expect_err("refused").to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn udp_trackers_that_do_not_behave() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = format!("udp://{}", socket.local_addr().expect("bound"));
    let silent = TrackerOptions { timeout: Duration::from_millis(90), ..quick() };
    let error = scrape(&address, &[ONE], &silent).await.expect_err("silent").to_string();
    assert!(error.contains("nothing came within"), "{error}");

    // Answers to others, packets too short, then an error of its own; later too few counts.
    let mut packet = [0; 512];
    while socket.set_nonblocking(true).is_ok() && socket.recv(&mut packet).is_ok() {}
    socket.set_nonblocking(false).expect("set");
    std::thread::spawn(move || {
        let mut refused = false;
        loop {
            let (length, from) = socket.recv_from(&mut packet).expect("somebody asks");
            let (action, transaction) = (packet[8..12].to_vec(), packet[12..16].to_vec());
            let send = |parts: &[&[u8]]| drop(socket.send_to(&parts.concat(), from));
            send(&[b"x"]);
            send(&[&action, b"othe", &[1; 64]]);
            match (length, refused) {
                (16, false) => {
                    send(&[&3_u32.to_be_bytes(), &transaction, b"go\x07away"]);
                    refused = true;
                }
                (16, true) => send(&[&action, &transaction, &[7; 8]]),
                _ => send(&[&action, &transaction, &[0; 12]]),
            }
        }
    });
    let error = scrape(&address, &[ONE], &quick()).await.expect_err("refused").to_string();
    assert!(error.ends_with("the tracker refuses: goaway"), "{error}");
    let error = scrape(&address, &[ONE, TWO], &quick()).await.expect_err("too few").to_string();
    assert!(error.ends_with("2 torrents were asked for, it tells of 1"), "{error}");
    let found = scrape(&address, &[ONE], &quick()).await.expect("counts");
    assert_eq!(found[&ONE], Scraped::default());
}
