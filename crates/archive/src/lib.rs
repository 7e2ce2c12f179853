//! The workflows of an archive: what joins the store, the catalogue, audio analysis, torrents and the swarm.
//!
//! A workflow takes an [`Archive`], typed options and a [`Progress`](fonoteca_model::Progress), and returns what it found.
//! It never prints, reads the environment or asks what time it is: those come in. What publishes, deletes or repairs is
//! two calls, a plan and its execution, so that a person can look in between.

mod archive;
mod begun;
pub mod duplicates;
pub mod error;
pub mod feed;
pub mod fixity;
mod hashing;
pub mod health;
pub mod identify;
pub mod identity;
pub mod import;
pub mod ingest;
pub mod keys;
pub mod listens;
pub mod matching;
pub mod mirror;
mod moment;
mod places;
mod published;
pub mod quality;
pub mod release;
pub mod rights;
pub mod settings;

pub use archive::{Archive, Clock};
pub use error::{ArchiveError, Blame};
pub use published::{Contents, Located, Published, PublishedFile, PublishedTorrent, PublishedVariant, SignedFeed};
pub use settings::Settings;
