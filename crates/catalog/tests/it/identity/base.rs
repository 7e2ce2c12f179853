//! The recordings that the test begins with: real ones where the shared data is there, made-up ones elsewhere.

use std::collections::HashMap;
use std::path::Path;

use fonoteca_model::fold::fold;

use super::chance::Chance;

/// A recording on an album, as its source tells it.
#[derive(Debug, Clone)]
pub struct Song {
    pub title: String,
    pub artist: String,
    pub album: usize,
    pub number: i32,
    pub duration_ms: i64,
}

/// An album, as its source tells it.
#[derive(Debug, Clone)]
pub struct Album {
    pub title: String,
    pub artist: String,
    pub label: String,
    pub catalogue_number: String,
}

#[derive(Default)]
pub struct Base {
    pub name: &'static str,
    pub albums: Vec<Album>,
    pub songs: Vec<Song>,
}

impl Base {
    /// The freemusi.cc tables: 21,502 tracks on 2,289 netlabel releases.
    pub fn real(folder: &Path) -> Self {
        let mut base = Self { name: "freemusi.cc", ..Self::default() };
        let mut albums: HashMap<String, usize> = HashMap::new();
        for row in rows(&folder.join("releases.csv")) {
            albums.insert(row["id"].clone(), base.albums.len());
            let text = |column: &str| row[column].clone();
            base.albums.push(Album {
                title: text("album"),
                artist: text("artist"),
                label: text("label"),
                catalogue_number: text("catalog"),
            });
        }
        for row in rows(&folder.join("tracks.csv")) {
            let Some(album) = albums.get(&row["id"]) else { continue };
            base.songs.push(Song {
                title: row["title"].clone(),
                artist: row["trackartist"].clone(),
                album: *album,
                number: row["track"].parse().unwrap_or(0),
                duration_ms: row["duration"].parse::<i64>().unwrap_or(0) * 1000,
            });
        }
        base
    }

    /// Every second album, if there are many.
    pub fn half(mut self, seed: u64) -> Self {
        if self.songs.len() > 10_000 {
            self.songs.retain(|song| song.album as u64 % 2 == seed % 2);
        }
        self
    }

    /// Without recordings that it may tell more than once.
    pub fn without_twins(mut self) -> Self {
        let mut alike: HashMap<(String, String), Vec<usize>> = HashMap::new();
        for (at, song) in self.songs.iter().enumerate() {
            alike.entry((letters(&song.artist), letters(&song.title))).or_default().push(at);
        }
        let mut twins = vec![false; self.songs.len()];
        for group in alike.values() {
            for one in group {
                let near =
                    |other: &&usize| (self.songs[*one].duration_ms - self.songs[**other].duration_ms).abs() <= 10_000;
                twins[*one] = group.iter().filter(near).count() > 1;
            }
        }
        let mut twins = twins.into_iter();
        self.songs.retain(|_| !twins.next().unwrap_or(false));
        self
    }

    /// Names made of syllables, with common and rare words as in real titles.
    pub fn made_up(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let syllables =
            ["ka", "lo", "mi", "ren", "tas", "vor", "el", "shu", "dra", "nin", "po", "que", "zar", "bi", "fe"];
        let words: Vec<String> = (0..1500)
            .map(|_| (0..chance.between(1, 4)).map(|_| *chance.pick(&syllables)).collect())
            .filter(|word: &String| word.len() > 2)
            .collect();
        let mut base = Self { name: "made-up names", ..Self::default() };
        for number in 0..500 {
            let word = |chance: &mut Chance| {
                let most = chance.below(words.len()) + 1;
                words[chance.below(most)].clone()
            };
            let artist = format!("{} {}", word(&mut chance), word(&mut chance));
            let title = format!("{} {}", word(&mut chance), word(&mut chance));
            base.albums.push(Album {
                title,
                artist: artist.clone(),
                label: format!("Label {}", number % 40),
                catalogue_number: format!("lb{number:04}"),
            });
            for at in 1..=8 {
                let title = (0..chance.between(1, 4)).map(|_| word(&mut chance)).collect::<Vec<_>>().join(" ");
                let title = if chance.percent(3) { "Intro".to_owned() } else { title };
                let duration_ms = chance.between(60, 420) * 1000;
                base.songs.push(Song { title, artist: artist.clone(), album: number, number: at, duration_ms });
            }
        }
        base
    }
}

fn rows(path: &Path) -> Vec<HashMap<String, String>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).expect("the table");
    reader.deserialize().map(|row| row.expect("a row")).collect()
}

/// The letters of all words in order, without those that are often left out.
pub fn letters(text: &str) -> String {
    let folded = fold(text);
    let left_out = ["and", "feat", "featuring", "ft", "original", "mix", "album", "version", "by", "s", "the"];
    let mut words: Vec<&str> = folded.split(' ').filter(|word| !left_out.contains(word)).collect();
    words.sort_unstable();
    words.concat()
}
