//! Files that lie on this machine already, under whatever names: those of the right size are hashed, and used where they are a
//! blob that is wanted.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use fonoteca_model::BlobId;
use fonoteca_model::progress::Progress;
use walkdir::WalkDir;

use crate::archive::Archive;
use crate::error::{ArchiveError, said};

/// Takes what is found into the store; `wanted` are roots by their sizes. Returns bytes. What cannot be read is passed over.
pub(super) async fn take(
    archive: &Archive,
    folders: &[PathBuf],
    mut wanted: HashMap<u64, Vec<BlobId>>,
    progress: &dyn Progress,
) -> Result<u64, ArchiveError> {
    let mut held = HashSet::new();
    for (size, roots) in &wanted {
        for root in roots {
            if archive.store().size(*root).await? == Some(*size) {
                held.insert(*root);
            }
        }
    }
    wanted.values_mut().for_each(|roots| roots.retain(|root| !held.contains(root)));
    wanted.retain(|size, roots| *size > 0 && !roots.is_empty());
    let mut bytes = 0;
    for folder in folders {
        for entry in WalkDir::new(folder).follow_links(false).into_iter().flatten() {
            if progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            if wanted.is_empty() {
                return Ok(bytes);
            }
            let size = entry.metadata().ok().filter(std::fs::Metadata::is_file).map_or(0, |metadata| metadata.len());
            let Some(roots) = wanted.get_mut(&size) else { continue };
            let found = match archive.store().hash_file(entry.path(), size).await {
                Ok((hashes, _)) => hashes.root,
                Err(error) => {
                    progress.note(&said(&error));
                    continue;
                }
            };
            if !roots.contains(&found) {
                continue;
            }
            // It is hashed once more as it is copied: what changed meanwhile is kept from taking a blob's name.
            archive.store().put_file(entry.path(), size).await?;
            if archive.store().size(found).await?.is_some() {
                roots.retain(|root| *root != found);
                bytes += size;
                if roots.is_empty() {
                    wanted.remove(&size);
                }
            }
        }
    }
    Ok(bytes)
}
