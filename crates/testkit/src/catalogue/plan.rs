//! What a stretch of the catalogue consists of, before it becomes rows.
//!
//! The catalogue is made of blocks that know nothing of each other: 275 artists with 1,000 albums and 4,400 tracks, which is
//! 4.4 tracks an album and 16 an artist. How they are spread within a block is skewed as in real catalogues.

use super::names;
use super::random::{Random, normal_share};
use super::words::VOCABULARY;

pub(super) const ARTISTS: usize = 275;
pub(super) const ALBUMS: usize = 1_000;
pub(super) const TRACKS: usize = 4_400;
/// Tracks of a block that were published before, so that 73.1 % of all ISRCs are distinct.
const REISSUED: usize = 1_184;
/// Longest album.
const LONGEST: usize = 40;

/// What a [`Random`] is for; part of every stream's place.
pub(super) mod stream {
    pub(in super::super) const LAYOUT: u64 = 2;
    pub(in super::super) const ARTIST: u64 = 3;
    pub(in super::super) const ALBUM: u64 = 4;
    pub(in super::super) const TRACK: u64 = 5;
    pub(in super::super) const LABEL: u64 = 6;
    pub(in super::super) const ARTIST_ID: u64 = 7;
    pub(in super::super) const ALBUM_ID: u64 = 8;
    pub(in super::super) const TRACK_ID: u64 = 9;
}

pub(super) struct Artist {
    pub(super) name: String,
    /// Which of the vocabulary's.
    pub(super) language: usize,
    /// Whether the source says the language.
    pub(super) tells_language: bool,
    /// Some artists mark most tracks as explicit, most none.
    pub(super) explicit: f64,
    /// Normally distributed; half of what makes a track popular.
    pub(super) appeal: f64,
}

pub(super) struct Album {
    /// Within the block; none: various.
    pub(super) artist: Option<usize>,
    /// Its first track within the block.
    pub(super) first: usize,
    pub(super) tracks: usize,
    /// The first of its artist, with which the artist's row comes.
    pub(super) brings_artist: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Track {
    /// Within the block.
    pub(super) artist: usize,
    pub(super) featured: Option<usize>,
    /// The track within the block that is the same recording and came first.
    pub(super) original: Option<usize>,
}

pub(super) struct Plan {
    pub(super) artists: Vec<Artist>,
    pub(super) albums: Vec<Album>,
    pub(super) tracks: Vec<Track>,
}

impl Plan {
    pub(super) fn of(seed: u64, block: u64) -> Self {
        let mut random = Random::at(seed, stream::LAYOUT, block);
        let artists = (0..ARTISTS).map(|at| Artist::of(seed, block * ARTISTS as u64 + at as u64)).collect();
        let albums = albums(&mut random);
        let tracks = tracks(&mut random, &albums);
        Self { artists, albums, tracks }
    }
}

impl Artist {
    fn of(seed: u64, index: u64) -> Self {
        let mut random = Random::at(seed, stream::ARTIST, index);
        let language = VOCABULARY.language(&mut random);
        let mut name = String::with_capacity(24);
        names::artist(&mut random, &VOCABULARY.languages[language], &mut name);
        Self {
            name,
            language,
            tells_language: random.chance(0.4),
            explicit: if random.chance(0.15) { 0.6 } else { 0.02 },
            appeal: random.normal(),
        }
    }
}

fn albums(random: &mut Random) -> Vec<Album> {
    // Each artist has an album; the rest goes to few.
    let mut owners: Vec<usize> = (0..ARTISTS).collect();
    owners.extend((ARTISTS..ALBUMS).map(|_| random.zipf(ARTISTS)));
    for at in (1..ALBUMS).rev() {
        owners.swap(at, random.below(at + 1));
    }
    let mut sizes: Vec<usize> = (0..ALBUMS).map(|_| size(random)).collect();
    let mut total: usize = sizes.iter().sum();
    while total != TRACKS {
        let size = &mut sizes[random.below(ALBUMS)];
        if total < TRACKS && *size < LONGEST {
            *size += 1;
            total += 1;
        } else if total > TRACKS && *size > 1 {
            *size -= 1;
            total -= 1;
        }
    }
    let mut known = [false; ARTISTS];
    let mut first = 0;
    let albums = owners.into_iter().zip(sizes).map(|(owner, tracks)| {
        let brings_artist = !std::mem::replace(&mut known[owner], true);
        let is_compilation = !brings_artist && tracks > 4 && random.chance(0.12);
        let album = Album { artist: (!is_compilation).then_some(owner), first, tracks, brings_artist };
        first += tracks;
        album
    });
    albums.collect()
}

fn size(random: &mut Random) -> usize {
    match random.below(100) {
        0..45 => 1,
        45..55 => 2,
        55..75 => 3 + random.below(4),
        75..97 => 8 + random.below(7),
        _ => 15 + random.below(16),
    }
}

fn tracks(random: &mut Random, albums: &[Album]) -> Vec<Track> {
    let mut tracks = Vec::with_capacity(TRACKS);
    for album in albums {
        for _ in 0..album.tracks {
            let artist = album.artist.unwrap_or_else(|| random.below(ARTISTS));
            let featured = random.chance(0.14).then(|| random.below(ARTISTS)).filter(|other| *other != artist);
            tracks.push(Track { artist, featured, original: None });
        }
    }
    // Of the tracks whose artist has an earlier album here, exactly so many are reissues, each as likely as the others.
    let mut earlier: Vec<Vec<usize>> = vec![Vec::new(); ARTISTS];
    let mut can_be = vec![false; TRACKS];
    for album in albums {
        let range = album.first..album.first + album.tracks;
        for at in range.clone() {
            can_be[at] = !earlier[tracks[at].artist].is_empty();
        }
        for at in range {
            earlier[tracks[at].artist].push(at);
        }
    }
    let mut candidates = can_be.iter().filter(|can_be| **can_be).count();
    let mut wanted = REISSUED.min(candidates);
    let mut originals: Vec<Vec<usize>> = vec![Vec::new(); ARTISTS];
    for album in albums {
        let range = album.first..album.first + album.tracks;
        for at in range.clone().filter(|at| can_be[*at]) {
            if random.below(candidates) < wanted {
                let of_artist = &originals[tracks[at].artist];
                let original = *random.of(of_artist);
                tracks[at] = Track { featured: tracks[original].featured, original: Some(original), ..tracks[at] };
                wanted -= 1;
            }
            candidates -= 1;
        }
        for at in range.filter(|at| tracks[*at].original.is_none()) {
            originals[tracks[at].artist].push(at);
        }
    }
    tracks
}

/// The share of tracks that are more popular than this one, in (0, 1): as even as `random` is, and alike within an artist.
pub(super) fn rank(random: &mut Random, artist: &Artist) -> f64 {
    let z = std::f64::consts::FRAC_1_SQRT_2 * (artist.appeal + random.normal());
    (1.0 - normal_share(z)).max(1e-9)
}
