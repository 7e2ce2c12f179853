//! Other people's clients at our seeder: libtorrent takes the hybrid, aria2 the twin.
//!
//! They must be installed: `python3-libtorrent` and `aria2` from Debian.

use std::process::Stdio;

use fonoteca_swarm::{Seeder, SeederOptions};
use tokio::process::Command;

use crate::testbed::{Collection, MIB, seed, within};

pub const LIBTORRENT: &str = r"
import sys, time
import libtorrent as lt
torrent, folder, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
session = lt.session({'listen_interfaces': '127.0.0.1:0', 'enable_dht': False, 'enable_lsd': False,
                      'enable_upnp': False, 'enable_natpmp': False, 'allow_multiple_connections_per_ip': True})
if torrent.startswith('magnet:'):
    asked = lt.parse_magnet_uri(torrent)
else:
    asked = lt.add_torrent_params()
    asked.ti = lt.torrent_info(torrent)
asked.save_path = folder
handle = session.add_torrent(asked)
handle.connect_peer(('127.0.0.1', port))
deadline = time.time() + 40
while not handle.status().is_seeding:
    if time.time() > deadline:
        sys.exit('not finished: %s' % handle.status().progress)
    time.sleep(0.05)
print(handle.status().total_payload_download, handle.status().total_failed_bytes)
";

pub async fn run(command: &mut Command) -> String {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = within(60, command.output()).await.expect("the program is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn libtorrent_downloads_the_hybrid() {
    let collection = Collection::of(&[3 * MIB + 11, MIB, 17, 400_000]);
    let folder = tempfile::tempdir().expect("a folder");
    let torrent = folder.path().join("r.torrent");
    std::fs::write(&torrent, collection.hybrid.to_bytes()).expect("written");
    let seeder = seed(&collection, &collection.hybrid, SeederOptions::default()).await;
    let (into, port) = (folder.path().join("out"), seeder.local_addr().port().to_string());
    let mut command = Command::new("/usr/bin/python3");
    let said = run(command.args(["-c", LIBTORRENT]).arg(&torrent).arg(&into).arg(port)).await;
    let counts: Vec<u64> = said.split_whitespace().map(|count| count.parse().expect("a count")).collect();
    assert_eq!(counts[1], 0, "bytes that failed the hash check");
    assert!(counts[0] >= collection.bytes(), "{said}");
    collection.assert_in(&into.join("a release"));
    assert!(seeder.stats().uploaded_bytes >= collection.bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_magnet_link_is_enough_for_libtorrent() {
    // A list of files longer than one piece of metadata, and files with a piece layer, which a magnet link lacks.
    let mut sizes = vec![2000; 150];
    sizes.extend([2 * MIB + 5, 3 * MIB]);
    let collection = Collection::of(&sizes);
    for torrent in [&collection.twin, &collection.hybrid] {
        let seeder = seed(&collection, torrent, SeederOptions::default()).await;
        let folder = tempfile::tempdir().expect("a folder");
        let port = seeder.local_addr().port().to_string();
        let mut command = Command::new("/usr/bin/python3");
        run(command.args(["-c", LIBTORRENT, &torrent.magnet(&[], &[], &[])]).arg(folder.path()).arg(port)).await;
        collection.assert_in(&folder.path().join("a release"));
    }
}

/// A tracker that knows one peer: aria2 cannot be told a peer otherwise.
async fn tracker(seeder: &Seeder) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/announce", listener.local_addr().expect("an address"));
    let mut peers = vec![127, 0, 0, 1];
    peers.extend_from_slice(&seeder.local_addr().port().to_be_bytes());
    let mut body = b"d8:intervali60e5:peers6:".to_vec();
    body.extend_from_slice(&peers);
    body.push(b'e');
    tokio::spawn(crate::tiny_http::serve(listener, move |_| crate::tiny_http::Answer::ok(body.clone())));
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn aria2_downloads_the_twin() {
    let collection = Collection::of(&[3 * MIB + 11, MIB, 17, 400_000]);
    let folder = tempfile::tempdir().expect("a folder");
    let torrent = folder.path().join("r.torrent");
    std::fs::write(&torrent, collection.twin.to_bytes()).expect("written");
    let seeder = seed(&collection, &collection.twin, SeederOptions::default()).await;
    let into = folder.path().join("out");
    let mut command = Command::new("/usr/bin/aria2c");
    command
        .args(["--no-conf", "--seed-time=0", "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false"])
        .args(["--file-allocation=none", "--summary-interval=0", "--bt-exclude-tracker=*", "--listen-port=21413-21499"])
        .arg(format!("--bt-tracker={}", tracker(&seeder).await))
        .arg("--dir")
        .arg(&into)
        .arg(&torrent);
    run(&mut command).await;
    for (path, bytes) in &collection.files {
        let found = std::fs::read(into.join("a release").join(path.join("/"))).expect("the file is there");
        assert!(found == *bytes, "{path:?} has other bytes");
    }
}
