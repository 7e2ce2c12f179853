//! Everything known about the music: Delta Lake tables, SQL over them, and the search index that follows from them.
//!
//! The tables are plain Parquet below a Delta log, so that any engine can read them without this crate. What makes them one
//! catalogue is the order of commits: a batch writes its `files` rows last, and rows of a batch without `files` rows do not
//! count (`docs/formats/catalog.md`). [`Writer::commit`] keeps the order and [`Snapshot`] applies the rule.
//!
//! Reading order: [`schema`] (what a row is), [`Catalog`], [`Writer`], then the reads on [`Snapshot`].
//!
//! ```
//! # #[tokio::main] async fn main() -> Result<(), fonoteca_catalog::CatalogError> {
//! # let folder = tempfile::tempdir().expect("a temporary folder");
//! use std::sync::Arc;
//! use fonoteca_catalog::{Catalog, object_store::local::LocalFileSystem};
//!
//! let objects = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).expect("an object store"));
//! let catalog = Catalog::create(objects, &folder.path().join("state")).await?;
//! assert_eq!(catalog.snapshot().await?.stats().await?.tracks, 0);
//! # Ok(()) }
//! ```

mod beside;
pub mod bulk;
mod catalog;
mod delta;
mod error;
pub mod export;
pub mod identity;
mod implied;
pub mod import;
pub mod index;
mod keys;
pub mod maintenance;
mod ordered;
pub mod parquet;
mod pending;
mod properties;
mod rows;
mod rowstore;
pub mod schema;
mod snapshot;
mod staged;
pub mod table_file;
mod writer;

pub use arrow;
pub use object_store;

pub use catalog::{Catalog, Versions};
pub use error::CatalogError;
pub use schema::{
    Album, Artist, Batch, Blob, BlobKind, CollectionEntry, Credit, Event, File, FileState, Fingerprint, Holding,
    Import, Link, LinkEntity, Listens, Location, Outcome, Release, ReleaseStatus, Rights, Row, Supplement, Table,
    Track,
};
pub use snapshot::{
    AlbumDetails, AlbumEntry, AlbumOrder, Answer, ArtistDetails, ArtistEntry, BANDS, Band, Coverage, Covering, Held,
    HeldAudio, HeldQuery, Key, LATER_JOB, Listened, Point, QueryError, SHARES, Sameness, Snapshot, Stats, TrackDetails,
    TrackEntry, TrackNames, Twin,
};
pub use staged::Staged;
pub use writer::Writer;
