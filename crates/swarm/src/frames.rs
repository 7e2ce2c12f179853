//! Messages of the peer wire protocol cut out of a stream (BEP 3): four bytes of length, then so many bytes.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Length of a handshake, which comes before the first message.
pub(crate) const HANDSHAKE_BYTES: usize = 68;
/// Bytes before the body of a message.
pub(crate) const PREFIX_BYTES: usize = 4;
/// What a handshake begins with.
pub(crate) const PROTOCOL: &[u8; 20] = b"\x13BitTorrent protocol";

/// Why there is no next message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("the connection was closed")]
    Closed,
    #[error("a message is longer than any that makes sense")]
    TooLong,
    #[error("the connection broke")]
    Io(#[from] io::Error),
}

/// Reads messages; a read that is given up half-way loses nothing.
pub(crate) struct Frames<R> {
    from: R,
    buffer: BytesMut,
    limit_bytes: usize,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    /// Bodies longer than the limit are refused.
    pub(crate) fn new(from: R, limit_bytes: usize) -> Self {
        Self { from, buffer: BytesMut::with_capacity(4096), limit_bytes }
    }

    /// The next message, with its length in front.
    pub(crate) async fn next(&mut self) -> Result<Bytes, FrameError> {
        loop {
            if let Some((prefix, rest)) = self.buffer.split_first_chunk::<PREFIX_BYTES>() {
                let length = u32::from_be_bytes(*prefix) as usize;
                if length > self.limit_bytes {
                    return Err(FrameError::TooLong);
                }
                if rest.len() >= length {
                    return Ok(self.buffer.split_to(PREFIX_BYTES + length).freeze());
                }
            }
            self.buffer.reserve(16 << 10);
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Err(FrameError::Closed);
            }
        }
    }
}
