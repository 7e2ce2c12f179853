//! What a peer sends: cut into messages the same way however it arrives, and answered with messages that are well-formed.

use std::collections::BTreeMap;

use bytes::Bytes;
use fonoteca_model::{BlobId, PIECE_BYTES, Sha256Hash};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::hashes::{REQUEST_BYTES, Trees};
use super::metadata::{self, Extended};
use super::wire::{self, Handshake, Incoming};
use crate::frames::{Frames, HANDSHAKE_BYTES};

/// Longest message that is taken here.
const LIMIT: usize = 1 << 16;

/// Takes the bytes as all that a peer sends.
pub fn check(bytes: &[u8]) {
    let rest = match bytes.split_first_chunk::<HANDSHAKE_BYTES>() {
        Some((first, rest)) => match Handshake::parse(first) {
            Ok(handshake) => {
                assert_eq!(Handshake::parse(&handshake.write()).expect("our own"), handshake);
                rest
            }
            Err(_) => bytes,
        },
        None => bytes,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without sockets");
    let found = runtime.block_on(messages(rest));
    let middle = rest.len() / 2;
    let halves = runtime.block_on(messages((&rest[..middle]).chain(&rest[middle..])));
    assert_eq!(halves, found, "in two halves");
    found.into_iter().for_each(message);
    metadata::info_of(bytes);
}

async fn messages(from: impl AsyncRead + Unpin) -> Vec<Bytes> {
    let mut frames = Frames::new(from, LIMIT);
    let mut found = Vec::new();
    while let Ok(frame) = frames.next().await {
        found.push(frame);
    }
    found
}

/// The message of a frame, which must be one with its length in front.
fn is_message(frame: &Bytes) -> Incoming {
    let length = u32::from_be_bytes(frame[..4].try_into().expect("four bytes"));
    assert_eq!(length as usize, frame.len() - 4);
    wire::parse(frame.clone()).expect("what is answered is a message")
}

fn message(frame: Bytes) {
    match wire::parse(frame) {
        Ok(Incoming::Request(block) | Incoming::Cancel(block)) => {
            assert_eq!(is_message(&wire::reject(block)), Incoming::Other);
        }
        Ok(Incoming::HashRequest(request)) => {
            assert_eq!(is_message(&wire::hash_reject(&request)), Incoming::Other);
            hashes(&request);
        }
        Ok(Incoming::Bitfield(bits)) => {
            let pieces = bits.len() as u32 * 8;
            let full = wire::bitfield_is_full(&bits, pieces).expect("of the right length");
            assert_eq!(full, bits.iter().all(|byte| *byte == 0xff));
            if let Some(pieces) = pieces.checked_sub(3) {
                let Incoming::Bitfield(all) = is_message(&wire::full_bitfield(pieces)) else { panic!("no bitfield") };
                assert_eq!(wire::bitfield_is_full(&all, pieces), Some(true));
            }
        }
        Ok(Incoming::Extended(body)) => match metadata::read(&body) {
            Some(Extended::Want { piece }) => {
                let info = Bytes::from(vec![7; 40_000]);
                for info in [Some(&info), None] {
                    let answer = metadata::answer(info, piece, 3);
                    assert!(answer.len() <= (16 << 10) + 100);
                    assert!(matches!(is_message(&answer), Incoming::Extended(_)));
                }
            }
            Some(Extended::Hello { metadata_id }) => assert!(metadata_id > 0),
            None => {}
        },
        _ => {}
    }
}

/// A tree of five pieces, under whichever root is asked for: what is answered is as long as what was asked.
fn hashes(request: &[u8]) {
    let (root, numbers) = request.split_first_chunk::<32>().expect("the wire says how long a request is");
    let trees = Trees::new(PIECE_BYTES as u64, &BTreeMap::from([(BlobId(*root), vec![Sha256Hash([7; 32]); 5])]));
    let Some(answer) = trees.answer(request) else { return };
    assert!(answer[5..].starts_with(request));
    let sent = (answer.len() - 5 - REQUEST_BYTES) / 32;
    let length = u32::from_be_bytes(numbers[8..12].try_into().expect("four bytes")) as usize;
    let above = (8_usize / length).ilog2() as usize;
    assert!((length..=length + above).contains(&sent), "{sent} hashes where {length} are asked for");
    assert_eq!(u32::from_be_bytes(answer[..4].try_into().expect("four bytes")) as usize, answer.len() - 4);
}
