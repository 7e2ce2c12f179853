//! The store from the outside: what it promises to whoever puts, reads and checks bytes.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what is meant")]

mod check;
mod compat;
mod crash;
mod durable;
mod full;
mod list;
mod mend;
mod model;
mod objects;
mod places;
mod put;
mod unprivileged;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use fonoteca_model::{BlobHasher, BlobHashes};
use fonoteca_store::Store;
use tempfile::TempDir;

const MIB: usize = 1 << 20;

/// Up to 8 MiB that differ from piece to piece and from block to block.
fn bytes(size: usize) -> Vec<u8> {
    // Made once: unoptimised, this is what tests would spend their time on.
    static PATTERN: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..8 * MIB).map(|at| (at % 251) as u8 ^ (at >> 14) as u8).collect());
    PATTERN[..size].to_vec()
}

fn hashes(bytes: &[u8]) -> BlobHashes {
    let mut hasher = BlobHasher::new();
    hasher.update(bytes);
    hasher.finish().expect("not empty")
}

fn store() -> (TempDir, Store) {
    let folder = TempDir::new().expect("a temporary folder");
    let store = Store::local(folder.path()).expect("a store");
    (folder, store)
}

/// All files below a folder, relative to it, sorted.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).expect("below").to_path_buf());
            }
        }
    }
    found.sort();
    found
}
