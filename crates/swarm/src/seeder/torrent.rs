//! What a seeder knows of a torrent: always its info-hashes, and while peers are at it which blob lies at which offset.

use std::ops::Range;

use bytes::Bytes;
use fonoteca_model::{BlobId, Sha1Hash, Sha256Hash};
use fonoteca_torrent::{MetaFile, Metainfo};

use super::hashes::Trees;
use super::metadata;
use crate::error::SwarmError;

/// A torrent on offer: all that is in memory of one that no peer is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Offer {
    v1: Option<Sha1Hash>,
    v2: Option<Sha1Hash>,
}

impl Offer {
    /// A torrent with these info-hashes; `None` where it has neither.
    pub fn new(info_hash_v1: Option<Sha1Hash>, info_hash_v2: Option<Sha256Hash>) -> Option<Self> {
        let truncated = |hash: Sha256Hash| {
            let mut short = [0; 20];
            short.copy_from_slice(&hash.0[..20]);
            Sha1Hash(short)
        };
        let offer = Self { v1: info_hash_v1, v2: info_hash_v2.map(truncated) };
        (offer.v1.is_some() || offer.v2.is_some()).then_some(offer)
    }

    /// The torrent of a metainfo.
    pub fn of(metainfo: &Metainfo) -> Option<Self> {
        Self::new(metainfo.info_hash_v1, metainfo.info_hash_v2)
    }

    /// The info-hashes under which peers ask: the v1 one, and the v2 one cut to 20 bytes (BEP 52), as far as it has
    /// them.
    pub fn info_hashes(&self) -> impl Iterator<Item = Sha1Hash> + use<> {
        self.v1.into_iter().chain(self.v2)
    }

    /// The one that stands for the torrent: the first of [`info_hashes`](Self::info_hashes).
    pub fn key(&self) -> Sha1Hash {
        self.v1.or(self.v2).unwrap_or(Sha1Hash([0; 20]))
    }

    /// The shortened v2 info-hash.
    pub(super) fn v2(&self) -> Option<Sha1Hash> {
        self.v2
    }
}

/// A torrent opened for peers.
#[derive(Debug, Clone)]
pub struct SeedTorrent {
    files: FileMap,
    papers: Papers,
}

/// Where everything lies in a torrent; 48 bytes a file.
#[derive(Debug, Clone)]
pub(super) struct FileMap {
    name: String,
    piece_bytes: u64,
    total_bytes: u64,
    pieces: u32,
    info_bytes: usize,
    files: Vec<SeedFile>,
}

/// What a torrent's file says, for peers that do not have it.
#[derive(Debug, Clone)]
pub(super) struct Papers {
    /// The `info` dictionary (BEP 9).
    pub info: Option<Bytes>,
    /// The v2 hashes (BEP 52).
    pub trees: Trees,
}

impl Papers {
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.info.as_ref().map_or(0, Bytes::len) + self.trees.bytes()
    }
}

#[derive(Debug, Clone, Copy)]
struct SeedFile {
    offset: u64,
    size: u64,
    root: BlobId,
}

/// A stretch of one blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub root: BlobId,
    /// Bytes of the whole blob.
    pub size: u64,
    /// Which of them.
    pub range: Range<u64>,
    /// Where they go in the block; what no stretch covers is padding, zeros.
    pub at: usize,
}

impl SeedTorrent {
    /// A torrent whose roots are in the metainfo: a hybrid, or one that was just built.
    pub fn new(metainfo: &Metainfo) -> Result<Self, SwarmError> {
        Self::with_roots(metainfo, |_, _| None)
    }

    /// A torrent whose metainfo does not tell all roots, as that of a v1 twin read from disk: `root_of` is asked, with
    /// the index and the file, where one is missing.
    pub fn with_roots(
        metainfo: &Metainfo,
        root_of: impl Fn(usize, &MetaFile) -> Option<BlobId>,
    ) -> Result<Self, SwarmError> {
        let mut files = Vec::new();
        for (index, file) in metainfo.real_files().filter(|(_, file)| file.size > 0) {
            let root = file
                .root
                .or_else(|| root_of(index, file))
                .ok_or_else(|| SwarmError::NoRoot { torrent: metainfo.name.clone(), file: file.path.join("/") })?;
            files.push(SeedFile { offset: file.v1_offset, size: file.size, root });
        }
        // A copy, so that the rest of the file is not kept with it.
        let info = metadata::info_of(metainfo.to_bytes()).map(Bytes::copy_from_slice);
        let files = FileMap {
            name: metainfo.name.clone(),
            piece_bytes: metainfo.piece_length,
            total_bytes: metainfo.total_bytes(),
            pieces: u32::try_from(metainfo.piece_count()).unwrap_or(u32::MAX),
            info_bytes: info.as_ref().map_or(0, Bytes::len),
            files,
        };
        let trees = Trees::new(metainfo.piece_length, &metainfo.piece_layers);
        Ok(Self { files, papers: Papers { info, trees } })
    }

    pub(super) fn into_parts(self) -> (FileMap, Papers) {
        (self.files, self.papers)
    }
}

impl FileMap {
    /// Name of the torrent.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of the `info` dictionary.
    pub(super) fn info_bytes(&self) -> usize {
        self.info_bytes
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.files.len() * size_of::<SeedFile>()
    }

    pub(super) fn pieces(&self) -> u32 {
        self.pieces
    }

    /// The bytes of a block, or `None` when the torrent has no such block.
    pub(super) fn locate(&self, piece: u32, begin: u32, length: u32) -> Option<Vec<Stretch>> {
        if piece >= self.pieces || length == 0 || u64::from(begin) + u64::from(length) > self.piece_bytes {
            return None;
        }
        let start = u64::from(piece) * self.piece_bytes + u64::from(begin);
        let end = start + u64::from(length);
        if end > self.total_bytes {
            return None;
        }
        let first = self.files.partition_point(|file| file.offset + file.size <= start);
        let touched = self.files[first..].iter().take_while(|file| file.offset < end);
        let stretches = touched.map(|file| {
            let from = start.max(file.offset);
            let to = end.min(file.offset + file.size);
            let range = from - file.offset..to - file.offset;
            Stretch { root: file.root, size: file.size, range, at: (from - start) as usize }
        });
        Some(stretches.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn torrent() -> FileMap {
        let file = |offset, size, id| SeedFile { offset, size, root: BlobId([id; 32]) };
        FileMap {
            name: "t".to_owned(),
            piece_bytes: 100,
            total_bytes: 250,
            pieces: 3,
            info_bytes: 0,
            files: vec![file(0, 30, 1), file(100, 120, 2), file(220, 30, 3)],
        }
    }

    #[test]
    fn a_block_is_cut_into_stretches() {
        let found = torrent().locate(2, 10, 40).expect("inside");
        let short: Vec<_> = found.iter().map(|s| (s.root.0[0], s.range.clone(), s.at)).collect();
        assert_eq!(short, [(2, 110..120, 0), (3, 0..30, 10)]);
        assert_eq!(torrent().locate(0, 30, 70), Some(Vec::new()), "padding only");
        assert_eq!(torrent().locate(0, 20, 80).map(|found| found.len()), Some(1));
    }

    #[test]
    fn what_lies_outside_is_refused() {
        for (piece, begin, length) in [(3, 0, 1), (2, 0, 51), (0, 50, 51), (0, 0, 0), (u32::MAX, u32::MAX, u32::MAX)] {
            assert_eq!(torrent().locate(piece, begin, length), None, "{piece} {begin} {length}");
        }
    }
}
