//! The archive's HTTP server: OpenSubsonic for music apps, a web page for browsers, the feed, releases and web seeds for
//! mirrors, and a small tracker.
//!
//! Wire formats live here and nowhere else: `subsonic` writes Subsonic's XML and JSON, `web` the page, `feed` what is given
//! to anyone, `tracker` the answers of BEP 3, `api` what other programs ask. All of them ask `library` what there is to hear
//! and the archive's rights who may hear it.
//!
//! [`serve`] runs everything until it is told to stop.

mod announcer;
mod api;
mod app;
mod auth;
mod background;
mod content;
mod covers;
mod error;
mod feed;
mod library;
mod metrics;
mod options;
mod playing;
mod range;
mod routes;
mod serve;
mod subsonic;
mod tracker;
mod web;

pub use error::ServerError;
pub use fonoteca_swarm::SeederOptions;
pub use options::{ServerOptions, TrackerLimits};
pub use serve::{Bound, serve};
