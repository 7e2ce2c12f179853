//! Files with random-looking bytes, and their hashes.

use std::fs;
use std::path::Path;

use fonoteca_model::{BlobHasher, BlobHashes, BlobId, Sha1Hash, Sha256Hash, merkle};
pub use fonoteca_testkit::random_bytes as noise;
use fonoteca_torrent::{File, Selection};

pub fn hashes(bytes: &[u8]) -> BlobHashes {
    let mut hasher = BlobHasher::new();
    hasher.update(bytes);
    hasher.finish().expect("not empty")
}

pub fn path(text: &str) -> Vec<String> {
    text.split('/').map(str::to_owned).collect()
}

/// A selection of `(path, size)`, without writing anything.
pub fn selection(name: &str, files: &[(&str, usize)]) -> Selection {
    let files = files
        .iter()
        .enumerate()
        .map(|(seed, (text, size))| File { path: path(text), hashes: hashes(&noise(seed as u64, *size)) });
    Selection { name: name.to_owned(), files: files.collect() }
}

/// As [`selection`], with the files written to a folder of the selection's name in `parent`.
pub fn written(parent: &Path, name: &str, files: &[(&str, usize)]) -> Selection {
    for (seed, (text, size)) in files.iter().enumerate() {
        let file = parent.join(name).join(text);
        fs::create_dir_all(file.parent().expect("below the folder")).expect("folder");
        fs::write(file, noise(seed as u64, *size)).expect("written");
    }
    selection(name, files)
}

/// Hashes that fit together, of a blob that was never there.
pub fn imagined(seed: u64, size: u64) -> BlobHashes {
    let pieces = size.div_ceil(1 << 20);
    let node = |index: u64| {
        let mut bytes = [0xee; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&index.to_le_bytes());
        bytes
    };
    let piece_layer: Vec<Sha256Hash> =
        if pieces > 1 { (0..pieces).map(|index| Sha256Hash(node(index))).collect() } else { Vec::new() };
    let root = if pieces > 1 { merkle::root_of_layer(&piece_layer) } else { BlobId(node(0)) };
    BlobHashes {
        root,
        size,
        piece_layer,
        v1_pieces: vec![Sha1Hash([7; 20]); pieces as usize],
        v1_last_unpadded: Sha1Hash([8; 20]),
    }
}
