//! One peer: a handshake, then requests in and blocks out until somebody has enough.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fonoteca_model::{BlobId, Sha1Hash};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::metadata::{self, Extended};
use super::torrent::Stretch;
use super::wire::{self, Block, Handshake, Incoming};
use super::{Offer, SeederOptions, Shared};
use crate::frames::{FrameError, Frames, HANDSHAKE_BYTES};

/// Why a peer left, or was shown the door.
#[derive(Debug, thiserror::Error)]
pub(super) enum PeerError {
    #[error("it closed the connection")]
    Closed,
    #[error("the connection broke")]
    Io(#[from] io::Error),
    #[error("it sent {what}")]
    Garbage { what: &'static str },
    #[error("it asked for a torrent that is not on offer")]
    NotOffered,
    #[error("the torrent was withdrawn")]
    Withdrawn,
    #[error("it has everything already")]
    Complete,
    #[error("it was silent for too long")]
    Idle,
    #[error("it asked for nothing for too long")]
    Useless,
    #[error("it did not take what it asked for")]
    Slow,
    #[error("a block could not be read")]
    Source,
}

impl From<FrameError> for PeerError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Closed => Self::Closed,
            FrameError::TooLong => Self::Garbage { what: "a message longer than any that makes sense" },
            FrameError::Io(source) => Self::Io(source),
        }
    }
}

/// Longest message that is no bitfield: an extension handshake, peer exchange.
const MESSAGE_BYTES: usize = 64 << 10;
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(100);

/// Serves a peer to its end.
pub(super) async fn serve(stream: TcpStream, shared: &Shared) -> PeerError {
    let handshake = match timeout(shared.options.handshake_timeout, shake_hands(stream, shared)).await {
        Ok(Ok(handshake)) => handshake,
        Ok(Err(error)) => return error,
        Err(_) => return PeerError::Idle,
    };
    let (read, write, theirs, offer) = handshake;
    let pieces = offer.torrent.pieces();
    let desk = Desk::new(&shared.options, theirs.fast, pieces);
    if theirs.fast {
        desk.say(wire::bare(wire::HAVE_ALL));
    } else {
        desk.say(wire::full_bitfield(pieces));
    }
    if theirs.extended {
        desk.say(wire::extension_handshake(shared.options.queue, offer.torrent.info_bytes()));
    }
    let frames = Frames::new(read, MESSAGE_BYTES.max(1 + pieces.div_ceil(8) as usize));
    let ended = tokio::select! {
        () = offer.withdrawn.cancelled() => Err(PeerError::Withdrawn),
        ended = listen(frames, &desk) => ended,
        ended = answer(write, &desk, &offer, shared) => ended,
    };
    ended.err().unwrap_or(PeerError::Closed)
}

type Shaken = (OwnedReadHalf, OwnedWriteHalf, Handshake, Offer);

async fn shake_hands(stream: TcpStream, shared: &Shared) -> Result<Shaken, PeerError> {
    stream.set_nodelay(true)?;
    let (mut read, mut write) = stream.into_split();
    let mut bytes = [0; HANDSHAKE_BYTES];
    // The info-hash is looked at before the peer id comes: some clients wait with it for the answer (BEP 3).
    read.read_exact(&mut bytes[..48]).await.map_err(|_| PeerError::Closed)?;
    let asked = Handshake::parse(&bytes)?;
    let offer = shared.torrents.read().get(&Sha1Hash(asked.info_hash)).cloned().ok_or(PeerError::NotOffered)?;
    let ours = Handshake { fast: true, extended: true, info_hash: asked.info_hash, peer_id: shared.peer_id };
    write.write_all(&ours.write()).await?;
    read.read_exact(&mut bytes[48..]).await.map_err(|_| PeerError::Closed)?;
    Ok((read, write, Handshake::parse(&bytes)?, offer))
}

/// What lies between listening and answering: messages to send, and requests that wait.
struct Desk<'a> {
    options: &'a SeederOptions,
    fast: bool,
    pieces: u32,
    trays: Mutex<Trays>,
    ring: Notify,
}

#[derive(Default)]
struct Trays {
    messages: VecDeque<Bytes>,
    requests: VecDeque<Block>,
    /// Pieces of the metadata that are wanted.
    metadata: VecDeque<u32>,
    /// The number by which the peer wants to be written to about metadata.
    metadata_id: Option<u8>,
}

enum Next {
    Say(Bytes),
    Send(Block),
    Tell { piece: u32, metadata_id: u8 },
}

impl<'a> Desk<'a> {
    fn new(options: &'a SeederOptions, fast: bool, pieces: u32) -> Self {
        Self { options, fast, pieces, trays: Mutex::default(), ring: Notify::new() }
    }

    fn say(&self, message: Bytes) {
        self.trays.lock().messages.push_back(message);
        self.ring.notify_one();
    }

    /// Refuses a request: politely where the peer understands that (BEP 6), else by leaving.
    fn refuse(&self, block: Block, what: &'static str) -> Result<(), PeerError> {
        let waiting = self.trays.lock().messages.len();
        if !self.fast || waiting > self.options.queue {
            return Err(PeerError::Garbage { what });
        }
        self.say(wire::reject(block));
        Ok(())
    }

    fn request(&self, block: Block) -> Result<(), PeerError> {
        if block.length > self.options.request_bytes {
            return self.refuse(block, "a request for too large a block");
        }
        if self.trays.lock().requests.len() >= self.options.queue {
            return self.refuse(block, "more requests than may wait");
        }
        self.trays.lock().requests.push_back(block);
        self.ring.notify_one();
        Ok(())
    }

    fn cancel(&self, block: Block) {
        let mut trays = self.trays.lock();
        let before = trays.requests.len();
        trays.requests.retain(|waiting| *waiting != block);
        let was_waiting = trays.requests.len() < before;
        drop(trays);
        if self.fast && was_waiting {
            self.say(wire::reject(block));
        }
    }

    fn next(&self) -> Option<Next> {
        let mut trays = self.trays.lock();
        if let Some(message) = trays.messages.pop_front() {
            return Some(Next::Say(message));
        }
        if let Some(metadata_id) = trays.metadata_id
            && let Some(piece) = trays.metadata.pop_front()
        {
            return Some(Next::Tell { piece, metadata_id });
        }
        trays.requests.pop_front().map(Next::Send)
    }

    fn extended(&self, body: &[u8]) -> Result<(), PeerError> {
        let mut trays = self.trays.lock();
        match metadata::read(body) {
            Some(Extended::Hello { metadata_id }) => trays.metadata_id = Some(metadata_id),
            Some(Extended::Want { piece }) => {
                if trays.metadata.len() >= self.options.queue {
                    return Err(PeerError::Garbage { what: "more metadata requests than may wait" });
                }
                trays.metadata.push_back(piece);
                self.ring.notify_one();
            }
            None => {}
        }
        Ok(())
    }
}

async fn listen(mut frames: Frames<OwnedReadHalf>, desk: &Desk<'_>) -> Result<(), PeerError> {
    let mut last_request = Instant::now();
    let mut unchoked = false;
    loop {
        let frame = timeout(desk.options.idle_timeout, frames.next()).await.map_err(|_| PeerError::Idle)??;
        match wire::parse(frame)? {
            Incoming::Interested if !unchoked => {
                unchoked = true;
                desk.say(wire::bare(wire::UNCHOKE));
            }
            Incoming::Request(block) => {
                last_request = Instant::now();
                if unchoked {
                    desk.request(block)?;
                } else {
                    desk.refuse(block, "a request before it was allowed to ask")?;
                }
            }
            Incoming::Cancel(block) => desk.cancel(block),
            Incoming::HaveAll => return Err(PeerError::Complete),
            Incoming::Bitfield(bits) => match wire::bitfield_is_full(&bits, desk.pieces) {
                Some(false) => {}
                Some(true) => return Err(PeerError::Complete),
                None => return Err(PeerError::Garbage { what: "a bitfield of the wrong length" }),
            },
            Incoming::HashRequest(request) => {
                if desk.trays.lock().messages.len() > desk.options.queue {
                    return Err(PeerError::Garbage { what: "more hash requests than may wait" });
                }
                desk.say(wire::hash_reject(&request));
            }
            Incoming::Extended(body) => desk.extended(&body)?,
            Incoming::Interested | Incoming::KeepAlive | Incoming::Other => {}
        }
        if last_request.elapsed() > desk.options.useless_timeout {
            return Err(PeerError::Useless);
        }
    }
}

async fn answer(mut write: OwnedWriteHalf, desk: &Desk<'_>, offer: &Offer, shared: &Shared) -> Result<(), PeerError> {
    let mut window = Window::default();
    let mut frame = BytesMut::new();
    let mut info = None;
    loop {
        let Some(next) = desk.next() else {
            if timeout(KEEP_ALIVE_EVERY, desk.ring.notified()).await.is_err() {
                within(desk.options.write_timeout, write.write_all(&wire::KEEP_ALIVE)).await?;
            }
            continue;
        };
        let block = match next {
            Next::Say(message) => {
                within(desk.options.write_timeout, write.write_all(&message)).await?;
                continue;
            }
            Next::Tell { piece, metadata_id } => {
                if info.is_none() {
                    info = read_info(offer, shared).await;
                }
                let message = metadata::answer(info.as_ref(), piece, metadata_id);
                within(desk.options.write_timeout, write.write_all(&message)).await?;
                continue;
            }
            Next::Send(block) => block,
        };
        let Some(stretches) = offer.torrent.locate(block.piece, block.begin, block.length) else {
            desk.refuse(block, "a request for a block that does not exist")?;
            continue;
        };
        throttle(shared, u64::from(block.length)).await;
        frame.clear();
        wire::piece_header(block, &mut frame);
        let body = frame.len();
        frame.resize(body + block.length as usize, 0);
        for stretch in stretches {
            let bytes = window.read(&stretch, shared).await.map_err(|error| {
                tracing::warn!(root = %stretch.root, torrent = offer.torrent.name(), %error, "a blob cannot be read");
                shared.read_errors.fetch_add(1, Ordering::Relaxed);
                PeerError::Source
            })?;
            let at = body + stretch.at;
            frame[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        within(desk.options.write_timeout, write.write_all(&frame)).await?;
        offer.uploaded_bytes.fetch_add(u64::from(block.length), Ordering::Relaxed);
        shared.uploaded_bytes.fetch_add(u64::from(block.length), Ordering::Relaxed);
    }
}

async fn read_info(offer: &Offer, shared: &Shared) -> Option<Bytes> {
    let hash = offer.torrent.info_hashes().first()?;
    match shared.source.torrent_file(*hash).await {
        Ok(file) => metadata::info_of(&file?),
        Err(error) => {
            tracing::warn!(torrent = offer.torrent.name(), %error, "a torrent file cannot be read");
            shared.read_errors.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

async fn within(limit: Duration, write: impl Future<Output = io::Result<()>>) -> Result<(), PeerError> {
    timeout(limit, write).await.map_err(|_| PeerError::Slow)?.map_err(PeerError::Io)
}

/// Waits until so many bytes may go, at the rate of all peers together.
async fn throttle(shared: &Shared, bytes: u64) {
    let Some(rate) = shared.options.bytes_per_second else {
        return;
    };
    let turn = {
        let mut free = shared.throttle.lock();
        let turn = (*free).max(Instant::now());
        *free = turn + Duration::from_secs_f64(bytes as f64 / rate.get() as f64);
        turn
    };
    tokio::time::sleep_until(turn).await;
}

/// What was read of a blob beyond what was asked for.
#[derive(Default)]
struct Window {
    root: Option<BlobId>,
    start: u64,
    bytes: Bytes,
}

impl Window {
    async fn read(&mut self, stretch: &Stretch, shared: &Shared) -> io::Result<Bytes> {
        let wanted = &stretch.range;
        let end = self.start + self.bytes.len() as u64;
        if self.root != Some(stretch.root) || wanted.start < self.start || wanted.end > end {
            let ahead = wanted.start.saturating_add(u64::from(shared.options.read_ahead_bytes));
            let range = wanted.start..ahead.max(wanted.end).min(stretch.size);
            let expected = range.end - range.start;
            self.root = None;
            self.bytes = shared.source.read(stretch.root, range).await?;
            if self.bytes.len() as u64 != expected {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the blob is shorter than its size"));
            }
            self.root = Some(stretch.root);
            self.start = wanted.start;
        }
        let from = (wanted.start - self.start) as usize;
        Ok(self.bytes.slice(from..from + (wanted.end - wanted.start) as usize))
    }
}
