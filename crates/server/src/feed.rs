//! What the archive gives to anyone: the signed feed, the files of published releases, and web seeds (BEP 19).
//!
//! Only what a published release contains is here, and each audio file once more only if the rights in force allow it:
//! what was withdrawn since is answered with 451 (RFC 7725).

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use fonoteca_archive::Located;

use crate::app::App;
use crate::content::{Caching, Content, blob, zeros};
use crate::error::Internal;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/feed.json", get(feed))
        .route("/feed.json.minisig", get(signature))
        .route("/releases/{release}/{file}", get(release_file))
        .route("/webseed/{torrent}/{*path}", get(web_seed))
}

async fn feed(State(app): State<App>) -> Result<Response<Body>, Internal> {
    let published = app.published().await?;
    let feed = published.feed.as_ref();
    Ok(feed.map_or_else(
        || not_found("nothing is published here yet"),
        |feed| changing("application/json", feed.bytes.clone()),
    ))
}

async fn signature(State(app): State<App>) -> Result<Response<Body>, Internal> {
    let published = app.published().await?;
    let feed = published.feed.as_ref();
    Ok(feed.map_or_else(
        || not_found("nothing is published here yet"),
        |feed| changing("text/plain; charset=utf-8", feed.signature.clone()),
    ))
}

async fn release_file(State(app): State<App>, Path((release, file)): Path<(String, String)>) -> Response<Body> {
    match app.archive.open_release_file(&release, &file).await {
        Ok(Some(bytes)) => changing(mime_of(&file), bytes),
        Ok(None) => not_found("no published release has this file"),
        Err(error) => app.internal("reading a release", &error).into_response(),
    }
}

async fn web_seed(
    State(app): State<App>,
    Path((torrent, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response<Body>, Internal> {
    let published = app.published().await?;
    let Some(torrent) = published.torrents.get(&torrent) else {
        return Ok(not_found("no published torrent has this name"));
    };
    let located = app.archive.locate(&published, torrent, &path).await;
    let file = match located.map_err(|error| app.internal("reading a torrent", &error))? {
        None => return Ok(not_found("the torrent has no such file")),
        Some(Located::Padding(size)) => {
            let counting = app.clone();
            return Ok(zeros(size, &headers, move |sent| counting.metrics.web_seed_bytes.add(sent)));
        }
        Some(Located::File(file)) => file,
    };
    if file.withdrawn {
        let message = "This recording was withdrawn at its rights holder's request.\n";
        return Ok((StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS, message).into_response());
    }
    if !file.may_distribute {
        return Ok(not_found("the rights in force do not allow to give this to anyone"));
    }
    let content = Content {
        root: file.root,
        size: file.size,
        mime: "application/octet-stream",
        caching: Caching::Public,
        counter: Some(|metrics| &metrics.web_seed_bytes),
    };
    let response = blob(&app, content, &headers).await?;
    Ok(response.unwrap_or_else(|| not_found("the file is not held at the moment")))
}

/// What may be another thing tomorrow under the same address.
fn changing(mime: &'static str, body: impl IntoResponse) -> Response<Body> {
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static(mime));
    response.headers_mut().insert(CACHE_CONTROL, axum::http::HeaderValue::from_static("no-cache"));
    response
}

fn mime_of(file: &str) -> &'static str {
    match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("torrent") => "application/x-bittorrent",
        Some("json") => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}

fn not_found(message: &'static str) -> Response<Body> {
    (StatusCode::NOT_FOUND, format!("{message}\n")).into_response()
}
