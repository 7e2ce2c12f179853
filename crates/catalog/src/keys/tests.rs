//! Every key is found, few others are, and damage is no panic.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fonoteca_model::Id;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::rowstore::BLOCK_ROWS;

use super::{Covered, KeyHash, KeyKind, Keys, KeysWriter, Place, join};

fn written(folder: &Path, name: &str, keys: &[(KeyKind, i64)]) -> PathBuf {
    let path = folder.join(name);
    let mut writer = KeysWriter::default();
    for (row, (kind, id)) in (0..).zip(keys) {
        writer.push(*kind, KeyHash::of_id(Id(*id)), row);
    }
    writer.write(&path, Covered { path: name.to_owned(), rows: keys.len() as u32 }).expect("write");
    path
}

/// Hash, number of the file, place in it.
type Expected = BTreeSet<(u64, usize, Place)>;

fn expected(files: &[Vec<(KeyKind, i64)>], kind: KeyKind) -> Expected {
    let place = |row: u32| {
        if kind.is_in_rows() {
            Place::Blocks(row / BLOCK_ROWS as u32 / kind.span() * kind.span())
        } else {
            Place::Row(row)
        }
    };
    let of_file = |(number, keys): (usize, &Vec<(KeyKind, i64)>)| -> Vec<(u64, usize, Place)> {
        let rows = (0..).zip(keys).filter(|(_, key)| key.0 == kind);
        rows.map(|(row, key)| (KeyHash::of_id(Id(key.1)).0, number, place(row))).collect()
    };
    files.iter().enumerate().flat_map(of_file).collect()
}

/// Every key is found, and others only where the bits that are kept are the same.
fn check(open: &Keys, files: &[Vec<(KeyKind, i64)>]) -> Result<(), TestCaseError> {
    for kind in KeyKind::ALL {
        let all = expected(files, kind);
        let dropped = 64 - open.extent(kind).1;
        // Nothing tells apart what is no row's.
        let most = if kind.is_in_rows() { 40 } else { 20 };
        prop_assert!(dropped <= most, "{} bits of hashes are gone", dropped);
        for id in -60..60 {
            let KeyHash(hash) = KeyHash::of_id(Id(id));
            let found: BTreeSet<(usize, Place)> = open.find(kind, KeyHash(hash)).expect("find").into_iter().collect();
            let same = all.iter().filter(|(other, ..)| other >> dropped == hash >> dropped);
            let same: BTreeSet<(usize, Place)> = same.map(|(_, file, place)| (*file, *place)).collect();
            prop_assert_eq!(found, same, "{:?} {}", kind, id);
        }
    }
    open.verify().expect("sound");
    Ok(())
}

fn kind() -> impl Strategy<Value = KeyKind> {
    (0..KeyKind::ALL.len()).prop_map(|kind| KeyKind::ALL[kind])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_key_is_found(keys in proptest::collection::vec((kind(), -50..50_i64), 0..1500)) {
        let folder = tempfile::tempdir().expect("folder");
        let open = Keys::open(&written(folder.path(), "a", &keys)).expect("open");
        check(&open, &[keys])?;
    }

    #[test]
    fn every_key_is_found_after_files_were_joined_and_some_went(
        files in proptest::collection::vec(proptest::collection::vec((kind(), -50..50_i64), 0..400), 1..6),
        gone in proptest::collection::vec(any::<bool>(), 6),
    ) {
        let folder = tempfile::tempdir().expect("folder");
        let name = |number: usize| format!("file-{number}");
        let (early, late) = files.split_at(files.len() / 2);
        let write = |(number, keys): (usize, &Vec<_>)| Keys::open(&written(folder.path(), &name(number), keys)).expect("open");
        let joined = |name: &str, all: &[&Keys], kept: &dyn Fn(&str) -> bool| {
            let path = folder.path().join(name);
            let mut told = 0;
            let is_done = join(&path, all, kept, |keys| { told += keys; true }).expect("join");
            assert!(is_done && told <= all.iter().flat_map(|keys| KeyKind::ALL.map(|kind| u64::from(keys.extent(kind).0))).sum());
            Keys::open(&path).expect("open")
        };
        // First some, then these and the others, as a second rebuild does.
        let early: Vec<Keys> = early.iter().enumerate().map(write).collect();
        let first = joined("first", &early.iter().collect::<Vec<_>>(), &|_| true);
        let late: Vec<Keys> = late.iter().enumerate().map(|(number, keys)| write((early.len() + number, keys))).collect();
        let is_kept = |path: &str| (0..files.len()).any(|number| path == name(number) && !gone[number]);
        let all = joined("all", &std::iter::once(&first).chain(&late).collect::<Vec<_>>(), &is_kept);
        let kept = files.iter().zip(&gone).filter(|(_, gone)| !**gone).map(|(keys, _)| keys.clone());
        check(&all, &kept.collect::<Vec<_>>())?;
        for (number, gone) in gone.iter().enumerate().take(files.len()) {
            prop_assert_eq!(all.number_of(&name(number), files[number].len() as u32).is_none(), *gone);
        }
    }

    #[test]
    fn damage_is_no_panic(
        keys in proptest::collection::vec((kind(), -50..50_i64), 1..300),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let folder = tempfile::tempdir().expect("folder");
        let path = written(folder.path(), "x", &keys);
        let sound = fs::read(&path).expect("read");
        let mut bytes = sound.clone();
        for (place, bits) in &flips {
            let place = place.index(bytes.len());
            bytes[place] ^= bits;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        fs::write(&path, &bytes).expect("write");
        match Keys::open(&path) {
            Err(error) => prop_assert!(error.to_string().contains("fonoteca index rebuild"), "{}", error),
            Ok(open) => {
                for id in -60..60 {
                    KeyKind::ALL.iter().for_each(|kind| drop(open.find(*kind, KeyHash::of_id(Id(id)))));
                }
                prop_assert_eq!(open.verify().is_ok(), bytes == sound);
            }
        }
    }
}

#[test]
fn a_key_costs_about_four_bytes() {
    let folder = tempfile::tempdir().expect("folder");
    let keys: Vec<(KeyKind, i64)> = (0..100_000).map(|id| (KeyKind::Id, id * 977)).collect();
    let path = written(folder.path(), "x", &keys);
    let bytes = fs::metadata(&path).expect("metadata").len() as f64 / 100_000.0;
    assert!(bytes < 4.0, "{bytes}");
    let open = Keys::open(&path).expect("open");
    let wrong: usize =
        (0..100_000).map(|id| open.find(KeyKind::Id, KeyHash::of_id(Id(id * 977 + 1))).expect("find").len()).sum();
    assert!(wrong < 1000, "{wrong} wrong candidates in 100,000 look-ups");
}

#[test]
fn hashes_never_change() {
    assert_eq!(KeyHash::of_id(Id(1)).0, 0x5692_161d_100b_05e5);
    assert_ne!(KeyHash::of_code("ZZFON7500001"), KeyHash::of_code("ZZFON7500002"));
}
