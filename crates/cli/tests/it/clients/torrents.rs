//! Other people's BitTorrent clients download what `fonoteca serve` gives out: each another torrent of a release of the
//! corpus, by all ways that the torrent names and the client knows.
//!
//! They must be installed: `python3-libtorrent`, `aria2` and `transmission-cli` from Debian.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fonoteca_testkit::{Operator, run};
use fonoteca_torrent::{Limits, Metainfo};
use serde_json::Value;

use crate::corpus::corpus;
use crate::mirrors::{Publisher, number};

const LIBTORRENT: &str = include_str!("libtorrent.py");
const LIMIT: Duration = Duration::from_mins(2);

/// Downloads the torrent into the folder, and ends when all of it is there.
type Client = fn(&Path, &Path);

#[test]
fn libtorrent_aria2_and_transmission_each_download_a_torrent_of_the_corpus() {
    let Some(corpus) = corpus("libtorrent_aria2_and_transmission_each_download_a_torrent_of_the_corpus") else {
        return;
    };
    let source = Publisher::serving(corpus.copy());
    let release = source.release_with("corpus", &["--url", &source.serving.url(), "--torrent-files", "100"]);
    let audio: Vec<&Value> = release.torrents.iter().filter(|torrent| torrent["role"] == "audio").collect();
    assert!(audio.len() >= 3, "{} torrents of audio", audio.len());

    let folder = source.operator.archive().join("releases/corpus");
    let clients: [(&str, Client); 3] = [("", libtorrent), (".v1", aria2), (".v1", transmission)];
    let mut compared = 0;
    for (torrent, (variant, client)) in audio.into_iter().zip(clients) {
        let name = torrent["name"].as_str().expect("a name");
        let into = tempfile::tempdir().expect("a folder");
        client(&folder.join(format!("{name}{variant}.torrent")), into.path());
        compared +=
            assert_identical(&source.operator, &folder.join(format!("{name}.torrent")), &into.path().join(name));
    }
    assert!(compared >= corpus.files.len(), "{compared} files");
}

/// Expects every file of a torrent to lie in the folder, byte for byte as its blob; returns how many there are.
fn assert_identical(archive: &Operator, hybrid: &Path, folder: &Path) -> usize {
    let bytes = fs::read(hybrid).expect("the torrent is there");
    let metainfo = Metainfo::parse(&bytes, &Limits::default()).expect("a torrent");
    for (_, file) in metainfo.real_files() {
        let root = file.root.expect("a hybrid has roots").to_string();
        let path = file.path.iter().fold(folder.to_owned(), |path, part| path.join(part));
        let got = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(got == fs::read(archive.blob(&root)).expect("a blob"), "{} is not {root}", path.display());
    }
    metainfo.real_files().count()
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port().to_string()
}

/// The hybrid, from the seeder.
fn libtorrent(torrent: &Path, into: &Path) {
    let mut command = Command::new("/usr/bin/python3");
    let ran = run(command.args(["-c", LIBTORRENT]).arg(torrent).arg(into), LIMIT).ended(0);
    let counts = &ran.json()[0];
    assert_eq!(number(counts, "failed"), 0, "bytes that failed the hash check");
}

/// The v1 twin, from seeder and web seed.
fn aria2(torrent: &Path, into: &Path) {
    let mut command = Command::new("aria2c");
    command
        .args(["--no-conf", "--seed-time=0", "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false"])
        .args(["--enable-peer-exchange=false", "--file-allocation=none", "--summary-interval=0", "--quiet"])
        .arg(format!("--listen-port={}", free_port()))
        .arg("--dir")
        .arg(into)
        .arg(torrent)
        .stdin(Stdio::null());
    drop(run(&mut command, LIMIT).ended(0));
}

/// The v1 twin, from the web seed: Transmission leaves peers at 127.x aside. It never ends by itself.
fn transmission(torrent: &Path, into: &Path) {
    let settings = tempfile::tempdir().expect("a folder");
    let (done, finish) = (settings.path().join("done"), settings.path().join("finish"));
    fs::write(
        settings.path().join("settings.json"),
        r#"{"dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false,
            "port-forwarding-enabled": false, "bind-address-ipv4": "127.0.0.1"}"#,
    )
    .expect("written");
    fs::write(&finish, format!("#!/bin/sh\ntouch '{}'\n", done.display())).expect("written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&finish, executable).expect("it can be made executable");
    let mut child = Command::new("transmission-cli")
        .args(["-M", "-p", &free_port(), "-g"])
        .arg(settings.path())
        .arg("-f")
        .arg(&finish)
        .arg("-w")
        .arg(into)
        .arg(torrent)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("transmission-cli is installed");
    let until = Instant::now() + LIMIT;
    while !done.exists() && Instant::now() < until && child.try_wait().expect("a child").is_none() {
        thread::sleep(Duration::from_millis(50));
    }
    // It may have ended by itself, which the missing file tells.
    let _ = child.kill();
    let _ = child.wait();
    assert!(done.exists(), "transmission-cli did not finish");
}
