//! Every key is found, few others are, and damage is no panic.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fonoteca_model::Id;
use proptest::prelude::*;

use super::write::{BUCKET, CHECK_BITS};
use super::{KeyHash, KeyKind, Keys, KeysWriter, Place};

fn written(folder: &Path, keys: &[(KeyKind, i64)]) -> PathBuf {
    let path = folder.join("x.keys");
    let mut writer = KeysWriter::default();
    for (row, (kind, id)) in (0..).zip(keys) {
        writer.push(*kind, KeyHash::of_id(Id(*id)), row);
    }
    writer.write(&path).expect("write");
    path
}

fn kind() -> impl Strategy<Value = KeyKind> {
    (0..KeyKind::ALL.len()).prop_map(|kind| KeyKind::ALL[kind])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_key_is_found(keys in proptest::collection::vec((kind(), -50..50_i64), 0..1500)) {
        let folder = tempfile::tempdir().expect("folder");
        let open = Keys::open(&written(folder.path(), &keys)).expect("open");
        for kind in KeyKind::ALL {
            let place = |row: u32| if kind.is_in_rows() { Place::Block(row / 64) } else { Place::Row(row) };
            let all: BTreeSet<(u64, Place)> = (0..)
                .zip(&keys)
                .filter(|(_, key)| key.0 == kind)
                .map(|(row, key)| (KeyHash::of_id(Id(key.1)).0, place(row)))
                .collect();
            let bucket_bits = (all.len() / BUCKET).checked_ilog2().unwrap_or(0);
            let dropped = if kind.is_in_rows() { 64 - bucket_bits - CHECK_BITS } else { 0 };
            for id in -60..60 {
                let KeyHash(hash) = KeyHash::of_id(Id(id));
                let of = |is_found: &dyn Fn(u64) -> bool| -> BTreeSet<Place> {
                    all.iter().filter(|(other, _)| is_found(*other)).map(|(_, place)| *place).collect()
                };
                let expected = of(&|other| other == hash);
                let found: BTreeSet<Place> = open.find(kind, KeyHash::of_id(Id(id))).expect("find").into_iter().collect();
                prop_assert!(found.is_superset(&expected), "{:?} {}", kind, id);
                prop_assert!(kind.is_in_rows() || found == expected, "whole hashes are not mistaken");
                // Others are found only where the bits that are kept are the same.
                prop_assert_eq!(found, of(&|other| other >> dropped == hash >> dropped), "{:?} {}", kind, id);
            }
        }
        open.verify().expect("sound");
    }

    #[test]
    fn damage_is_no_panic(
        keys in proptest::collection::vec((kind(), -50..50_i64), 1..300),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let folder = tempfile::tempdir().expect("folder");
        let path = written(folder.path(), &keys);
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
    let path = written(folder.path(), &keys);
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
