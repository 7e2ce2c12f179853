//! What a mirror hands on as it is: the feed that it follows, with the origin's signature, its pages, the papers of its releases
//! and what other mirrors reported. So the origin may be gone, and whoever trusts its key goes on from any mirror.

use bytes::Bytes;

use super::held::owner;
use super::{Mirror, others};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::feed::{FEED, SIGNATURE};
use crate::release::Manifest;

impl Archive {
    /// What lies at `path` of the feed that the mirror `name` follows; `None` where there is nothing.
    pub async fn relayed(&self, name: &str, path: &str) -> Result<Option<Bytes>, ArchiveError> {
        let Some(mirror) = Mirror::all(self)?.into_iter().find(|mirror| mirror.name == name) else { return Ok(None) };
        let parts: Vec<&str> = path.split('/').collect();
        let file = match parts[..] {
            [FEED | SIGNATURE] => mirror.folder(self).join(path),
            ["pages", file] if is_name(file) => mirror.pages(self).join(file),
            ["reports"] => {
                let reports = others::signed(self, &mirror);
                let bytes = serde_json::to_vec(&reports).map_err(|error| ArchiveError::Bug(error.to_string()))?;
                return Ok(Some(bytes.into()));
            }
            ["releases", release, file] if is_name(release) && is_name(file) => {
                if owner(self, release)?.as_deref() != Some(&mirror.name) {
                    return Ok(None);
                }
                let folder = self.releases_path().join(release);
                let documents = [Manifest::FILE, Manifest::SIGNATURE, Manifest::CHECKSUMS];
                let listed = || -> Result<bool, ArchiveError> {
                    let manifest = Manifest::read(&folder)?;
                    Ok(manifest
                        .torrents
                        .iter()
                        .flat_map(|torrent| &torrent.variants)
                        .any(|variant| variant.path == file))
                };
                if !documents.contains(&file) && !listed()? {
                    return Ok(None);
                }
                folder.join(file)
            }
            _ => return Ok(None),
        };
        match tokio::fs::read(&file).await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ArchiveError::io(file, "cannot be read")(source)),
        }
    }
}

/// Whether a text from outside can only be a name in a folder.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\\', '\0'])
}
