//! The web page: log in, search as one types, see covers, play. Rendered here; a small script keeps the music going.

mod assets;
mod login;
mod pages;
mod torrents;
mod views;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(pages::home))
        .route("/search", get(pages::search))
        .route("/album/{id}", get(pages::album))
        .route("/artist/{id}", get(pages::artist))
        .route("/stream/{id}", get(pages::stream))
        .route("/cover/{id}", get(pages::cover))
        .route("/played/{id}", post(pages::played))
        .route("/torrents", get(torrents::torrents))
        .route("/login", get(login::form).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/assets/{file}", get(assets::asset))
}
