//! Do the bytes still have their root, and if not, which pieces of them differ?

use std::io;
use std::path::Path;

use fonoteca_model::{BlobHashes, BlobId, PIECE_BYTES};

use crate::error::StoreError;
use crate::source::{Links, Source};

/// What a fixity check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every byte is as it was.
    Sound,
    /// No file at the blob's place.
    Missing,
    /// The bytes no longer match their root.
    Damaged {
        /// Which pieces of 1 MiB differ, counted from 0, ascending: of those the blob has, and of those the file has
        /// beyond.
        pieces: Vec<u64>,
        /// The root that the bytes have now; `None` where the file is empty.
        found_root: Option<BlobId>,
        /// Bytes of the file.
        found_size: u64,
    },
}

pub(crate) fn verify(path: &Path, expected: &BlobHashes) -> Result<Verdict, StoreError> {
    let mut source = match Source::open(path, Links::Refuse) {
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(Verdict::Missing),
        result => result?,
    };
    let found = match source.hash(|_| Ok(())) {
        Err(StoreError::Empty { .. }) => None,
        result => Some(result?),
    };
    Ok(compare(expected, found.as_ref()))
}

fn compare(expected: &BlobHashes, found: Option<&BlobHashes>) -> Verdict {
    let found_size = found.map_or(0, |found| found.size);
    let found_root = found.map(|found| found.root);
    if found_root == Some(expected.root) && found_size == expected.size {
        return Verdict::Sound;
    }
    let count = expected.size.max(found_size).div_ceil(PIECE_BYTES as u64);
    let mut pieces: Vec<u64> =
        (0..count).filter(|&piece| found.is_none_or(|found| !same_piece(expected, found, piece))).collect();
    if pieces.is_empty() {
        // Root and pieces contradict each other (the hashes come from outside); then no piece can be trusted.
        pieces = (0..count).collect();
    }
    Verdict::Damaged { pieces, found_root, found_size }
}

fn same_piece(expected: &BlobHashes, found: &BlobHashes, piece: u64) -> bool {
    let Ok(index) = usize::try_from(piece) else { return false };
    // The last v1 piece is padded with zeros, so that a file cut off within zeros shows only in its length.
    let bytes = |of: &BlobHashes| of.size.saturating_sub(piece * PIECE_BYTES as u64).min(PIECE_BYTES as u64);
    let v2_differs = match (expected.piece_layer.get(index), found.piece_layer.get(index)) {
        (Some(expected), Some(found)) => expected != found,
        _ => false,
    };
    let v1_same = expected.v1_pieces.get(index).is_some_and(|sha1| found.v1_pieces.get(index) == Some(sha1));
    bytes(expected) == bytes(found) && v1_same && !v2_differs
}
