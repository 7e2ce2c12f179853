//! Moving blobs between machines: a BitTorrent download, a web-seed client, and an upload-only seeder.
//!
//! - [`Seeder`] uploads torrents whose hashes are already known; it never re-hashes what it sends.
//! - [`TrackerClient`] tells trackers what is seeded; [`scrape`] asks them who else has it.
//! - [`fetch_by_swarm`] downloads from BitTorrent peers (librqbit, the v1 side of a torrent).
//! - [`fetch_by_web_seed`] downloads from a web server (BEP 19); [`WebSeed`] asks one for single ranges.
//!
//! Both downloads share one staging folder and may follow each other: what one has left unfinished the other resumes.
//! A file in the making is `<path>.part`, as long as the finished file and with pieces at their places; it gets its
//! name when each of its pieces has the right hash. Nothing here knows the catalogue or the rights, so who calls
//! decides what may be seeded, and checks what arrived against the blobs' roots before believing it.
//!
//! ```no_run
//! # async fn example(torrent: Vec<u8>) -> Result<(), fonoteca_swarm::SwarmError> {
//! use fonoteca_model::Silent;
//! use fonoteca_swarm::{FetchOptions, fetch_by_swarm};
//!
//! let mut options = FetchOptions::new(torrent, "/srv/archive/staging");
//! options.initial_peers.push("198.51.100.7:6881".parse().expect("an address"));
//! let fetched = fetch_by_swarm(options, &Silent).await?;
//! assert_eq!(fetched.bytes_already, 0);
//! # Ok(()) }
//! ```

mod download;
mod error;
mod fetched;
mod frames;
pub mod seeder;
mod staging;
mod tracker;
mod webseed;

pub use download::{FetchOptions, fetch_by_swarm};
pub use error::SwarmError;
pub use fetched::Fetched;
pub use seeder::{Offer, SeedSource, SeedTorrent, Seeder, SeederOptions, SeederStats};
pub use tracker::{Announcement, Event, Scraped, TrackerClient, TrackerError, TrackerOptions, scrape};
pub use webseed::{Arrived, WebSeed, WebSeedOptions, fetch_by_web_seed, fetch_what_web_seed_has};
