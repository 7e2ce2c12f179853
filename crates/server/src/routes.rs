//! All addresses of the server, and what every answer carries.

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, RawQuery, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue,
    REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Response, StatusCode};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::get;
use fonoteca_guard::{Decision, Observation, Subject};

use crate::app::{App, ClientAddress, Connection};
use crate::{api, feed, subsonic, web};

/// Nothing but this server's own files, and no scripts or styles inside pages.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The whole server.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .merge(web::routes())
        .merge(subsonic::routes())
        .merge(feed::routes())
        .merge(api::routes())
        .route("/announce", get(announce))
        .route("/scrape", get(scrape))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .layer(middleware::from_fn_with_state(app.clone(), every_answer))
        .with_state(app)
}

/// What pages of other sites may read: it asks for no cookie, but for credentials in the address or for none at all. Music
/// players and torrent clients that live in a browser need it.
const OPEN_TO_PAGES: [&str; 7] = ["/rest/", "/feed.json", "/pages/", "/rss/", "/releases/", "/webseed/", "/mirror/"];

async fn every_answer(State(app): State<App>, request: Request, next: Next) -> Response<Body> {
    let open = OPEN_TO_PAGES.iter().any(|prefix| request.uri().path().starts_with(prefix));
    let mut response = next.run(request).await;
    app.metrics.requests.add(1);
    let headers = response.headers_mut();
    if open {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let ranges = HeaderValue::from_static("accept-ranges, content-length, content-range, etag");
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ranges);
    }
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), if open { "cross-origin" } else { "same-origin" }),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn announce(
    State(app): State<App>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let address = connection.remote.ip().to_canonical();
    let now = app.now();
    let decision = app.guard.lock().decide(now, &Subject::Announce { address });
    if let Decision::Delay { until } | Decision::Deny { until, .. } = decision {
        let seconds = until.as_seconds().saturating_sub(now.as_seconds()).max(1);
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds.to_string())]).into_response();
    }
    app.guard.lock().observe(now, &Observation::Announce { address });
    app.metrics.announces.add(1);
    let own = app.own_seeder(connection.local);
    app.tracker.announce(&query.unwrap_or_default(), connection.remote, own, now)
}

async fn scrape(State(app): State<App>, RawQuery(query): RawQuery) -> Response<Body> {
    app.tracker.scrape(&query.unwrap_or_default(), app.has_seeder(), app.now())
}

/// Whether the server can do its work: the accounts answer and the tables can be read.
async fn health(State(app): State<App>) -> Response<Body> {
    if let Err(error) = app.accounts.users().await {
        return app.internal("asking the accounts", &error).into_response();
    }
    match app.archive.snapshot().await {
        Ok(_) => "ok\n".into_response(),
        Err(error) => app.internal("reading the tables", &error).into_response(),
    }
}

/// Counters, for this machine only.
async fn metrics(State(app): State<App>, ClientAddress(address): ClientAddress) -> Response<Body> {
    if !address.is_loopback() {
        return StatusCode::FORBIDDEN.into_response();
    }
    ([(axum::http::header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.text(app.seeder_stats()))
        .into_response()
}
