//! Rows and keys of one data file, made while the file is read once.

use std::path::{Path, PathBuf};

use fonoteca_model::{Id, Isrc, Mbid, Upc};

use super::document::Kind;
use super::error::IndexError;
use super::files::{parquet_at, place};
use super::scan::RowView;
use crate::beside::BesideError;
use crate::keys::{Covered, KeyHash, KeyKind, KeysWriter};
use crate::rowstore::{Origin, RowRef, RowWriter};

/// The rows and keys of one data file, being written.
pub(crate) struct Maker {
    kind: Kind,
    rows: RowWriter,
    keys: KeysWriter,
    row: u32,
    keys_path: PathBuf,
    /// The Parquet file.
    path: String,
}

impl Maker {
    pub(crate) fn create(dir: &Path, kind: Kind, origin: Origin) -> Result<Self, BesideError> {
        let keys_path = place(dir, kind, &origin.path, "keys");
        let path = origin.path.clone();
        let parquet = parquet_at(dir, kind, &path);
        let is_there = parquet.metadata().is_ok_and(|file| file.len() == origin.size);
        let rows = RowWriter::create(&place(dir, kind, &path, "rows"), origin, is_there.then_some(&*parquet))?;
        Ok(Self { kind, rows, keys: KeysWriter::default(), row: 0, keys_path, path })
    }

    pub(crate) fn push(&mut self, row: &RowView<'_>) -> Result<(), BesideError> {
        let mut artist_ids: Vec<Id> = row.artists.iter().map(|(id, _)| *id).collect();
        artist_ids.sort_unstable();
        artist_ids.dedup();
        self.keys.push(KeyKind::Id, KeyHash::of_id(row.id), self.row);
        // A code that is not well-formed is in the table as its source has it; nobody can look it up.
        if let Some(isrc) = row.isrc.and_then(|isrc| isrc.parse::<Isrc>().ok()) {
            self.keys.push(KeyKind::Isrc, KeyHash::of_code(isrc.as_str()), self.row);
        }
        if let Some(upc) = row.upc.and_then(|upc| upc.parse::<Upc>().ok()) {
            self.keys.push(KeyKind::Upc, KeyHash::of_code(upc.as_str()), self.row);
        }
        // The source's own id leads to the row's id, and needs no key.
        if let Some(mbid) = row.mbid.filter(|mbid| *mbid != row.source_id).and_then(mbid_bytes) {
            self.keys.push(KeyKind::Mbid, KeyHash::of_bytes(mbid), self.row);
        }
        if let Some(album) = row.album_id {
            self.keys.push(KeyKind::Album, KeyHash::of_id(album), self.row);
        }
        for artist in &artist_ids {
            self.keys.push(KeyKind::Artist, KeyHash::of_id(*artist), self.row);
        }
        self.row += 1;
        let stored = RowRef {
            id: row.id,
            title: row.title,
            artist: if self.kind == Kind::Artist { "" } else { row.credit },
            artist_ids: &artist_ids,
            album_id: row.album_id,
            isrc: row.isrc,
            year: row.year,
            disc: row.disc,
            number: row.number,
            duration_ms: row.duration_ms,
            cover_root: row.cover_root,
            source: row.source,
        };
        self.rows.push(&stored, row.batch)
    }

    /// Completes both files; the keys last, so that a row store without keys is seen to be half of the work.
    pub(crate) fn finish(self) -> Result<(), IndexError> {
        self.rows.finish()?;
        Ok(self.keys.write(&self.keys_path, Covered { path: self.path, rows: self.row })?)
    }
}

/// The bytes of a MusicBrainz id.
pub(crate) fn mbid_bytes(mbid: &str) -> Option<[u8; 16]> {
    let mbid: Mbid = mbid.parse().ok()?;
    let digits: String = mbid.as_str().chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}
