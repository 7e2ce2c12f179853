//! The peer wire protocol as an uploader sees it (BEP 3, BEP 6, BEP 10, BEP 52): frames in, frames out.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::metadata;
use super::peer::PeerError;
use crate::frames::{HANDSHAKE_BYTES, PREFIX_BYTES, PROTOCOL};

/// What both ends say first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handshake {
    /// The peer knows the fast extension (BEP 6).
    pub fast: bool,
    /// The peer knows the extension protocol (BEP 10).
    pub extended: bool,
    /// The peer knows v2 (BEP 52), and may be answered with the v2 info-hash where it asked with the v1 one.
    pub v2: bool,
    /// v1 info-hash, or the first 20 bytes of the v2 one.
    pub info_hash: [u8; 20],
    /// Who speaks.
    pub peer_id: [u8; 20],
}

impl Handshake {
    pub(super) fn parse(bytes: &[u8; HANDSHAKE_BYTES]) -> Result<Self, PeerError> {
        let Some(rest) = bytes.strip_prefix(PROTOCOL) else {
            return Err(PeerError::Garbage { what: "a handshake of another protocol" });
        };
        let mut handshake = Self {
            fast: rest[7] & 0x04 != 0,
            extended: rest[5] & 0x10 != 0,
            v2: rest[7] & 0x10 != 0,
            info_hash: [0; 20],
            peer_id: [0; 20],
        };
        handshake.info_hash.copy_from_slice(&rest[8..28]);
        handshake.peer_id.copy_from_slice(&rest[28..48]);
        Ok(handshake)
    }

    pub(super) fn write(&self) -> [u8; HANDSHAKE_BYTES] {
        let mut bytes = [0; HANDSHAKE_BYTES];
        bytes[..20].copy_from_slice(PROTOCOL);
        bytes[25] = if self.extended { 0x10 } else { 0 };
        bytes[27] = if self.fast { 0x04 } else { 0 } | if self.v2 { 0x10 } else { 0 };
        bytes[28..48].copy_from_slice(&self.info_hash);
        bytes[48..].copy_from_slice(&self.peer_id);
        bytes
    }
}

/// A part of a piece that a peer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub piece: u32,
    pub begin: u32,
    pub length: u32,
}

impl Block {
    fn read(mut body: Bytes) -> Self {
        Self { piece: body.get_u32(), begin: body.get_u32(), length: body.get_u32() }
    }
}

/// A message of a peer, as far as it matters to one who only uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Incoming {
    KeepAlive,
    Interested,
    Request(Block),
    Cancel(Block),
    /// The peer has everything, so it will never ask.
    HaveAll,
    /// Which pieces the peer has.
    Bitfield(Bytes),
    /// Hashes of the v2 tree are wanted: root, base layer, index, length, proof layers.
    HashRequest(Bytes),
    /// A message of the extension protocol (BEP 10).
    Extended(Bytes),
    /// Well-formed, and of no concern to an uploader.
    Other,
}

/// Reads a message that was cut out of the stream, with its length in front.
pub(super) fn parse(mut frame: Bytes) -> Result<Incoming, PeerError> {
    frame.advance(PREFIX_BYTES);
    if frame.is_empty() {
        return Ok(Incoming::KeepAlive);
    }
    let id = frame.get_u8();
    let message = match (id, frame.len()) {
        (0 | 1 | 3 | 15, 0) | (4 | 13 | 17, 4) | (9, 2) | (16, 12) | (23, 48) => Incoming::Other,
        (2, 0) => Incoming::Interested,
        (5, _) => Incoming::Bitfield(frame),
        (6, 12) => Incoming::Request(Block::read(frame)),
        (8, 12) => Incoming::Cancel(Block::read(frame)),
        (14, 0) => Incoming::HaveAll,
        (20, 1..) => Incoming::Extended(frame),
        (21, 48) => Incoming::HashRequest(frame),
        (7 | 22, _) => return Err(PeerError::Garbage { what: "data that nobody asked for" }),
        (0..=23, _) => return Err(PeerError::Garbage { what: "a message of the wrong length" }),
        _ => return Err(PeerError::Garbage { what: "a message of an unknown kind" }),
    };
    Ok(message)
}

/// A message without a body.
pub(super) fn bare(id: u8) -> Bytes {
    Bytes::copy_from_slice(&[0, 0, 0, 1, id])
}

pub(super) const UNCHOKE: u8 = 1;
pub(super) const HAVE_ALL: u8 = 14;
pub(super) const KEEP_ALIVE: [u8; 4] = [0; 4];

/// A piece may be asked for before unchoking (BEP 6).
pub(super) fn allowed_fast(piece: u32) -> Bytes {
    let mut frame = BytesMut::with_capacity(9);
    frame.put_u32(5);
    frame.put_u8(17);
    frame.put_u32(piece);
    frame.freeze()
}

/// A bitfield that says: all pieces.
pub(super) fn full_bitfield(pieces: u32) -> Bytes {
    let bytes = pieces.div_ceil(8) as usize;
    let mut frame = BytesMut::with_capacity(5 + bytes);
    frame.put_u32(1 + bytes as u32);
    frame.put_u8(5);
    frame.put_bytes(0xff, bytes);
    let spare = (8 - pieces % 8) % 8;
    if let Some(last) = frame.last_mut().filter(|_| bytes > 0) {
        *last = 0xff << spare;
    }
    frame.freeze()
}

/// Whether a bitfield of the right length has every piece; `None` when the length is wrong.
pub(super) fn bitfield_is_full(bits: &[u8], pieces: u32) -> Option<bool> {
    (bits.len() == pieces.div_ceil(8) as usize)
        .then(|| bits.iter().map(|byte| byte.count_ones()).sum::<u32>() >= pieces)
}

/// The header of a `piece` message; the block follows it.
pub(super) fn piece_header(block: Block, into: &mut BytesMut) {
    into.put_u32(9 + block.length);
    into.put_u8(7);
    into.put_u32(block.piece);
    into.put_u32(block.begin);
}

/// A request will not be answered (BEP 6).
pub(super) fn reject(block: Block) -> Bytes {
    let mut frame = BytesMut::with_capacity(17);
    frame.put_u32(13);
    frame.put_u8(16);
    frame.put_u32(block.piece);
    frame.put_u32(block.begin);
    frame.put_u32(block.length);
    frame.freeze()
}

/// Hashes will not be sent (BEP 52).
pub(super) fn hash_reject(request: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + request.len());
    frame.put_u32(1 + request.len() as u32);
    frame.put_u8(23);
    frame.put_slice(request);
    frame.freeze()
}

/// The extension handshake (BEP 10): that there is metadata (BEP 9), how many requests may wait, and that only
/// uploading happens here (BEP 21).
pub(super) fn extension_handshake(queue: usize, info_bytes: usize) -> Bytes {
    let metadata = metadata::OUR_ID;
    let body = format!(
        "d1:md11:ut_metadatai{metadata}ee13:metadata_sizei{info_bytes}e4:reqqi{queue}e11:upload_onlyi1e1:v8:Fonotecae"
    );
    let mut frame = BytesMut::with_capacity(6 + body.len());
    frame.put_u32(2 + body.len() as u32);
    frame.put_u8(20);
    frame.put_u8(0);
    frame.put_slice(body.as_bytes());
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::Frames;

    async fn read(bytes: &[u8]) -> Result<Incoming, PeerError> {
        parse(Frames::new(bytes, 100).next().await?)
    }

    #[test]
    fn a_handshake_survives_the_round_trip() {
        let handshake = Handshake { fast: true, extended: false, v2: true, info_hash: [7; 20], peer_id: [9; 20] };
        let mut bytes = handshake.write();
        assert_eq!(Handshake::parse(&bytes).expect("own"), handshake);
        bytes[3] ^= 1;
        assert!(matches!(Handshake::parse(&bytes), Err(PeerError::Garbage { .. })));
    }

    #[test]
    fn the_bitfield_has_no_spare_bits() {
        for (pieces, last) in [(1, 0x80), (7, 0xfe), (8, 0xff), (9, 0x80)] {
            let frame = full_bitfield(pieces);
            assert_eq!(frame.last(), Some(&last), "{pieces} pieces");
            assert_eq!(bitfield_is_full(&frame[5..], pieces), Some(true));
        }
        assert_eq!(bitfield_is_full(&[0xfe], 8), Some(false));
        assert_eq!(bitfield_is_full(&[0xff, 0xff], 8), None);
    }

    #[tokio::test]
    async fn messages_are_told_from_garbage() {
        assert_eq!(read(&[0, 0, 0, 0]).await.expect("keep-alive"), Incoming::KeepAlive);
        assert_eq!(read(&[0, 0, 0, 1, 2]).await.expect("interested"), Incoming::Interested);
        let request = read(&[0, 0, 0, 13, 6, 0, 0, 0, 1, 0, 0, 64, 0, 0, 0, 0, 9]).await.expect("request");
        assert_eq!(request, Incoming::Request(Block { piece: 1, begin: 16384, length: 9 }));
        for garbage in [&[0, 0, 0, 2, 2, 0][..], &[0, 0, 0, 1, 99], &[0, 0, 0, 101, 5], &[0xff; 8], &[0, 0, 0, 1, 7]] {
            assert!(matches!(read(garbage).await, Err(PeerError::Garbage { .. })), "{garbage:?}");
        }
        assert!(matches!(read(&[0, 0, 0, 9, 4]).await, Err(PeerError::Closed)));
    }

    #[test]
    fn the_extension_handshake_is_sorted_bencode() {
        let frame = extension_handshake(250, 1000);
        let value = fonoteca_torrent::bencode::read(&frame[6..], &fonoteca_torrent::bencode::Limits::default());
        assert!(value.is_ok(), "{value:?}");
    }
}
