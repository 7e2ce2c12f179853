//! Blobs written by every format version so far, kept in `tests/compat/` and never edited, are still read.

use std::fs;
use std::path::Path;

use fonoteca_store::{Store, Verdict, layout};
use futures::TryStreamExt;
use tempfile::TempDir;

use crate::{bytes, files, hashes};

/// What the golden archive holds: `bytes` of these sizes, a part of a block, a block, a block and one byte.
const SIZES: [usize; 3] = [17, 16_384, 16_385];

#[tokio::test]
async fn version_1_is_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/v1");
    let folder = TempDir::new().unwrap();
    for file in files(&golden) {
        let copy = folder.path().join(&file);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(golden.join(&file), copy).unwrap();
    }
    let store = Store::local(folder.path()).unwrap();
    let listed: Vec<_> = store.list().try_collect().await.unwrap();
    assert_eq!(listed.len(), SIZES.len());
    for size in SIZES {
        let hashes = hashes(&bytes(size));
        assert!(listed.contains(&(hashes.root, size as u64)));
        assert_eq!(store.verify(&hashes).await.unwrap(), Verdict::Sound);
        assert_eq!(store.read_all(hashes.root, 1 << 20).await.unwrap(), bytes(size));
    }
    assert_eq!(layout::FORMAT_VERSION, 1, "a new version needs golden data of its own");
}
