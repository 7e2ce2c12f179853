//! Is a release still what was published? Signature, checksums, torrents, and every blob that they name.

use std::collections::BTreeSet;

use fonoteca_model::BlobId;
use fonoteca_model::progress::Progress;
use fonoteca_store::CheckOptions;
use fonoteca_torrent::feed::PublicKey;
use fonoteca_torrent::{Limits, Metainfo};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::list::torrents_here;
use super::manifest::Manifest;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::fixity::{Damage, check_roots};

/// What `release verify` found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ReleaseVerdict {
    /// Blobs checked.
    pub checked: u64,
    /// Blobs whose bytes are not what they were.
    pub damaged: Vec<Damage>,
    /// Pieces that cannot be read, in blobs of which nothing else is wrong.
    pub unreadable: Vec<Damage>,
    /// Blobs that are gone.
    pub missing: Vec<BlobId>,
    /// Bytes read.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Files of the release itself that are not what the manifest says.
    pub problems: Vec<String>,
}

impl ReleaseVerdict {
    /// Nothing is wrong.
    pub fn sound(&self) -> bool {
        self.damaged.is_empty() && self.unreadable.is_empty() && self.missing.is_empty() && self.problems.is_empty()
    }
}

/// Checks a release against `keys`, any of which may have signed it.
pub async fn verify(
    archive: &Archive,
    name: &str,
    keys: &[PublicKey],
    progress: &dyn Progress,
) -> Result<ReleaseVerdict, ArchiveError> {
    let folder = archive.releases_path().join(name);
    if !folder.join(Manifest::FILE).is_file() || name.contains('/') {
        return Err(ArchiveError::Usage(format!("there is no release {name:?}: see `fonoteca release list`")));
    }
    let mut problems = Vec::new();
    let bytes = std::fs::read(folder.join(Manifest::FILE)).map_err(ArchiveError::io(&folder, "cannot be read"))?;
    let signature = std::fs::read_to_string(folder.join(Manifest::SIGNATURE)).unwrap_or_default();
    if let Err(error) = fonoteca_torrent::feed::verify_bytes(&bytes, &signature, keys) {
        problems.push(format!("{}: {error}", Manifest::FILE));
    }
    let manifest = Manifest::parse(&bytes, Manifest::FILE)?;
    let mut roots = BTreeSet::new();
    for variant in torrents_here(archive, &manifest).into_iter().flat_map(|torrent| &torrent.variants) {
        let torrent = std::fs::read(folder.join(&variant.path)).unwrap_or_default();
        if variant.torrent_sha256.0 != <[u8; 32]>::from(Sha256::digest(&torrent)) {
            problems.push(format!("{}: is not the file that the manifest names", variant.path));
            continue;
        }
        let metainfo = Metainfo::parse(&torrent, &Limits::default())
            .map_err(|source| ArchiveError::Metainfo { name: variant.path.clone(), source })?;
        roots.extend(metainfo.real_files().filter_map(|(_, file)| file.root));
    }
    let roots: Vec<BlobId> = roots.into_iter().collect();
    let report = check_roots(archive, &roots, CheckOptions::default(), progress).await?;
    Ok(ReleaseVerdict {
        checked: report.checked,
        damaged: report.damaged,
        unreadable: report.unreadable,
        missing: report.missing,
        bytes: report.bytes,
        seconds: report.seconds,
        problems,
    })
}
