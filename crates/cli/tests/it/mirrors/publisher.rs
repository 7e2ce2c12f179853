//! An archive that publishes.

use std::path::PathBuf;

use fonoteca_testkit::{Operator, Serving, sample};
use serde_json::Value;

use super::{PROGRAM, number};

/// Somebody whose archive is served, and who publishes releases of it.
pub struct Publisher {
    pub operator: Operator,
    pub serving: Serving,
}

/// What a publication gave out.
pub struct Published {
    /// Its torrents, as `release build --json` tells them.
    pub torrents: Vec<Value>,
    /// The key that signed the feed.
    pub key: String,
}

impl Publisher {
    /// Serves these folders of the sample.
    pub fn of(folders: &[&str]) -> Self {
        let operator = Operator::new(PROGRAM, "Source");
        let publisher = Self::serving(operator);
        publisher.take_in(folders);
        publisher
    }

    /// Serves an archive that is there.
    pub fn serving(operator: Operator) -> Self {
        let serving = operator.serve(&[]);
        Self { operator, serving }
    }

    /// Takes more folders of the sample in. All of it is CC0, whatever its tags say; this basis suits tags of all kinds.
    pub fn take_in(&self, folders: &[&str]) {
        let paths: Vec<PathBuf> = folders.iter().map(|folder| sample().join(folder)).collect();
        let paths = paths.iter().map(|path| path.to_str().expect("UTF-8"));
        let basis = ["--basis", "licensed", "--license", "CC-BY-SA-4.0"];
        self.operator.json(&["ingest"].into_iter().chain(paths).chain(basis).collect::<Vec<_>>());
    }

    /// Builds a release of what is in none yet, publishes it, and waits until the server gives it out.
    pub fn release(&self, name: &str) -> Published {
        let url = self.serving.url();
        self.release_with(name, &["--url", &url])
    }

    /// The same with other options; without `--url` the torrents name neither a tracker nor a web seed.
    pub fn release_with(&self, name: &str, options: &[&str]) -> Published {
        let built = self.operator.object(&[&["release", "build", name, "--yes"], options].concat());
        let published = self.publish();
        let torrents = built["torrents"].as_array().expect("torrents").clone();
        for variant in torrents.iter().flat_map(|torrent| torrent["variants"].as_array().expect("variants")) {
            self.serving.wait_for_torrent(variant["infohash_v1"].as_str().expect("hex"));
        }
        Published { torrents, key: published["key"].as_str().expect("a key").to_owned() }
    }

    /// Publishes the feed as it is now, and waits until the server gives it out.
    pub fn publish(&self) -> Value {
        let published = self.operator.object(&["feed", "publish", "--yes"]);
        self.wait_for_feed();
        published
    }

    /// Waits until the server gives out the feed that is on disk.
    pub fn wait_for_feed(&self) {
        let releases = self.operator.archive().join("releases");
        for file in ["feed.json", "feed.json.minisig"] {
            let there = std::fs::read(releases.join(file)).expect("it is published");
            self.serving.wait(&format!("/{file}"), |status, body| status == 200 && body == there);
        }
    }
}

impl Published {
    /// Bytes of all torrents, without padding.
    pub fn bytes(&self) -> u64 {
        self.torrents.iter().map(|torrent| number(torrent, "bytes")).sum()
    }

    /// Files of all torrents, without padding.
    pub fn files(&self) -> u64 {
        self.torrents.iter().map(|torrent| number(torrent, "files")).sum()
    }
}
