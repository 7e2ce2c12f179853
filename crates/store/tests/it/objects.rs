//! The object store behaves as Delta Lake needs it: creation that refuses, uploads in parts, renames, lists, ranges.

use std::fs;

use futures::TryStreamExt;
use object_store::path::Path as Key;
use object_store::{Attribute, Attributes, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};

use crate::{MIB, bytes, files, store};

async fn get(objects: &dyn ObjectStore, key: &str) -> Vec<u8> {
    objects.get(&Key::from(key)).await.unwrap().bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_creations_of_one_commit_one_succeeds() {
    let (folder, store) = store();
    let key = Key::from("catalog/files/_delta_log/00000000000000000000.json");
    let creations = (0..16).map(|writer| {
        let (objects, key) = (store.objects(), key.clone());
        tokio::spawn(async move {
            let put = objects.put_opts(&key, format!("writer {writer}").into(), PutMode::Create.into()).await;
            match put {
                Ok(result) => {
                    assert_eq!(result.e_tag, objects.head(&key).await.unwrap().e_tag);
                    Some(writer)
                }
                Err(Error::AlreadyExists { .. }) => None,
                Err(error) => panic!("{error}"),
            }
        })
    });
    let winners: Vec<usize> = futures::future::try_join_all(creations).await.unwrap().into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(get(&*store.objects(), key.as_ref()).await, format!("writer {}", winners[0]).as_bytes());
    assert_eq!(files(&folder.path().join("catalog")).len(), 1);
}

#[tokio::test]
async fn overwriting_replaces_and_reading_delegates() {
    let (_folder, store) = store();
    let objects = store.objects();
    let key = Key::from("catalog/tracks/_delta_log/_last_checkpoint");
    objects.put(&key, "first".into()).await.unwrap();
    objects.put(&key, "the second".into()).await.unwrap();
    assert_eq!(objects.head(&key).await.unwrap().size, 10);
    assert_eq!(objects.get_range(&key, 4..7).await.unwrap(), &b"sec"[..]);
    assert_eq!(objects.get_ranges(&key, &[0..3, 9..10]).await.unwrap(), [&b"the"[..], b"d"]);
    objects.delete(&key).await.unwrap();
    assert!(matches!(objects.head(&key).await, Err(Error::NotFound { .. })));
    assert!(matches!(objects.delete(&key).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn lists_by_prefix_offset_and_level() {
    let (_folder, store) = store();
    let objects = store.objects();
    for name in ["_delta_log/0.json", "_delta_log/1.json", "_delta_log/2.json", "part-0.parquet"] {
        objects.put(&Key::from(format!("catalog/t/{name}")), name.to_owned().into()).await.unwrap();
    }
    let (table, log) = (Key::from("catalog/t"), Key::from("catalog/t/_delta_log"));
    let after: Vec<_> = objects
        .list_with_offset(Some(&log), &Key::from("catalog/t/_delta_log/0.json"))
        .map_ok(|meta| meta.location.filename().unwrap().to_owned())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        {
            let mut after = after;
            after.sort();
            after
        },
        ["1.json", "2.json"]
    );
    let all: Vec<_> = objects.list(Some(&table)).try_collect().await.unwrap();
    assert_eq!(all.len(), 4);
    let level = objects.list_with_delimiter(Some(&table)).await.unwrap();
    assert_eq!(level.common_prefixes, [log]);
    assert_eq!(level.objects.len(), 1);
    let gone: Vec<_> = objects
        .delete_stream(Box::pin(futures::stream::iter(all.into_iter().map(|meta| Ok(meta.location)))))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(gone.len(), 4);
}

#[tokio::test]
async fn copies_and_renames_refuse_or_replace() {
    let (folder, store) = store();
    let objects = store.objects();
    let key = |name: &str| Key::from(format!("t/{name}"));
    objects.put(&key("a"), "A".into()).await.unwrap();
    objects.put(&key("b"), "B".into()).await.unwrap();
    for refused in [
        objects.copy_if_not_exists(&key("a"), &key("b")).await,
        objects.rename_if_not_exists(&key("a"), &key("b")).await,
    ] {
        assert!(matches!(refused, Err(Error::AlreadyExists { .. })), "{refused:?}");
    }
    for absent in [
        objects.copy_if_not_exists(&key("x"), &key("y")).await,
        objects.rename_if_not_exists(&key("x"), &key("y")).await,
        objects.copy(&key("x"), &key("b")).await,
        objects.rename(&key("x"), &key("b")).await,
    ] {
        assert!(matches!(absent, Err(Error::NotFound { .. })), "{absent:?}");
    }
    assert_eq!((get(&*objects, "t/a").await, get(&*objects, "t/b").await), (b"A".to_vec(), b"B".to_vec()));

    objects.copy_if_not_exists(&key("a"), &key("new/folder/c")).await.unwrap();
    fs::write(folder.path().join("t/a"), "changed in place").unwrap();
    assert_eq!(get(&*objects, "t/new/folder/c").await, b"A", "a copy has its own bytes");
    objects.copy(&key("new/folder/c"), &key("a")).await.unwrap();
    assert_eq!(get(&*objects, "t/a").await, b"A");
    objects.rename_if_not_exists(&key("a"), &key("other/d")).await.unwrap();
    objects.rename(&key("other/d"), &key("b")).await.unwrap();
    assert_eq!(get(&*objects, "t/b").await, b"A");
    assert_eq!(files(&folder.path().join("t")).len(), 2, "b and c");
}

#[tokio::test]
async fn parts_may_be_written_in_any_order() {
    let (folder, store) = store();
    let objects = store.objects();
    let key = Key::from("catalog/tracks/part-0.parquet");
    let whole = bytes(5 * MIB + 17);
    let mut upload = objects.put_multipart(&key).await.unwrap();
    let mut parts: Vec<_> = whole.chunks(MIB).map(|part| upload.put_part(part.to_vec().into())).collect();
    parts.reverse();
    futures::future::try_join_all(parts).await.unwrap();
    assert!(objects.head(&key).await.is_err(), "not there before it is complete");
    upload.complete().await.unwrap();
    assert_eq!(get(&*objects, key.as_ref()).await, whole);
    assert!(upload.complete().await.is_err() && upload.abort().await.is_err());
    assert!(upload.put_part("late".into()).await.is_err());

    let mut empty = objects.put_multipart(&Key::from("catalog/empty")).await.unwrap();
    empty.complete().await.unwrap();
    assert_eq!(objects.head(&Key::from("catalog/empty")).await.unwrap().size, 0);

    let mut aborted = objects.put_multipart(&key).await.unwrap();
    aborted.put_part("other".into()).await.unwrap();
    aborted.abort().await.unwrap();
    assert_eq!(get(&*objects, key.as_ref()).await, whole);
    assert_eq!(files(&folder.path().join("catalog")).len(), 2);
}

#[tokio::test]
async fn a_part_that_was_never_written_is_no_hole() {
    let (folder, store) = store();
    let objects = store.objects();
    let key = Key::from("catalog/tracks/part-0.parquet");
    for keep in [true, false] {
        let mut upload = objects.put_multipart(&key).await.unwrap();
        let forgotten = upload.put_part("first".into());
        upload.put_part("second".into()).await.unwrap();
        let forgotten = if keep {
            Some(forgotten)
        } else {
            drop(forgotten);
            None
        };
        let error = upload.complete().await.unwrap_err();
        assert!(format!("{error:?}").contains("not all parts of the upload were written"), "{error:?}");
        drop(forgotten);
        assert!(files(&folder.path().join("catalog")).is_empty());
    }
}

#[tokio::test]
async fn what_a_folder_cannot_do_is_said() {
    let (_folder, store) = store();
    let objects = store.objects();
    let key = Key::from("t/a");
    objects.put(&key, "A".into()).await.unwrap();
    let update = PutMode::Update(UpdateVersion { e_tag: None, version: None });
    let attributes = Attributes::from_iter([(Attribute::ContentType, "text/plain")]);
    for options in [PutOptions::from(update), PutOptions::from(attributes)] {
        let refused = objects.put_opts(&key, "B".into(), options).await;
        assert!(matches!(refused, Err(Error::NotImplemented { .. })), "{refused:?}");
    }
    assert_eq!(get(&*objects, "t/a").await, b"A");
    // A file where a folder is needed.
    let error = objects.put(&Key::from("t/a/b"), "B".into()).await.unwrap_err();
    assert!(matches!(error, Error::Generic { .. } | Error::AlreadyExists { .. }), "{error:?}");
}
