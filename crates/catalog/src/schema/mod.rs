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

pub use column::{Cell, Column, ColumnType, IMPORT_COLUMN, JOB_COLUMNS};
pub use tables::{
    Album, Artist, Batch, Blob, CollectionEntry, Credit, Event, File, Fingerprint, Holding, Import, Link, Listens,
    Location, Release, Rights, Supplement, Table, Track,
};
pub use words::{BlobKind, FileState, LinkEntity, Outcome, ReleaseStatus, WordError};

/// The source of what was taken from the files themselves.
pub(crate) const LOCAL: &str = "local";

impl Table {
    /// Whether imports write to it: its rows say which one stated them.
    pub const fn is_imported(self) -> bool {
        matches!(self, Self::Artists | Self::Albums | Self::Tracks | Self::Supplements | Self::Listens | Self::Links)
    }

    /// Whether archives may lack it, because it came after their format: it is empty there, and the first writer makes it.
    pub(crate) const fn came_later(self) -> bool {
        matches!(self, Self::Imports)
    }
}

/// A row of one of the tables. Which batch wrote it (`job`, `batch`) is added by the writer and is no part of the struct.
pub trait Row: Serialize + DeserializeOwned + Clone + Send + Sync + Unpin + 'static {
    /// The table.
    const TABLE: Table;
}
