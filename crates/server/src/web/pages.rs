//! What a logged-in user looks at and hears.

use askama::Template;
use axum::Form;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::VARY;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::response::{Html, IntoResponse};
use fonoteca_model::{Id, units};
use serde::Deserialize;

use super::views::{AlbumCard, AlbumPage, ArtistLink, ArtistPage, Disc, Found, Home, Missing, Shell, TrackRow};
use crate::app::App;
use crate::auth::session::{SessionUser, is_from_here};
use crate::covers;
use crate::error::Internal;
use crate::library::{AlbumSort, Hearing, Library, Page, Song};
use crate::playing::{self, Wish};
use crate::subsonic::WireId;

const HOME_ALBUMS: u32 = 60;
const FOUND_TRACKS: u32 = 50;
const FOUND_OTHERS: u32 = 12;
const MAX_QUERY_CHARS: usize = 200;

type Answer = Result<Response<Body>, Internal>;

pub(super) async fn home(State(app): State<App>, user: SessionUser, headers: HeaderMap) -> Answer {
    let library = Library::open(&app, &user.0).await?;
    let albums = library.albums(&AlbumSort::Newest, 0, HOME_ALBUMS).await?;
    let page = Home { albums: albums.iter().map(AlbumCard::new).collect() };
    View { app: &app, user: &user, headers: &headers, query: "" }.show(StatusCode::OK, "Newest albums", &page)
}

/// What the search field sends.
#[derive(Deserialize)]
pub(super) struct SearchQuery {
    #[serde(default)]
    q: String,
}

pub(super) async fn search(
    State(app): State<App>,
    user: SessionUser,
    headers: HeaderMap,
    Query(query): Query<SearchQuery>,
) -> Answer {
    let words: String = query.q.trim().chars().take(MAX_QUERY_CHARS).collect();
    let mut page = Found { query: &words, tracks: Vec::new(), albums: Vec::new(), artists: Vec::new() };
    if !words.is_empty() {
        let library = Library::open(&app, &user.0).await?;
        let others = Page { offset: 0, limit: FOUND_OTHERS };
        let tracks = library.search_songs(&words, Page { offset: 0, limit: FOUND_TRACKS }).await?;
        page.tracks = tracks.iter().map(TrackRow::new).collect();
        page.albums = library.search_albums(&words, others).await?.iter().map(AlbumCard::new).collect();
        page.artists = library.search_artists(&words, others).await?.iter().map(ArtistLink::new).collect();
    }
    View { app: &app, user: &user, headers: &headers, query: &words }.show(StatusCode::OK, "Search", &page)
}

pub(super) async fn album(
    State(app): State<App>,
    user: SessionUser,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let view = View { app: &app, user: &user, headers: &headers, query: "" };
    let Ok(id) = id.parse::<Id>() else { return view.missing() };
    let Some((item, songs)) = Library::open(&app, &user.0).await?.album(id).await? else { return view.missing() };
    let length: i64 = songs.iter().map(Song::duration_ms).sum();
    let plural = if songs.len() == 1 { "" } else { "s" };
    let mut discs: Vec<Disc> = Vec::new();
    for song in &songs {
        let number = song.track.disc.unwrap_or(1);
        if discs.last().is_none_or(|disc| disc.number != number) {
            discs.push(Disc { number, tracks: Vec::new() });
        }
        if let Some(disc) = discs.last_mut() {
            disc.tracks.push(TrackRow::new(song));
        }
    }
    let page = AlbumPage {
        album: AlbumCard::new(&item),
        summary: format!("{} track{plural}, {}", songs.len(), units::Duration(length)),
        tracks: songs.len(),
        discs,
    };
    view.show(StatusCode::OK, &item.album.title, &page)
}

pub(super) async fn artist(
    State(app): State<App>,
    user: SessionUser,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let view = View { app: &app, user: &user, headers: &headers, query: "" };
    let Ok(id) = id.parse::<Id>() else { return view.missing() };
    let Some((artist, albums)) = Library::open(&app, &user.0).await?.artist(id).await? else { return view.missing() };
    let name = artist.artist.name;
    let page = ArtistPage { name: name.clone(), albums: albums.iter().map(AlbumCard::new).collect() };
    view.show(StatusCode::OK, &name, &page)
}

/// The sound of a track, in a form that browsers play.
pub(super) async fn stream(
    State(app): State<App>,
    user: SessionUser,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let Ok(id) = id.parse::<Id>() else { return Ok(StatusCode::NOT_FOUND.into_response()) };
    let song = match Library::open(&app, &user.0).await?.hear(id).await? {
        Hearing::Song(song) => song,
        Hearing::Refused(why) => return Ok((StatusCode::FORBIDDEN, why).into_response()),
        Hearing::Unknown => return Ok(StatusCode::NOT_FOUND.into_response()),
    };
    let format = if browsers_play(&song) { None } else { Some("mp3".to_owned()) };
    let wish = Wish { format, ..Wish::default() };
    Ok(match playing::play(&app, &song, &wish, &headers).await {
        Ok(response) => response.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response()),
        Err(unplayable) => unplayable.into_response(),
    })
}

/// How large a cover is shown, in pixels; 0: as large as it is.
#[derive(Deserialize)]
pub(super) struct Shown {
    #[serde(default)]
    size: u32,
}

pub(super) async fn cover(
    State(app): State<App>,
    user: SessionUser,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(Shown { size }): Query<Shown>,
) -> Answer {
    let Some(id) = WireId::parse(&id) else { return Ok(StatusCode::NOT_FOUND.into_response()) };
    let Some(cover) = Library::open(&app, &user.0).await?.cover(id).await? else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let response = covers::cover(&app, &cover, size, &headers).await?;
    Ok(response.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response()))
}

/// What the player reports.
#[derive(Deserialize)]
pub(super) struct Played {
    submission: bool,
}

pub(super) async fn played(
    State(app): State<App>,
    user: SessionUser,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(played): Form<Played>,
) -> Answer {
    if !is_from_here(&headers) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    let Ok(id) = id.parse::<Id>() else { return Ok(StatusCode::NOT_FOUND.into_response()) };
    if Library::open(&app, &user.0).await?.songs(&[id]).await?.is_empty() {
        return Ok(StatusCode::NOT_FOUND.into_response());
    }
    let noted = app.accounts.scrobble(&user.0, id, app.now(), played.submission).await;
    noted.map_err(|error| app.internal("noting a play", &error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Codings that today's browsers play as they are.
fn browsers_play(song: &Song) -> bool {
    let codec = song.file.codec.to_ascii_lowercase();
    ["flac", "mp3", "vorbis", "opus", "aac", "pcm"].iter().any(|known| codec.starts_with(known))
}

/// One answer of the page.
struct View<'a> {
    app: &'a App,
    user: &'a SessionUser,
    headers: &'a HeaderMap,
    query: &'a str,
}

impl View<'_> {
    fn missing(&self) -> Answer {
        self.show(StatusCode::NOT_FOUND, "Not here", &Missing)
    }

    /// The content alone for the script, which has everything around it already; the whole page otherwise.
    fn show(&self, status: StatusCode, title: &str, content: &impl Template) -> Answer {
        let failed = |error: askama::Error| self.app.internal("rendering a page", &error);
        let mut html = content.render().map_err(failed)?;
        if !self.headers.contains_key("x-fragment") {
            let (archive, user) = (self.app.archive.name(), self.user.0.name.as_str());
            html = Shell { archive, user, title, query: self.query, content: &html }.render().map_err(failed)?;
        }
        let mut response = (status, Html(html)).into_response();
        response.headers_mut().insert(VARY, HeaderValue::from_static("x-fragment, cookie"));
        Ok(response)
    }
}
