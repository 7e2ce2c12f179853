//! Rows go in and come out, and bytes that were changed are noticed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonoteca_model::{BlobId, Id};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use super::models::Models;
use super::read::{Coded, WordsPage};
use super::survey::Survey;
use super::{BLOCK_ROWS, Block, FORMAT, Origin, RowRef, RowStore, RowWriter, StoredRow, UpTo};
use crate::beside::{BesideError, Cursor, Frame, Wrong, put_varint};
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
    written_by_and_by(folder, rows, usize::MAX)
}

/// Where no more than so many bytes wait until it is known how often what comes.
fn written_by_and_by(folder: &Path, rows: &[StoredRow], most_waiting: usize) -> PathBuf {
    let path = folder.join("x.rows");
    let mut writer = RowWriter::create(&path, Origin { path: "part-1.parquet".into(), size: 7 }, None).expect("create");
    writer.most_waiting = most_waiting;
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
    fn rows_come_back(
        rows in proptest::collection::vec(row(), 0..400),
        most_waiting in prop_oneof![Just(usize::MAX), 0..10_000_usize],
    ) {
        let folder = tempfile::tempdir().expect("folder");
        let store = open(&written_by_and_by(folder.path(), &rows, most_waiting)).expect("open");
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
        let looked_at = open(&path).and_then(|store| try_read(&store).map(|read| (store, read)));
        match looked_at {
            Ok((store, read)) => {
                prop_assert_eq!(read, rows);
                prop_assert_eq!(store.verify().is_ok(), bytes == sound);
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
    let folder = tempfile::tempdir().expect("folder");
    for some in [0, 3, 300] {
        let path = written(folder.path(), &many_rows(some));
        let mut kept = Vec::new();
        open(&path).expect("open").coded.models.put(&mut kept);
        let frame = || Frame::open(&path, FORMAT).expect("open").0;
        // Where the words are, or are not: anywhere in front of the footer.
        let body = frame().body();
        let bytes = frame().read(body.start, (body.end - body.start) as usize).expect("all of it");
        let checksum = u64::from(crc32fast::hash(&bytes));
        let mut words = Vec::new();
        [body.start, 1, bytes.len() as u64, checksum].iter().for_each(|number| put_varint(&mut words, *number));
        let coded = |models: &[u8]| {
            let models = Models::parse(&mut Cursor(models))?;
            let words = WordsPage::parse_all(&mut Cursor(&words))?;
            Ok::<_, Wrong>(Arc::new(Coded { frame: frame(), models, plain: None, words }))
        };
        let look_at = |coded: &Arc<Coded>, rows: i64, bytes: &[u8]| {
            let ids: Vec<Id> = (0..rows).map(Id).collect();
            if let Ok(block) = Block::read(ids, UpTo::All, coded, bytes.to_vec()) {
                (0..rows as usize).for_each(|row| drop(block.row(row)));
                drop(block.with_isrc("ZZF010000001"));
            }
        };
        let sound = coded(&kept).expect("they were written");
        for length in (0..400).chain([4000]) {
            let bytes: Vec<u8> = (0..length).map(|_| random()).collect();
            [0, 1, 3, 128].iter().for_each(|rows| look_at(&sound, *rows, &bytes));
            if let Ok(coded) = coded(&bytes) {
                look_at(&coded, 1, &bytes);
            }
            let mut changed = kept.clone();
            let at = usize::from(random()) * kept.len() / 256;
            changed[at] ^= random();
            if let Ok(coded) = coded(&changed) {
                look_at(&coded, 1, &bytes);
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
        ("as the tables are", ours(), 5.5),
        // Row groups that end within a block.
        ("in short row groups", ours().set_max_row_group_row_count(Some(1000)), 6.0),
        ("in short pages", ours().set_data_page_row_count_limit(700), 5.5),
        ("by another writer", WriterProperties::builder().set_compression(Compression::ZSTD(level)), 15.0),
        ("by a writer without dictionaries", WriterProperties::builder().set_dictionary_enabled(false), 8.0),
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
            let (block, place) = (store.block(row / BLOCK_ROWS as u32).expect("a block"), row as usize % BLOCK_ROWS);
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

/// Words that fill some pages, each of them in two rows.
#[test]
fn a_damaged_page_of_words_spoils_no_other() {
    let mut rows = many_rows(20_000);
    for (row, number) in rows.iter_mut().zip(0_u64..) {
        row.title = format!("w{:x}", (number / 2).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24);
    }
    let folder = tempfile::tempdir().expect("folder");
    let path = written(folder.path(), &rows);
    let store = open(&path).expect("open");
    assert_eq!(read(&store), rows);
    assert!(store.coded.words.len() > 2, "{} pages", store.coded.words.len());
    let mut bytes = fs::read(&path).expect("read");
    // The words end where the footer begins.
    let end = store.coded.frame.body().end as usize;
    bytes[end - 20_000] ^= 1;
    fs::write(&path, &bytes).expect("write");
    let store = open(&path).expect("the footer is whole");
    let read = |number: usize| store.block((number / BLOCK_ROWS) as u32)?.row(number % BLOCK_ROWS);
    let (mut whole, mut damaged) = (0, 0);
    for (number, row) in rows.iter().enumerate() {
        match read(number) {
            Ok(read) => {
                assert_eq!(read, *row);
                whole += 1;
            }
            Err(error) => {
                assert!(error.to_string().contains("its words have a wrong checksum"), "{error}");
                damaged += 1;
            }
        }
    }
    assert!(whole > 1000 && damaged > 100, "{whole} whole, {damaged} damaged");
    store.verify().expect_err("damaged");
}

#[test]
fn a_large_file_stays_small() {
    let rows = many_rows(20_000);
    let folder = tempfile::tempdir().expect("folder");
    let path = written(folder.path(), &rows);
    let store = open(&path).expect("open");
    assert_eq!(read(&store), rows);
    let bytes = fs::metadata(&path).expect("metadata").len() as f64 / rows.len() as f64;
    assert!(bytes < 15.0, "{bytes} bytes a row");
}
