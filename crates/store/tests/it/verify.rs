//! Damage is found, and located to its piece.

use std::fs;
use std::os::unix::fs::FileExt;

use fonoteca_model::{BlobHashes, Sha1Hash};
use fonoteca_store::{Store, Verdict};

use crate::{MIB, bytes, store};

async fn put(store: &Store, size: usize) -> (BlobHashes, fs::File) {
    let hashes = store.put_bytes(&bytes(size)).await.unwrap().hashes;
    let path = store.path_of(hashes.root).unwrap();
    (hashes, fs::File::options().read(true).write(true).open(path).unwrap())
}

async fn damaged_pieces(store: &Store, hashes: &BlobHashes, size: usize) -> Vec<u64> {
    match store.verify(hashes).await.unwrap() {
        Verdict::Damaged { pieces, found_root, found_size, unreadable: None } => {
            assert_eq!(found_size, size as u64);
            assert_ne!(found_root, Some(hashes.root));
            assert_eq!(found_root.is_none(), size == 0);
            pieces
        }
        verdict => panic!("{verdict:?}"),
    }
}

#[tokio::test]
async fn a_flipped_bit_is_located_to_its_piece() {
    let (_folder, store) = store();
    for size in [1, MIB, MIB + 1, 3 * MIB, 3 * MIB + 7] {
        let (hashes, file) = put(&store, size).await;
        assert_eq!(store.verify(&hashes).await.unwrap(), Verdict::Sound);
        for at in [0, size / 2, size - 1] {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at as u64).unwrap();
            file.write_all_at(&[byte[0] ^ 0x10], at as u64).unwrap();
            assert_eq!(damaged_pieces(&store, &hashes, size).await, [(at / MIB) as u64], "{at} of {size}");
            file.write_all_at(&byte, at as u64).unwrap();
        }
        assert_eq!(store.verify(&hashes).await.unwrap(), Verdict::Sound);
    }
}

#[tokio::test]
async fn two_flipped_bits_are_two_pieces() {
    let (_folder, store) = store();
    let (hashes, file) = put(&store, 5 * MIB).await;
    for piece in [4, 1] {
        file.write_all_at(b"\xff\x00\xff", piece * MIB as u64 + 77).unwrap();
    }
    assert_eq!(damaged_pieces(&store, &hashes, 5 * MIB).await, [1, 4]);
}

#[tokio::test]
async fn a_truncated_blob_lacks_its_last_pieces() {
    let (_folder, store) = store();
    let (hashes, file) = put(&store, 3 * MIB + 7).await;
    for (size, pieces) in [
        (3 * MIB + 6, &[3u64][..]),
        (3 * MIB, &[3]),
        (3 * MIB - 1, &[2, 3]),
        (MIB + 1, &[1, 2, 3]),
        (MIB, &[1, 2, 3]),
        (MIB - 1, &[0, 1, 2, 3]),
        (0, &[0, 1, 2, 3]),
    ] {
        file.set_len(size as u64).unwrap();
        assert_eq!(damaged_pieces(&store, &hashes, size).await, pieces, "{size}");
        file.write_all_at(&bytes(3 * MIB + 7), 0).unwrap();
    }
}

#[tokio::test]
async fn what_was_added_at_the_end_is_damage_too_zeros_included() {
    let (_folder, store) = store();
    let (hashes, file) = put(&store, 2 * MIB - 5).await;
    for (size, pieces) in [(2 * MIB - 4, &[1u64][..]), (2 * MIB, &[1]), (3 * MIB + 1, &[1, 2, 3])] {
        file.set_len(size as u64).unwrap();
        assert_eq!(damaged_pieces(&store, &hashes, size).await, pieces, "{size}");
        file.set_len(2 * MIB as u64 - 5).unwrap();
    }
    // Piece 0 has the same padded SHA-1 before and after, and there is no piece layer to compare with.
    let (hashes, file) = put(&store, MIB - 5).await;
    file.set_len(MIB as u64 + 1).unwrap();
    assert_eq!(damaged_pieces(&store, &hashes, MIB + 1).await, [0, 1]);
    let (hashes, file) = put(&store, MIB).await;
    file.set_len(MIB as u64 + 1).unwrap();
    assert_eq!(damaged_pieces(&store, &hashes, MIB + 1).await, [1]);
}

#[tokio::test]
async fn a_missing_blob_is_missing() {
    let (_folder, store) = store();
    let (hashes, _) = put(&store, 10).await;
    store.remove(hashes.root).await.unwrap();
    assert_eq!(store.verify(&hashes).await.unwrap(), Verdict::Missing);
}

#[tokio::test]
async fn hashes_from_elsewhere_may_be_nonsense() {
    let (_folder, store) = store();
    let (mut hashes, _file) = put(&store, 2 * MIB + 1).await;
    let root = hashes.root;
    hashes.piece_layer.clear();
    hashes.v1_pieces = vec![Sha1Hash([0; 20])];
    assert_eq!(store.verify(&hashes).await.unwrap(), Verdict::Sound, "the root alone decides");
    hashes.size += 1;
    assert_eq!(
        store.verify(&hashes).await.unwrap(),
        Verdict::Damaged {
            pieces: vec![0, 1, 2],
            found_root: Some(root),
            found_size: 2 * MIB as u64 + 1,
            unreadable: None
        }
    );
}
