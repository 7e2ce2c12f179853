//! What may not be read or written is named. Root may do everything, so this runs as somebody else.

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use fonoteca_store::{Store, StoreError};
use futures::StreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;
use tempfile::TempDir;

use crate::store;

const CHILD: &str = "FONOTECA_STORE_UNPRIVILEGED";
const NOBODY: u32 = 65_534;

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn is_denied(error: &dyn Error) -> bool {
    error.source().and_then(|source| source.downcast_ref::<std::io::Error>()).map(std::io::Error::kind)
        == Some(std::io::ErrorKind::PermissionDenied)
}

#[tokio::test]
#[ignore = "a child that the test below runs as nobody"]
async fn unprivileged_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let (folder, store) = store();
    let secret = folder.path().join("secret.flac");
    fs::write(&secret, b"bytes").unwrap();
    allow(&secret, 0);
    let error = store.put_file(&secret, 100).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open {}", secret.display()));
    assert!(is_denied(&error), "{error:?}");

    let put = store.put_bytes(b"bytes").await.unwrap();
    let place = store.path_of(put.hashes.root).unwrap();
    allow(&place, 0);
    assert!(is_denied(&store.verify(&put.hashes).await.unwrap_err()), "unreadable is not damaged");
    assert!(store.read_all(put.hashes.root, 100).await.is_err());

    let parent = place.parent().unwrap();
    allow(parent, 0);
    let listed: Vec<_> = store.list().collect().await;
    assert!(matches!(&listed[..], [Err(StoreError::Io { action: "list", path, .. })] if path == parent), "{listed:?}");
    allow(parent, 0o755);

    let staging = folder.path().join("blobs/.staging");
    allow(&staging, 0o555);
    let song = folder.path().join("song.flac");
    fs::write(&song, b"song").unwrap();
    let error = store.put_file(&song, 100).await.unwrap_err();
    let blobs = folder.path().canonicalize().unwrap().join("blobs");
    assert_eq!(error.to_string(), format!("cannot write {} to {}", song.display(), blobs.display()));
    assert!(is_denied(&error), "{error:?}");
    allow(&staging, 0o755);

    allow(folder.path(), 0o555);
    let denied = store.objects().put(&Key::from("catalog/x"), "x".into()).await;
    assert!(matches!(denied, Err(object_store::Error::PermissionDenied { .. })), "{denied:?}");
    assert!(Store::local(folder.path()).is_ok(), "an archive that may only be read can be opened");
    allow(folder.path(), 0o755);
    assert!(matches!(Store::local(&TempDir::new().unwrap().path().join("x")), Err(StoreError::Io { .. })));
}

#[test]
fn what_may_not_be_read_or_written_is_named() {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "unprivileged::unprivileged_child", "--ignored"]).env(CHILD, "1").current_dir("/");
    if user() == 0 {
        child.uid(NOBODY).gid(NOBODY);
    }
    match child.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
        }
        Err(error) => eprintln!("skipped: cannot run as another user: {error}"),
    }
}

/// Who runs this: the owner of a file it makes.
fn user() -> u32 {
    use std::os::unix::fs::MetadataExt;
    tempfile::tempfile().unwrap().metadata().unwrap().uid()
}
