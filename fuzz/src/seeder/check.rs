//! What a peer sends: cut into messages the same way however it arrives, and answered with messages that are well-formed.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

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
    metadata::info_of(&Bytes::copy_from_slice(bytes));
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
