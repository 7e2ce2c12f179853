//! Hashing a file that is not being put into the store.

use std::io::Read;
use std::path::Path;

use fonoteca_model::{BlobHasher, BlobHashes};

/// The hashes of a file's bytes; none for an empty one. Blocks: call it where that is allowed.
pub(crate) fn hash_file(path: &Path) -> std::io::Result<Option<BlobHashes>> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = BlobHasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(&buffer[..count]);
    }
}
