//! What a torrent says: its files, pieces and hashes, as built or as read.

use std::collections::{BTreeMap, HashMap};

use fonoteca_model::{BlobId, Sha1Hash, Sha256Hash};

/// One file of a torrent, in the order of the torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaFile {
    /// Components of its path below the torrent's folder; checked, so that joining them cannot leave the folder.
    pub path: Vec<String>,
    /// Bytes.
    pub size: u64,
    /// Its `pieces root` (BEP 52), which is the blob's id. `None` for a pad, for an empty file, and in a v1 torrent
    /// that was read (one that was built knows).
    pub root: Option<BlobId>,
    /// Where it begins in the sequence of all pieces, in bytes.
    pub v1_offset: u64,
    /// Whether it is padding (BEP 47): zeros that nobody stores.
    pub pad: bool,
}

/// A part of a piece that lies in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceSpan {
    /// Index into [`Metainfo::files`].
    pub file: usize,
    /// Where the part begins in the file, in bytes.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// A torrent, built by [`build`](crate::build) or read by [`Metainfo::parse`]; its parts agree with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metainfo {
    /// Name of the torrent, and of the folder (or single file) that a client makes.
    pub name: String,
    /// SHA-1 of `info`; `None` in a torrent that is v2 only.
    pub info_hash_v1: Option<Sha1Hash>,
    /// SHA-256 of `info`; `None` in a torrent that is v1 only.
    pub info_hash_v2: Option<Sha256Hash>,
    /// The files, pads included.
    pub files: Vec<MetaFile>,
    /// Whether the content is one file called [`name`](Self::name) rather than a folder of that name.
    pub single_file: bool,
    /// Bytes of a piece.
    pub piece_length: u64,
    /// SHA-1 of each piece; empty in a torrent that is v2 only.
    pub pieces_v1: Vec<Sha1Hash>,
    /// Piece layers of the files larger than a piece, each checked against its root.
    pub piece_layers: BTreeMap<BlobId, Vec<Sha256Hash>>,
    /// Whether it asks clients not to find peers by DHT and the like (BEP 27).
    pub private: bool,
    /// Trackers by tier (BEP 12).
    pub announce: Vec<Vec<String>>,
    /// Web seeds (BEP 19): `http` and `https` only. Foreign, so not to be followed into one's own network unasked.
    pub web_seeds: Vec<String>,
    /// Free text.
    pub comment: Option<String>,
    /// The program that made it.
    pub created_by: Option<String>,
    /// When it was made, in seconds since 1970.
    pub creation_date: Option<i64>,
    /// Where it comes from, as it says outside `info`.
    pub source: Option<String>,
    /// v1 info-hashes of torrents that share files with this one (BEP 38).
    pub similar: Vec<Sha1Hash>,
    pub(crate) bytes: Vec<u8>,
}

impl Metainfo {
    /// The `.torrent` file.
    pub fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The files that somebody stores: all but the pads, with their index into [`files`](Self::files).
    pub fn real_files(&self) -> impl Iterator<Item = (usize, &MetaFile)> {
        self.files.iter().enumerate().filter(|(_, file)| !file.pad)
    }

    /// Bytes of the real files.
    pub fn real_bytes(&self) -> u64 {
        self.real_files().map(|(_, file)| file.size).sum()
    }

    /// Bytes of the sequence of pieces, pads included.
    pub fn total_bytes(&self) -> u64 {
        self.files.last().map_or(0, |file| file.v1_offset + file.size)
    }

    /// Number of pieces.
    pub fn piece_count(&self) -> u64 {
        self.total_bytes().div_ceil(self.piece_length)
    }

    /// Bytes of one piece: the last may be short, and in a v2-only torrent the last of each file. Zero for a piece that
    /// is not there.
    pub fn piece_bytes(&self, piece: u64) -> u64 {
        self.piece_map(piece).iter().map(|span| span.length).sum()
    }

    /// Which parts of which files make up a piece, pads included, in order; empty for a piece that is not there.
    pub fn piece_map(&self, piece: u64) -> Vec<PieceSpan> {
        let start = piece.saturating_mul(self.piece_length);
        let end = start.saturating_add(self.piece_length);
        let first = self.files.partition_point(|file| file.v1_offset + file.size <= start);
        let touched = self.files.iter().enumerate().skip(first).take_while(|(_, file)| file.v1_offset < end);
        touched
            .filter(|(_, file)| file.size > 0)
            .map(|(index, file)| {
                let from = start.max(file.v1_offset);
                let to = end.min(file.v1_offset + file.size);
                PieceSpan { file: index, offset: from - file.v1_offset, length: to - from }
            })
            .collect()
    }

    /// Pairs of real files whose paths differ in case only: one would overwrite the other on Windows and macOS. Indices
    /// into [`files`](Self::files).
    pub fn case_collisions(&self) -> Vec<(usize, usize)> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut found = Vec::new();
        for (index, file) in self.real_files() {
            let folded = file.path.join("/").to_lowercase();
            match seen.get(&folded) {
                Some(first) => found.push((*first, index)),
                None => {
                    seen.insert(folded, index);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metainfo(sizes: &[u64], piece_length: u64) -> Metainfo {
        let mut at = 0;
        let files = sizes.iter().enumerate().map(|(index, size)| {
            let file = MetaFile { path: vec![index.to_string()], size: *size, root: None, v1_offset: at, pad: false };
            at += size;
            file
        });
        Metainfo {
            name: "t".to_owned(),
            info_hash_v1: None,
            info_hash_v2: None,
            files: files.collect(),
            single_file: false,
            piece_length,
            pieces_v1: Vec::new(),
            piece_layers: BTreeMap::new(),
            private: false,
            announce: Vec::new(),
            web_seeds: Vec::new(),
            comment: None,
            created_by: None,
            creation_date: None,
            source: None,
            similar: Vec::new(),
            bytes: Vec::new(),
        }
    }

    #[test]
    fn a_piece_knows_its_files() {
        let torrent = metainfo(&[3, 0, 5, 10, 1], 8);
        let spans = |piece| torrent.piece_map(piece).iter().map(|s| (s.file, s.offset, s.length)).collect::<Vec<_>>();
        assert_eq!(torrent.piece_count(), 3);
        assert_eq!(spans(0), [(0, 0, 3), (2, 0, 5)]);
        assert_eq!(spans(1), [(3, 0, 8)]);
        assert_eq!(spans(2), [(3, 8, 2), (4, 0, 1)]);
        assert_eq!(spans(3), []);
        assert_eq!(spans(u64::MAX), []);
        assert_eq!([0, 1, 2, 3, u64::MAX].map(|piece| torrent.piece_bytes(piece)), [8, 8, 3, 0, 0]);
    }

    #[test]
    fn case_collisions_are_found() {
        let mut torrent = metainfo(&[1, 1, 1], 8);
        torrent.files[0].path = vec!["Ä".to_owned(), "x".to_owned()];
        torrent.files[2].path = vec!["ä".to_owned(), "X".to_owned()];
        assert_eq!(torrent.case_collisions(), [(0, 2)]);
    }
}
