//! What the archive gives to anyone: the signed feed with its pages, RSS, the files of published releases, and web seeds
//! (BEP 19). What mirrors report is taken here, too.
//!
//! Only what a published release contains is here, and each audio file once more only if the rights in force allow it:
//! what was withdrawn since is answered with 451 (RFC 7725).

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use fonoteca_archive::Located;
use fonoteca_archive::feed::{channels, rss};
use fonoteca_archive::health::{MAX_REPORT_BYTES, ReportRefused, SignedReport, take_report};
use fonoteca_guard::{Decision, Observation, Subject};

use crate::app::{App, ClientAddress};
use crate::content::{Caching, Content, blob, zeros};
use crate::error::Internal;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/feed.json", get(feed))
        .route("/feed.json.minisig", get(signature))
        .route("/pages/{file}", get(page))
        .route("/rss/{*path}", get(channel))
        .route("/reports", get(reports).post(report).layer(DefaultBodyLimit::max(2 * MAX_REPORT_BYTES)))
        .route("/releases/{release}/{file}", get(release_file))
        .route("/webseed/{torrent}/{*path}", get(web_seed))
        .route("/mirror/{name}/webseed/{torrent}/{*path}", get(relayed_web_seed))
        .route("/mirror/{name}/{*path}", get(relayed))
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

/// A page has its own hash as its name: what is under it never changes.
async fn page(State(app): State<App>, Path(file): Path<String>) -> Response<Body> {
    match app.archive.open_feed_page(&file).await {
        Ok(Some(bytes)) => {
            let mut response = changing("application/zstd", bytes);
            let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
            response.headers_mut().insert(CACHE_CONTROL, for_ever);
            response
        }
        Ok(None) => not_found("the feed has no such page"),
        Err(error) => app.internal("reading a page of the feed", &error).into_response(),
    }
}

/// RSS for torrent clients.
async fn channel(
    State(app): State<App>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response<Body>, Internal> {
    let published = app.published().await?;
    let path = format!("rss/{path}");
    let Some(feed) = published.feed.as_ref() else { return Ok(not_found("nothing is published here yet")) };
    let Some((channel, kind)) = channels(&feed.listed).remove(&path) else {
        return Ok(not_found("there is no such channel: rss/all.xml has everything"));
    };
    let base = app.options.public_url.clone().or_else(|| {
        let host = headers.get(HOST)?.to_str().ok()?;
        Some(format!("http://{host}"))
    });
    let Some(base) = base else { return Ok(not_found("the request names no host")) };
    Ok(changing("application/rss+xml; charset=utf-8", rss(&feed.listed, &base, &path, &channel, kind)))
}

/// What a mirror reports. As many as announces are taken from one address.
async fn report(State(app): State<App>, ClientAddress(address): ClientAddress, body: Bytes) -> Response<Body> {
    let now = app.now();
    let decision = app.guard.lock().decide(now, &Subject::Announce { address });
    if let Decision::Delay { until } | Decision::Deny { until, .. } = decision {
        let seconds = until.as_seconds().saturating_sub(now.as_seconds()).max(1);
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds.to_string())]).into_response();
    }
    app.guard.lock().observe(now, &Observation::Announce { address });
    let signed: SignedReport = match serde_json::from_slice(&body) {
        Ok(signed) => signed,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("this is no report: {error}\n")).into_response(),
    };
    let archive = app.archive.clone();
    match tokio::task::spawn_blocking(move || take_report(&archive, &signed)).await {
        Ok(Ok(accepted)) => Json(accepted).into_response(),
        Ok(Err(ReportRefused::Archive(error))) => app.internal("taking a report", &error).into_response(),
        Ok(Err(refused)) => {
            let status = match refused {
                ReportRefused::TooSoon { .. } => StatusCode::TOO_MANY_REQUESTS,
                ReportRefused::Signature(_) | ReportRefused::Elsewhere => StatusCode::FORBIDDEN,
                _ => StatusCode::BAD_REQUEST,
            };
            (status, format!("{refused}\n")).into_response()
        }
        Err(error) => app.internal("taking a report", &error).into_response(),
    }
}

/// What mirrors reported lately, each as its key signed it.
async fn reports(State(app): State<App>) -> Response<Body> {
    let archive = app.archive.clone();
    match tokio::task::spawn_blocking(move || fonoteca_archive::health::reports(&archive)).await {
        Ok(Ok(reports)) => Json(reports).into_response(),
        Ok(Err(error)) => app.internal("reading reports", &error).into_response(),
        Err(error) => app.internal("reading reports", &error).into_response(),
    }
}

/// The feed that a mirror follows, as the origin signed it: for whom the origin is gone, or far.
async fn relayed(State(app): State<App>, Path((name, path)): Path<(String, String)>) -> Response<Body> {
    match app.archive.relayed(&name, &path).await {
        Ok(Some(bytes)) => changing(mime_of(&path), bytes),
        Ok(None) => not_found("no feed that is followed here has this"),
        Err(error) => app.internal("reading a feed that is followed", &error).into_response(),
    }
}

/// The files are the same, whichever feed they are asked for by.
async fn relayed_web_seed(
    state: State<App>,
    Path((_, torrent, path)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response<Body>, Internal> {
    web_seed(state, Path((torrent, path)), headers).await
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
    let contents = app.archive.contents(&published, torrent).await;
    let file = match contents.map_err(|error| app.internal("reading a torrent", &error))?.get(&path) {
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
    if !torrent.whole && matches!(app.archive.store().size(file.root).await, Ok(None)) {
        return Ok(not_found("this mirror has a part of the torrent, and this file is not in it"));
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
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(mime));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
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
