//! The tables that a release has a part of for each audio torrent: named once, for those who write them and who read them.

use fonoteca_catalog::{
    Album, Artist, BlobKind, File, Fingerprint, Holding, Link, Listens, Rights, Row, Track, parquet,
};
use fonoteca_model::BlobHashes;

use super::manifest::ManifestTorrent;
use crate::archive::Archive;
use crate::error::{ArchiveError, said};
use crate::ingest::blob_row;

/// Bytes of one part of a table.
const PART_BYTES: u64 = 256 << 20;

/// A file of the metadata torrent, in the store.
pub(super) struct Part {
    pub path: Vec<String>,
    pub hashes: BlobHashes,
    /// The table it is a part of; none for the JSON Lines.
    pub table: Option<&'static str>,
    pub row: fonoteca_catalog::Blob,
}

impl Part {
    /// Keeps the file's bytes.
    pub async fn keep(
        archive: &Archive,
        path: Vec<String>,
        bytes: &[u8],
        mime: &str,
        table: Option<&'static str>,
    ) -> Result<Self, ArchiveError> {
        let hashes = archive.store().put_bytes(bytes).await?.hashes;
        let row = blob_row(&hashes, mime, BlobKind::Metadata);
        Ok(Self { path, hashes, table, row })
    }
}

/// Does the same for each table: `$table` is its name, and `$row` the type of its rows.
macro_rules! each_table {
    ($table:ident, $row:ident => $body:block) => {
        $crate::release::parts::each_table!(
            @ $table, $row, $body;
            Artist, Album, Track, Holding, Fingerprint, Link, Listens, Rights, File
        )
    };
    (@ $table:ident, $row:ident, $body:block; $($type:ident),*) => {$({
        type $row = fonoteca_catalog::$type;
        let $table: &'static str = <$row as fonoteca_catalog::Row>::TABLE.name();
        $body
    })*};
}
pub(super) use each_table;

macro_rules! parts {
    ($($table:ident: $row:ty,)*) => {
        /// The rows about the files of one audio torrent.
        #[derive(Debug, Default)]
        pub(crate) struct Parts { $(pub(crate) $table: Vec<$row>,)* }

        impl Parts {
            /// Writes those that have rows into the store, as files about the torrent `name`.
            pub(super) async fn write(&self, archive: &Archive, name: &str) -> Result<Vec<Part>, ArchiveError> {
                let mut parts = Vec::new();
                $(parts.extend(write_one(archive, name, &self.$table).await?);)*
                Ok(parts)
            }

            /// The parts of a torrent as they came; none of what is in them is proved.
            pub(crate) async fn read(archive: &Archive, torrent: &ManifestTorrent) -> Result<Self, ArchiveError> {
                Ok(Self { $($table: read_one(archive, torrent).await?,)* })
            }
        }
    };
}

parts! {
    artists: Artist,
    albums: Album,
    tracks: Track,
    holdings: Holding,
    fingerprints: Fingerprint,
    links: Link,
    listens: Listens,
    rights: Rights,
    files: File,
}

async fn write_one<T: Row>(archive: &Archive, name: &str, rows: &[T]) -> Result<Option<Part>, ArchiveError> {
    if rows.is_empty() {
        return Ok(None);
    }
    let table = T::TABLE.name();
    let path = vec!["tables".to_owned(), table.to_owned(), format!("{name}.parquet")];
    Part::keep(archive, path, &parquet::write(rows)?, "application/vnd.apache.parquet", Some(table)).await.map(Some)
}

async fn read_one<T: Row>(archive: &Archive, torrent: &ManifestTorrent) -> Result<Vec<T>, ArchiveError> {
    let table = T::TABLE.name();
    let Some(root) = torrent.rows.get(table) else { return Ok(Vec::new()) };
    let bytes = archive.store().read_all(*root, PART_BYTES).await?;
    parquet::read(bytes).map_err(|error| ArchiveError::Foreign {
        name: format!("table {table} of {}", torrent.name),
        reason: said(&error),
    })
}
