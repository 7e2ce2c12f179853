//! `stream`, `download`, `getCoverArt`: what answers with bytes.

use axum::body::Body;
use axum::http::Response;
use axum::http::header::{CONTENT_DISPOSITION, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::ids::WireId;
use super::reply::{ErrorCode, Failure};
use super::{Call, ids};
use crate::covers;
use crate::library::{Hearing, Library, Song};
use crate::playing::{self, Wish};

/// The song, as it is or smaller.
pub(super) async fn stream(call: &Call) -> Result<Response<Body>, Failure> {
    let song = audible(call).await?;
    let wish = Wish {
        format: call.params.get("format").filter(|format| !format.is_empty()).map(str::to_owned),
        max_kbps: call.params.number("maxBitRate", 0_u32)?,
        start_seconds: call.params.number("timeOffset", 0_u32)?,
    };
    let response = playing::play(&call.app, &song, &wish, &call.headers).await?;
    response.ok_or_else(|| Failure::not_found("file of this song at the moment"))
}

/// The file, as it came; of a track that is a part of a file, that part.
pub(super) async fn download(call: &Call) -> Result<Response<Body>, Failure> {
    let song = audible(call).await?;
    let response = playing::keep(&call.app, &song, &call.headers).await?;
    let mut response = response.ok_or_else(|| Failure::not_found("file of this song at the moment"))?;
    // RFC 6266 and RFC 8187: names in any language.
    let (_, extension) = playing::sent_as(&song);
    let name = format!("{} - {}.{extension}", song.track.artist_credit, song.track.title);
    let encoded = utf8_percent_encode(&name, NON_ALPHANUMERIC);
    let value = HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{encoded}"));
    response.headers_mut().insert(CONTENT_DISPOSITION, value.expect("percent-encoded text is a header value"));
    Ok(response)
}

/// The cover of a song, an album, or an artist's first album that has one: in the size that it has, or with `size`, no larger
/// than a square of so many pixels.
pub(super) async fn cover_art(call: &Call) -> Result<Response<Body>, Failure> {
    let id = WireId::parse(call.params.required("id")?).ok_or_else(|| Failure::not_found("cover"))?;
    let side = call.params.number("size", 0_u32)?;
    let library = Library::open(&call.app, &call.user).await?;
    let cover = library.cover(id).await?.ok_or_else(|| Failure::not_found("cover"))?;
    let response = covers::cover(&call.app, &cover, side, &call.headers).await?;
    response.ok_or_else(|| Failure::not_found("cover"))
}

/// The song that the parameters name, if the user may hear it.
async fn audible(call: &Call) -> Result<Song, Failure> {
    let id = ids::track(&call.params)?;
    match Library::open(&call.app, &call.user).await?.hear(id).await? {
        Hearing::Song(song) => Ok(*song),
        Hearing::Refused(why) => Err(Failure::new(ErrorCode::NotAuthorised, why)),
        Hearing::Unknown => Err(Failure::not_found("song")),
    }
}
