//! The fields of a feed. Unknown fields are passed over, so that later versions may add some.

use fonoteca_model::units::{millis, optional_millis};
use fonoteca_model::{BlobId, Sha1Hash, Sha256Hash, Timestamp};
use serde::{Deserialize, Serialize};

use super::keys::PublicKey;
use super::trust::Statement;
use crate::build::Kind;

/// A whole feed: what format 1 has in one file, and what entry and pages of format 2 make together. Moments are integers of
/// milliseconds since 1970 in the JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feed {
    /// [`FORMAT_WHOLE`](super::FORMAT_WHOLE) or [`FORMAT_PAGED`](super::FORMAT_PAGED).
    pub format: String,
    /// The archive's name.
    pub name: String,
    /// 1, 2, 3, …: one more with each feed.
    pub serial: u64,
    /// When it was made.
    #[serde(with = "millis")]
    pub published: Timestamp,
    /// From when on it is no longer to be believed.
    #[serde(with = "millis")]
    pub expires: Timestamp,
    /// SHA-256 of the previous feed's bytes; `None` in the first one only.
    pub previous: Option<Sha256Hash>,
    /// The public keys in force. Advice to people: a mirror trusts the keys that its operator listed, and those that these
    /// hand over to.
    pub keys: Vec<PublicKey>,
    /// What the archive's keys said of each other, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
    /// Where the relative paths below begin, if not beside the feed.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Every torrent: in format 1 the most popular first, in format 2 in the order in which they were published.
    pub torrents: Vec<FeedTorrent>,
    /// The releases that the torrents belong to; format 1 has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<FeedRelease>,
    /// Everything withdrawn, ever.
    pub withdrawals: Vec<Withdrawal>,
}

impl Feed {
    /// The bytes of a feed of format 1: indented JSON with a newline at the end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a feed has nothing that JSON cannot hold");
        bytes.push(b'\n');
        bytes
    }
}

/// A release: what its folder says is proved by the hash of its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedRelease {
    /// Its name.
    pub release: String,
    /// Bytes of its `manifest.json`.
    pub manifest_bytes: u64,
    /// SHA-256 of its `manifest.json`.
    pub manifest_sha256: Sha256Hash,
}

/// One selection of files, published as one or more torrents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedTorrent {
    /// The release it belongs to.
    pub release: String,
    /// The torrent's name, unique within the release.
    pub name: String,
    /// What it holds.
    pub role: Role,
    /// The torrents of this selection, the hybrid first.
    pub variants: Vec<FeedVariant>,
    /// Bytes of its files, without padding.
    pub bytes: u64,
    /// How many files, without padding.
    pub files: u64,
    /// Popularity of the most and the least popular track in it; `None` where popularity means nothing.
    #[serde(default)]
    pub popularity: Option<[u64; 2]>,
    /// Which part of all the archive's listens its tracks have, 0 to 1.
    pub listens_share: f64,
    /// The licences of what is in it: SPDX ids, or URIs where there is none.
    pub licences: Vec<String>,
    /// v2 info-hashes of the torrents that this one replaces.
    #[serde(default)]
    pub supersedes: Vec<Sha256Hash>,
    /// Not to be shared before this moment.
    #[serde(default, with = "optional_millis")]
    pub embargo: Option<Timestamp>,
    /// How many had all of it, when last asked. In format 2 it has a page of its own, since it changes all the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeders: Option<Seeders>,
    /// When it was first published; format 1 does not say.
    #[serde(default, with = "optional_millis", skip_serializing_if = "Option::is_none")]
    pub added: Option<Timestamp>,
}

/// What a torrent holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Audio, with its covers, licences and index.
    Audio,
    /// A snapshot of the catalogue.
    Metadata,
}

/// One `.torrent` file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedVariant {
    /// Which protocol versions it speaks.
    pub kind: Kind,
    /// Relative URL of the `.torrent` file.
    pub path: String,
    /// The v1 info-hash.
    pub infohash_v1: Sha1Hash,
    /// The v2 info-hash; hybrids have one.
    #[serde(default)]
    pub infohash_v2: Option<Sha256Hash>,
    /// The magnet link.
    pub magnet: String,
    /// Bytes of the `.torrent` file.
    pub torrent_bytes: u64,
    /// SHA-256 of the `.torrent` file.
    pub torrent_sha256: Sha256Hash,
}

/// A count of seeders at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeders {
    /// How many.
    pub count: u32,
    /// When a tracker said so.
    #[serde(with = "millis")]
    pub as_of: Timestamp,
}

/// Something that was published and no longer may be.
///
/// Kinds and layers are text, so that a mirror obeys a withdrawal of a kind that it has never heard of: what it has to
/// drop is in `roots`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// What was withdrawn: `blob`, `track`, `recording`, `isrc`, `release`, `artist`, …
    pub subject_kind: String,
    /// Its id or code.
    pub subject: String,
    /// The blobs to drop.
    pub roots: Vec<BlobId>,
    /// When.
    #[serde(with = "millis")]
    pub at: Timestamp,
    /// Why, for people.
    pub reason: String,
    /// Which layer of rights: `recording`, `composition`, `artwork`, `lyrics`.
    pub layer: String,
}
