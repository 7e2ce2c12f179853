//! Questions to ours: keys, searches and how right their answers are, SQL.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};
use fonoteca_catalog::arrow::array::AsArray as _;
use fonoteca_catalog::arrow::datatypes::{Int32Type, Int64Type};
use fonoteca_catalog::index::Order;
use fonoteca_model::fold::fold;
use fonoteca_testkit::catalogue::STRETCH;
use serde_json::{Map, Value, json};

use crate::bench::{Bench, Times, bytes_below, files_below};
use crate::ours::Ours;
use crate::questions;

/// Makes the index.
pub async fn index(bench: &Bench) -> Result<()> {
    let start = Instant::now();
    let catalog = bench.open().await?;
    Ours::build(bench, &catalog).await?;
    let took = start.elapsed();
    let mut figures = Map::new();
    figures.insert("rows_per_second".to_owned(), json!(bench.rows as f64 / took.as_secs_f64()));
    figures.insert("bytes_a_track".to_owned(), json!(bytes_below(&bench.index_dir()) as f64 / bench.rows as f64));
    figures.insert("columns".to_owned(), json!(weigh(bench)?));
    bench.keep("index", took, &figures)
}

/// Bytes a track of each kind of file, and in the words index of each field.
fn weigh(bench: &Bench) -> Result<BTreeMap<String, f64>> {
    let mut weights: BTreeMap<String, u64> = BTreeMap::new();
    let mut add = |name: String, bytes: u64| *weights.entry(name).or_default() += bytes;
    for path in files_below(&bench.index_dir()) {
        let kind = path.extension().map_or_else(|| "others".into(), |extension| extension.to_string_lossy());
        add(kind.into_owned(), path.metadata()?.len());
    }
    let current: Value = serde_json::from_slice(&std::fs::read(bench.index_dir().join("current"))?)?;
    let generation = bench.index_dir().join(current["generation"].as_str().unwrap_or_default());
    let unpacked = tempfile::tempdir_in(bench.archive())?;
    unpack(&generation, unpacked.path())?;
    let searcher = tantivy::Index::open_in_dir(unpacked.path())?.reader()?.searcher();
    let usage = searcher.space_usage()?;
    for segment in usage.segments() {
        let parts = [("term", segment.termdict()), ("idx", segment.postings()), ("fast", segment.fast_fields())];
        for (kind, of_fields) in parts {
            for field in of_fields.fields() {
                add(format!("{kind}.{}", field.field_name()), field.total().get_bytes());
            }
        }
    }
    Ok(bench.a_track(weights))
}

/// Puts the files of a generation elsewhere, as Tantivy by itself opens them: stores are packed.
fn unpack(generation: &Path, into: &Path) -> Result<()> {
    for path in files_below(generation) {
        let to = into.join(path.file_name().unwrap_or_default());
        if path.extension().is_some_and(|ending| ending == "store") {
            std::fs::write(to, zstd::decode_all(File::open(&path)?)?)?;
        } else {
            std::fs::hard_link(&path, to)?;
        }
    }
    Ok(())
}

/// One track after another, by id and by ISRC; the second time counts.
pub fn lookups(bench: &Bench) -> Result<()> {
    let start = Instant::now();
    let ours = Ours::open(bench)?;
    let keys = questions::keys(bench);
    let mut figures = Map::new();
    figures.insert("keys".to_owned(), json!(keys.len()));
    for round in 0..2 {
        let (mut ids, mut isrcs) = (Times::default(), Times::default());
        for key in &keys {
            let found = ids.time(|| ours.by_id(key.id))?;
            ensure!(found > 0, "the index does not find {}", key.id);
        }
        for key in &keys {
            let found = isrcs.time(|| ours.by_key(&key.isrc))?;
            ensure!(found > 0, "the index does not find {}", key.isrc);
        }
        if round == 1 {
            ids.add_to("by_id", &mut figures);
            isrcs.add_to("by_isrc", &mut figures);
        }
    }
    bench.keep("lookups", start.elapsed(), &figures)
}

/// One look-up of a process that has just opened the index, none of whose pages are in memory; prints milliseconds.
pub fn cold(bench: &Bench, turn: usize) -> Result<()> {
    let keys = questions::keys(bench);
    let key = &keys[turn % keys.len()];
    forget(bench)?;
    let ours = Ours::open(bench)?;
    let start = Instant::now();
    let found = if turn.is_multiple_of(2) { ours.by_id(key.id)? } else { ours.by_key(&key.isrc)? };
    let took = start.elapsed();
    ensure!(found > 0, "the index does not find {}", key.isrc);
    println!("{}", took.as_secs_f64() * 1e3);
    Ok(())
}

/// Asks the kernel to drop what it holds of the archive's files; it does, unless a process has them mapped.
fn forget(bench: &Bench) -> Result<()> {
    for path in files_below(&bench.archive()) {
        let mut input = std::ffi::OsString::from("if=");
        input.push(&path);
        let dropped = Command::new("dd").arg(input).args(["iflag=nocache", "count=0", "status=none"]).status()?;
        ensure!(dropped.success(), "dd cannot drop {} from memory", path.display());
    }
    Ok(())
}

/// Pages at offsets all over each order.
const PAGES: usize = 200;
/// Tracks of a page.
const PAGE: usize = 500;

/// Pages from anywhere, in both orders; the second time counts.
pub fn pages(bench: &Bench) -> Result<()> {
    let start = Instant::now();
    let ours = Ours::open(bench)?;
    let mut figures = Map::new();
    for (name, order) in [("popularity", Order::Popularity), ("album", Order::Album)] {
        for round in 0..2 {
            let mut times = Times::default();
            for offset in bench.offsets(PAGES) {
                let page = times.time(|| ours.page(order, offset, PAGE))?;
                let wanted = bench.rows.saturating_sub(offset).min(PAGE as u64);
                ensure!(page.tracks.len() as u64 == wanted, "a page at {offset} by {name} has {}", page.tracks.len());
            }
            if round == 1 {
                times.add_to(&format!("page_by_{name}"), &mut figures);
            }
        }
    }
    bench.keep("pages", start.elapsed(), &figures)
}

/// Queries of each class that are named because they take longest.
const SLOWEST: usize = 6;

/// 500 mixed searches; the second time counts.
pub fn searches(bench: &Bench) -> Result<()> {
    let start = Instant::now();
    let ours = Ours::open(bench)?;
    let mut figures = Map::new();
    let mut all = Times::default();
    for (class, queries) in questions::searches(bench) {
        let mut times = Times::default();
        let mut empty = Vec::new();
        for query in &queries {
            if ours.search(query)?.is_empty() {
                empty.push(query);
            }
        }
        for query in &queries {
            times.time(|| ours.search(query))?;
        }
        figures.insert(format!("search_{class}_empty"), json!(empty.len()));
        figures.insert(format!("search_{class}_empty_queries"), json!(empty));
        let mut slowest: Vec<(f64, &String)> = times.in_order().zip(&queries).collect();
        slowest.sort_by(|a, b| b.0.total_cmp(&a.0));
        slowest.truncate(SLOWEST);
        figures.insert(format!("search_{class}_slowest"), json!(slowest));
        all.extend(&times);
        times.add_to(&format!("search_{class}"), &mut figures);
    }
    all.add_to("search", &mut figures);
    bench.keep("searches", start.elapsed(), &figures)
}

/// The SQL that is timed: one pass over all tracks.
pub const AGGREGATE: &str =
    "SELECT count(*), sum(duration_ms), avg(number), max(disc) FROM tracks WHERE explicit = false";

pub async fn sql(bench: &Bench) -> Result<()> {
    let start = Instant::now();
    let snapshot = bench.open().await?.snapshot().await?;
    let mut figures = Map::new();
    let more = [
        ("aggregate_seconds", AGGREGATE),
        ("count_by_year_seconds", "SELECT substr(date, 1, 4) AS year, count(*) FROM tracks GROUP BY 1 ORDER BY 1"),
        ("one_isrc_seconds", "SELECT count(*) FROM tracks WHERE isrc = 'USABC2012345'"),
        (
            "join_seconds",
            "SELECT count(*), sum(t.duration_ms) FROM tracks t JOIN albums a ON a.id = t.album_id WHERE a.kind = 'ep'",
        ),
    ];
    for (name, query) in more {
        let mut times = Vec::new();
        for _ in 0..4 {
            let start = Instant::now();
            snapshot.sql(query).await?;
            times.push(start.elapsed());
        }
        // The first is the warm-up.
        times.remove(0);
        times.sort_unstable();
        figures.insert(name.to_owned(), json!(times[1].as_secs_f64()));
    }
    bench.keep("sql", start.elapsed(), &figures)
}

/// Queries whose answers are compared with those of a pass over all tracks.
const JUDGED: usize = 40;

/// The share of the ten best tracks that a search finds, by the ranking formula of the index applied to every track. Tracks
/// of equal score may stand for one another.
pub fn recall(bench: &Bench) -> Result<()> {
    let start = Instant::now();
    let ours = Ours::open(bench)?;
    let queries: Vec<String> = questions::searches(bench)
        .into_iter()
        .filter(|(class, _)| matches!(*class, "common" | "words"))
        .flat_map(|(_, queries)| queries.into_iter().step_by(questions::QUERIES * 2 / JUDGED))
        .filter(|query| query.is_ascii())
        .collect();
    let best = exact(bench, &queries);
    let (mut found, mut wanted) = (0, 0);
    for (query, best) in queries.iter().zip(&best) {
        let Some(least) = best.last() else { continue };
        wanted += best.len();
        let hits = ours.search_tracks(query)?;
        let good = hits.iter().filter(|hit| hit.score >= *least as f64).count().min(best.len());
        if good < best.len() {
            eprintln!("{query:?}: {good} of {}", best.len());
        }
        found += good;
    }
    let mut figures = Map::new();
    figures.insert("queries".to_owned(), json!(queries.len()));
    figures.insert("recall_at_10".to_owned(), json!(found as f64 / wanted.max(1) as f64));
    bench.keep("recall", start.elapsed(), &figures)
}

/// For each query the ten best scores, best first, one a recording.
fn exact(bench: &Bench, queries: &[String]) -> Vec<Vec<i64>> {
    let queries: Vec<Vec<&str>> = queries.iter().map(|query| query.split(' ').collect()).collect();
    let halves = std::thread::scope(|scope| {
        let threads = [0, 1].map(|half| {
            scope.spawn({
                let queries = &queries;
                move || exact_of(bench, queries, half)
            })
        });
        threads.map(|thread| thread.join().expect("scoring does not panic"))
    });
    let [mut best, other] = halves;
    for (best, other) in best.iter_mut().zip(other) {
        best.extend(other);
        best.sort_unstable_by_key(|score| std::cmp::Reverse(*score));
        best.truncate(10);
    }
    best
}

/// Of every second stretch. Versions of a recording lie in one stretch.
fn exact_of(bench: &Bench, queries: &[Vec<&str>], half: u64) -> Vec<Vec<i64>> {
    let mut best: Vec<Vec<i64>> = vec![Vec::new(); queries.len()];
    for stretch in (half..bench.rows.div_ceil(STRETCH)).step_by(2) {
        let first = stretch * STRETCH;
        let rows = bench.catalogue().rows(first..bench.rows.min(first + STRETCH));
        let ids = |name: &str, column: &str| rows_ids(&rows, name, column);
        let albums: HashMap<i64, usize> = ids("albums", "id").into_iter().zip(0..).collect();
        let popularity: HashMap<i64, i32> = ids("listens", "recording_id")
            .into_iter()
            .zip(rows.listens["popularity"].as_primitive::<Int32Type>().values().iter().copied())
            .collect();
        let originals: HashMap<i64, i64> = ids("links", "from_id").into_iter().zip(ids("links", "to_id")).collect();
        let text = |column: &str, at: usize| fold(rows.tracks[column].as_string::<i32>().value(at));
        let of_albums = rows.albums["title"].as_string::<i32>();
        let mut scores: Vec<HashMap<i64, i64>> = vec![HashMap::new(); queries.len()];
        for (at, (id, album)) in ids("tracks", "id").into_iter().zip(ids("tracks", "album_id")).enumerate() {
            let recording = *originals.get(&id).unwrap_or(&id);
            let (title, artist) = (text("title", at), text("artist_credit", at));
            let album = albums.get(&album).map_or_else(String::new, |at| fold(of_albums.value(*at)));
            let title: Vec<&str> = title.split(' ').collect();
            let rest: Vec<&str> = artist.split(' ').chain(album.split(' ')).collect();
            let popular = i64::from(*popularity.get(&recording).unwrap_or(&0));
            for (query, scores) in queries.iter().zip(&mut scores) {
                if let Some(worth) = worth(query, &title, &rest) {
                    let score = scores.entry(recording).or_insert(i64::MIN);
                    *score = (*score).max(worth + popular);
                }
            }
        }
        for (best, scores) in best.iter_mut().zip(scores) {
            best.extend(scores.into_values());
            best.sort_unstable_by_key(|score| std::cmp::Reverse(*score));
            best.truncate(10);
        }
    }
    best
}

fn rows_ids(rows: &fonoteca_testkit::catalogue::Rows, table: &str, column: &str) -> Vec<i64> {
    let rows = match table {
        "albums" => &rows.albums,
        "listens" => &rows.listens,
        "links" => &rows.links,
        _ => &rows.tracks,
    };
    rows[column].as_primitive::<Int64Type>().values().to_vec()
}

/// What a match is worth: the rows of the index's table that no typo and no missing article reach.
fn worth(query: &[&str], title: &[&str], rest: &[&str]) -> Option<i64> {
    if query == title {
        return Some(60);
    }
    let (last, before) = query.split_last()?;
    let has = |word: &str| title.contains(&word) || rest.contains(&word);
    if !before.iter().all(|word| has(word)) {
        return None;
    }
    if has(last) {
        let is_all = title.len() == query.len() && query.iter().all(|word| title.contains(word));
        return Some(if is_all { 40 } else { 25 });
    }
    let begins = |words: &[&str]| words.iter().any(|word| word.starts_with(last));
    if before.iter().all(|word| title.contains(word)) && begins(title) {
        return Some(15);
    }
    (begins(title) || begins(rest)).then_some(0)
}
