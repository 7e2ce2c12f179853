//! Mirrors: another archive's releases, pulled, verified, and given out again.
//!
//! A mirror is an archive. It follows a feed whose keys it was told to trust, fetches what it does not hold, checks every
//! blob by its root, takes in the rows about it, and drops what the feed withdraws. The states of one torrent are disjoint:
//! *wanted* (nothing here), *partial* (bytes in staging, or some files in the store and listed in the release's
//! `mirrored.json`), *held* (every blob in the store, rows committed, listed there as whole). Each step can be killed and is
//! done again without fetching a byte twice.
//!
//! What is fetched and what is dropped follows from a plan: [`survey`] looks at what there is, [`others`] at what other
//! mirrors say, [`choose`] decides, and [`plan`](fn@plan) tells why. [`keep_following`] does it again and again.

mod choose;
mod fetch;
mod follow;
mod held;
pub(crate) mod http;
mod import;
mod keep;
mod only;
mod open;
mod others;
mod plan;
mod pull;
mod relay;
mod renew;
mod reuse;
mod rules;
mod shed;
mod state;
mod status;
mod survey;
mod withdraw;

use std::collections::BTreeMap;
use std::path::PathBuf;

use fonoteca_catalog::Snapshot;
use fonoteca_model::{Sha256Hash, Timestamp};
use fonoteca_torrent::feed::{PublicKey, Seen, Trust};
use serde::{Deserialize, Serialize};

pub use choose::{PARTS, Strategy};
pub use follow::{Offer, add, look, move_to};
pub(crate) use held::{held_torrents, torrents_in_part};
pub use keep::keep_following;
pub(crate) use plan::{Held, held};
pub use plan::{Plan, PlannedDrop, PlannedTorrent, plan};
pub use pull::{PullOptions, PullReport, Via, pull};
pub use rules::{KEYS, Key, Rules, Size};
pub use state::{Doing, Live};
pub use status::{State, Status, status};

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::settings::Settings;

/// A feed that this archive follows: `state/mirrors/<name>/mirror.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mirror {
    /// What it is called here; a folder's name.
    pub name: String,
    /// Where the other archive's server is, without `feed.json`.
    pub url: String,
    /// Keys that may sign its feed.
    pub keys: Vec<PublicKey>,
    /// Keys that handed over to these. What they signed before stays good; nothing new is believed by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<PublicKey>,
    /// Keys that the archive revoked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<PublicKey>,
    /// The feed believed last.
    #[serde(default)]
    pub seen: Option<SeenFeed>,
    /// Bytes that may be spent on it, where `archive.toml` does not say; earlier programs wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_bytes: Option<u64>,
    /// What its own order of things begins with; empty: its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seed: String,
    /// What `archive.toml` says of it.
    #[serde(skip)]
    pub rules: Rules,
}

/// The feed believed last, so that an older one is not believed again.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct SeenFeed {
    /// Its serial.
    pub serial: u64,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Hash,
}

impl From<SeenFeed> for Seen {
    fn from(seen: SeenFeed) -> Self {
        Self { serial: seen.serial, sha256: seen.sha256 }
    }
}

impl Mirror {
    const FILE: &'static str = "mirror.json";

    /// The mirror called `name`, or the only one.
    pub fn read(archive: &Archive, name: Option<&str>) -> Result<Self, ArchiveError> {
        let mut all = Self::all(archive)?;
        match name {
            Some(name) => all.into_iter().find(|mirror| mirror.name == name).ok_or_else(|| {
                ArchiveError::Usage(format!("no mirror is called {name:?}: see `fonoteca mirror status`"))
            }),
            None => match all.len() {
                0 => Err(ArchiveError::Usage("no feed is followed yet: `fonoteca mirror add URL` does it".to_owned())),
                1 => Ok(all.remove(0)),
                _ => Err(ArchiveError::Usage("several feeds are followed: say which by its name".to_owned())),
            },
        }
    }

    /// All mirrors, by name.
    pub fn all(archive: &Archive) -> Result<Vec<Self>, ArchiveError> {
        let folder = folder(archive);
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(ArchiveError::Io { path: folder, what: "cannot be read", source }),
        };
        let mut all = Vec::new();
        for entry in entries {
            let path = entry.map_err(ArchiveError::io(&folder, "cannot be read"))?.path().join(Self::FILE);
            if path.is_file() {
                let bytes = std::fs::read(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
                let mirror: Self = serde_json::from_slice(&bytes).map_err(|error| ArchiveError::Foreign {
                    name: path.display().to_string(),
                    reason: error.to_string(),
                })?;
                all.push(mirror);
            }
        }
        let mut rules = if all.is_empty() { BTreeMap::default() } else { Settings::read(archive.root())?.mirrors };
        for mirror in &mut all {
            mirror.rules = rules.remove(&mirror.name).unwrap_or_default();
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Bytes that may be spent on it; none: all there are.
    pub fn budget(&self) -> Option<u64> {
        self.rules.budget.map(|size| size.0).or(self.budget_bytes)
    }

    /// Every address that has the feed and its files, the one that it was added by first.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.url).chain(&self.rules.sources).map(|url| url.trim_end_matches('/'))
    }

    /// What its own order of things begins with.
    fn id(&self) -> &str {
        if self.seed.is_empty() { &self.name } else { &self.seed }
    }

    /// The name by which other mirrors know it: the key that signs its reports.
    fn known_as(&self, archive: &Archive) -> Result<String, ArchiveError> {
        let key = crate::keys::public_keys(archive)?.first().map(ToString::to_string);
        Ok(key.unwrap_or_else(|| self.id().to_owned()))
    }

    /// Whom to believe.
    fn trust(&self) -> Trust {
        Trust { keys: self.keys.clone(), former: self.former.clone(), revoked: self.revoked.clone() }
    }

    fn set_trust(&mut self, trust: Trust) {
        (self.keys, self.former, self.revoked) = (trust.keys, trust.former, trust.revoked);
    }

    /// Where the pages of the feed believed last are kept.
    fn pages(&self, archive: &Archive) -> PathBuf {
        self.folder(archive).join("pages")
    }

    fn write(&self, archive: &Archive) -> Result<(), ArchiveError> {
        let folder = self.folder(archive);
        std::fs::create_dir_all(&folder).map_err(ArchiveError::io(&folder, "cannot be made"))?;
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| ArchiveError::Bug(error.to_string()))?;
        Ok(fonoteca_store::write_file(&folder.join(Self::FILE), &bytes)?)
    }

    fn folder(&self, archive: &Archive) -> PathBuf {
        folder(archive).join(&self.name)
    }

    /// Where the bytes of a torrent wait until they are whole.
    fn staging(&self, archive: &Archive, torrent: &str) -> PathBuf {
        self.folder(archive).join("staging").join(torrent)
    }

    /// The beginning of the job names under which this mirror's rows are committed.
    fn job_prefix(&self) -> String {
        format!("mirror-{}-", self.name)
    }

    /// Under which name this archive records what the feed says of rights.
    fn asserted_by(&self) -> String {
        format!("feed:{}", self.name)
    }

    fn address(&self, path: &str) -> String {
        format!("{}/{path}", self.url.trim_end_matches('/'))
    }
}

/// A moment for events that come after all that there are: however the clock is set, what is said last counts.
async fn later(archive: &Archive, snapshot: &Snapshot) -> Result<Timestamp, ArchiveError> {
    crate::moment::later_than(archive, snapshot, "events", "at").await
}

fn folder(archive: &Archive) -> PathBuf {
    archive.state_path().join("mirrors")
}
