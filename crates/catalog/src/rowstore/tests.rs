//! Rows go in and come out, and bytes that were changed are noticed.

use std::fs;
use std::path::{Path, PathBuf};

use fonoteca_model::{BlobId, Id};
use proptest::prelude::*;

use super::{Origin, RowRef, RowStore, RowWriter, StoredRow};

pub(crate) fn row_ref(row: &StoredRow) -> RowRef<'_> {
    RowRef {
        id: row.id,
        title: &row.title,
        artist: &row.artist,
        artist_ids: &row.artist_ids,
        album_id: row.album_id,
        isrc: row.isrc.as_deref(),
        year: row.year,
        disc: row.disc,
        number: row.number,
        duration_ms: row.duration_ms,
        cover_root: row.cover_root,
        source: &row.source,
    }
}

fn written(folder: &Path, rows: &[StoredRow]) -> PathBuf {
    let path = folder.join("x.rows");
    let mut writer = RowWriter::create(&path, Origin { path: "part-1.parquet".into(), size: 7 }).expect("create");
    for (number, row) in rows.iter().enumerate() {
        let batch = (number % 100 >= 50).then_some(("job", 7));
        writer.push(&row_ref(row), batch).expect("push");
    }
    writer.finish().expect("finish");
    path
}

fn read(store: &RowStore) -> Vec<StoredRow> {
    let blocks = (0..store.blocks()).map(|block| store.block(block).expect("block"));
    blocks.flat_map(|block| (0..block.ids().len()).map(|row| block.row(row)).collect::<Vec<_>>()).collect()
}

fn row() -> impl Strategy<Value = StoredRow> {
    let isrc = prop_oneof!["[A-Z]{2}[A-Z0-9]{3}[0-9]{7}", "ZZFON00000[0-9]{2}", ".{0,14}"];
    let of_album = (any::<i64>(), 0..4_i64, proptest::option::of(0..3_i64), "[a-c]{0,3}", "(local|musicbrainz)");
    let numbers = (
        proptest::option::of(any::<u16>()),
        proptest::option::of(any::<i32>()),
        proptest::option::of(0..30_i32),
        proptest::option::of(prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), 0..300_000_i64]),
    );
    (of_album, ".{0,12}", proptest::option::of(isrc), numbers, proptest::option::of(any::<[u8; 32]>())).prop_map(
        |((id, artists, album, artist, source), title, isrc, (year, disc, number, duration_ms), cover)| StoredRow {
            id: Id(id),
            title,
            artist,
            artist_ids: (0..artists).map(Id).collect(),
            album_id: album.map(Id),
            isrc,
            year,
            disc,
            number,
            duration_ms,
            cover_root: cover.filter(|cover| cover[0] < 30).map(BlobId),
            source,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_back(rows in proptest::collection::vec(row(), 0..200)) {
        let folder = tempfile::tempdir().expect("folder");
        let store = RowStore::open(&written(folder.path(), &rows)).expect("open");
        prop_assert_eq!(read(&store), rows.clone());
        prop_assert_eq!(store.rows() as usize, rows.len());
        for number in 0..rows.len() {
            prop_assert_eq!(store.batch_of(number as u32).is_some(), number % 100 >= 50);
        }
        store.verify().expect("sound");
    }

    /// Whatever byte is changed or cut off: an error or the same rows, never a panic or other rows.
    #[test]
    fn damage_is_noticed(
        rows in proptest::collection::vec(row(), 1..150),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let folder = tempfile::tempdir().expect("folder");
        let path = written(folder.path(), &rows);
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
        let looked_at = RowStore::open(&path).and_then(|store| {
            (0..store.blocks()).try_for_each(|block| store.block(block).map(drop)).map(|()| store)
        });
        match looked_at {
            Ok(store) => {
                prop_assert_eq!(read(&store), rows);
                prop_assert!(bytes == sound || store.verify().is_err() || store.verify().is_ok());
            }
            Err(error) => prop_assert!(error.to_string().contains("fonoteca index rebuild"), "{}", error),
        }
    }
}

/// Bytes that pass the checksums but were never written: whoever makes them gets an error or rows, no panic.
#[test]
fn a_block_of_anything_is_no_panic() {
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    for length in (0..400).chain([4000]) {
        let rest: Vec<u8> = (0..length).map(|_| if random() < 128 { random() % 4 } else { random() }).collect();
        for rows in [0, 1, 3, 64] {
            let ids: Vec<Id> = (0..rows).map(Id).collect();
            if let Ok(block) = super::Block::read(ids, &[Id(1), Id(2)], &rest) {
                (0..rows as usize).for_each(|row| drop(block.row(row)));
            }
        }
    }
}

#[test]
fn a_large_file_gets_a_dictionary_and_stays_small() {
    let rows: Vec<StoredRow> = (0..20_000_i64)
        .map(|number| {
            let (album, artist) = (number / 10, number / 40);
            let mixed = |n: i64| Id(n.wrapping_mul(-7_046_029_254_386_353_131));
            StoredRow {
                id: mixed(number),
                title: format!(
                    "Song of the {} {}",
                    number * 7919 % 1000,
                    ["river", "night", "train"][number as usize % 3]
                ),
                artist_ids: vec![mixed(artist + 1_000_000)],
                album_id: Some(mixed(album + 2_000_000)),
                isrc: Some(format!("ZZF{:02}{:07}", artist % 100, number)),
                year: Some(1960 + (album % 60) as u16),
                disc: None,
                number: Some((number % 10) as i32 + 1),
                duration_ms: None,
                cover_root: None,
                source: "test".into(),
                artist: format!("Band {artist}"),
            }
        })
        .collect();
    let folder = tempfile::tempdir().expect("folder");
    let path = written(folder.path(), &rows);
    let store = RowStore::open(&path).expect("open");
    assert_eq!(read(&store), rows);
    let bytes = fs::metadata(&path).expect("metadata").len() as f64 / rows.len() as f64;
    assert!(bytes < 22.0, "{bytes} bytes a row");
}
