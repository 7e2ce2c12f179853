//! What people use now: the same rows in SQLite, normalised, with indexes and FTS5.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use fonoteca_catalog::arrow::array::{Array as _, AsArray as _, RecordBatch};
use fonoteca_catalog::arrow::datatypes::{Int32Type, Int64Type};
use fonoteca_testkit::catalogue::{Rows, STRETCH};
use rusqlite::{Connection, Statement, params};
use serde_json::{Map, json};

use crate::bench::{Bench, Times};
use crate::questions::{self, Key};

const CHUNK: u64 = 10 * STRETCH;

const TABLES: &str = "
CREATE TABLE artists (rowid INTEGER PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE labels (rowid INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE albums (rowid INTEGER PRIMARY KEY, id TEXT NOT NULL, title TEXT NOT NULL, artist INTEGER, upc TEXT,
    label INTEGER, date TEXT, kind TEXT, language TEXT);
CREATE TABLE tracks (rowid INTEGER PRIMARY KEY, id TEXT NOT NULL, title TEXT NOT NULL, album INTEGER NOT NULL,
    disc INTEGER, number INTEGER, duration_ms INTEGER, isrc TEXT, explicit INTEGER, listens INTEGER, popularity INTEGER);
CREATE TABLE track_artists (track INTEGER NOT NULL, position INTEGER NOT NULL, artist INTEGER NOT NULL,
    PRIMARY KEY (track, position)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(title, artist, album, content='', tokenize='unicode61 remove_diacritics 2');
";
const INDEXES: &str = "
CREATE UNIQUE INDEX artists_id ON artists (id);
CREATE UNIQUE INDEX albums_id ON albums (id);
CREATE INDEX albums_upc ON albums (upc);
CREATE UNIQUE INDEX tracks_id ON tracks (id);
CREATE INDEX tracks_isrc ON tracks (isrc);
CREATE INDEX tracks_album ON tracks (album);
CREATE INDEX tracks_popularity ON tracks (popularity);
CREATE INDEX track_artists_artist ON track_artists (artist);
";
const FAST: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -1000000; PRAGMA temp_store = FILE;";
const ENTRY: &str = "SELECT t.title, a.title, r.name, t.isrc, t.duration_ms, t.popularity, a.date FROM tracks t
JOIN albums a ON a.rowid = t.album LEFT JOIN track_artists ta ON ta.track = t.rowid AND ta.position = 0
LEFT JOIN artists r ON r.rowid = ta.artist";

fn file(bench: &Bench) -> PathBuf {
    bench.dir.join("peer.sqlite")
}

/// Loads everything, then makes the indexes, which is the fast way.
pub fn load(bench: &Bench) -> Result<()> {
    let _ = std::fs::remove_file(file(bench));
    let start = Instant::now();
    let mut connection = Connection::open(file(bench))?;
    connection.execute_batch(FAST)?;
    connection.execute_batch(TABLES)?;
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Rows>(2);
    let (catalogue, rows) = (bench.catalogue(), bench.rows);
    // As ours, it has a second core: the rows are made on it.
    let maker = std::thread::spawn(move || {
        let mut next = 0;
        while next < rows {
            let until = rows.min(next + CHUNK);
            if sender.send(catalogue.rows(next..until)).is_err() {
                return;
            }
            next = until;
        }
    });
    let mut next_rowid = 1;
    let mut labels = HashMap::new();
    for rows in receiver {
        let transaction = connection.transaction()?;
        Inserts::new(&transaction)?.insert(&rows, &mut next_rowid, &mut labels)?;
        transaction.commit()?;
    }
    maker.join().expect("making rows does not panic");
    let inserted = start.elapsed();
    eprintln!("inserted in {:.0} s", inserted.as_secs_f64());
    connection.execute_batch(INDEXES)?;
    let indexed = start.elapsed();
    connection.execute_batch("INSERT INTO words (words) VALUES ('optimize'); ANALYZE;")?;
    drop(connection);
    std::fs::File::open(file(bench))?.sync_all()?;
    let took = start.elapsed();
    let mut figures = Map::new();
    figures.insert("rows_per_second".to_owned(), json!(bench.rows as f64 / took.as_secs_f64()));
    figures.insert("insert_seconds".to_owned(), json!(inserted.as_secs_f64()));
    figures.insert("index_seconds".to_owned(), json!(indexed.saturating_sub(inserted).as_secs_f64()));
    let bytes = file(bench).metadata()?.len() as f64;
    figures.insert("bytes_a_track".to_owned(), json!(bytes / bench.rows as f64));
    bench.keep("sqlite-load", took, &figures)
}

struct Inserts<'a> {
    artist: Statement<'a>,
    label: Statement<'a>,
    album: Statement<'a>,
    track: Statement<'a>,
    credit: Statement<'a>,
    words: Statement<'a>,
}

impl<'a> Inserts<'a> {
    fn new(connection: &'a Connection) -> Result<Self> {
        Ok(Self {
            artist: connection.prepare("INSERT INTO artists VALUES (?, ?, ?)")?,
            label: connection.prepare("INSERT INTO labels VALUES (?, ?)")?,
            album: connection.prepare("INSERT INTO albums VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?,
            track: connection.prepare("INSERT INTO tracks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?,
            credit: connection.prepare("INSERT INTO track_artists VALUES (?, ?, ?)")?,
            words: connection.prepare("INSERT INTO words (rowid, title, artist, album) VALUES (?, ?, ?, ?)")?,
        })
    }

    /// A chunk of whole stretches: what it refers to is in it.
    fn insert(&mut self, rows: &Rows, next: &mut i64, labels: &mut HashMap<String, i64>) -> Result<()> {
        let mut rowid = || std::mem::replace(next, *next + 1);
        let mut artists = HashMap::new();
        let table = &rows.artists;
        for at in 0..table.num_rows() {
            let row = rowid();
            artists.insert(number(table, "id", at), row);
            self.artist.execute(params![row, text(table, "source_id", at), text(table, "name", at)])?;
        }
        let mut albums = HashMap::new();
        let table = &rows.albums;
        let credits = table["artists"].as_list::<i32>();
        for at in 0..table.num_rows() {
            let row = rowid();
            albums.insert(number(table, "id", at), (row, at));
            let name = text(table, "label", at).unwrap_or_default();
            let label = if let Some(label) = labels.get(name) {
                *label
            } else {
                let label = labels.len() as i64 + 1;
                labels.insert(name.to_owned(), label);
                self.label.execute(params![label, name])?;
                label
            };
            let credit = credits.value(at);
            let artist = credit.as_struct().column(0).as_primitive::<Int64Type>().values().first();
            self.album.execute(params![
                row,
                text(table, "source_id", at),
                text(table, "title", at),
                artist.and_then(|artist| artists.get(artist)),
                text(table, "upc", at),
                label,
                text(table, "date", at),
                text(table, "kind", at),
                text(table, "language", at),
            ])?;
        }
        let listens: HashMap<i64, (i64, i32)> = (0..rows.listens.num_rows())
            .map(|at| {
                let popularity = rows.listens["popularity"].as_primitive::<Int32Type>().value(at);
                (number(&rows.listens, "recording_id", at), (number(&rows.listens, "count", at), popularity))
            })
            .collect();
        let originals: HashMap<i64, i64> = (0..rows.links.num_rows())
            .map(|at| (number(&rows.links, "from_id", at), number(&rows.links, "to_id", at)))
            .collect();
        let table = &rows.tracks;
        let credits = table["artists"].as_list::<i32>();
        for at in 0..table.num_rows() {
            let row = rowid();
            let id = number(table, "id", at);
            let (album, album_at) = albums[&number(table, "album_id", at)];
            let (count, popularity) = listens.get(originals.get(&id).unwrap_or(&id)).copied().unwrap_or_default();
            self.track.execute(params![
                row,
                text(table, "source_id", at),
                text(table, "title", at),
                album,
                table["disc"].as_primitive::<Int32Type>().value(at),
                table["number"].as_primitive::<Int32Type>().value(at),
                number(table, "duration_ms", at),
                text(table, "isrc", at),
                table["explicit"].as_boolean().value(at),
                count,
                popularity,
            ])?;
            let credit = credits.value(at);
            for (position, artist) in
                credit.as_struct().column(0).as_primitive::<Int64Type>().values().iter().enumerate()
            {
                // Where the last stretch is cut off, some who are featured on it have no album any more.
                if let Some(artist) = artists.get(artist) {
                    self.credit.execute(params![row, position as i64, artist])?;
                }
            }
            self.words.execute(params![
                row,
                text(table, "title", at),
                text(table, "artist_credit", at),
                text(&rows.albums, "title", album_at),
            ])?;
        }
        Ok(())
    }
}

fn text<'a>(rows: &'a RecordBatch, column: &str, at: usize) -> Option<&'a str> {
    let column = rows[column].as_string::<i32>();
    column.is_valid(at).then(|| column.value(at))
}

fn number(rows: &RecordBatch, column: &str, at: usize) -> i64 {
    rows[column].as_primitive::<Int64Type>().value(at)
}

/// The same questions as ours.
pub fn ask(bench: &Bench) -> Result<()> {
    let start = Instant::now();
    let connection = Connection::open(file(bench))?;
    connection.execute_batch("PRAGMA cache_size = -200000; PRAGMA mmap_size = 100000000000;")?;
    let mut figures = Map::new();
    let keys = questions::keys(bench);
    for column in ["id", "isrc"] {
        let mut one = connection.prepare(&format!("{ENTRY} WHERE t.{column} = ?"))?;
        let mut times = Times::default();
        for round in 0..2 {
            let mut timed = Times::default();
            for key in &keys {
                let key = match key {
                    Key { source_id, .. } if column == "id" => source_id,
                    key => &key.isrc,
                };
                let found = timed.time(|| count(&mut one, key))?;
                anyhow::ensure!(found > 0, "SQLite does not find {key}");
            }
            if round == 1 {
                times = timed;
            }
        }
        times.add_to(&format!("by_{column}"), &mut figures);
    }
    let mut search = connection.prepare(
        "SELECT t.title, t.isrc, t.popularity FROM words JOIN tracks t ON t.rowid = words.rowid
         WHERE words MATCH ? ORDER BY bm25(words) * (1 + t.popularity) LIMIT 10",
    )?;
    let mut all = Times::default();
    for (class, queries) in questions::searches(bench) {
        // It knows no typos; those queries are left out of its times.
        if class == "typo" {
            continue;
        }
        let mut times = Times::default();
        for query in &queries {
            let words: Vec<&str> = query.split(' ').collect();
            let mut parts: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            if class == "prefix" {
                let last = parts.pop().unwrap_or_default();
                parts.push(format!("{last}*"));
            }
            let query = parts.join(" ");
            count(&mut search, &query)?;
            times.time(|| count(&mut search, &query))?;
        }
        all.extend(&times);
        times.add_to(&format!("search_{class}"), &mut figures);
    }
    all.add_to("search", &mut figures);
    let mut aggregate = Vec::new();
    for _ in 0..4 {
        let start = Instant::now();
        connection.query_row(
            "SELECT count(*), sum(duration_ms), avg(popularity), max(number) FROM tracks WHERE explicit = 0",
            [],
            |row| row.get::<_, i64>(0),
        )?;
        aggregate.push(start.elapsed());
    }
    aggregate.sort_unstable();
    figures.insert(
        "aggregate_seconds".to_owned(),
        json!(aggregate.first().map_or(Duration::ZERO, |least| *least).as_secs_f64()),
    );
    bench.keep("sqlite-ask", start.elapsed(), &figures)
}

fn count(statement: &mut Statement<'_>, key: &str) -> Result<usize> {
    let mut rows = statement.query([key])?;
    let mut found = 0;
    while let Some(row) = rows.next()? {
        let _: String = row.get(0)?;
        found += 1;
    }
    Ok(found)
}
