//! What killed processes leave is swept, and what living ones write is not.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use fonoteca_store::{DurableFs, Store, Verdict};
use futures::TryStreamExt;
use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt};
use tempfile::TempDir;

use crate::{MIB, bytes, files, hashes, store};

#[tokio::test]
async fn leftovers_go_and_living_writers_stay() {
    let (folder, store) = store();
    let put = store.put_bytes(b"a blob").await.unwrap();
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at("catalog/files/_delta_log")).unwrap();
    let leftovers = [
        at("blobs/.staging/4194304-1"),
        at("catalog/files/part-0.parquet.4194304-2.staging#0"),
        at("catalog/files/_delta_log/00000000000000000001.json.4194304-3.staging#0"),
    ];
    for path in &leftovers {
        fs::write(path, b"half").unwrap();
    }
    let kept = [at("catalog/files/part-0.parquet"), at("track #1.flac"), at("a.staging"), at("a.staging#x")];
    for path in &kept {
        fs::write(path, b"whole").unwrap();
    }
    let elsewhere = TempDir::new().unwrap();
    let beyond = elsewhere.path().join("x.1-1.staging#0");
    fs::write(&beyond, b"not ours").unwrap();
    symlink(elsewhere.path(), at("linked")).unwrap();

    let objects = DurableFs::new(folder.path()).unwrap();
    let mut upload = objects.put_multipart(&Key::from("catalog/files/part-1.parquet")).await.unwrap();
    upload.put_part("first".into()).await.unwrap();

    // As another process would, which has its own open files.
    assert_eq!(Store::local(folder.path()).unwrap().sweep_staging().unwrap(), leftovers.len() as u64);
    assert!(leftovers.iter().all(|path| !path.exists()));
    assert!(kept.iter().all(|path| path.exists()) && beyond.exists());
    assert_eq!(store.size(put.hashes.root).await.unwrap(), Some(6));

    upload.put_part(" second".into()).await.unwrap();
    upload.complete().await.unwrap();
    let whole = objects.get(&Key::from("catalog/files/part-1.parquet")).await.unwrap().bytes().await.unwrap();
    assert_eq!(whole, &b"first second"[..]);
    assert_eq!(store.sweep_staging().unwrap(), 0);
}

#[tokio::test]
async fn half_written_objects_are_not_listed() {
    let (folder, store) = store();
    let objects = store.objects();
    let key = Key::from("catalog/files/part-1.parquet");
    let mut upload: Box<dyn MultipartUpload> = objects.put_multipart(&key).await.unwrap();
    upload.put_part("half".into()).await.unwrap();
    let prefix = Key::from("catalog");
    assert_eq!(files(&folder.path().join("catalog")).len(), 1);
    let listed: Vec<_> = futures::StreamExt::collect(objects.list(Some(&prefix))).await;
    assert!(listed.is_empty(), "{listed:?}");
    let level = objects.list_with_delimiter(Some(&Key::from("catalog/files"))).await.unwrap();
    assert!(level.objects.is_empty() && level.common_prefixes.is_empty());
    assert!(objects.get(&key).await.is_err());
    drop(upload);
    assert!(files(&folder.path().join("catalog")).is_empty(), "a dropped upload leaves nothing");
}

/// Where the child works that is killed; set by the test below alone.
const CHILD: &str = "FONOTECA_STORE_KILLED";
/// Sizes that the child puts, one blob each, of 1 to 3 MiB.
const SIZES: std::ops::Range<usize> = MIB..3 * MIB;

#[tokio::test]
#[ignore = "a child that the test below kills"]
async fn killed_child() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    let store = Store::local(Path::new(&root)).unwrap();
    for size in SIZES.step_by(10_007) {
        if store.put_bytes(&bytes(size)).await.unwrap().added {
            let commit = Key::from(format!("catalog/_delta_log/{size}.json"));
            store.objects().put(&commit, bytes(size).into()).await.unwrap();
            println!("\nstored {size}");
        }
    }
}

#[tokio::test]
async fn a_killed_process_leaves_whole_blobs_and_what_is_swept() {
    let (folder, store) = store();
    let mut promised = Vec::new();
    for round in 1..=4u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::killed_child", "--ignored", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let before = promised.len();
        while promised.len() < before + 3 {
            let line = lines.next().expect("the child is at work");
            promised.extend(line.strip_prefix("stored ").map(|size| size.parse::<usize>().unwrap()));
        }
        // At another moment of its next put each round.
        std::thread::sleep(std::time::Duration::from_millis(7 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        promised.extend(lines.filter_map(|line| line.strip_prefix("stored ")?.parse::<usize>().ok()));

        store.sweep_staging().unwrap();
        let listed: Vec<_> = store.list().try_collect().await.unwrap();
        let known: std::collections::HashMap<_, _> = SIZES
            .step_by(10_007)
            .take(promised.len() + round as usize)
            .map(|size| (hashes(&bytes(size)).root, size))
            .collect();
        for (id, size) in &listed {
            let whole = hashes(&bytes(known[id]));
            assert_eq!((*size, store.verify(&whole).await.unwrap()), (whole.size, Verdict::Sound));
        }
        for size in &promised {
            assert!(listed.contains(&(hashes(&bytes(*size)).root, *size as u64)), "{size} was promised");
            let commit = fs::read(folder.path().join(format!("catalog/_delta_log/{size}.json"))).unwrap();
            assert!(commit == bytes(*size));
        }
        let left = files(folder.path());
        assert!(!left.iter().any(|path| path.to_str().unwrap().contains("staging")), "{left:?}");
    }
}
