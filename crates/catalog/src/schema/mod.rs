//! What the tables hold: one declaration ([`tables`]) from which the row structs, the Arrow and Delta schemas and the page
//! `docs/formats/catalog.md` follow.

mod bytes;
mod column;
mod declare;
mod rights;
mod tables;
mod words;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use column::{Cell, Column, ColumnType, JOB_COLUMNS};
pub use tables::{
    Album, Artist, Batch, Blob, CollectionEntry, Credit, Event, File, Fingerprint, Holding, Link, Listens, Location,
    Release, Rights, Supplement, Table, Track,
};
pub use words::{BlobKind, FileState, LinkEntity, Outcome, ReleaseStatus, WordError};

/// A row of one of the tables. Which batch wrote it (`job`, `batch`) is added by the writer and is no part of the struct.
pub trait Row: Serialize + DeserializeOwned + Clone + Send + Sync + Unpin + 'static {
    /// The table.
    const TABLE: Table;
}
