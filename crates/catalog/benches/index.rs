//! Figures of the search index at scale: `cargo bench -p fonoteca-catalog --bench index -- 1000000 [FOLDER]`.
//!
//! Makes so many synthetic tracks (4.35 an album, 16 an artist, three quarters never listened to), loads them, builds the
//! index, and asks it. A folder that is there already is only asked. One line of JSON a figure.

#![expect(clippy::print_stdout, reason = "a bench says what it found")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use fonoteca_catalog::index::{Filters, Index, Order, Query};
use fonoteca_catalog::object_store::local::LocalFileSystem;
use fonoteca_catalog::{Album, Artist, Batch, Catalog, Credit, Listens, Track};
use fonoteca_model::{Id, Silent, Timestamp};

/// Tracks in one data file.
const FILE_TRACKS: u64 = 1_000_000;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Small numbers far more often than large ones, as words are used.
    fn zipf(&mut self, limit: u64) -> u64 {
        let share = self.below(1 << 30) as f64 / f64::from(1 << 30);
        ((limit as f64 + 1.0).powf(share) - 1.0) as u64
    }
}

/// The word of a number: syllables, the shorter the more frequent.
fn word(number: u64) -> String {
    const FIRST: [&str; 20] = [
        "la", "mo", "ri", "the", "sol", "ka", "ne", "du", "vi", "ha", "lo", "be", "ta", "so", "mi", "ru", "fa", "ge",
        "no", "ze",
    ];
    let mut rest = number + 1;
    let mut text = String::new();
    while rest > 0 {
        text.push_str(FIRST[(rest % 20) as usize]);
        rest /= 20;
    }
    text
}

fn title(random: &mut Random, words: u64) -> String {
    let count = 1 + random.below(words);
    let mut parts = Vec::new();
    for _ in 0..count {
        let mut part = word(random.zipf(200_000));
        part[..1].make_ascii_uppercase();
        parts.push(part);
    }
    match random.below(12) {
        0 => parts.push("(Live)".to_owned()),
        1 => parts.push("- Remastered 2011".to_owned()),
        _ => {}
    }
    parts.join(" ")
}

struct Source {
    random: Random,
    artist: Option<Artist>,
    artist_left: u64,
    album: Option<Album>,
    album_left: u64,
    next: u64,
    isrc: u64,
}

impl Source {
    fn new() -> Self {
        Self { random: Random(7), artist: None, artist_left: 0, album: None, album_left: 0, next: 0, isrc: 0 }
    }

    fn batch(&mut self, tracks: u64) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..tracks {
            if self.artist_left == 0 {
                self.artist_left = 1 + self.random.below(31);
                self.album_left = 0;
                let name = title(&mut self.random, 3);
                let id = Id::of("bench", &format!("artist {}", self.next));
                self.isrc = self.random.below(36 * 36 * 36);
                let artist = Artist {
                    id,
                    source: "bench".into(),
                    source_id: format!("artist {}", self.next),
                    fold: fonoteca_model::fold::fold(&name),
                    name,
                    sort_name: None,
                    disambiguation: None,
                    aliases: Vec::new(),
                    mbid: None,
                    raw: None,
                };
                batch.artists.push(artist.clone());
                self.artist = Some(artist);
            }
            let artist = self.artist.clone().expect("there is one");
            let credit = vec![Credit { artist_id: artist.id, role: "main".into(), name: artist.name.clone() }];
            if self.album_left == 0 {
                self.album_left = if self.random.below(2) == 0 { 1 } else { 1 + self.random.below(14) };
                let name = title(&mut self.random, 4);
                let album = Album {
                    id: Id::of("bench", &format!("album {}", self.next)),
                    source: "bench".into(),
                    source_id: format!("album {}", self.next),
                    fold: fonoteca_model::fold::fold(&name),
                    title: name,
                    artist_credit: artist.name.clone(),
                    artists: credit.clone(),
                    upc: None,
                    mbid: None,
                    label: None,
                    catalogue_number: None,
                    date: Some(format!("{}", 1950 + self.random.below(75))),
                    kind: None,
                    language: None,
                    cover_root: None,
                    raw: None,
                };
                batch.albums.push(album.clone());
                self.album = Some(album);
            }
            let album = self.album.as_ref().expect("there is one");
            let source_id = format!("track {}", self.next);
            let id = Id::of("bench", &source_id);
            let prefix = [self.isrc / 1296, self.isrc / 36 % 36, self.isrc % 36]
                .map(|digit| char::from_digit(digit as u32, 36).unwrap_or('0').to_ascii_uppercase());
            let isrc = (self.random.below(100) < 90).then(|| {
                format!(
                    "QZ{}{:02}{:05}",
                    prefix.iter().collect::<String>(),
                    self.next / 90_000 % 100,
                    self.next % 100_000
                )
            });
            if self.random.below(100) < 26 {
                let popularity = 1 + self.random.zipf(99) as i32;
                let count = i64::from(popularity) * 1000 + self.random.below(1000) as i64;
                batch.listens.push(Listens { recording_id: id, as_of: Timestamp::from_seconds(1), count, popularity });
            }
            batch.tracks.push(Track {
                id,
                source: "bench".into(),
                source_id,
                title: title(&mut self.random, 5),
                artist_credit: artist.name.clone(),
                artists: credit,
                album_id: Some(album.id),
                disc: Some(1),
                number: Some((14 - self.album_left.min(13)) as i32),
                duration_ms: Some(60_000 + self.random.below(300_000) as i64),
                isrc,
                mbid: None,
                date: None,
                label: None,
                language: None,
                explicit: None,
                raw: None,
            });
            self.next += 1;
            self.artist_left -= 1;
            self.album_left -= 1;
        }
        batch
    }
}

fn say(figure: &str, unit: &str, value: f64) {
    println!("{}", serde_json::json!({"figure": figure, "unit": unit, "value": (value * 1000.0).round() / 1000.0}));
}

fn bytes(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .filter_map(Result::ok)
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes(&entry.path(), wanted),
            Ok(metadata) if wanted(&entry.file_name().to_string_lossy()) => metadata.len(),
            _ => 0,
        })
        .sum()
}

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Asks one thing many times, and says how long the median and the slowest of a hundred took, in milliseconds.
fn timed(figure: &str, times: usize, mut ask: impl FnMut(usize)) {
    let mut took: Vec<f64> = (0..times)
        .map(|number| {
            let start = Instant::now();
            ask(number);
            start.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    took.sort_by(f64::total_cmp);
    say(&format!("{figure}, p50"), "ms", took[times / 2]);
    say(&format!("{figure}, p99"), "ms", took[times * 99 / 100]);
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let rows: u64 = arguments.first().and_then(|rows| rows.parse().ok()).unwrap_or(100_000);
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = arguments.get(1).map_or_else(|| temporary.path().to_owned(), std::path::PathBuf::from);
    std::fs::create_dir_all(&folder).expect("folder");
    let objects = Arc::new(LocalFileSystem::new_with_prefix(&folder).expect("object store"));
    let state = folder.join("state");
    let is_new = !folder.join("catalog").exists();
    let catalog = if is_new {
        let catalog = Catalog::create(objects, &state).await.expect("create");
        let mut source = Source::new();
        let start = Instant::now();
        let mut left = rows;
        while left > 0 {
            let some = left.min(FILE_TRACKS);
            let batch = source.batch(some);
            catalog.writer().await.expect("writer").commit("bench", (rows - left) as i64, batch).await.expect("commit");
            left -= some;
        }
        say("load by typed rows (not the importer)", "rows/s", rows as f64 / start.elapsed().as_secs_f64());
        catalog
    } else {
        Catalog::open(objects, &state).await.expect("open")
    };
    let dir = folder.join("index");
    let index = Index::open(&dir).expect("open the index");
    if is_new || arguments.get(2).is_some() {
        let snapshot = catalog.snapshot().await.expect("snapshot");
        let start = Instant::now();
        index.rebuild(&snapshot, &Silent).await.expect("rebuild");
        say("build", "rows/s", rows as f64 / start.elapsed().as_secs_f64());
        say("build, peak memory of the process", "MiB", peak_mib());
    }
    let per_track = |what: &str, found: u64| say(what, "bytes a track", found as f64 / rows as f64);
    per_track("tables", bytes(&folder.join("catalog"), &|_| true));
    let is_rows = |ending: &'static str| move |name: &str| name.ends_with(ending);
    per_track("rows", bytes(&dir.join("rows"), &is_rows(".rows")));
    per_track("keys", bytes(&dir.join("rows"), &is_rows(".keys")));
    let all = bytes(&dir, &|_| true);
    per_track("search", all - bytes(&dir.join("rows"), &|_| true));
    for ending in [".term", ".idx", ".fast", ".store", ".pos", ".fieldnorm"] {
        per_track(&format!("search, {ending}"), bytes(&dir, &is_rows(ending)));
    }
    ask(&index, rows);
}

fn ask(index: &Index, rows: u64) {
    let mut random = Random(99);
    let mut missed = 0;
    timed("look-up by id", 3000, |_| {
        let id = Id::of("bench", &format!("track {}", random.below(rows)));
        missed += usize::from(index.lookup(&id.to_string()).expect("lookup").is_empty());
    });
    say("look-ups that found nothing", "of 3000", missed as f64);
    let isrcs: Vec<String> =
        index.page(Order::Album, rows / 2, 2000).expect("page").tracks.into_iter().filter_map(|hit| hit.isrc).collect();
    timed("look-up by ISRC", isrcs.len(), |number| {
        assert!(!index.lookup(&isrcs[number]).expect("lookup").is_empty());
    });
    index.page(Order::Popularity, 0, 1).expect("sums");
    for (figure, order) in [("page by popularity", Order::Popularity), ("page by album", Order::Album)] {
        timed(figure, 200, |_| {
            let page = index.page(order, random.below(rows), 500).expect("page");
            assert!(page.tracks.len() == 500 || page.next.is_none());
        });
    }
    let mut empty = 0;
    let mut all = Vec::new();
    for number in 0..500_u64 {
        let at = index.page(Order::Album, random.below(rows), 1).expect("a track").tracks.remove(0);
        let words: Vec<&str> = at.title.split(' ').collect();
        all.push(match number % 4 {
            0 => word(random.zipf(200)),
            1 => format!("{} {}", at.title, at.artist),
            2 => {
                let last = words[words.len() - 1];
                last[..last.len().min(1 + (number / 4 % 4) as usize)].to_owned()
            }
            _ => {
                let mut word: Vec<char> = at.artist.chars().collect();
                if word.len() > 4 {
                    word.swap(2, 3);
                }
                word.into_iter().collect()
            }
        });
    }
    for (class, name) in ["common word", "title and artist", "prefix", "one typo"].into_iter().enumerate() {
        timed(&format!("search, {name}"), 125, |number| {
            empty += usize::from(index.search(&Query::new(&all[number * 4 + class])).expect("search").is_empty());
        });
    }
    timed("search, mixed", 500, |number| drop(index.search(&Query::new(&all[number])).expect("search")));
    let held = Filters { min_popularity: Some(50), ..Filters::default() };
    timed("search, filtered", 500, |number| {
        let query = Query { filters: held.clone(), ..Query::new(&all[number]) };
        drop(index.search(&query).expect("search"));
    });
    say("searches that found nothing", "of 500", empty as f64);
    say("peak memory of the process", "MiB", peak_mib());
}
