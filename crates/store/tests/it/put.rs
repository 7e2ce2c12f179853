//! Putting, adopting, reading and removing.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use fonoteca_model::{BLOCK_BYTES, BlobId};
use fonoteca_store::{How, Put, Store, StoreError};
use futures::TryStreamExt;

use crate::{MIB, bytes, files, hashes, store};

/// One byte; a block, a piece and their neighbours; counts of pieces that are and are not a power of two; and a
/// stream's chunk of 256 KiB with its neighbours.
const SIZES: [usize; 16] = [
    1,
    BLOCK_BYTES - 1,
    BLOCK_BYTES,
    BLOCK_BYTES + 1,
    MIB / 4 - 1,
    MIB / 4,
    MIB / 4 + 1,
    MIB - 1,
    MIB,
    MIB + 1,
    2 * MIB - 1,
    2 * MIB,
    2 * MIB + 1,
    3 * MIB,
    4 * MIB,
    3 * MIB + 5 * BLOCK_BYTES + 7,
];

#[tokio::test]
async fn every_boundary_comes_back_as_it_was() {
    let (folder, store) = store();
    for size in SIZES {
        let bytes = bytes(size);
        let source = folder.path().join("source");
        fs::write(&source, &bytes).unwrap();
        let put = store.put_file(&source, size as u64).await.unwrap();
        assert!(put.added, "{size}");
        assert_eq!(put.hashes, hashes(&bytes), "{size}");
        let id = put.hashes.root;
        assert_eq!(store.size(id).await.unwrap(), Some(size as u64));
        assert_eq!(store.read_all(id, size as u64).await.unwrap(), bytes);
        assert_eq!(fs::read(store.path_of(id).unwrap()).unwrap(), bytes);
        // From memory and by adoption it is the same blob, held by now.
        assert!(!store.put_bytes(&bytes).await.unwrap().added);
        assert!(!store.adopt(&source, id).await.unwrap().added);
        assert!(!source.exists());
        assert!(store.remove(id).await.unwrap());
        assert_eq!(store.put_bytes(&bytes).await.unwrap(), put);
        assert!(store.remove(id).await.unwrap());
        fs::write(&source, &bytes).unwrap();
        assert_eq!(store.adopt(&source, id).await.unwrap(), Put { how: How::Moved, ..put });
        assert!(!source.exists());
        let error = store.read_all(id, size as u64 - 1).await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    }
    assert_eq!(files(&folder.path().join("blobs")).len(), SIZES.len(), "and nothing in the staging folder");
}

#[tokio::test]
async fn ranges_are_exact_and_never_beyond_the_end() {
    let (_folder, store) = store();
    let size = 2 * MIB + 3;
    let bytes = bytes(size);
    let id = store.put_bytes(&bytes).await.unwrap().hashes.root;
    let quarter = MIB / 4;
    for (start, end) in [(0, 0), (0, 1), (0, size), (size, size), (size - 1, size), (7, quarter + 7), (quarter, MIB)] {
        let read: Vec<_> = store.read(id, start as u64..end as u64).await.unwrap().try_collect().await.unwrap();
        assert!(read.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= quarter), "{start}..{end}");
        assert_eq!(read.concat(), bytes[start..end], "{start}..{end}");
    }
    let size = size as u64;
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    for range in [0..size + 1, size + 1..size + 1, 5..4, 0..u64::MAX] {
        let error = store.read(id, range.clone()).await.err().expect("out of range");
        assert_eq!(
            error.to_string(),
            format!("bytes {}..{} were asked of blob {id}, which has {size}", range.start, range.end)
        );
    }
    let other = BlobId([7; 32]);
    assert!(matches!(store.read(other, 0..0).await.err(), Some(StoreError::Missing { id }) if id == other));
    assert!(matches!(store.read_all(other, 1).await, Err(StoreError::Missing { .. })));
    assert_eq!(store.size(other).await.unwrap(), None);
    assert!(!store.remove(other).await.unwrap());
}

#[tokio::test]
async fn what_is_no_file_to_keep_is_refused_and_named() {
    let (folder, store) = store();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("empty.flac"), b"").unwrap();
    fs::write(at("large.flac"), b"12345").unwrap();
    symlink("loop-a", at("loop-b")).unwrap();
    symlink("loop-b", at("loop-a")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(at("fifo.mp3")).status().unwrap();
    assert!(fifo.success());
    let cases = [
        (at("empty.flac"), "is empty, and an empty file is never kept: leave it out"),
        (at("large.flac"), "has 5 bytes, more than the limit of 4: raise the limit or leave it out"),
        (at("fifo.mp3"), "is a named pipe, not a regular file: leave it out"),
        (folder.path().to_path_buf(), "is a folder, not a regular file: leave it out"),
        (Path::new("/dev/zero").to_path_buf(), "is a device, not a regular file: leave it out"),
    ];
    for (path, message) in cases {
        // A writer never comes to the pipe's other end.
        let put = tokio::time::timeout(Duration::from_secs(20), store.put_file(&path, 4)).await.expect("blocked");
        assert_eq!(put.unwrap_err().to_string(), format!("{} {message}", path.display()));
        let adopted = store.adopt(&path, BlobId([0; 32])).await;
        assert!(adopted.is_err() && path.exists(), "{}", path.display());
    }
    for missing in ["loop-a", "absent"] {
        let error = store.put_file(&at(missing), 4).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot open {}", at(missing).display()));
        assert!(std::error::Error::source(&error).is_some());
    }
    assert!(matches!(store.put_bytes(b"").await, Err(StoreError::Empty { .. })));
    assert_eq!(files(&at("blobs")), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_name_that_is_not_utf_8_is_no_obstacle() {
    let (folder, store) = store();
    let path = folder.path().join(OsStr::from_bytes(b"caf\xe9.flac"));
    fs::write(&path, b"au lait").unwrap();
    assert!(store.put_file(&path, 100).await.unwrap().added);
    let error = store.put_file(&path, 1).await.unwrap_err().to_string();
    assert!(error.contains("caf\u{fffd}.flac has 7 bytes"), "{error}");
}

#[tokio::test]
async fn a_symlink_to_a_file_is_followed_but_not_moved() {
    let (folder, store) = store();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, b"bytes").unwrap();
    symlink(&file, &link).unwrap();
    let put = store.put_file(&link, 100).await.unwrap();
    let error = store.adopt(&link, put.hashes.root).await.unwrap_err();
    assert!(matches!(error, StoreError::NotRegular { found: "a symbolic link", .. }), "{error}");
    assert!(link.exists() && file.exists());
}

#[tokio::test]
async fn only_the_expected_blob_is_adopted() {
    let (folder, store) = store();
    let path = folder.path().join("downloaded");
    fs::write(&path, b"wrong bytes").unwrap();
    let (expected, found) = (hashes(b"right bytes").root, hashes(b"wrong bytes").root);
    let error = store.adopt(&path, expected).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{} is not blob {expected}, its bytes are those of {found}: fetch it again from elsewhere",
            path.display()
        )
    );
    assert!(path.exists());
    assert_eq!(store.size(expected).await.unwrap(), None);
    assert_eq!(store.size(found).await.unwrap(), None);
}

#[tokio::test]
async fn an_adopted_blob_cannot_be_changed_through_another_name() {
    let (folder, store) = store();
    let (path, other) = (folder.path().join("downloaded"), folder.path().join("other"));
    fs::write(&path, b"bytes").unwrap();
    fs::hard_link(&path, &other).unwrap();
    let put = store.adopt(&path, hashes(b"bytes").root).await.unwrap();
    assert!(put.added && !path.exists());
    fs::write(&other, b"other").unwrap();
    assert_eq!(store.read_all(put.hashes.root, 100).await.unwrap(), &b"bytes"[..]);
}

#[tokio::test]
async fn a_file_from_another_file_system_is_copied() {
    let (_folder, store) = store();
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else { return };
    let path = elsewhere.path().join("downloaded");
    fs::write(&path, bytes(MIB + 1)).unwrap();
    let put = store.adopt(&path, hashes(&bytes(MIB + 1)).root).await.unwrap();
    assert!(put.added && !path.exists());
    assert_eq!(store.read_all(put.hashes.root, 1 << 30).await.unwrap(), bytes(MIB + 1));
}

#[tokio::test]
async fn a_held_blob_of_the_wrong_size_is_reported_not_counted_as_held() {
    let (folder, store) = store();
    let put = store.put_bytes(&bytes(1000)).await.unwrap();
    let (id, held) = (put.hashes.root, store.path_of(put.hashes.root).unwrap());
    let source = folder.path().join("source");
    fs::write(&source, bytes(1000)).unwrap();
    for size in [0, 999, 1001] {
        fs::File::options().write(true).open(&held).unwrap().set_len(size).unwrap();
        for result in
            [store.put_file(&source, 1000).await, store.put_bytes(&bytes(1000)).await, store.adopt(&source, id).await]
        {
            let error = result.unwrap_err();
            let StoreError::HeldDamaged { found, expected: 1000, .. } = error else { panic!("{error}") };
            assert_eq!(found, size);
        }
    }
    assert!(source.exists(), "the good copy stays");
    // The way out: the damaged one goes, the good one takes its place.
    assert!(store.remove(id).await.unwrap());
    assert_eq!(store.adopt(&source, id).await.unwrap(), Put { how: How::Moved, ..put });
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_puts_of_the_same_bytes_add_one_blob() {
    let (folder, store) = store();
    let source = folder.path().join("source");
    fs::write(&source, bytes(2 * MIB + 1)).unwrap();
    // Another handle, as another process would have it.
    let other = Store::local(folder.path()).unwrap();
    let puts = (0..12).map(|number| {
        let (store, source) = (if number % 2 == 0 { store.clone() } else { other.clone() }, source.clone());
        tokio::spawn(async move { store.put_file(&source, 1 << 30).await.unwrap() })
    });
    let puts = futures::future::try_join_all(puts).await.unwrap();
    assert_eq!(puts.iter().filter(|put| put.added).count(), 1);
    assert!(puts.iter().all(|put| put.hashes == puts[0].hashes));
    assert_eq!(files(&folder.path().join("blobs")).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_while_it_is_read_is_named() {
    let (folder, store) = store();
    let source = folder.path().join("growing");
    fs::write(&source, vec![7; 64 * MIB]).unwrap();
    let size = 64 * MIB as u64;
    // The writer goes on until the put is over, so that it is at work while the put reads.
    let (over, stop) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn({
        let source = source.clone();
        move || {
            let file = fs::File::options().write(true).open(source).unwrap();
            let mut length = size;
            while stop.try_recv().is_err() {
                length += 1;
                file.set_len(length).unwrap();
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    });
    let error = store.put_file(&source, u64::MAX).await.unwrap_err();
    over.send(()).unwrap();
    writer.join().unwrap();
    assert!(matches!(&error, StoreError::Changed { path, .. } if *path == source), "{error}");
    assert_eq!(files(&folder.path().join("blobs")).len(), 0);
    assert!(store.put_file(&source, u64::MAX).await.unwrap().added, "at rest it is taken");
}

#[tokio::test]
async fn folders_that_somebody_removed_are_made_again() {
    let (folder, store) = store();
    let put = store.put_bytes(b"bytes").await.unwrap();
    fs::remove_dir_all(folder.path().join("blobs")).unwrap();
    assert_eq!(store.put_bytes(b"bytes").await.unwrap(), put);
}
