//! Whether people find what they mean, among thousands of tracks whose words are the same; and whether stopping early costs
//! them anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use fonoteca_catalog::index::{Index, Kind, Order, Query};
use fonoteca_catalog::{Batch, Listens, Track};
use fonoteca_model::{Id, Silent};

use crate::archive::{Archive, commit};
use crate::index::{folder, indexed, shown};
use crate::index_library::rows_of;
use crate::sample::{AT, album, artist, track};

/// A number that looks like chance, and is always the same.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 31)).wrapping_mul(0x7fb5_d329_728e_a185);
    let number = (number ^ (number >> 27)).wrapping_mul(0x81da_def4_bc2d_d44d);
    number ^ (number >> 33)
}

/// Titles of the words that titles are made of.
fn competing_songs(count: u64) -> Vec<String> {
    const FIRST: [&str; 24] = [
        "Love",
        "Night",
        "Hello",
        "Train",
        "Radio",
        "Harbour",
        "Winter",
        "Dancing",
        "Crying",
        "Yesterday",
        "Nobody",
        "Moon",
        "Paper",
        "Lonely",
        "Crazy",
        "Thunder",
        "Another",
        "Tomorrow",
        "Heart",
        "River",
        "Go",
        "Nothing",
        "Light",
        "Christmas",
    ];
    const JOIN: [&str; 8] = ["of the", "in the", "and", "to", "with", "without", "for the", "at the"];
    const SECOND: [&str; 20] = [
        "Night", "Day", "Station", "Road", "Home", "Sea", "Morning", "City", "Window", "Stars", "Garden", "Waves",
        "Song", "Bells", "Wind", "Rain", "Letters", "Fire", "Evening", "World",
    ];
    const VERSION: [&str; 12] =
        ["", "", "", "", "", "", "", " (Live)", " (Remix)", " - Acoustic", " (Demo)", " - Remastered 2009"];
    const BAND: [&str; 16] = [
        "Copper",
        "Marble",
        "Night",
        "Saltwater",
        "Radio",
        "Harbour",
        "Silver",
        "Velvet",
        "Paper",
        "Northern",
        "Orbit",
        "Ninth",
        "Electric",
        "Winter",
        "Golden",
        "Hollow",
    ];
    const BANDS: [&str; 12] = [
        "Owls", "Floor", "Foxes", "Choir", "Lights", "Parade", "Sisters", "Engines", "Quartet", "Kites", "Agents",
        "Club",
    ];
    fn of<'a>(words: &[&'a str], at: u64, salt: u64) -> &'a str {
        words[(mixed(at * 31 + salt) % words.len() as u64) as usize]
    }
    (0..count)
        .map(|at| {
            let band = at / 12;
            let popularity = if mixed(at + 5).is_multiple_of(4) { mixed(at) % 60 } else { 0 };
            let title = match mixed(at + 9) % 3 {
                0 => format!("{} {}", of(&FIRST, at, 1), of(&SECOND, at, 2)),
                1 => format!("{} {} {}", of(&FIRST, at, 1), of(&JOIN, at, 3), of(&SECOND, at, 2)),
                _ => format!("{} {}", of(&SECOND, at, 1), of(&FIRST, at, 2)),
            };
            format!(
                "{popularity}\tThe {} {} {}\t{title}{} {}\t{} {}\t{}",
                of(&BAND, band, 4),
                of(&BANDS, band, 5),
                band % 97,
                of(&VERSION, at, 6),
                at % 13,
                of(&FIRST, band, 7),
                of(&SECOND, band, 8),
                1960 + mixed(band) % 60
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_find_what_they_mean() {
    let own = include_str!("index_library.tsv").lines().chain(include_str!("ranking_library.tsv").lines());
    let own = own.filter(|line| !line.starts_with('#')).map(str::to_owned);
    let batch = rows_of(own.chain(competing_songs(4000)));
    assert!(batch.tracks.len() > 4000, "{}", batch.tracks.len());
    let (_archive, _catalog, index) = indexed(batch).await;
    let asked = include_str!("queries.tsv").lines().chain(include_str!("ranking.tsv").lines());
    let mut missed = Vec::new();
    let mut count = 0;
    for line in asked.filter(|line| !line.starts_with('#')) {
        let (words, expected) = line.split_once('\t').expect("two cells");
        let expected = expected.split(" | ").next().unwrap_or_default();
        if expected.is_empty() {
            continue;
        }
        count += 1;
        let hits: Vec<String> = index.search(&Query::new(words)).expect("search").iter().map(shown).collect();
        if !hits.iter().take(3).any(|hit| hit == expected) {
            missed.push(format!("{words:?}: {expected} is not among {:?}", &hits[..hits.len().min(3)]));
        }
    }
    let rate = 1.0 - missed.len() as f64 / f64::from(count);
    println!("{count} queries, {rate:.3} with what was meant among the first three; missed:\n{}", missed.join("\n"));
    assert!(count >= 120, "{count} queries");
    assert!(rate >= 0.95, "{rate:.3}:\n{}", missed.join("\n"));
}

/// A library in which some words are everywhere and most nowhere else.
fn generated(tracks: u64) -> Batch {
    let word = |number: u64| {
        const SYLLABLES: [&str; 16] =
            ["ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "wu", "za"];
        let mut rest = number + 16;
        let mut text = String::new();
        while rest > 0 {
            text.push_str(SYLLABLES[(rest % 16) as usize]);
            rest /= 16;
        }
        text
    };
    // The product of two numbers is small far more often than large.
    let any = |at: u64, salt: u64| {
        let (a, b, c) = (mixed(at * 7 + salt) % 64, mixed(at * 11 + salt) % 64, mixed(at * 13 + salt) % 16);
        word(a * b * c / 4)
    };
    let mut batch = Batch { artists: vec![artist("band")], albums: vec![album("album", "band")], ..Batch::default() };
    for at in 0..tracks {
        let title: Vec<String> = (0..=(mixed(at + 3) % 4)).map(|salt| any(at, salt)).collect();
        let id = Id::of("local", &at.to_string());
        if mixed(at + 77).is_multiple_of(4) {
            let popularity = 1 + (mixed(at) % 100 * (mixed(at + 1) % 100) / 100) as i32;
            let count = i64::from(popularity) * 100 + (mixed(at + 2) % 100) as i64;
            batch.listens.push(Listens { recording_id: id, as_of: AT, count, popularity });
        }
        let by = any(at / 16, 9);
        batch.tracks.push(Track {
            id,
            source_id: at.to_string(),
            artist_credit: by.clone(),
            artists: Vec::new(),
            ..track(&title.join(" "), &by, None)
        });
    }
    batch
}

/// The same library as sets of words: an index of another kind, without any early stop.
struct Exact {
    popularity: Vec<i32>,
    /// How many words the title has.
    title_words: Vec<usize>,
    in_title: BTreeMap<String, BTreeSet<usize>>,
    anywhere: BTreeMap<String, BTreeSet<usize>>,
}

/// Words that a beginning may stand for.
const MOST_WORDS: usize = 64;

impl Exact {
    fn new(tracks: &[(String, String, i32)]) -> Self {
        let mut exact = Self {
            popularity: Vec::new(),
            title_words: Vec::new(),
            in_title: BTreeMap::new(),
            anywhere: BTreeMap::new(),
        };
        for (at, (title, by, popularity)) in tracks.iter().enumerate() {
            let title: BTreeSet<&str> = title.split(' ').collect();
            exact.popularity.push(*popularity);
            exact.title_words.push(title.len());
            for word in &title {
                exact.in_title.entry((*word).to_owned()).or_default().insert(at);
            }
            for word in title.into_iter().chain(by.split(' ')) {
                exact.anywhere.entry(word.to_owned()).or_default().insert(at);
            }
        }
        exact
    }

    /// The ten best scores by the formula of the index's documentation, for what is spelt as it is.
    fn best(&self, words: &str) -> Vec<i32> {
        let asked: Vec<&str> = words.split(' ').collect();
        let distinct: BTreeSet<&str> = asked.iter().copied().collect();
        let (last, first) = asked.split_last().expect("words");
        let mut worth: BTreeMap<usize, i32> = BTreeMap::new();
        let mut rate = |tracks: BTreeSet<usize>, rate: i32| {
            for at in tracks {
                worth.entry(at).and_modify(|known| *known = rate.max(*known)).or_insert(rate);
            }
        };
        let mut whole = with_all(&self.in_title, &asked, None);
        whole.retain(|at| self.title_words[*at] == distinct.len());
        rate(whole, 60);
        rate(with_all(&self.in_title, &asked, None), 40);
        rate(with_all(&self.anywhere, &asked, None), 25);
        rate(with_all(&self.in_title, first, Some((last, MOST_WORDS))), 15);
        rate(with_all(&self.anywhere, first, Some((last, MOST_WORDS))), 0);
        rate(with_all(&self.anywhere, first, Some((last, usize::MAX))), -200);
        let mut scores: Vec<i32> = worth.into_iter().map(|(at, worth)| worth + self.popularity[at]).collect();
        scores.sort_unstable_by_key(|score| std::cmp::Reverse(*score));
        scores.truncate(10);
        scores
    }
}

/// The tracks that have all of these words, and one that begins so: of so many of the most frequent such words.
fn with_all(
    index: &BTreeMap<String, BTreeSet<usize>>,
    words: &[&str],
    beginning: Option<(&str, usize)>,
) -> BTreeSet<usize> {
    let mut sets: Vec<BTreeSet<usize>> =
        words.iter().map(|word| index.get(*word).cloned().unwrap_or_default()).collect();
    if let Some((beginning, most)) = beginning {
        let mut found: Vec<(&String, &BTreeSet<usize>)> =
            index.range(beginning.to_owned()..).take_while(|(word, _)| word.starts_with(beginning)).collect();
        found.sort_by_key(|(word, tracks)| (std::cmp::Reverse(tracks.len()), *word));
        sets.push(found.into_iter().take(most).flat_map(|(_, tracks)| tracks).copied().collect());
    }
    sets.sort_by_key(BTreeSet::len);
    let mut sets = sets.into_iter();
    let first = sets.next().unwrap_or_default();
    sets.fold(first, |all, set| all.intersection(&set).copied().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_early_finds_the_best() {
    let count = 60_000;
    let batch = generated(count);
    let popularity: BTreeMap<Id, i32> = batch.listens.iter().map(|row| (row.recording_id, row.popularity)).collect();
    let tracks: Vec<(String, String, i32)> = batch
        .tracks
        .iter()
        .map(|row| (row.title.clone(), row.artist_credit.clone(), popularity.get(&row.id).copied().unwrap_or(0)))
        .collect();
    let (archive, catalog) = Archive::new().await;
    commit(&catalog, "import", 1, Batch { files: Vec::new(), ..batch }).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let index = Index::open(&folder(&archive)).expect("open");
    let start = Instant::now();
    index.rebuild(&snapshot, &Silent).await.expect("rebuild");
    println!("{count} tracks indexed in {:?}", start.elapsed());

    let mut queries: Vec<String> = Vec::new();
    for at in (0..count as usize).step_by(1500) {
        let (title, by, _) = &tracks[at];
        let first = title.split(' ').next().unwrap_or_default();
        queries.extend([first.to_owned(), format!("{title} {by}"), title.clone()]);
        queries.extend([1, 2, 3, 5].map(|letters| by[..by.len().min(letters)].to_owned()));
        queries.push(format!("{first} {}", &by[..2]));
    }
    let exact = Exact::new(&tracks);
    let (mut wanted, mut found, mut empty) = (0, 0, 0);
    for words in &queries {
        let best = exact.best(words);
        let filters = fonoteca_catalog::index::Filters { kind: Some(Kind::Track), ..Default::default() };
        let hits = index.search(&Query { filters, ..Query::new(words) }).expect("search");
        empty += usize::from(hits.is_empty() && !best.is_empty());
        // Equal scores are equally good: what counts is how many of the ten best scores are there.
        let scored: Vec<i32> = hits.iter().map(|hit| hit.score as i32).collect();
        let right = best.iter().zip(&scored).filter(|(best, found)| best == found).count();
        if right < best.len() {
            println!("{words:?}: {best:?} would be best, found {scored:?}");
        }
        wanted += best.len();
        found += right;
    }
    let recall = found as f64 / f64::from(u32::try_from(wanted).expect("not so many"));
    println!("{} queries, recall@10 {recall:.4}, {empty} empty that have an answer", queries.len());
    assert!(recall >= 0.99, "{recall}");
    assert_eq!(empty, 0);

    pages_are_the_whole(&index, count);
}

/// Pages at any offset are parts of one order, in which everything is once.
fn pages_are_the_whole(index: &Index, count: u64) {
    for order in [Order::Popularity, Order::Album] {
        let mut seen = Vec::new();
        let mut next = Some(0);
        while let Some(offset) = next {
            let page = index.page(order, offset, 9_999).expect("page");
            seen.extend(page.tracks.into_iter().map(|hit| (hit.popularity, hit.id)));
            next = page.next;
        }
        assert_eq!(seen.len() as u64, count, "{order:?}");
        let distinct: BTreeSet<Id> = seen.iter().map(|(_, id)| *id).collect();
        assert_eq!(distinct.len() as u64, count, "{order:?}");
        if order == Order::Popularity {
            assert!(seen.windows(2).all(|pair| pair[0].0 >= pair[1].0), "the most popular first");
        }
        for offset in [0, 1, 511, 512, 15_000, 31_999, count - 1, count, count * 2] {
            let page = index.page(order, offset, 7).expect("page");
            let ids: Vec<Id> = page.tracks.iter().map(|hit| hit.id).collect();
            let from = (offset as usize).min(seen.len());
            let expected: Vec<Id> = seen[from..seen.len().min(from + 7)].iter().map(|(_, id)| *id).collect();
            assert_eq!(ids, expected, "{order:?} from {offset}");
        }
    }
}
