//! What the templates show: texts, not types.

use askama::Template;
use fonoteca_model::units::Duration;

use crate::library::{AlbumItem, ArtistItem, Song};

const NO_COVER: &str = "/assets/record.svg";

/// The longer side of the covers that are loaded, in pixels: sharp on any screen at the largest that the page shows, and one
/// picture for all places where it is shown.
const COVER_SIDE: u32 = 480;

fn cover_of(id: &impl std::fmt::Display) -> String {
    format!("/cover/{id}?size={COVER_SIDE}")
}

/// A track in a list.
pub(super) struct TrackRow {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) artist: String,
    pub(super) album: Option<String>,
    pub(super) number: Option<i32>,
    pub(super) length: String,
    pub(super) cover: String,
}

impl TrackRow {
    pub(super) fn new(song: &Song) -> Self {
        let id = song.track.id.to_string();
        Self {
            title: song.track.title.clone(),
            artist: song.track.artist_credit.clone(),
            album: song.album.as_ref().map(|album| album.title.clone()),
            number: song.track.number,
            length: Duration(song.duration_ms()).to_string(),
            cover: song.cover_root().map_or_else(|| NO_COVER.to_owned(), |_| cover_of(&format_args!("tr-{id}"))),
            id,
        }
    }
}

/// An album in a grid.
pub(super) struct AlbumCard {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) artist: String,
    pub(super) artist_id: Option<String>,
    pub(super) year: Option<String>,
    pub(super) cover: String,
}

impl AlbumCard {
    pub(super) fn new(item: &AlbumItem) -> Self {
        let album = &item.album;
        let id = album.id.to_string();
        Self {
            title: album.title.clone(),
            artist: album.artist_credit.clone(),
            artist_id: album.artists.first().map(|credit| credit.artist_id.to_string()),
            year: album.date.as_deref().and_then(|date| date.get(..4)).map(str::to_owned),
            cover: if item.has_cover { cover_of(&format_args!("al-{id}")) } else { NO_COVER.to_owned() },
            id,
        }
    }
}

/// An artist in a list.
pub(super) struct ArtistLink {
    pub(super) id: String,
    pub(super) name: String,
}

impl ArtistLink {
    pub(super) fn new(item: &ArtistItem) -> Self {
        Self { id: item.artist.id.to_string(), name: item.artist.name.clone() }
    }
}

/// The tracks of one disc.
pub(super) struct Disc {
    pub(super) number: i32,
    pub(super) tracks: Vec<TrackRow>,
}

/// Everything around what is looked at.
#[derive(Template)]
#[template(path = "shell.html")]
pub(super) struct Shell<'a> {
    pub(super) archive: &'a str,
    pub(super) user: &'a str,
    pub(super) title: &'a str,
    pub(super) query: &'a str,
    pub(super) content: &'a str,
}

#[derive(Template)]
#[template(path = "home.html")]
pub(super) struct Home {
    pub(super) albums: Vec<AlbumCard>,
}

#[derive(Template)]
#[template(path = "search.html")]
pub(super) struct Found<'a> {
    pub(super) query: &'a str,
    pub(super) tracks: Vec<TrackRow>,
    pub(super) albums: Vec<AlbumCard>,
    pub(super) artists: Vec<ArtistLink>,
}

#[derive(Template)]
#[template(path = "album.html")]
pub(super) struct AlbumPage {
    pub(super) album: AlbumCard,
    pub(super) summary: String,
    pub(super) tracks: usize,
    pub(super) discs: Vec<Disc>,
}

#[derive(Template)]
#[template(path = "artist.html")]
pub(super) struct ArtistPage {
    pub(super) name: String,
    pub(super) albums: Vec<AlbumCard>,
}

#[derive(Template)]
#[template(path = "missing.html")]
pub(super) struct Missing;
