//! Manifests of mirrored releases whose signature is by a key that is believed no more: the origin has signed them again.

use fonoteca_torrent::feed::{Feed, verify_bytes};
use sha2::{Digest, Sha256};

use super::held::owner;
use super::{Mirror, http};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::keys::public_keys;
use crate::release::Manifest;

const SIGNATURE_BYTES: usize = 64 << 10;

/// Fetches the signatures anew that no key in force made. The manifests themselves are proved by the feed.
pub(super) async fn signatures(archive: &Archive, mirror: &Mirror, feed: &Feed) -> Result<(), ArchiveError> {
    let mut keys = mirror.keys.clone();
    // A mirror that publishes has signed them itself.
    keys.extend(public_keys(archive)?);
    for listed in &feed.releases {
        let folder = archive.releases_path().join(&listed.release);
        let Ok(manifest) = std::fs::read(folder.join(Manifest::FILE)) else { continue };
        let is_this = Sha256::digest(&manifest)[..] == listed.manifest_sha256.0;
        if !is_this || owner(archive, &listed.release)?.as_deref() != Some(&mirror.name) {
            continue;
        }
        let held = std::fs::read_to_string(folder.join(Manifest::SIGNATURE)).unwrap_or_default();
        if verify_bytes(&manifest, &held, &keys).is_ok() {
            continue;
        }
        let url = mirror.address(&format!("releases/{}/{}", listed.release, Manifest::SIGNATURE));
        let signature = http::get(&http::client()?, &url, SIGNATURE_BYTES).await?;
        verify_bytes(&manifest, &String::from_utf8_lossy(&signature), &mirror.keys)
            .map_err(|source| ArchiveError::Feed { url, source })?;
        fonoteca_store::write_file(&folder.join(Manifest::SIGNATURE), &signature)?;
    }
    Ok(())
}
