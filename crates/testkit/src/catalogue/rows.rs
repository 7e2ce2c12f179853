//! From plans to rows.

use std::fmt::Write as _;
use std::ops::Range;

use arrow::array::{BooleanArray, Float64Array, Int32Array, Int64Array, StringBuilder};
use fonoteca_model::Id;

use super::columns::{Columns, Credits, empty_lists, moments};
use super::plan::{ALBUMS, ARTISTS, Album, Plan, TRACKS, rank, stream};
use super::random::Random;
use super::words::VOCABULARY;
use super::{Rows, SOURCE, names};

/// Labels, the n-th of which has about 1/n of what the first has.
const LABELS: usize = 400_000;
/// 2026-01-01, when everything was counted and joined.
const NOW: i64 = 1_767_225_600_000_000;
/// Tracks with a popularity above 0.
const POPULAR: f64 = 0.262;
/// Recordings that were listened to at all.
const HEARD: f64 = 0.45;
/// How steeply listens fall with the rank: the most popular third has 99.6 % of them.
const STEEPNESS: f64 = 1.18;

#[derive(Default)]
pub(super) struct Made {
    artist: ArtistColumns,
    album: AlbumColumns,
    track: TrackColumns,
    recordings: Vec<i64>,
    counts: Vec<i64>,
    popularities: Vec<i32>,
    links: StringBuilder,
    from: Vec<i64>,
    to: Vec<i64>,
}

#[derive(Default)]
struct ArtistColumns {
    id: Vec<i64>,
    source_id: StringBuilder,
    name: StringBuilder,
}

#[derive(Default)]
struct AlbumColumns {
    id: Vec<i64>,
    source_id: StringBuilder,
    title: StringBuilder,
    artist_credit: StringBuilder,
    artists: Credits,
    upc: StringBuilder,
    label: StringBuilder,
    date: StringBuilder,
    kind: StringBuilder,
    language: StringBuilder,
}

#[derive(Default)]
struct TrackColumns {
    id: Vec<i64>,
    source_id: StringBuilder,
    title: StringBuilder,
    artist_credit: StringBuilder,
    artists: Credits,
    album_id: Vec<i64>,
    disc: Vec<i32>,
    number: Vec<i32>,
    duration_ms: Vec<i64>,
    isrc: StringBuilder,
    date: StringBuilder,
    language: StringBuilder,
    explicit: Vec<bool>,
}

/// What is told of an album's tracks too.
struct Sleeve {
    date: String,
    year: i32,
    label: u64,
    country: &'static str,
    /// The first of the numbers in its ISRCs.
    designation: usize,
}

/// A block while its rows are made.
struct Block {
    seed: u64,
    number: u64,
    plan: Plan,
    artist_ids: Vec<i64>,
    sleeves: Vec<Option<Sleeve>>,
    /// The id of the album whose tracks are being made.
    album_id: i64,
    text: String,
}

impl Made {
    /// Adds what belongs to these tracks of the block.
    pub(super) fn add(&mut self, seed: u64, number: u64, tracks: Range<usize>) {
        let plan = Plan::of(seed, number);
        let id = |at: usize| id(&source_id(seed, stream::ARTIST_ID, number * ARTISTS as u64 + at as u64));
        let artist_ids = (0..ARTISTS).map(id).collect();
        let sleeves = (0..ALBUMS).map(|_| None).collect();
        let mut block = Block { seed, number, plan, artist_ids, sleeves, album_id: 0, text: String::new() };
        let mut album = block.plan.albums.partition_point(|album| album.first + album.tracks <= tracks.start);
        let first = tracks.start;
        for at in tracks {
            let planned = &block.plan.albums[album];
            if at == planned.first || at == first {
                block.album_id = self::id(&source_id(seed, stream::ALBUM_ID, number * ALBUMS as u64 + album as u64));
            }
            if at == planned.first {
                self.add_album(&mut block, album);
            }
            self.add_track(&mut block, album, at);
            let planned = &block.plan.albums[album];
            album += usize::from(at + 1 == planned.first + planned.tracks);
        }
    }

    fn add_album(&mut self, block: &mut Block, at: usize) {
        let planned = &block.plan.albums[at];
        if let Some(artist) = planned.artist.filter(|_| planned.brings_artist) {
            let source_id = source_id(block.seed, stream::ARTIST_ID, block.number * ARTISTS as u64 + artist as u64);
            let columns = &mut self.artist;
            let name = &block.plan.artists[artist].name;
            columns.id.push(block.artist_ids[artist]);
            columns.source_id.append_value(text(&source_id));
            columns.name.append_value(name);
        }
        let index = block.number * ALBUMS as u64 + at as u64;
        let columns = &mut self.album;
        let source_id = source_id(block.seed, stream::ALBUM_ID, index);
        columns.id.push(id(&source_id));
        columns.source_id.append_value(text(&source_id));

        let mut random = Random::at(block.seed, stream::ALBUM, index);
        let sleeve = Sleeve::of(&mut random, block, planned);
        let artist = planned.artist.map(|artist| (artist, &block.plan.artists[artist]));
        let language = artist.map_or_else(|| VOCABULARY.language(&mut random), |(_, artist)| artist.language);
        let language = &VOCABULARY.languages[language];
        block.text.clear();
        names::album(&mut random, language, &mut block.text);
        columns.title.append_value(&block.text);
        let credit = artist.map_or("Various Artists", |(_, artist)| &artist.name);
        columns.artist_credit.append_value(credit);
        match artist {
            Some((at, artist)) => columns.artists.push(credit, &[(block.artist_ids[at], "main", &artist.name)]),
            None => columns.artists.push(credit, &[]),
        }
        columns.upc.append_value(upc(&mut random, sleeve.label));
        block.text.clear();
        match artist {
            Some((_, artist)) if random.chance(0.3) => columns.label.append_value(&artist.name),
            _ => {
                names::label(&mut Random::at(block.seed, stream::LABEL, sleeve.label), &mut block.text);
                columns.label.append_value(&block.text);
            }
        }
        columns.date.append_value(&sleeve.date);
        columns.kind.append_value(match (artist, planned.tracks) {
            (None, _) => "compilation",
            (_, 1..=2) => "single",
            (_, 3..=6) => "ep",
            _ => "album",
        });
        let told = artist.filter(|(_, artist)| artist.tells_language).map(|_| language.code);
        columns.language.append_option(told);
        block.sleeves[at] = Some(sleeve);
    }

    fn add_track(&mut self, block: &mut Block, album: usize, at: usize) {
        let index = block.number * TRACKS as u64 + at as u64;
        let planned = block.plan.tracks[at];
        let source_id = source_id(block.seed, stream::TRACK_ID, index);
        let track_id = id(&source_id);
        let columns = &mut self.track;
        columns.id.push(track_id);
        columns.source_id.append_value(text(&source_id));

        // What is the same in every version of a recording follows from the first.
        let original = planned.original.unwrap_or(at);
        let original_index = block.number * TRACKS as u64 + original as u64;
        let mut shared = Random::at(block.seed, stream::TRACK, original_index);
        let mut own = Random::at(block.seed, stream::TRACK, !index);
        let artist = &block.plan.artists[planned.artist];
        let language = &VOCABULARY.languages[artist.language];
        block.text.clear();
        names::title(&mut shared, language, &mut block.text);
        if planned.original.is_some() && own.chance(0.08) {
            block.text.push_str(" - Remastered");
        }
        columns.title.append_value(&block.text);
        let duration = (shared.normal() * 0.38 + 205_000_f64.ln()).exp().clamp(4_000.0, 3_600_000.0) as i64;
        let moved = if planned.original.is_some() && own.chance(0.3) { own.below(900) as i64 - 450 } else { 0 };
        columns.duration_ms.push(duration + moved);

        let main = (block.artist_ids[planned.artist], "main", &*artist.name);
        if let Some(other) = planned.featured {
            let name = &block.plan.artists[other].name;
            block.text.clear();
            let _ = write!(block.text, "{} feat. {name}", artist.name);
            columns.artist_credit.append_value(&block.text);
            columns.artists.push(&block.text, &[main, (block.artist_ids[other], "featured", name)]);
        } else {
            columns.artist_credit.append_value(&artist.name);
            columns.artists.push(&artist.name, &[main]);
        }
        let of = &block.plan.albums[album];
        columns.album_id.push(block.album_id);
        let place = at - of.first;
        let per_disc = if of.tracks > 18 { of.tracks.div_ceil(2) } else { of.tracks };
        columns.disc.push(1 + (place / per_disc) as i32);
        columns.number.push(1 + (place % per_disc) as i32);
        columns.explicit.push(shared.chance(artist.explicit));
        columns.language.append_option(artist.tells_language.then_some(language.code));

        let share = rank(&mut shared, artist);
        let published = match planned.original {
            Some(original) => block.plan.albums.partition_point(|album| album.first + album.tracks <= original),
            None => album,
        };
        let number = original - block.plan.albums[published].first;
        let group = block.number / BLOCKS_A_CODE;
        let isrc = isrc(block.sleeve(published), group, number);
        let columns = &mut self.track;
        columns.isrc.append_value(std::str::from_utf8(&isrc).expect("letters and digits"));
        columns.date.append_value(&block.sleeve(album).date);

        if planned.original.is_some() {
            let of = id(&self::source_id(block.seed, stream::TRACK_ID, original_index));
            self.from.push(track_id);
            self.to.push(of);
            block.text.clear();
            let _ = write!(block.text, "isrc/{index}");
            self.links.append_value(&block.text);
        } else if share < HEARD {
            self.recordings.push(track_id);
            self.counts.push((4.0 * (share / HEARD).powf(-STEEPNESS)) as i64);
            let popularity = if share < POPULAR { 1 + (-9.5 * (share / POPULAR).ln()) as i32 } else { 0 };
            self.popularities.push(popularity.min(100));
        }
    }

    pub(super) fn finish(self) -> Rows {
        let Self { artist, album, track, recordings, counts, popularities, mut links, from, to } = self;
        let joins = from.len();
        let links = Columns::new(joins)
            .with("id", links.finish())
            .with_same("entity", "recording")
            .with("from_id", Int64Array::from(from))
            .with("to_id", Int64Array::from(to))
            .with_same("reason", "isrc")
            .with("score", Float64Array::from(vec![1.0; joins]))
            .with_nothing(&["supersedes"])
            .with("at", moments(vec![NOW; joins]));
        let listens = Columns::new(counts.len())
            .with("recording_id", Int64Array::from(recordings))
            .with("as_of", moments(vec![NOW; counts.len()]))
            .with("count", Int64Array::from(counts))
            .with("popularity", Int32Array::from(popularities));
        Rows {
            artists: artist.finish().finish(),
            albums: album.finish().finish(),
            tracks: track.finish().finish(),
            listens: listens.finish(),
            links: links.finish(),
        }
    }
}

impl ArtistColumns {
    fn finish(mut self) -> Columns {
        let rows = self.id.len();
        Columns::new(rows)
            .with("id", Int64Array::from(self.id))
            .with_same("source", SOURCE)
            .with("source_id", self.source_id.finish())
            .with("name", self.name.finish())
            // It is left out but where the source is `local`.
            .with_same("fold", "")
            .with_nothing(&["sort_name", "disambiguation"])
            .with("aliases", empty_lists(rows))
            .with_nothing(&["mbid", "raw"])
    }
}

impl AlbumColumns {
    fn finish(mut self) -> Columns {
        Columns::new(self.id.len())
            .with("id", Int64Array::from(self.id))
            .with_same("source", SOURCE)
            .with("source_id", self.source_id.finish())
            .with("title", self.title.finish())
            // It is left out but where the source is `local`.
            .with_same("fold", "")
            .with("artist_credit", self.artist_credit.finish())
            .with("artists", self.artists.finish())
            .with_nullable("upc", self.upc.finish())
            .with_nothing(&["mbid"])
            .with_nullable("label", self.label.finish())
            .with_nothing(&["catalogue_number"])
            .with_nullable("date", self.date.finish())
            .with_nullable("kind", self.kind.finish())
            .with_nullable("language", self.language.finish())
            .with_nothing(&["cover_root", "raw"])
    }
}

impl TrackColumns {
    fn finish(mut self) -> Columns {
        Columns::new(self.id.len())
            .with("id", Int64Array::from(self.id))
            .with_same("source", SOURCE)
            .with("source_id", self.source_id.finish())
            .with("title", self.title.finish())
            .with("artist_credit", self.artist_credit.finish())
            .with("artists", self.artists.finish())
            .with_nullable("album_id", Int64Array::from(self.album_id))
            .with_nullable("disc", Int32Array::from(self.disc))
            .with_nullable("number", Int32Array::from(self.number))
            .with_nullable("duration_ms", Int64Array::from(self.duration_ms))
            .with_nullable("isrc", self.isrc.finish())
            .with_nothing(&["mbid"])
            .with_nullable("date", self.date.finish())
            .with_nothing(&["label"])
            .with_nullable("language", self.language.finish())
            .with_nullable("explicit", BooleanArray::from(self.explicit))
            .with_nothing(&["raw"])
    }
}

impl Block {
    /// The sleeve of an album, also of one that lies before the stretch.
    fn sleeve(&mut self, album: usize) -> &Sleeve {
        if self.sleeves[album].is_none() {
            let index = self.number * ALBUMS as u64 + album as u64;
            let mut random = Random::at(self.seed, stream::ALBUM, index);
            self.sleeves[album] = Some(Sleeve::of(&mut random, self, &self.plan.albums[album]));
        }
        self.sleeves[album].as_ref().expect("made above")
    }
}

impl Sleeve {
    fn of(random: &mut Random, block: &Block, album: &Album) -> Self {
        let age = (-(1.0 - random.unit()).ln() * 11.0) as i32;
        let year = (2025 - age).max(1925);
        let (month, day) = if random.chance(0.06) { (1, 1) } else { (1 + random.below(12), 1 + random.below(28)) };
        let date = match random.below(100) {
            0..5 => format!("{year}"),
            5..8 => format!("{year}-{month:02}"),
            _ => format!("{year}-{month:02}-{day:02}"),
        };
        let label = random.zipf(LABELS) as u64;
        let language = album.artist.map_or(0, |artist| block.plan.artists[artist].language);
        let country = *random.of(VOCABULARY.languages[language].countries);
        Self { date, year, label, country, designation: random.below(99_900) }
    }
}

/// A registrant code is used up after some thousand recordings; then a label gets another.
const BLOCKS_A_CODE: u64 = 8;

/// Country, registrant, year, and a number that counts through the album.
fn isrc(sleeve: &Sleeve, group: u64, number: usize) -> [u8; 12] {
    let mut isrc = [b'0'; 12];
    isrc[..2].copy_from_slice(sleeve.country.as_bytes());
    let mut code = Random::at(sleeve.label, stream::LABEL, group);
    for letter in &mut isrc[2..5] {
        *letter = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[code.below(36)];
    }
    let mut rest = sleeve.year.rem_euclid(100) as usize * 100_000 + sleeve.designation + number;
    for digit in isrc[5..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    isrc
}

const ID_LETTERS: usize = 22;
type SourceId = [u8; ID_LETTERS];

/// 22 letters and digits without pattern, as large services name what they have.
fn source_id(seed: u64, kind: u64, index: u64) -> SourceId {
    const LETTERS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut random = Random::at(seed, kind, index);
    let mut id = [0; ID_LETTERS];
    for part in id.chunks_mut(8) {
        let mut bits = random.next();
        for letter in part {
            *letter = LETTERS[((u128::from(bits) * 62) >> 64) as usize];
            bits = bits.wrapping_mul(62);
        }
    }
    id
}

fn text(source_id: &SourceId) -> &str {
    std::str::from_utf8(source_id).expect("letters and digits")
}

fn id(source_id: &SourceId) -> i64 {
    Id::of(SOURCE, text(source_id)).0
}

/// An EAN of 13 digits: the label's prefix, a number, the check digit.
fn upc(random: &mut Random, label: u64) -> String {
    let digits = (label * 7_919 % 9_000_000 + 1_000_000) * 100_000 + random.below(100_000) as u64;
    let mut text = format!("{digits:012}");
    let sum: u32 = text.bytes().enumerate().map(|(at, digit)| u32::from(digit - b'0') * [1, 3][at % 2]).sum();
    text.push(char::from(b'0' + ((10 - sum % 10) % 10) as u8));
    text
}
