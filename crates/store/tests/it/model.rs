//! Random sequences of operations against a map from ids to bytes.

use std::collections::BTreeMap;
use std::fs;

use fonoteca_model::BlobId;
use fonoteca_store::{Store, StoreError, Verdict};
use futures::TryStreamExt;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::{bytes, hashes};

#[derive(Debug, Clone)]
enum Step {
    PutFile(usize),
    PutBytes(usize),
    Adopt { size: usize, as_if: usize },
    Read { size: usize, start: u64, end: u64 },
    Remove(usize),
    Truncate { size: usize, to: u64 },
    Reopen,
}

/// Few sizes, so that steps meet; the content follows from the size.
fn size() -> impl Strategy<Value = usize> {
    prop::sample::select(&[0, 1, 2, 16_383, 16_384, 16_385, 262_145, 1_048_576, 1_048_577][..])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        size().prop_map(Step::PutFile),
        size().prop_map(Step::PutBytes),
        (size(), size(), any::<bool>())
            .prop_map(|(size, other, right)| Step::Adopt { size, as_if: if right { size } else { other } }),
        (size(), 0u64..300_000, 0u64..300_000).prop_map(|(size, start, end)| Step::Read { size, start, end }),
        size().prop_map(Step::Remove),
        (size(), 0u64..20_000).prop_map(|(size, to)| Step::Truncate { size, to }),
        Just(Step::Reopen),
    ]
}

fn id(size: usize) -> BlobId {
    if size == 0 { BlobId([0; 32]) } else { hashes(&bytes(size)).root }
}

/// What a put must answer, given what is held (the bytes on disk, damaged or not).
fn check_put(put: Result<fonoteca_store::Put, StoreError>, size: usize, held: &mut BTreeMap<BlobId, Vec<u8>>) {
    match (put, held.get(&id(size)).map(Vec::len)) {
        (Err(StoreError::Empty { .. }), None) => assert_eq!(size, 0),
        (Err(StoreError::HeldDamaged { found, expected, .. }), Some(length)) => {
            assert_eq!((found, expected), (length as u64, size as u64));
            assert_ne!(length, size);
        }
        (Ok(put), length) => {
            assert_eq!(put.hashes, hashes(&bytes(size)));
            assert_eq!(put.added, length.is_none());
            assert!(length.is_none_or(|length| length == size));
            held.insert(id(size), bytes(size));
        }
        (put, length) => panic!("{put:?} where {length:?} bytes are held"),
    }
}

async fn run(steps: Vec<Step>) {
    let folder = TempDir::new().unwrap();
    let outside = TempDir::new().unwrap();
    let mut store = Store::local(folder.path()).unwrap();
    let mut held: BTreeMap<BlobId, Vec<u8>> = BTreeMap::new();
    let file = outside.path().join("file");
    for step in steps {
        match step {
            Step::PutFile(size) => {
                fs::write(&file, bytes(size)).unwrap();
                check_put(store.put_file(&file, u64::MAX).await, size, &mut held);
                assert!(file.exists());
            }
            Step::PutBytes(size) => check_put(store.put_bytes(&bytes(size)).await, size, &mut held),
            Step::Adopt { size, as_if } => {
                fs::write(&file, bytes(size)).unwrap();
                let adopted = store.adopt(&file, id(as_if)).await;
                assert_eq!(file.exists(), adopted.is_err());
                match adopted {
                    Err(StoreError::WrongRoot { expected, found, .. }) => {
                        assert_eq!((expected, found), (id(as_if), id(size)));
                        assert_ne!(size, as_if);
                    }
                    adopted => {
                        assert!(size == as_if || size == 0);
                        check_put(adopted, size, &mut held);
                    }
                }
            }
            Step::Read { size, start, end } => match (store.read(id(size), start..end).await, held.get(&id(size))) {
                (Err(StoreError::Missing { .. }), None) => {}
                (Err(StoreError::OutOfRange { size, .. }), Some(bytes)) => {
                    assert_eq!(size, bytes.len() as u64);
                    assert!(start > end || end > size);
                }
                (Ok(read), Some(bytes)) => {
                    let read: Vec<_> = read.try_collect().await.unwrap();
                    assert_eq!(read.concat(), bytes[start as usize..end as usize]);
                }
                (read, bytes) => panic!("{:?} where {:?} is held", read.err(), bytes.map(Vec::len)),
            },
            Step::Remove(size) => {
                assert_eq!(store.remove(id(size)).await.unwrap(), held.remove(&id(size)).is_some());
            }
            Step::Truncate { size, to } => {
                if let Some(bytes) = held.get_mut(&id(size)) {
                    let path = store.path_of(id(size)).unwrap();
                    fs::File::options().write(true).open(path).unwrap().set_len(to).unwrap();
                    bytes.resize(to as usize, 0);
                }
            }
            Step::Reopen => {
                store = Store::local(folder.path()).unwrap();
                assert_eq!(store.sweep_staging().unwrap(), 0);
            }
        }
    }
    let listed: Vec<_> = store.list().try_collect().await.unwrap();
    assert_eq!(listed, held.iter().map(|(id, bytes)| (*id, bytes.len() as u64)).collect::<Vec<_>>());
    for size in [1, 2, 16_383, 16_384, 16_385, 262_145, 1_048_576, 1_048_577] {
        let expected = hashes(&bytes(size));
        let verdict = store.verify(&expected).await.unwrap();
        match held.get(&expected.root) {
            None => assert_eq!(verdict, Verdict::Missing),
            Some(held) if *held == bytes(size) => assert_eq!(verdict, Verdict::Sound),
            Some(held) => {
                assert!(
                    matches!(verdict, Verdict::Damaged { found_size, .. } if found_size == held.len() as u64),
                    "{verdict:?}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_leaves_what_a_map_would_hold(steps in prop::collection::vec(step(), 1..24)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(steps));
    }
}
