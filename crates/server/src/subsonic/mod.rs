//! The part of OpenSubsonic that a client needs to browse, search and play, in XML and JSON.
//!
//! A file per group of endpoints; [`answer`] is the one table of them. How an answer is written is in [`node`] and
//! [`reply`], who asks in [`auth`].

mod annotation;
mod auth;
mod browsing;
mod entries;
mod ids;
mod lists;
mod lyrics;
mod media;
mod node;
mod params;
mod reply;
mod searching;
mod system;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::get;
use fonoteca_accounts::User;

use crate::app::{App, ClientAddress};
pub(crate) use auth::Unrecognised;
pub(crate) use ids::WireId;
use node::Node;
use params::Params;
pub(crate) use reply::{ErrorCode, Failure};
use reply::{Format, reply};

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/rest/{endpoint}", get(handle).post(handle))
}

/// A request of a known user.
struct Call {
    app: App,
    user: User,
    params: Params,
    headers: HeaderMap,
}

/// What an endpoint answers with.
enum Answer {
    /// Members of the envelope.
    Node(Node),
    /// Bytes of a file.
    Binary(Response<Body>),
    /// There is no such endpoint here.
    Unknown,
}

impl From<Node> for Answer {
    fn from(node: Node) -> Self {
        Self::Node(node)
    }
}

async fn handle(
    State(app): State<App>,
    Path(endpoint): Path<String>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    request: Request,
) -> Response<Body> {
    let endpoint = endpoint.strip_suffix(".view").unwrap_or(&endpoint);
    let (params, unread) = Params::read(request).await;
    let format = match params.format() {
        Ok(format) => format,
        Err(failure) => return reply(Format::Json, Err(failure)),
    };
    if let Some(failure) = unread {
        return reply(format, Err(failure));
    }
    // The one endpoint that a client asks before it knows how to log in.
    if endpoint == "getOpenSubsonicExtensions" {
        return reply(format, Ok(system::extensions()));
    }
    let user = match auth::authenticate(&app, &params, address).await {
        Ok(user) => user,
        Err(Unrecognised::Failure(failure)) => return reply(format, Err(failure)),
        Err(Unrecognised::Throttled(throttled)) => {
            let failure = Failure::new(ErrorCode::WrongCredentials, throttled.message());
            let mut response = reply(format, Err(failure));
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(throttled.seconds));
            return response;
        }
    };
    match answer(endpoint, &Call { app, user, params, headers }).await {
        Ok(Answer::Node(node)) => reply(format, Ok(node)),
        Ok(Answer::Binary(response)) => response,
        Ok(Answer::Unknown) => {
            let mut response = reply(format, Err(Failure::new(ErrorCode::Generic, "this server has no such endpoint")));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
        Err(failure) => reply(format, Err(failure)),
    }
}

/// The table of endpoints.
async fn answer(endpoint: &str, call: &Call) -> Result<Answer, Failure> {
    Ok(match endpoint {
        "ping" => Node::new().into(),
        "getLicense" => system::license().into(),
        "tokenInfo" => system::token_info(call).into(),
        "getUser" => system::user(call).await?.into(),
        "getMusicFolders" => browsing::music_folders(call).into(),
        "getArtists" => browsing::artists(call).await?.into(),
        "getArtist" => browsing::artist(call).await?.into(),
        "getAlbum" => browsing::album(call).await?.into(),
        "getSong" => browsing::song(call).await?.into(),
        "getGenres" => browsing::genres(call).await?.into(),
        "getLyrics" => lyrics::by_title(call).await?.into(),
        "getLyricsBySongId" => lyrics::by_song(call).await?.into(),
        "getAlbumList2" => lists::albums(call).await?.into(),
        "search3" => searching::search(call).await?.into(),
        "scrobble" => annotation::scrobble(call).await?.into(),
        "stream" => Answer::Binary(media::stream(call).await?),
        "download" => Answer::Binary(media::download(call).await?),
        "getCoverArt" => Answer::Binary(media::cover_art(call).await?),
        _ => Answer::Unknown,
    })
}
