//! `manifest.json`: what a release holds and from which state of the tables it was made.

use std::collections::BTreeMap;
use std::path::Path;

use fonoteca_model::{BlobId, Sha1Hash, Sha256Hash};
use fonoteca_torrent::Kind;
use fonoteca_torrent::feed::Role;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::bands::Bands;
use super::choice::Choice;
use super::plan::LeftOut;
use super::tail::Tail;
use crate::error::ArchiveError;

/// The manifest's format, with its version.
pub const FORMAT: &str = "fonoteca-release/1";

/// The contents of `manifest.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// The release's name.
    pub release: String,
    /// The archive that made it.
    pub archive: String,
    /// The versions of the tables it was made from; no vacuum removes them.
    pub tables: BTreeMap<String, i64>,
    /// What it was made from, where that is not everything.
    #[serde(default, skip_serializing_if = "Made::is_usual")]
    pub made: Made,
    /// Most popular first; those of metadata last.
    pub torrents: Vec<ManifestTorrent>,
    /// What was left out, by rule.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
}

/// How a release was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Made {
    /// Which audio.
    #[serde(flatten)]
    pub choice: Choice,
    /// The bands, where they are not the usual ones: the lowest and highest popularity of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bands: Option<Bands>,
    /// What went out of the long tail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tail>,
    /// What was given out before was cut anew.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recut: bool,
}

impl Made {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// One torrent of a release, in both its variants.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ManifestTorrent {
    /// The torrent's name, which is also its folder's.
    pub name: String,
    /// Audio or metadata.
    pub role: Role,
    /// Hybrid and v1-only.
    pub variants: Vec<ManifestVariant>,
    /// Files, without pads.
    pub files: u64,
    /// Bytes, without pads.
    pub bytes: u64,
    /// Highest and lowest popularity; none for metadata.
    pub popularity: Option<[i32; 2]>,
    /// Share of all listens, 0 to 1.
    pub listens_share: f64,
    /// SPDX ids, URIs or bases of what is inside.
    pub licences: Vec<String>,
    /// v2 info-hashes of the torrents that this one replaces, together with others where their audio is not all in it.
    #[serde(default)]
    pub supersedes: Vec<Sha256Hash>,
    /// For an audio torrent: the blob with the rows about it, by table. For the catalogue: that with all rows.
    #[serde(default)]
    pub rows: BTreeMap<String, BlobId>,
}

/// One `.torrent` file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ManifestVariant {
    /// Hybrid, or v1 only.
    pub kind: Kind,
    /// The file's name in the release's folder.
    pub path: String,
    /// BEP 3.
    pub infohash_v1: Sha1Hash,
    /// BEP 52.
    pub infohash_v2: Option<Sha256Hash>,
    /// BEP 9.
    pub magnet: String,
    /// Size of the `.torrent` file.
    pub torrent_bytes: u64,
    /// SHA-256 of the `.torrent` file.
    pub torrent_sha256: Sha256Hash,
}

impl ManifestTorrent {
    /// The variant that tells the roots of its files.
    pub(crate) fn hybrid(&self) -> Option<&ManifestVariant> {
        self.variants.iter().find(|variant| variant.kind == Kind::Hybrid)
    }
}

impl Manifest {
    /// The file's name in the release's folder.
    pub const FILE: &'static str = "manifest.json";
    /// Checksums of the manifest and the torrents.
    pub const CHECKSUMS: &'static str = "SHA256SUMS";
    /// Its detached minisign signature.
    pub const SIGNATURE: &'static str = "manifest.json.minisig";

    /// Reads the manifest of the release in `folder`.
    pub fn read(folder: &Path) -> Result<Self, ArchiveError> {
        let path = folder.join(Self::FILE);
        let bytes = std::fs::read(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
        Self::parse(&bytes, &path.display().to_string())
    }

    /// Reads a manifest; `name` is what an error calls it.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Self, ArchiveError> {
        let foreign = |reason: String| ArchiveError::Foreign { name: name.to_owned(), reason };
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| foreign(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(foreign(format!("has format {:?}; this program reads {FORMAT}", manifest.format)));
        }
        Ok(manifest)
    }

    /// `SHA256SUMS` of the release's folder, as `sha256sum -c` reads it.
    pub fn checksums(&self, manifest_bytes: &[u8]) -> String {
        let own = format!("{}  {}\n", hex::encode(Sha256::digest(manifest_bytes)), Self::FILE);
        let variants = self.torrents.iter().flat_map(|torrent| &torrent.variants);
        let torrents = variants.map(|variant| format!("{}  {}\n", variant.torrent_sha256, variant.path));
        std::iter::once(own).chain(torrents).collect()
    }

    /// As it is written.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a manifest has nothing that JSON cannot hold");
        bytes.push(b'\n');
        bytes
    }
}
