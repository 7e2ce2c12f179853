//! Do the bytes still have their root, and if not, which pieces of them differ?

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use fonoteca_model::merkle::{piece_root, root_of_layer};
use fonoteca_model::{BlobHashes, BlobId, PIECE_BYTES, Sha256Hash};

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
        /// Which pieces of 1 MiB differ or cannot be read, counted from 0, ascending: of those the blob has, and of
        /// those the file has beyond.
        pieces: Vec<u64>,
        /// The root that the bytes have now; `None` where the file is empty or cannot be read as a whole.
        found_root: Option<BlobId>,
        /// Bytes of the file.
        found_size: u64,
        /// Those among the pieces that cannot be read; what is in them is unknown.
        unreadable: Option<Unreadable>,
    },
}

/// Pieces that the disk does not give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Which, ascending.
    pub pieces: Vec<u64>,
    /// What the system said of the first.
    pub said: String,
}

/// Opens the file of a blob to check it; `None` where there is none.
pub(crate) fn open(path: &Path, links: Links) -> Result<Option<Source>, StoreError> {
    match Source::open(path, links) {
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

/// The pieces of a file, as they are read.
#[derive(Debug)]
pub(crate) struct Found {
    size: u64,
    /// The node above each piece; `None` where it was not read.
    nodes: Vec<Option<Sha256Hash>>,
    unreadable: BTreeMap<u64, String>,
}

impl Found {
    /// Of a file of `size` bytes nothing is read yet.
    pub(crate) fn new(size: u64) -> Self {
        Self { size, nodes: vec![None; size.div_ceil(PIECE_BYTES as u64) as usize], unreadable: BTreeMap::new() }
    }

    pub(crate) fn pieces(&self) -> u64 {
        self.nodes.len() as u64
    }

    /// Bytes of a piece of a file of `size` bytes.
    pub(crate) fn piece_bytes(size: u64, piece: u64) -> usize {
        size.saturating_sub(piece * PIECE_BYTES as u64).min(PIECE_BYTES as u64) as usize
    }

    /// The node above a piece of a file of `size` bytes.
    pub(crate) fn node(size: u64, bytes: &[u8]) -> Sha256Hash {
        piece_root(bytes, size <= PIECE_BYTES as u64)
    }

    pub(crate) fn read(&mut self, piece: u64, node: Sha256Hash) {
        self.nodes[piece as usize] = Some(node);
    }

    pub(crate) fn unreadable(&mut self, piece: u64, error: &io::Error) {
        self.unreadable.insert(piece, error.to_string());
    }

    fn root(&self) -> Option<BlobId> {
        let nodes: Vec<Sha256Hash> = self.nodes.iter().copied().collect::<Option<_>>()?;
        match nodes[..] {
            [] => None,
            [only] => Some(BlobId(only.0)),
            _ => Some(root_of_layer(&nodes)),
        }
    }

    pub(crate) fn compare(self, expected: &BlobHashes) -> Verdict {
        let found_root = self.root();
        if found_root == Some(expected.root) && self.size == expected.size {
            return Verdict::Sound;
        }
        let count = expected.pieces().max(self.pieces());
        let mut pieces: Vec<u64> = (0..count).filter(|piece| !self.same_piece(expected, *piece)).collect();
        if pieces.is_empty() {
            // Root and layer contradict each other (the hashes come from outside); then no piece can be trusted.
            pieces = (0..count).collect();
        }
        let pieces_unread = self.unreadable.keys().copied().collect();
        let said = self.unreadable.into_values().next();
        let unreadable = said.map(|said| Unreadable { pieces: pieces_unread, said });
        Verdict::Damaged { pieces, found_root, found_size: self.size, unreadable }
    }

    fn same_piece(&self, expected: &BlobHashes, piece: u64) -> bool {
        let found = self.nodes.get(piece as usize).copied().flatten();
        // A file cut off within zeros has the same nodes: the missing blocks show only in its length.
        let length = expected.piece_range(piece).map(|range| (range.end - range.start) as usize);
        found.is_some() && found == expected.piece_node(piece) && length == Some(Self::piece_bytes(self.size, piece))
    }
}

/// Checks one blob, piece after piece, as it is on the disk.
pub(crate) fn verify(path: &Path, links: Links, expected: &BlobHashes) -> Result<Verdict, StoreError> {
    let Some(source) = open(path, links)? else { return Ok(Verdict::Missing) };
    source.forget();
    let size = source.size();
    let mut found = Found::new(size);
    let mut buffer = vec![0; Found::piece_bytes(size, 0)];
    for piece in 0..found.pieces() {
        let bytes = &mut buffer[..Found::piece_bytes(size, piece)];
        match source.read_exact_at(bytes, piece * PIECE_BYTES as u64) {
            Ok(()) => found.read(piece, Found::node(size, bytes)),
            Err(error) => found.unreadable(piece, &error),
        }
    }
    source.check_unchanged(size)?;
    Ok(found.compare(expected))
}
