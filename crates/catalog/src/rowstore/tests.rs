//! Rows go in and come out, and bytes that were changed are noticed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use fonoteca_model::{BlobId, Id};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use super::survey::Survey;
use super::{Origin, RowRef, RowStore, RowWriter, StoredRow};
use crate::beside::BesideError;
use crate::properties;
use crate::schema::{Credit, Table, Track};

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
    let mut writer = RowWriter::create(&path, Origin { path: "part-1.parquet".into(), size: 7 }, None).expect("create");
    for (number, row) in rows.iter().enumerate() {
        let batch = (number % 100 >= 50).then_some(("job", 7));
        writer.push(&row_ref(row), batch).expect("push");
    }
    writer.finish().expect("finish");
    path
}

/// A row store of which no Parquet file is needed.
fn open(path: &Path) -> Result<RowStore, BesideError> {
    RowStore::open(path, Path::new("there is none"))
}

fn try_read(store: &RowStore) -> Result<Vec<StoredRow>, BesideError> {
    let mut rows = Vec::new();
    for block in 0..store.blocks() {
        let block = store.block(block)?;
        for row in 0..block.ids().len() {
            rows.push(block.row(row)?);
        }
    }
    Ok(rows)
}

fn read(store: &RowStore) -> Vec<StoredRow> {
    try_read(store).expect("rows")
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
        let store = open(&written(folder.path(), &rows)).expect("open");
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
        let looked_at = open(&path).and_then(|store| {
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
            if let Ok(block) = super::Block::read(ids, &[Id(1), Id(2)], None, &rest) {
                (0..rows as usize).for_each(|row| drop(block.row(row)));
            }
        }
    }
}

/// Tracks of many albums and artists, as an import has them.
fn many_rows(count: i64) -> Vec<StoredRow> {
    let mixed = |n: i64| Id(n.wrapping_mul(-7_046_029_254_386_353_131));
    let row = |number: i64| {
        let (album, artist) = (number / 10, number / 40);
        let mut artist_ids = vec![mixed(artist + 1_000_000)];
        artist_ids.extend((number % 7 == 0).then(|| mixed(number * 31 % 500 + 1_000_000)));
        artist_ids.sort_unstable();
        artist_ids.dedup();
        StoredRow {
            id: mixed(number),
            title: format!("Song of the {} {}", number * 7919 % 1000, ["river", "night", "train"][number as usize % 3]),
            artist_ids,
            album_id: (number % 11 != 3).then(|| mixed(album + 2_000_000)),
            isrc: Some(format!("ZZF{:02}{:07}", artist % 100, number)),
            year: Some(1960 + (album % 60) as u16),
            disc: None,
            number: Some((number % 10) as i32 + 1),
            duration_ms: None,
            cover_root: None,
            source: "test".into(),
            artist: format!("Band {artist}"),
        }
    };
    (0..count).map(row).collect()
}

/// The Parquet file of some rows.
fn parquet_of(path: &Path, rows: &[StoredRow], properties: WriterProperties) {
    let credit = |id: &Id| Credit { artist_id: *id, role: "main".into(), name: "x".into() };
    let tracks: Vec<Track> = rows
        .iter()
        .map(|row| Track {
            id: row.id,
            source: row.source.clone(),
            source_id: String::new(),
            title: row.title.clone(),
            artist_credit: row.artist.clone(),
            artists: row.artist_ids.iter().map(credit).collect(),
            album_id: row.album_id,
            disc: None,
            number: None,
            duration_ms: None,
            isrc: None,
            mbid: None,
            date: None,
            label: None,
            language: None,
            explicit: None,
            raw: None,
        })
        .collect();
    let batch = crate::rows::encode(&tracks).expect("rows");
    let file = File::create(path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
}

fn written_beside(folder: &Path, rows: &[StoredRow]) -> (PathBuf, u64) {
    let path = folder.join("x.rows");
    let survey = Survey::of(&folder.join("x.parquet"), 0);
    let mut writer = RowWriter::surveyed(&path, Origin::default(), survey).expect("create");
    rows.iter().for_each(|row| writer.push(&row_ref(row), None).expect("push"));
    writer.finish().expect("finish");
    let bytes = fs::metadata(&path).expect("there").len();
    (path, bytes)
}

#[test]
fn ids_are_read_where_the_parquet_file_has_them() {
    let rows = many_rows(20_000);
    let ours = || properties::of(Table::Tracks, None).into_builder();
    let level = ZstdLevel::try_new(3).expect("a level");
    let all = [
        ("as the tables are", ours(), 17.0),
        // Row groups that end within a block.
        ("in short row groups", ours().set_max_row_group_row_count(Some(1000)), 17.5),
        ("in short pages", ours().set_data_page_row_count_limit(700), 17.0),
        ("by another writer", WriterProperties::builder().set_compression(Compression::ZSTD(level)), 26.0),
        ("by a writer without dictionaries", WriterProperties::builder().set_dictionary_enabled(false), 19.0),
    ];
    for (how, properties, most) in all {
        let folder = tempfile::tempdir().expect("folder");
        let parquet = folder.path().join("x.parquet");
        parquet_of(&parquet, &rows, properties.build());
        let (path, bytes) = written_beside(folder.path(), &rows);
        let store = RowStore::open(&path, &parquet).expect("open");
        assert_eq!(read(&store), rows, "{how}");
        store.verify().expect("sound");
        for row in [0, 777, 19_999] {
            let (block, place) = (store.block(row / 64).expect("a block"), row as usize % 64);
            let wanted = &rows[row as usize];
            let first = wanted.artist_ids[0];
            assert!(block.by_artist(first).expect("read").contains(&place), "{how}");
            assert_eq!(block.on_album(Id(5)).expect("read"), Vec::<usize>::new());
            if let Some(album) = wanted.album_id {
                assert!(block.on_album(album).expect("read").contains(&place), "{how}");
            }
        }
        let a_row = bytes as f64 / rows.len() as f64;
        assert!(a_row < most, "{how}: {a_row} bytes a row");
    }
}

#[test]
fn another_parquet_file_in_its_place_is_noticed() {
    let rows = many_rows(3000);
    let folder = tempfile::tempdir().expect("folder");
    let parquet = folder.path().join("x.parquet");
    parquet_of(&parquet, &rows, properties::of(Table::Tracks, None));
    let (path, _) = written_beside(folder.path(), &rows);
    let sound = fs::read(&parquet).expect("read");
    let mut noticed = 0;
    for at in (0..sound.len()).step_by(997) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        fs::write(&parquet, &bytes).expect("write");
        let store = RowStore::open(&path, &parquet).expect("only its places are known yet");
        let read = try_read(&store);
        noticed += usize::from(store.verify().is_err());
        // Elsewhere than where ids lie, nothing is read of it.
        assert!(read.is_err() || store.verify().is_err() || read.is_ok_and(|read| read == rows), "at {at}");
    }
    assert!(noticed > 10, "{noticed} of {}", sound.len() / 997);
    fs::write(&parquet, &sound[..sound.len() / 8]).expect("write");
    let cut = RowStore::open(&path, &parquet).and_then(|store| try_read(&store)).expect_err("it is cut off");
    assert!(cut.to_string().contains("fonoteca index rebuild"), "{cut}");
    fs::remove_file(&parquet).expect("removed");
    let gone = RowStore::open(&path, &parquet).err().expect("it is gone");
    assert!(gone.to_string().contains("it is missing"), "{gone}");
}

#[test]
fn a_large_file_gets_a_dictionary_and_stays_small() {
    let rows = many_rows(20_000);
    let folder = tempfile::tempdir().expect("folder");
    let path = written(folder.path(), &rows);
    let store = open(&path).expect("open");
    assert_eq!(read(&store), rows);
    let bytes = fs::metadata(&path).expect("metadata").len() as f64 / rows.len() as f64;
    assert!(bytes < 22.0, "{bytes} bytes a row");
}
