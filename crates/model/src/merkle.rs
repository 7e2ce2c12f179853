//! The one hash: BEP 52 Merkle roots and layers, with the v1 pieces computed in the same pass.
//!
//! A blob is read once. Of every 16 KiB block the SHA-256 becomes a leaf of the v2 tree; of every 1 MiB the SHA-1 becomes
//! a v1 piece. What is kept is enough to build any torrent that contains the blob without reading it again.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use sha2::Sha256;

use crate::hash::{BlobId, Sha1Hash, Sha256Hash};

/// Leaf size of the v2 tree, fixed by BEP 52.
pub const BLOCK_BYTES: usize = 16 * 1024;
/// Piece length of every torrent made here, and the height at which piece layers are kept.
pub const PIECE_BYTES: usize = 1024 * 1024;
const BLOCKS_PER_PIECE: usize = PIECE_BYTES / BLOCK_BYTES;

/// Everything a torrent needs to know about one blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobHashes {
    /// The `pieces root`.
    pub root: BlobId,
    /// Bytes.
    pub size: u64,
    /// The nodes that each cover 1 MiB; empty for a blob of up to 1 MiB, whose root says it all (BEP 52).
    pub piece_layer: Vec<Sha256Hash>,
    /// SHA-1 of each 1 MiB, the last one padded with zeros to a full piece (BEP 47 padding follows it in a torrent).
    pub v1_pieces: Vec<Sha1Hash>,
    /// SHA-1 of the last piece without padding, for a torrent of this one file alone.
    pub v1_last_unpadded: Sha1Hash,
}

impl BlobHashes {
    /// Those of a blob of this size, from those of all its pieces in order; nothing where they are not as many as it has.
    pub fn of_pieces(size: u64, pieces: &[PieceHashes]) -> Option<Self> {
        let last = pieces.last().filter(|_| pieces.len() as u64 == size.div_ceil(PIECE_BYTES as u64))?;
        let piece_layer: Vec<Sha256Hash> =
            if let [_] = pieces { Vec::new() } else { pieces.iter().map(|piece| piece.node).collect() };
        let root = if piece_layer.is_empty() { BlobId(last.node.0) } else { root_of_layer(&piece_layer) };
        let v1_pieces = pieces.iter().map(|piece| piece.v1).collect();
        Some(Self { root, size, piece_layer, v1_pieces, v1_last_unpadded: last.v1_unpadded })
    }

    /// How many pieces of 1 MiB there are; the last one may be shorter.
    pub fn pieces(&self) -> u64 {
        self.size.div_ceil(PIECE_BYTES as u64)
    }

    /// Where a piece, counted from 0, lies in the blob; `None` beyond its end.
    pub fn piece_range(&self, piece: u64) -> Option<Range<u64>> {
        let start = piece.checked_mul(PIECE_BYTES as u64).filter(|start| *start < self.size)?;
        Some(start..self.size.min(start + PIECE_BYTES as u64))
    }

    /// The node that covers a piece: in the layer, or the root where one piece is all there is.
    pub fn piece_node(&self, piece: u64) -> Option<Sha256Hash> {
        if self.size <= PIECE_BYTES as u64 {
            return (piece == 0).then_some(Sha256Hash(self.root.0));
        }
        self.piece_layer.get(usize::try_from(piece).ok()?).copied()
    }

    /// Whether the layer is the one below the root, so that each piece can be proven by itself.
    pub fn layer_is_proven(&self) -> bool {
        if self.size <= PIECE_BYTES as u64 {
            return self.piece_layer.is_empty();
        }
        self.piece_layer.len() as u64 == self.pieces() && root_of_layer(&self.piece_layer) == self.root
    }

    /// Whether these bytes are that piece. Proof only where [the layer is](Self::layer_is_proven).
    pub fn is_piece(&self, piece: u64, bytes: &[u8]) -> bool {
        let length = self.piece_range(piece).map(|range| range.end - range.start);
        length == Some(bytes.len() as u64)
            && self.piece_node(piece) == Some(piece_root(bytes, self.size <= PIECE_BYTES as u64))
    }
}

/// What a blob's hashes say of one of its pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceHashes {
    /// The node that covers it; in a blob of a single piece its root.
    pub node: Sha256Hash,
    /// SHA-1 of it, padded with zeros to a full piece.
    pub v1: Sha1Hash,
    /// SHA-1 of it as it is.
    pub v1_unpadded: Sha1Hash,
}

impl PieceHashes {
    /// Of 1 MiB, or less at the end of a blob. For a blob of a single piece pass `single = true`.
    pub fn of(piece: &[u8], single: bool) -> Self {
        let mut sha1 = Sha1::new();
        let leaves = piece.chunks(BLOCK_BYTES).map(|block| {
            sha1.update(block);
            Sha256::digest(block).into()
        });
        let leaves: Vec<[u8; 32]> = leaves.collect();
        let node = piece_node(leaves, single);
        let v1_unpadded = Sha1Hash(sha1.clone().finalize().into());
        let v1 = if piece.len() < PIECE_BYTES {
            sha1.update(vec![0; PIECE_BYTES - piece.len()]);
            Sha1Hash(sha1.finalize().into())
        } else {
            v1_unpadded
        };
        Self { node, v1, v1_unpadded }
    }
}

/// Hashes a blob as its bytes go by; memory grows by 52 bytes a MiB.
#[derive(Default)]
pub struct BlobHasher {
    block: Vec<u8>,
    leaves: Vec<[u8; 32]>,
    layer: Vec<[u8; 32]>,
    piece: Sha1,
    piece_filled: usize,
    v1_pieces: Vec<Sha1Hash>,
    size: u64,
}

impl BlobHasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes, in pieces of any length.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let take = bytes.len().min(BLOCK_BYTES - self.block.len());
            let (now, rest) = bytes.split_at(take);
            if take == BLOCK_BYTES {
                self.leaf(now);
            } else {
                self.block.extend_from_slice(now);
                if self.block.len() == BLOCK_BYTES {
                    let block = std::mem::take(&mut self.block);
                    self.leaf(&block);
                    self.block = block;
                    self.block.clear();
                }
            }
            bytes = rest;
        }
    }

    /// Bytes seen so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn leaf(&mut self, block: &[u8]) {
        self.leaves.push(Sha256::digest(block).into());
        self.piece.update(block);
        self.piece_filled += block.len();
        if self.piece_filled == PIECE_BYTES {
            self.layer.push(subtree_root(std::mem::take(&mut self.leaves), BLOCKS_PER_PIECE));
            self.v1_pieces.push(Sha1Hash(self.piece.finalize_reset().into()));
            self.piece_filled = 0;
        }
    }

    /// The hashes of all that was seen, or `None` for nothing at all: an empty file is never a blob.
    pub fn finish(mut self) -> Option<BlobHashes> {
        if self.size == 0 {
            return None;
        }
        if !self.block.is_empty() {
            let block = std::mem::take(&mut self.block);
            self.leaf(&block);
        }
        let v1_last_unpadded = if self.piece_filled > 0 {
            let unpadded = Sha1Hash(self.piece.clone().finalize().into());
            let zeros = vec![0u8; PIECE_BYTES - self.piece_filled];
            self.piece.update(&zeros);
            self.v1_pieces.push(Sha1Hash(self.piece.finalize().into()));
            unpadded
        } else {
            *self.v1_pieces.last().expect("a blob without a part of a piece has at least one whole piece")
        };
        let root = if self.layer.is_empty() {
            let width = self.leaves.len().next_power_of_two();
            subtree_root(self.leaves, width)
        } else {
            if !self.leaves.is_empty() {
                self.layer.push(subtree_root(self.leaves, BLOCKS_PER_PIECE));
            }
            layer_root(&self.layer)
        };
        let piece_layer =
            if self.size > PIECE_BYTES as u64 { self.layer.into_iter().map(Sha256Hash).collect() } else { Vec::new() };
        Some(BlobHashes {
            root: BlobId(root),
            size: self.size,
            piece_layer,
            v1_pieces: self.v1_pieces,
            v1_last_unpadded,
        })
    }
}

/// The root above a piece layer; the missing right side is the root of a piece of zero leaves (BEP 52).
pub fn root_of_layer(layer: &[Sha256Hash]) -> BlobId {
    let nodes: Vec<[u8; 32]> = layer.iter().map(|node| node.0).collect();
    BlobId(layer_root(&nodes))
}

/// The node that covers one whole piece, as it stands in the piece layer of a blob of more than one piece.
/// For a blob of a single piece pass `single = true`: its root is the tree over just its own blocks.
pub fn piece_root(piece: &[u8], single: bool) -> Sha256Hash {
    piece_node(piece.chunks(BLOCK_BYTES).map(|block| Sha256::digest(block).into()).collect(), single)
}

fn piece_node(leaves: Vec<[u8; 32]>, single: bool) -> Sha256Hash {
    let width = if single { leaves.len().next_power_of_two() } else { BLOCKS_PER_PIECE };
    Sha256Hash(subtree_root(leaves, width))
}

fn layer_root(layer: &[[u8; 32]]) -> [u8; 32] {
    let pad = zero_root(BLOCKS_PER_PIECE);
    fold_up(layer.to_vec(), layer.len().next_power_of_two(), pad)
}

fn subtree_root(leaves: Vec<[u8; 32]>, width: usize) -> [u8; 32] {
    fold_up(leaves, width, [0; 32])
}

/// The root of `width` zero leaves, `width` a power of two.
fn zero_root(width: usize) -> [u8; 32] {
    let mut node = [0; 32];
    for _ in 0..width.ilog2() {
        node = pair(&node, &node);
    }
    node
}

fn fold_up(mut nodes: Vec<[u8; 32]>, width: usize, mut pad: [u8; 32]) -> [u8; 32] {
    let mut width = width;
    while width > 1 {
        if nodes.len() % 2 == 1 {
            nodes.push(pad);
        }
        nodes = nodes.chunks_exact(2).map(|two| pair(&two[0], &two[1])).collect();
        pad = pair(&pad, &pad);
        width /= 2;
    }
    nodes.first().copied().unwrap_or(pad)
}

fn pair(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash(bytes: &[u8]) -> BlobHashes {
        let mut hasher = BlobHasher::new();
        hasher.update(bytes);
        hasher.finish().expect("not empty")
    }

    /// The tree as BEP 52 words it: all leaves padded with zero hashes to a power of two, then folded pairwise.
    fn plain_root(bytes: &[u8]) -> [u8; 32] {
        let mut nodes: Vec<[u8; 32]> = bytes.chunks(BLOCK_BYTES).map(|block| Sha256::digest(block).into()).collect();
        nodes.resize(nodes.len().next_power_of_two(), [0; 32]);
        while nodes.len() > 1 {
            nodes = nodes.chunks(2).map(|two| pair(&two[0], &two[1])).collect();
        }
        nodes[0]
    }

    #[test]
    fn empty_is_never_a_blob() {
        assert_eq!(BlobHasher::new().finish(), None);
    }

    #[test]
    fn every_boundary_agrees_with_the_plain_tree() {
        // One byte, one block and its neighbours, one piece and its neighbours, and counts that are no power of two.
        for size in [
            1,
            BLOCK_BYTES - 1,
            BLOCK_BYTES,
            BLOCK_BYTES + 1,
            3 * BLOCK_BYTES,
            PIECE_BYTES - 1,
            PIECE_BYTES,
            PIECE_BYTES + 1,
            2 * PIECE_BYTES,
            3 * PIECE_BYTES + 5 * BLOCK_BYTES + 7,
            5 * PIECE_BYTES,
        ] {
            let bytes: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
            let single = size <= PIECE_BYTES;
            let pieces: Vec<_> = bytes.chunks(PIECE_BYTES).map(|piece| PieceHashes::of(piece, single)).collect();
            assert_eq!(BlobHashes::of_pieces(size as u64, &pieces), Some(hash(&bytes)), "{size} bytes");
            assert_eq!(BlobHashes::of_pieces(size as u64, &pieces[1..]), None, "{size} bytes");
            let hashes = hash(&bytes);
            assert_eq!(hashes.root.0, plain_root(&bytes), "root of {size} bytes");
            assert_eq!(hashes.size, size as u64);
            assert_eq!(hashes.v1_pieces.len(), size.div_ceil(PIECE_BYTES));
            if size > PIECE_BYTES {
                assert_eq!(root_of_layer(&hashes.piece_layer), hashes.root, "layer of {size} bytes");
                let pieces: Vec<_> = bytes.chunks(PIECE_BYTES).map(|piece| piece_root(piece, false)).collect();
                assert_eq!(pieces, hashes.piece_layer);
            } else {
                assert!(hashes.piece_layer.is_empty());
                assert_eq!(piece_root(&bytes, true).0, hashes.root.0);
            }
            let last = bytes.chunks(PIECE_BYTES).next_back().expect("not empty");
            assert_eq!(hashes.v1_last_unpadded.0, <[u8; 20]>::from(Sha1::digest(last)));
            let mut padded = last.to_vec();
            padded.resize(PIECE_BYTES, 0);
            assert_eq!(hashes.v1_pieces.last().expect("one").0, <[u8; 20]>::from(Sha1::digest(&padded)));
        }
    }

    #[test]
    fn each_piece_is_proven_by_itself() {
        for size in [1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7] {
            let bytes: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
            let mut hashes = hash(&bytes);
            assert!(hashes.layer_is_proven(), "{size}");
            for piece in 0..hashes.pieces() {
                let range = hashes.piece_range(piece).expect("within the blob");
                let mut part = bytes[range.start as usize..range.end as usize].to_vec();
                assert!(hashes.is_piece(piece, &part), "piece {piece} of {size}");
                part[0] ^= 1;
                assert!(!hashes.is_piece(piece, &part), "piece {piece} of {size}");
                part[0] ^= 1;
                part.pop();
                assert!(!hashes.is_piece(piece, &part), "a shorter piece {piece} of {size}");
            }
            assert_eq!(hashes.piece_range(hashes.pieces()), None);
            assert_eq!(hashes.piece_range(u64::MAX), None);
            if let Some(node) = hashes.piece_layer.first_mut() {
                node.0[0] ^= 1;
                assert!(!hashes.layer_is_proven(), "{size}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn how_the_bytes_arrive_does_not_matter(size in 1usize..3 * PIECE_BYTES, step in 1usize..200_000) {
            let bytes: Vec<u8> = (0..size).map(|i| (i % 255) as u8).collect();
            let mut hasher = BlobHasher::new();
            for part in bytes.chunks(step) {
                hasher.update(part);
            }
            prop_assert_eq!(hasher.finish(), Some(hash(&bytes)));
        }
    }
}
