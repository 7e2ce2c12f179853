//! Hashes of the v2 trees for peers that lack them, as one that came by a magnet link (BEP 52).
//!
//! They come from the piece layers that the torrent file holds; nothing is hashed but what lies above these, when the
//! torrent is opened. What lies below, the hashes of single blocks, would take reading the blob, so it is refused: a peer
//! needs it only to tell which block of a piece was wrong, and can do without.

use std::collections::{BTreeMap, HashMap};

use bytes::{BufMut, Bytes, BytesMut};
use fonoteca_model::{BLOCK_BYTES, BlobId, Sha256Hash};
use sha2::{Digest, Sha256};

/// Bytes of a hash request: root, base layer, index, length, proof layers.
pub(super) const REQUEST_BYTES: usize = 48;
/// Most hashes of one request; BEP 52 says that clients should not ask for more.
const MOST_HASHES: u32 = 8192;
const HASHES: u8 = 22;

type Node = [u8; 32];

/// The upper parts of the trees of a torrent's files.
#[derive(Debug, Clone, Default)]
pub(super) struct Trees {
    /// Height above the blocks of the layer in the torrent file.
    base: u32,
    /// By root: that layer, then each above it up to the root, without the padding to the right.
    levels: HashMap<Node, Vec<Vec<Node>>>,
    /// The node over nothing but padding, by height above the blocks.
    padding: Vec<Node>,
}

impl Trees {
    /// The trees over these piece layers.
    pub(super) fn new(piece_bytes: u64, layers: &BTreeMap<BlobId, Vec<Sha256Hash>>) -> Self {
        let base = (piece_bytes / BLOCK_BYTES as u64).checked_ilog2().unwrap_or(0);
        let highest = layers.values().map(Vec::len).max().unwrap_or(0).next_power_of_two().ilog2();
        let mut padding = vec![[0; 32]];
        for height in 0..(base + highest) as usize {
            padding.push(pair(&padding[height], &padding[height]));
        }
        let trees = layers.iter().map(|(root, layer)| {
            let mut levels = vec![layer.iter().map(|node| node.0).collect::<Vec<Node>>()];
            while let Some(below) = levels.last().filter(|below| below.len() > 1) {
                let missing = &padding[base as usize + levels.len() - 1];
                levels.push(below.chunks(2).map(|two| pair(&two[0], two.get(1).unwrap_or(missing))).collect());
            }
            (root.0, levels)
        });
        Self { base, levels: trees.collect(), padding }
    }

    /// About how much memory they take.
    pub(super) fn bytes(&self) -> usize {
        let nodes: usize = self.levels.values().flatten().map(Vec::len).sum();
        nodes * size_of::<Node>() + self.levels.len() * 200
    }

    /// The message with the hashes that a request asks for; `None` where they are not at hand or the request makes no
    /// sense.
    pub(super) fn answer(&self, request: &[u8]) -> Option<Bytes> {
        let (root, rest) = request.split_first_chunk::<32>()?;
        let ([base, index, length, proofs], []) = rest.as_chunks::<4>() else {
            return None;
        };
        let [base, index, length, proofs] = [base, index, length, proofs].map(|number| u32::from_be_bytes(*number));
        let levels = self.levels.get(root)?;
        let top = self.base + levels.len() as u32 - 1;
        let sound = (2..=MOST_HASHES).contains(&length)
            && length.is_power_of_two()
            && index.is_multiple_of(length)
            && (self.base..top).contains(&base)
            && u64::from(index) + u64::from(length) <= 1 << (top - base)
            && proofs < top - base;
        if !sound {
            return None;
        }
        let mut nodes: Vec<Node> =
            (index..index + length).map(|index| self.node(levels, base, index)).collect::<Option<_>>()?;
        // What lies above the hashes follows from them up to the node over all; from there on its siblings are needed.
        for above in length.ilog2()..=proofs {
            nodes.push(self.node(levels, base + above, (index >> above) ^ 1)?);
        }
        let mut message = BytesMut::with_capacity(5 + REQUEST_BYTES + nodes.len() * 32);
        message.put_u32((1 + REQUEST_BYTES + nodes.len() * 32) as u32);
        message.put_u8(HASHES);
        message.put_slice(request);
        nodes.iter().for_each(|node| message.put_slice(node));
        Some(message.freeze())
    }

    fn node(&self, levels: &[Vec<Node>], height: u32, index: u32) -> Option<Node> {
        let level = levels.get((height - self.base) as usize)?;
        level.get(index as usize).or_else(|| self.padding.get(height as usize)).copied()
    }
}

fn pair(left: &Node, right: &Node) -> Node {
    Sha256::new().chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE_BYTES: u64 = 64 << 10;

    fn layer(count: u8) -> Vec<Sha256Hash> {
        (1..=count).map(|node| Sha256Hash([node; 32])).collect()
    }

    /// The root over a piece layer as BEP 52 words it: padded to a power of two, then folded.
    fn root_of(layer: &[Sha256Hash]) -> Node {
        let mut pad = [0; 32];
        for _ in 0..(PIECE_BYTES / BLOCK_BYTES as u64).ilog2() {
            pad = pair(&pad, &pad);
        }
        let mut nodes: Vec<Node> = layer.iter().map(|node| node.0).collect();
        nodes.resize(nodes.len().next_power_of_two(), pad);
        while nodes.len() > 1 {
            nodes = nodes.chunks(2).map(|two| pair(&two[0], &two[1])).collect();
        }
        nodes[0]
    }

    fn request(root: Node, numbers: [u32; 4]) -> Vec<u8> {
        root.iter().copied().chain(numbers.into_iter().flat_map(u32::to_be_bytes)).collect()
    }

    /// Folds an answer up to the root, as a peer does.
    fn folded(message: &[u8], index: u32, length: u32) -> Node {
        let (nodes, rest) = message[5 + REQUEST_BYTES..].as_chunks::<32>();
        assert!(rest.is_empty());
        let (mut nodes, uncles) = (nodes[..length as usize].to_vec(), &nodes[length as usize..]);
        while nodes.len() > 1 {
            nodes = nodes.chunks(2).map(|two| pair(&two[0], &two[1])).collect();
        }
        let mut at = index / length;
        let mut node = nodes[0];
        for uncle in uncles {
            node = if at.is_multiple_of(2) { pair(&node, uncle) } else { pair(uncle, &node) };
            at /= 2;
        }
        node
    }

    #[test]
    fn any_part_of_a_layer_is_proven_up_to_the_root() {
        for count in [2_u8, 3, 5, 8, 13, 64, 65] {
            let layer = layer(count);
            let root = root_of(&layer);
            let trees = Trees::new(PIECE_BYTES, &BTreeMap::from([(BlobId(root), layer.clone())]));
            let height = u32::from(count).next_power_of_two().ilog2();
            for bits in 1..=height {
                let length = 1 << bits;
                for index in (0..1 << height).step_by(length as usize) {
                    let asked = request(root, [2, index, length, height - 1]);
                    let message = trees.answer(&asked).expect("hashes");
                    assert_eq!(message[..4], (message.len() as u32 - 4).to_be_bytes());
                    assert_eq!(message[4..5 + REQUEST_BYTES], [&[22], &asked[..]].concat());
                    assert_eq!(folded(&message, index, length), root, "{count} pieces, {length} from {index}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_at_hand_or_makes_no_sense_is_refused() {
        let layer = layer(5);
        let root = root_of(&layer);
        let trees = Trees::new(PIECE_BYTES, &BTreeMap::from([(BlobId(root), layer)]));
        assert!(trees.answer(&request(root, [3, 0, 4, 1])).is_some(), "a layer further up");
        for numbers in [
            [0, 0, 8, 2],
            [1, 0, 8, 2],
            [5, 0, 2, 0],
            [2, 0, 1, 2],
            [2, 0, 3, 2],
            [2, 1, 2, 2],
            [2, 8, 2, 2],
            [2, 0, 16, 2],
            [2, 0, 8, 3],
            [2, 0, 0, 0],
            [u32::MAX; 4],
            [2, 0x8000_0000, 0x8000_0000, 0],
        ] {
            assert!(trees.answer(&request(root, numbers)).is_none(), "{numbers:?}");
        }
        assert!(trees.answer(&request([1; 32], [2, 0, 8, 2])).is_none(), "another file");
        assert!(trees.answer(b"short").is_none());
    }
}
