//! What can go wrong between machines.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use fonoteca_torrent::MetainfoError;

/// Why blobs did not move.
#[derive(Debug, thiserror::Error)]
pub enum SwarmError {
    /// The torrent file is not one that is read here.
    #[error("the torrent cannot be read")]
    Torrent {
        /// What the parser found.
        #[source]
        source: MetainfoError,
    },
    /// The torrent has no v1 half, and peers are only talked to in v1.
    #[error("torrent {torrent:?} is v2 only: fetch it from a web seed, or ask its publisher for a hybrid")]
    NoV1 {
        /// Name of the torrent.
        torrent: String,
    },
    /// A file was asked for that the torrent does not have, or that is padding.
    #[error("torrent {torrent:?} has no file with index {index}")]
    NoSuchFile {
        /// Name of the torrent.
        torrent: String,
        /// Index into the torrent's files.
        index: usize,
    },
    /// A file cannot be fetched in this way.
    #[error("{file:?} cannot be fetched this way: {problem}")]
    Unfit {
        /// Path in the torrent.
        file: String,
        /// What stands in the way.
        problem: &'static str,
    },
    /// To seed a file its root must be known; the v1 half of a torrent does not tell it.
    #[error("{file:?} of torrent {torrent:?} has no known root: give the hybrid torrent, or the roots")]
    NoRoot {
        /// Name of the torrent.
        torrent: String,
        /// Path in the torrent.
        file: String,
    },
    /// The address to listen on cannot be had.
    #[error("cannot listen on {address}: choose another address or port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The staging folder cannot be used.
    #[error("cannot {action} {path:?}")]
    Staging {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The BitTorrent engine gave up.
    #[error("torrent {torrent:?}: {problem}")]
    Engine {
        /// Name of the torrent.
        torrent: String,
        /// What the engine said.
        problem: String,
    },
    /// No new content arrived for too long.
    #[error(
        "torrent {torrent:?}: nothing new for {seconds} s, {have_bytes} of {want_bytes} bytes are there{}",
        refused(*pieces_refused, liars)
    )]
    Stalled {
        /// Name of the torrent.
        torrent: String,
        /// For how long nothing arrived.
        seconds: u64,
        /// Bytes of the wanted files that are there and verified.
        have_bytes: u64,
        /// Bytes of the wanted files.
        want_bytes: u64,
        /// Pieces with the wrong hash that were thrown away.
        pieces_refused: u64,
        /// Peers that sent them.
        liars: Vec<SocketAddr>,
    },
    /// The caller asked to stop.
    #[error("stopped; what has arrived is kept and is not fetched again")]
    Cancelled,
    /// A web seed's address is no `http` or `https` URL.
    #[error("{url:?} is not the http or https address of a web seed")]
    BadUrl {
        /// The address.
        url: String,
    },
    /// The web seed cannot be reached, or the connection broke.
    #[error("{url}: the web seed did not answer, or broke off")]
    Http {
        /// URL of the file.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The web seed no longer gives this file, by law (HTTP 451).
    #[error("{url}: withdrawn (HTTP 451)")]
    Withdrawn {
        /// URL of the file.
        url: String,
    },
    /// The web seed does not have this file (HTTP 404 or 410).
    #[error("{url}: not there (HTTP {status})")]
    Missing {
        /// URL of the file.
        url: String,
        /// 404 or 410.
        status: u16,
    },
    /// Another HTTP status than those that give the file.
    #[error("{url}: the web seed answered HTTP {status}; try again later, or another seed")]
    Status {
        /// URL of the file.
        url: String,
        /// The status.
        status: u16,
    },
    /// The web seed sent the client elsewhere.
    #[error("{url}: redirects to {to}, another host; that is not followed")]
    Redirect {
        /// URL of the file.
        url: String,
        /// Where to.
        to: String,
    },
    /// What came is not the file: a web page, too short, too long, another range.
    #[error("{url}: {problem}")]
    Body {
        /// URL of the file.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// The web seed sent nothing for too long.
    #[error("{url}: nothing came for {seconds} s")]
    SeedStalled {
        /// URL of the file.
        url: String,
        /// For how long.
        seconds: u64,
    },
    /// A piece has the wrong hash.
    #[error("{url}: piece {piece} of {file:?} is not what the torrent says; nothing of it was kept, try another seed")]
    WrongBytes {
        /// URL of the file.
        url: String,
        /// Path in the torrent.
        file: String,
        /// Piece of the file, counted from 0.
        piece: u64,
    },
}

fn refused(pieces: u64, liars: &[SocketAddr]) -> String {
    if pieces == 0 {
        return String::new();
    }
    let peers: Vec<String> = liars.iter().map(SocketAddr::to_string).collect();
    format!("; {pieces} pieces with wrong bytes were refused, from {}", peers.join(", "))
}
