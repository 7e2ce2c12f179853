//! The `info` of a torrent for peers that came by a magnet link (BEP 9, over BEP 10).

use bytes::{BufMut, Bytes, BytesMut};
use fonoteca_torrent::bencode::{self, Value};

/// The number by which peers call this extension when they write to us.
pub(super) const OUR_ID: u8 = 1;
const PIECE_BYTES: usize = 16 << 10;
/// What a peer's extension message may cost to read.
const LIMITS: bencode::Limits = bencode::Limits { bytes: 16 << 10, depth: 8, tokens: 500 };

/// What a peer says by the extension protocol, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extended {
    /// Its handshake: the number by which it wants to be written to about metadata.
    Hello { metadata_id: u8 },
    /// A piece of the metadata is wanted.
    Want { piece: u32 },
}

/// Reads the body of an extension message; `None` for all that is of no concern here.
pub(super) fn read(body: &[u8]) -> Option<Extended> {
    let (id, text) = body.split_first()?;
    let value = bencode::read(text, &LIMITS).ok()?;
    let dict = value.as_dict()?;
    match *id {
        0 => {
            let id = dict.get(b"m")?.as_dict()?.get(b"ut_metadata")?.as_int()?;
            u8::try_from(id).ok().filter(|id| *id > 0).map(|metadata_id| Extended::Hello { metadata_id })
        }
        OUR_ID if dict.get(b"msg_type").and_then(Value::as_int) == Some(0) => {
            let piece = u32::try_from(dict.get(b"piece")?.as_int()?).ok()?;
            Some(Extended::Want { piece })
        }
        _ => None,
    }
}

/// The `info` of a torrent file, as its bytes stand there; `None` if it is no torrent file.
pub(super) fn info_of(torrent_file: &[u8]) -> Option<&[u8]> {
    bencode::read_document(torrent_file, b"info", &bencode::Limits::default()).ok()?.raw
}

/// A piece of the metadata as a message, or a refusal where there is no such piece.
pub(super) fn answer(info: Option<&Bytes>, piece: u32, their_id: u8) -> Bytes {
    let start = (piece as usize).saturating_mul(PIECE_BYTES);
    let data = info.and_then(|info| info.get(start..)?.chunks(PIECE_BYTES).next()).unwrap_or_default();
    let head = match info.filter(|_| !data.is_empty()) {
        Some(info) => format!("d8:msg_typei1e5:piecei{piece}e10:total_sizei{}ee", info.len()),
        None => format!("d8:msg_typei2e5:piecei{piece}ee"),
    };
    let mut frame = BytesMut::with_capacity(6 + head.len() + data.len());
    frame.put_u32((2 + head.len() + data.len()) as u32);
    frame.put_u8(20);
    frame.put_u8(their_id);
    frame.put_slice(head.as_bytes());
    frame.put_slice(data);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_peers_say_is_read() {
        assert_eq!(read(b"\x00d1:md11:ut_metadatai3eee"), Some(Extended::Hello { metadata_id: 3 }));
        assert_eq!(read(b"\x01d8:msg_typei0e5:piecei7ee"), Some(Extended::Want { piece: 7 }));
        for other in [
            &b""[..],
            b"\x00",
            b"\x00de",
            b"\x00d1:md11:ut_metadatai0eee",
            b"\x00d1:md11:ut_metadatai999eee",
            b"\x01d8:msg_typei1e5:piecei7ee",
            b"\x01d8:msg_typei0e5:piecei-1ee",
            b"\x02d8:msg_typei0e5:piecei7ee",
            b"\x01garbage",
        ] {
            assert_eq!(read(other), None, "{other:?}");
        }
    }

    #[test]
    fn pieces_end_with_the_metadata() {
        let info = Bytes::from(vec![7; PIECE_BYTES + 5]);
        let tail = answer(Some(&info), 1, 9);
        assert!(tail[6..].starts_with(b"d8:msg_typei1e5:piecei1e10:total_sizei16389ee"));
        assert!(tail.ends_with(b"ee\x07\x07\x07\x07\x07") && tail[5] == 9);
        assert_eq!(u32::from_be_bytes(tail[..4].try_into().expect("four")) as usize, tail.len() - 4);
        for (info, piece) in [(Some(&info), 2), (Some(&info), u32::MAX), (None, 0)] {
            assert!(answer(info, piece, 9)[6..].starts_with(b"d8:msg_typei2e"), "{piece}");
        }
    }
}
