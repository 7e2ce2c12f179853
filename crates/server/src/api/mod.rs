//! What programs ask that speak no music client's language. Wire types live here only.

mod identify;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;

use crate::app::App;

/// Longest question, in bytes: four fingerprints of two minutes take half of it.
const MAX_QUESTION: usize = 128 << 10;

pub(crate) fn routes() -> Router<App> {
    let identify = post(identify::identify).layer(DefaultBodyLimit::max(MAX_QUESTION));
    Router::new().route("/api/identify", identify)
}
