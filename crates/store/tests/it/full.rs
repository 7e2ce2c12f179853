//! A full disk: said so that one knows what to do, nothing half-written, and the next attempt works.

use std::fs;
use std::path::Path;
use std::process::Command;

use fonoteca_store::{Store, StoreError, Verdict};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use tempfile::TempDir;

use crate::{MIB, bytes, files};

/// A file system of 4 MiB; `None` where this user may not mount one.
struct Small(TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(folder.path()).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_nothing_half_stays() {
    let Some(disk) = Small::mount() else {
        eprintln!("skipped: no tmpfs can be mounted here");
        return;
    };
    let store = Store::local(disk.path()).unwrap();
    let small = store.put_bytes(&bytes(MIB)).await.unwrap();
    let elsewhere = TempDir::new().unwrap();
    let large = elsewhere.path().join("large.flac");
    fs::write(&large, bytes(8 * MIB)).unwrap();
    let before = files(disk.path());

    let id = crate::hashes(&bytes(8 * MIB)).root;
    let blobs = disk.path().canonicalize().unwrap().join("blobs");
    for result in [store.put_file(&large, u64::MAX).await, store.adopt(&large, id).await] {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            format!(
                "no space left on the disk of {} to write {}: free some, or move the archive to a larger disk, and run \
                 the same again",
                blobs.display(),
                large.display()
            )
        );
    }
    assert!(matches!(store.put_bytes(&bytes(8 * MIB)).await, Err(StoreError::Full { .. })));
    let objects = store.objects();
    let key = Key::from("catalog/files/_delta_log/0.json");
    let error = objects.put_opts(&key, bytes(8 * MIB).into(), PutMode::Create.into()).await.unwrap_err();
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<StoreError>());
    assert!(matches!(source, Some(StoreError::Full { .. })), "{error:?}");
    let mut upload = objects.put_multipart(&key).await.unwrap();
    assert!(upload.put_part(bytes(8 * MIB).into()).await.is_err());
    assert!(upload.complete().await.is_err());

    assert_eq!(files(disk.path()), before, "nothing half-written");
    assert!(large.exists());
    assert_eq!(store.verify(&small.hashes).await.unwrap(), Verdict::Sound);
    assert!(store.put_bytes(&bytes(MIB + 1)).await.unwrap().added, "what fits still goes in");
}
