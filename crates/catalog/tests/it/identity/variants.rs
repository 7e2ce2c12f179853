//! The same recordings told by others: misspelt, re-ordered, re-credited, re-issued. And traps: others that look the same.

use fonoteca_model::fold::fold;

use super::base::{Base, Song, letters};
use super::chance::Chance;

/// One statement, with what it is in truth.
#[derive(Debug, Clone)]
pub struct Told {
    pub source: &'static str,
    pub title: String,
    pub artist: String,
    /// Place in [`World::albums`].
    pub album: usize,
    pub number: i32,
    pub duration_ms: Option<i64>,
    /// Which recording it is.
    pub recording: usize,
    /// Which artist it is by.
    pub by: usize,
    /// What was done to it, for people.
    pub how: String,
}

#[derive(Debug, Clone)]
pub struct ToldAlbum {
    pub source: &'static str,
    pub title: String,
    pub artist: String,
    pub label: Option<String>,
    pub catalogue_number: Option<String>,
    /// Which album it is.
    pub is: usize,
}

#[derive(Default)]
pub struct World {
    pub albums: Vec<ToldAlbum>,
    pub told: Vec<Told>,
    /// What the base said of each recording that comes from it.
    pub songs: Vec<Song>,
}

/// Added to an artist's number: somebody else of the same name.
pub const NAMESAKES: usize = 1 << 32;

const SOURCES: [&str; 3] = ["shop", "tags", "discogs"];

impl World {
    /// Of `base`, a third of the albums are told again by up to three sources, each track changed in its own way; one track
    /// in twelve is on a compilation too; one in ten has a look-alike.
    pub fn new(base: &Base, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut world = Self { songs: base.songs.clone(), ..Self::default() };
        let mut artists: Vec<String> = Vec::new();
        let mut by_fold = std::collections::HashMap::new();
        let mut artist_of = |name: &str| -> usize {
            *by_fold.entry(letters(name)).or_insert_with(|| {
                artists.push(name.to_owned());
                artists.len() - 1
            })
        };
        for (at, album) in base.albums.iter().enumerate() {
            world.albums.push(ToldAlbum {
                source: "base",
                title: album.title.clone(),
                artist: album.artist.clone(),
                label: Some(album.label.clone()),
                catalogue_number: Some(album.catalogue_number.clone()),
                is: at,
            });
        }
        let mut of_album = vec![Vec::new(); base.albums.len()];
        for (recording, song) in base.songs.iter().enumerate() {
            of_album[song.album].push(recording);
            world.told.push(Told {
                source: "base",
                title: song.title.clone(),
                artist: song.artist.clone(),
                album: song.album,
                number: song.number,
                duration_ms: Some(song.duration_ms),
                recording,
                by: artist_of(&song.artist),
                how: "as the base has it".into(),
            });
        }
        for (at, album) in base.albums.iter().enumerate() {
            if !chance.percent(33) || of_album[at].is_empty() {
                continue;
            }
            for source in SOURCES.iter().take(chance.between(1, 3) as usize) {
                let told_album = world.albums.len();
                let (title, _) = retitled(&mut chance, &album.title);
                let coded = chance.percent(30);
                world.albums.push(ToldAlbum {
                    source,
                    title,
                    artist: recredited(&mut chance, &album.artist).0,
                    label: coded.then(|| format!("{} Records", album.label)),
                    catalogue_number: coded.then(|| album.catalogue_number.to_lowercase()),
                    is: at,
                });
                for recording in &of_album[at] {
                    let number = base.songs[*recording].number;
                    world.tell_again(&mut chance, *recording, source, told_album, number);
                }
            }
        }
        let compilations = base.songs.len() / 200;
        for compilation in 0..compilations {
            let told_album = world.albums.len();
            world.albums.push(ToldAlbum {
                source: "compiled",
                title: format!("{} Sampler {compilation}", chance.pick(&base.albums).title),
                artist: "Various Artists".into(),
                label: None,
                catalogue_number: None,
                is: told_album,
            });
            for number in 1..=16 {
                let recording = chance.below(base.songs.len());
                world.tell_again(&mut chance, recording, "compiled", told_album, number);
            }
        }
        for recording in 0..base.songs.len() {
            if chance.percent(10) {
                world.look_alike(&mut chance, recording);
            }
        }
        world
    }

    fn tell_again(&mut self, chance: &mut Chance, recording: usize, source: &'static str, album: usize, number: i32) {
        let song = self.songs[recording].clone();
        let by = self.told[recording].by;
        let (mut title, mut how) = (song.title.clone(), Vec::new());
        let mut artist = song.artist.clone();
        if chance.percent(70) {
            let (changed, what) = retitled(chance, &title);
            title = changed;
            how.push(what);
        }
        if chance.percent(50) {
            let (changed, what) = recredited(chance, &artist);
            artist = changed;
            how.push(what.to_owned());
        }
        let shift = if chance.percent(60) { chance.between(-3_000, 3_000) } else { 0 };
        let duration_ms = (!chance.percent(3)).then_some(song.duration_ms + shift);
        let how = format!("{} {shift:+} ms", how.join(", "));
        self.told.push(Told { source, title, artist, album, number, duration_ms, recording, by, how });
    }

    /// Another recording that looks like this one, on an album of its own.
    fn look_alike(&mut self, chance: &mut Chance, of: usize) {
        let song = self.songs[of].clone();
        let mut by = self.told[of].by;
        let (mut title, mut artist) = (song.title.clone(), song.artist.clone());
        let mut duration_ms = song.duration_ms + chance.between(-2_000, 2_000);
        let kinds = [
            " (Live)",
            " (Remix)",
            " (Instrumental)",
            " - Acoustic",
            " (Demo)",
            " (Radio Edit)",
            " (Extended Mix)",
            " Part 2",
            " II",
            " (Karaoke Version)",
            " (Reprise)",
            " (Someone Else's Remix)",
            " (Live in Berlin)",
        ];
        let how = match chance.below(4) {
            0 | 1 => {
                let kind = *chance.pick(&kinds);
                title.push_str(kind);
                kind
            }
            2 => {
                // Another artist's song of the same name and length.
                let other = chance.below(self.songs.len());
                if fold(&self.songs[other].artist) == fold(&artist) {
                    return;
                }
                artist.clone_from(&self.songs[other].artist);
                by = self.told[other].by;
                "another artist's"
            }
            _ => {
                let longer = chance.between(12_000, 60_000);
                duration_ms =
                    song.duration_ms + if chance.percent(50) { longer } else { -longer.min(song.duration_ms / 2) };
                if (duration_ms - song.duration_ms).abs() < 12_000 {
                    return;
                }
                "recorded again"
            }
        };
        // Nothing but the name tells that this is the artist of the original: it is a namesake.
        by += NAMESAKES;
        let (album, recording) = (self.albums.len(), self.songs.len());
        self.albums.push(ToldAlbum {
            source: "elsewhere",
            title: format!("{title} and others"),
            artist: artist.clone(),
            label: None,
            catalogue_number: None,
            is: album,
        });
        self.songs.push(Song { title: title.clone(), artist: artist.clone(), album, number: 1, duration_ms });
        self.told.push(Told {
            source: "elsewhere",
            title,
            artist,
            album,
            number: 1,
            duration_ms: Some(duration_ms),
            recording,
            by,
            how: format!("looks like {of}: {how}"),
        });
    }
}

/// A title as somebody else writes it: other letters first, additions behind them.
fn retitled(chance: &mut Chance, title: &str) -> (String, String) {
    let (mut title, mut how) = (title.to_owned(), Vec::new());
    match chance.below(8) {
        0 | 1 => {
            title = misspelt(chance, &title);
            how.push("misspelt title");
        }
        2 => {
            let mut words: Vec<&str> = title.split(' ').collect();
            if words.len() > 1 {
                let at = chance.below(words.len() - 1);
                words.swap(at, at + 1);
            }
            title = words.join(" ");
            how.push("words swapped");
        }
        3 => {
            title = title.to_uppercase();
            how.push("capitals");
        }
        _ => {}
    }
    let year = chance.between(1999, 2024);
    let (addition, what) = match chance.below(10) {
        0 => (format!(" (Remastered {year})"), "remastered"),
        1 => (format!(" - {year} Remaster"), "remaster after a dash"),
        2 => (" (feat. Somebody Else)".into(), "a guest in the title"),
        3 => (" [Album Version]".into(), "album version"),
        4 => (" (Bonus Track)".into(), "bonus track"),
        _ => (String::new(), ""),
    };
    title.push_str(&addition);
    how.push(what);
    if chance.percent(15) {
        title = fold(&title);
        how.push("without marks");
    }
    (title, how.join(" "))
}

/// A credit as somebody else writes it.
fn recredited(chance: &mut Chance, artist: &str) -> (String, &'static str) {
    let words: Vec<&str> = artist.split(' ').collect();
    let several = [" & ", " and ", " vs. ", " + "].into_iter().find_map(|between| artist.split_once(between));
    match chance.below(7) {
        0 | 1 => (misspelt(chance, artist), "misspelt artist"),
        2 if words.len() == 2 => (format!("{}, {}", words[1], words[0]), "last name first"),
        3 if words.len() == 2 && words[1].chars().count() > 3 => {
            let initial: String = words[0].chars().take(1).collect();
            (format!("{initial}. {}", words[1]), "an initial")
        }
        4 => (format!("{artist} feat. A Guest"), "a guest"),
        5 => (fold(artist), "artist without marks"),
        _ => match several {
            Some((one, other)) => (format!("{other} & {one}"), "artists in another order"),
            None => (artist.to_uppercase(), "artist in capitals"),
        },
    }
}

/// One letter wrong, missing, twice, or two swapped; never in a number, never in a text of less than seven letters (there
/// a typo makes another name).
fn misspelt(chance: &mut Chance, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at: Vec<usize> = (0..letters.len().saturating_sub(1))
        .filter(|at| letters[*at].is_alphabetic() && letters[at + 1].is_alphabetic())
        .collect();
    if at.len() < 7 {
        return text.to_owned();
    }
    let at = *chance.pick(&at);
    match chance.below(4) {
        0 => letters[at] = (b'a' + chance.below(26) as u8) as char,
        1 => drop(letters.remove(at)),
        2 => letters.insert(at, letters[at]),
        _ => letters.swap(at, at + 1),
    }
    letters.into_iter().collect()
}
