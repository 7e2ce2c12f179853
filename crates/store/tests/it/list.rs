//! The list is complete, in order, and says what does not belong.

use std::fs;
use std::os::unix::fs::symlink;

use fonoteca_store::StoreError;
use futures::{StreamExt, TryStreamExt};

use crate::store;

#[tokio::test]
async fn blobs_come_in_the_order_of_their_ids() {
    let (_folder, store) = store();
    let mut expected = Vec::new();
    for number in 0..1500u32 {
        let put = store.put_bytes(&number.to_le_bytes()).await.unwrap();
        expected.push((put.hashes.root, 4));
    }
    expected.sort();
    let listed: Vec<_> = store.list().try_collect().await.unwrap();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn what_does_not_belong_is_named_and_the_walk_goes_on() {
    let (folder, store) = store();
    let put = store.put_bytes(b"bytes").await.unwrap();
    let (id, place) = (put.hashes.root, store.path_of(put.hashes.root).unwrap());
    let blobs = folder.path().join("blobs");
    let name = id.to_string();
    let parent = place.parent().unwrap();
    let foreign = [
        blobs.join("README"),
        blobs.join(format!("{}/.DS_Store", &name[..2])),
        parent.join("note.txt"),
        parent.join(name.to_uppercase()),
        parent.join("0".repeat(64)),
        parent.join(format!("{name}.bak")),
    ];
    for path in &foreign {
        fs::write(path, b"?").unwrap();
    }
    let strange = [blobs.join("xyz"), parent.join("folder")];
    for path in &strange {
        fs::create_dir(path).unwrap();
    }
    // A blob is a file of its own: a link may lead to bytes that anybody changes.
    let link = parent.join(format!("{}{}", &name[..4], "1".repeat(60)));
    symlink(&place, &link).unwrap();
    fs::write(blobs.join(".staging/1-1"), b"half").unwrap();

    let items: Vec<_> = store.list().collect().await;
    let mut named: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            Ok(found) => {
                assert_eq!(*found, (id, 5));
                None
            }
            Err(StoreError::Foreign { path }) => Some(path.clone()),
            Err(error) => panic!("{error}"),
        })
        .collect();
    named.sort();
    let mut expected: Vec<_> = foreign.iter().chain(&strange).chain([&link]).cloned().collect();
    expected.sort();
    assert_eq!(named, expected);
    assert_eq!(items.len(), expected.len() + 1);
}
