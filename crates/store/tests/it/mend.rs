//! A damaged blob is put together anew from proven pieces, and nothing but a whole one takes its place.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use bytes::Bytes;
use fonoteca_model::BlobHashes;
use fonoteca_store::{Store, StoreError, Verdict};

use crate::{MIB, bytes, files, store};

/// A blob with content that differs from piece to piece, and its place.
async fn put(store: &Store, size: usize) -> (BlobHashes, PathBuf) {
    let hashes = store.put_bytes(&bytes(size)).await.unwrap().hashes;
    let path = store.path_of(hashes.root).unwrap();
    (hashes, path)
}

fn flip(path: &PathBuf, at: u64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 2], at).unwrap();
}

fn piece(hashes: &BlobHashes, piece: u64) -> Bytes {
    let range = hashes.piece_range(piece).unwrap();
    Bytes::from(bytes(hashes.size as usize)[range.start as usize..range.end as usize].to_vec())
}

#[tokio::test]
async fn only_the_wrong_pieces_are_asked_for() {
    let (folder, store) = store();
    for size in [1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7] {
        let (hashes, path) = put(&store, size).await;
        let last = (size as u64 - 1) / MIB as u64;
        flip(&path, size as u64 - 1);
        let damaged = fs::read(&path).unwrap();
        let mut mending = store.mend(hashes.clone()).await.unwrap();
        assert_eq!(mending.lacking(), [last], "{size}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "it stays as it is until the end");
        assert!(mending.take(last, piece(&hashes, last)).await.unwrap());
        mending.finish().await.unwrap();
        assert_eq!(store.verify(&hashes).await.unwrap(), Verdict::Sound);
        store.remove(hashes.root).await.unwrap();
    }
    assert_eq!(files(folder.path()), Vec::<PathBuf>::new(), "nothing stays behind");
}

#[tokio::test]
async fn wrong_bytes_are_not_taken_and_a_part_never_takes_its_place() {
    let (folder, store) = store();
    let (hashes, path) = put(&store, 3 * MIB + 7).await;
    flip(&path, 5);
    flip(&path, 2 * MIB as u64);
    let damaged = fs::read(&path).unwrap();
    let mut mending = store.mend(hashes.clone()).await.unwrap();
    assert_eq!(mending.lacking(), [0, 2]);
    let (zero, two) = (piece(&hashes, 0), piece(&hashes, 2));
    let mut wrong = two.to_vec();
    wrong[MIB - 1] ^= 1;
    for wrong in [Bytes::from(wrong), zero.clone(), two.slice(1..), Bytes::new()] {
        assert!(!mending.take(2, wrong).await.unwrap());
    }
    assert!(!mending.take(4, zero.clone()).await.unwrap(), "there is no such piece");
    assert!(mending.take(0, zero).await.unwrap());
    let root = hashes.root;
    let error = mending.finish().await.unwrap_err();
    assert!(matches!(error, StoreError::Lacking { id, lacking: 1 } if id == root), "{error}");
    assert_eq!(fs::read(&path).unwrap(), damaged);
    drop(store.mend(hashes).await.unwrap());
    assert_eq!(files(folder.path()).len(), 1, "what was begun is gone");
}

#[tokio::test]
async fn what_is_gone_or_has_another_length_is_mended_as_well() {
    let (_folder, store) = store();
    let (hashes, path) = put(&store, 2 * MIB + 9).await;
    fs::remove_file(&path).unwrap();
    for (length, lacking) in [(None, &[0u64, 1, 2][..]), (Some(MIB + 3), &[1, 2]), (Some(5 * MIB), &[])] {
        if let Some(length) = length {
            fs::File::options().write(true).open(&path).unwrap().set_len(length as u64).unwrap();
            if length > hashes.size as usize {
                assert_ne!(store.verify(&hashes).await.unwrap(), Verdict::Sound);
            }
        }
        let mut mending = store.mend(hashes.clone()).await.unwrap();
        assert_eq!(mending.lacking(), lacking, "{length:?}");
        for number in lacking {
            assert!(mending.take(*number, piece(&hashes, *number)).await.unwrap());
        }
        mending.finish().await.unwrap();
        assert_eq!(store.verify(&hashes).await.unwrap(), Verdict::Sound, "{length:?}");
    }
}

#[tokio::test]
async fn hashes_that_contradict_themselves_prove_nothing() {
    let (_folder, store) = store();
    let (mut hashes, _) = put(&store, 2 * MIB).await;
    hashes.piece_layer[1].0[0] ^= 1;
    let error = store.mend(hashes.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unproven { id } if id == hashes.root), "{error}");
}
