//! One peer: a handshake, then requests in and blocks out until somebody has enough.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
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
use super::torrent::{FileMap, Papers, Stretch};
use super::wire::{self, Block, Handshake, Incoming};
use super::{OnOffer, SeederOptions, Shared, fast};
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
    #[error("blocks could not be read")]
    Source,
    #[error("the torrent could not be opened")]
    Unopened(#[source] io::Error),
    #[error("there is no room for one more torrent")]
    NoRoom,
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

/// Blocks of one connection in a row that cannot be read, before it is ended.
const FAILED_READS: u32 = 100;

/// Serves a peer to its end.
pub(super) async fn serve(stream: TcpStream, address: IpAddr, shared: &Shared) -> PeerError {
    let shaken = match timeout(shared.options.handshake_timeout, shake_hands(stream, shared)).await {
        Ok(Ok(shaken)) => shaken,
        Ok(Err(error)) => return error,
        Err(_) => return PeerError::Idle,
    };
    let Shaken { read, write, theirs, torrent, files } = shaken;
    let pieces = files.pieces();
    let allowed = match address.to_canonical() {
        IpAddr::V4(address) if theirs.fast => {
            fast::allowed_pieces(&theirs.info_hash, address, pieces, fast::ALLOWED_PIECES)
        }
        _ => Vec::new(),
    };
    let desk = Desk {
        options: &shared.options,
        fast: theirs.fast,
        pieces,
        allowed,
        trays: Mutex::default(),
        ring: Notify::new(),
    };
    desk.say(if theirs.fast { wire::bare(wire::HAVE_ALL) } else { wire::full_bitfield(pieces) });
    if theirs.extended {
        desk.say(wire::extension_handshake(shared.options.queue, files.info_bytes()));
    }
    for piece in &desk.allowed {
        desk.say(wire::allowed_fast(*piece));
    }
    let frames = Frames::new(read, MESSAGE_BYTES.max(1 + pieces.div_ceil(8) as usize));
    let ended = tokio::select! {
        () = torrent.withdrawn.cancelled() => Err(PeerError::Withdrawn),
        ended = listen(frames, &desk) => ended,
        ended = answer(write, &desk, &torrent, &files, shared) => ended,
    };
    ended.err().unwrap_or(PeerError::Closed)
}

struct Shaken {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    theirs: Handshake,
    torrent: Arc<OnOffer>,
    files: Arc<FileMap>,
}

async fn shake_hands(stream: TcpStream, shared: &Shared) -> Result<Shaken, PeerError> {
    stream.set_nodelay(true)?;
    let (mut read, mut write) = stream.into_split();
    let mut bytes = [0; HANDSHAKE_BYTES];
    // The info-hash is looked at before the peer id comes: some clients wait with it for the answer (BEP 3).
    read.read_exact(&mut bytes[..48]).await.map_err(|_| PeerError::Closed)?;
    let asked = Handshake::parse(&bytes)?;
    let torrent = shared.torrents.read().get(&Sha1Hash(asked.info_hash)).cloned().ok_or(PeerError::NotOffered)?;
    let files = shared.shelf.files(torrent.offer.key(), &*shared.source).await?;
    // Whoever asks for a hybrid by its v1 hash and knows v2 is answered by the v2 hash, and speaks v2 from here on.
    let v2 = torrent.offer.v2();
    let upgraded = v2.filter(|_| asked.v2).map_or(asked.info_hash, |hash| hash.0);
    let ours = Handshake { fast: true, extended: true, v2: v2.is_some(), info_hash: upgraded, peer_id: shared.peer_id };
    write.write_all(&ours.write()).await?;
    read.read_exact(&mut bytes[48..]).await.map_err(|_| PeerError::Closed)?;
    Ok(Shaken { read, write, theirs: Handshake::parse(&bytes)?, torrent, files })
}

/// What lies between listening and answering: messages to send, and requests that wait.
struct Desk<'a> {
    options: &'a SeederOptions,
    fast: bool,
    pieces: u32,
    /// Pieces that may be asked for before unchoking.
    allowed: Vec<u32>,
    trays: Mutex<Trays>,
    ring: Notify,
}

#[derive(Default)]
struct Trays {
    messages: VecDeque<Bytes>,
    requests: VecDeque<Block>,
    papers: VecDeque<Paper>,
    /// The number by which the peer wants to be written to about metadata.
    metadata_id: Option<u8>,
}

enum Next {
    Say(Bytes),
    Send(Block),
    Tell(Paper),
}

/// Something that the torrent's file says.
enum Paper {
    /// A piece of the metadata, as a message of this number.
    Metadata { piece: u32, id: u8 },
    /// Hashes, as they were asked for.
    Hashes(Bytes),
}

impl Desk<'_> {
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
        if let Some(paper) = trays.papers.pop_front() {
            return Some(Next::Tell(paper));
        }
        trays.requests.pop_front().map(Next::Send)
    }

    fn tell(&self, paper: Paper) -> Result<(), PeerError> {
        let mut trays = self.trays.lock();
        if trays.papers.len() >= self.options.queue {
            return Err(PeerError::Garbage { what: "more requests for metadata and hashes than may wait" });
        }
        trays.papers.push_back(paper);
        self.ring.notify_one();
        Ok(())
    }

    fn extended(&self, body: &[u8]) -> Result<(), PeerError> {
        let known = self.trays.lock().metadata_id;
        match (metadata::read(body), known) {
            (Some(Extended::Hello { metadata_id }), _) => self.trays.lock().metadata_id = Some(metadata_id),
            (Some(Extended::Want { piece }), Some(id)) => self.tell(Paper::Metadata { piece, id })?,
            // Where the answer would have to go was not said.
            (Some(Extended::Want { .. }), None) | (None, _) => {}
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
                if unchoked || desk.allowed.contains(&block.piece) {
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
                last_request = Instant::now();
                desk.tell(Paper::Hashes(request))?;
            }
            Incoming::Extended(body) => desk.extended(&body)?,
            Incoming::Interested | Incoming::KeepAlive | Incoming::Other => {}
        }
        if last_request.elapsed() > desk.options.useless_timeout {
            return Err(PeerError::Useless);
        }
    }
}

async fn answer(
    mut write: OwnedWriteHalf,
    desk: &Desk<'_>,
    torrent: &OnOffer,
    files: &FileMap,
    shared: &Shared,
) -> Result<(), PeerError> {
    let mut window = Window::default();
    let mut frame = BytesMut::new();
    let mut papers = None;
    let mut failed = 0;
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
            Next::Tell(paper) => {
                let papers = match &papers {
                    Some(papers) => papers,
                    None => papers.insert(shared.shelf.papers(torrent.offer.key(), &*shared.source).await?),
                };
                let message = message_of(&paper, papers);
                shared.turns.wait(message.len() as u64).await;
                within(desk.options.write_timeout, write.write_all(&message)).await?;
                continue;
            }
            Next::Send(block) => block,
        };
        let Some(stretches) = files.locate(block.piece, block.begin, block.length) else {
            desk.refuse(block, "a request for a block that does not exist")?;
            continue;
        };
        shared.turns.wait(u64::from(block.length)).await;
        frame.clear();
        wire::piece_header(block, &mut frame);
        if let Err((root, error)) = window.fill(&stretches, block.length, &mut frame, shared).await {
            tracing::warn!(%root, torrent = files.name(), %error, "a blob cannot be read");
            shared.read_errors.fetch_add(1, Ordering::Relaxed);
            failed += 1;
            if !desk.fast || failed >= FAILED_READS {
                return Err(PeerError::Source);
            }
            desk.say(wire::reject(block));
            continue;
        }
        failed = 0;
        within(desk.options.write_timeout, write.write_all(&frame)).await?;
        torrent.uploaded_bytes.fetch_add(u64::from(block.length), Ordering::Relaxed);
        shared.uploaded_bytes.fetch_add(u64::from(block.length), Ordering::Relaxed);
    }
}

fn message_of(paper: &Paper, papers: &Papers) -> Bytes {
    match paper {
        Paper::Metadata { piece, id } => metadata::answer(papers.info.as_ref(), *piece, *id),
        Paper::Hashes(request) => papers.trees.answer(request).unwrap_or_else(|| wire::hash_reject(request)),
    }
}

async fn within(limit: Duration, write: impl Future<Output = io::Result<()>>) -> Result<(), PeerError> {
    timeout(limit, write).await.map_err(|_| PeerError::Slow)?.map_err(PeerError::Io)
}

/// What was read of a blob beyond what was asked for.
#[derive(Default)]
struct Window {
    root: Option<BlobId>,
    start: u64,
    bytes: Bytes,
}

impl Window {
    /// Appends a block to a message; what no stretch covers is padding.
    async fn fill(
        &mut self,
        stretches: &[Stretch],
        length: u32,
        message: &mut BytesMut,
        shared: &Shared,
    ) -> Result<(), (BlobId, io::Error)> {
        let body = message.len();
        message.resize(body + length as usize, 0);
        for stretch in stretches {
            let bytes = self.read(stretch, shared).await.map_err(|error| (stretch.root, error))?;
            let at = body + stretch.at;
            message[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        Ok(())
    }

    async fn read(&mut self, stretch: &Stretch, shared: &Shared) -> io::Result<Bytes> {
        let wanted = &stretch.range;
        let end = self.start + self.bytes.len() as u64;
        if self.root != Some(stretch.root) || wanted.start < self.start || wanted.end > end {
            let ahead = wanted.start.saturating_add(u64::from(shared.options.read_ahead_bytes));
            let range = wanted.start..ahead.max(wanted.end).min(stretch.size);
            let expected = range.end - range.start;
            self.root = None;
            self.bytes = {
                let _reading = shared.reads.acquire().await.map_err(io::Error::other)?;
                shared.source.read(stretch.root, range).await?
            };
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
