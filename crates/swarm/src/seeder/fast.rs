//! Pieces that a peer may ask for before it is unchoked (BEP 6).

use std::net::Ipv4Addr;

use sha1::{Digest, Sha1};

/// How many there are, as BEP 6 proposes.
pub(super) const ALLOWED_PIECES: usize = 10;

/// The allowed fast set of a peer: the first `count` pieces that the hash of its network and of the torrent leads to, by
/// the algorithm that BEP 6 gives for IPv4.
pub(super) fn allowed_pieces(info_hash: &[u8; 20], peer: Ipv4Addr, pieces: u32, count: usize) -> Vec<u32> {
    let count = count.min(pieces as usize);
    let [first, second, third, _] = peer.octets();
    let mut seed = Sha1::new().chain_update([first, second, third, 0]).chain_update(info_hash).finalize();
    let mut allowed = Vec::with_capacity(count);
    while allowed.len() < count {
        for number in seed.as_chunks::<4>().0 {
            let piece = u32::from_be_bytes(*number) % pieces;
            if allowed.len() < count && !allowed.contains(&piece) {
                allowed.push(piece);
            }
        }
        seed = Sha1::digest(seed);
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_that_of_the_bep() {
        let peer = Ipv4Addr::new(80, 4, 4, 200);
        let seven = [1059, 431, 808, 1217, 287, 376, 1188];
        assert_eq!(allowed_pieces(&[0xaa; 20], peer, 1313, 7), seven);
        assert_eq!(allowed_pieces(&[0xaa; 20], peer, 1313, 9), [&seven[..], &[353, 508]].concat());
    }

    #[test]
    fn small_torrents_are_allowed_whole() {
        let mut allowed = allowed_pieces(&[7; 20], Ipv4Addr::LOCALHOST, 3, ALLOWED_PIECES);
        allowed.sort_unstable();
        assert_eq!(allowed, [0, 1, 2]);
        assert!(allowed_pieces(&[7; 20], Ipv4Addr::LOCALHOST, 0, ALLOWED_PIECES).is_empty());
    }
}
