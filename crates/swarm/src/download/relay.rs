//! A relay between librqbit and its peers that answers for padding.
//!
//! In a torrent of aligned files about half a piece a file is padding, and librqbit asks peers for it like for anything
//! else: of 3 MB songs it would fetch a sixth more than they have, of small files several times as much. So its
//! connections go through this relay, as a SOCKS5 proxy (RFC 1928) with a password (RFC 1929) on a loopback port: a
//! request for a block of zeros is answered here, all else goes to the peer and back unchanged. The relay also sees
//! which peer sent what, which librqbit does not tell, and does not connect again to one that sent garbage or what nobody
//! asked for. What is not BitTorrent (trackers) passes through untouched.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::padding::Traffic;
use crate::error::SwarmError;
use crate::frames::{FrameError, Frames, HANDSHAKE_BYTES, PREFIX_BYTES, PROTOCOL};

/// Longest message that is passed on.
const MESSAGE_BYTES: usize = 2 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Where the info-hash stands in a handshake.
const INFO_HASH: std::ops::Range<usize> = 28..48;
const USER: &[u8] = b"fonoteca";
const REQUEST: u8 = 6;
const PIECE: u8 = 7;

/// Starts a relay that runs until the token is cancelled; returns its proxy URL.
pub(super) async fn start(traffic: Arc<Traffic>, until: CancellationToken) -> Result<String, SwarmError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let failed = |source| SwarmError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    // Other users of the machine reach the port too, so it asks for a password that only this process knows.
    let password = format!("{:032x}", rand::random::<u128>());
    let url = format!("socks5://fonoteca:{password}@127.0.0.1:{port}");
    let password: Arc<[u8]> = password.into_bytes().into();
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = until.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (traffic, password, until) = (traffic.clone(), password.clone(), until.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = until.cancelled() => {}
                    ended = connection(stream, &password, &traffic) => {
                        if let Err(error) = ended {
                            tracing::trace!(%error, "a relayed connection ended");
                        }
                    }
                }
            });
        }
    });
    Ok(url)
}

async fn connection(mut client: TcpStream, password: &[u8], traffic: &Traffic) -> Result<(), FrameError> {
    client.set_nodelay(true)?;
    let mut target = timeout(CONNECT_TIMEOUT, negotiate(&mut client, password)).await.map_err(io::Error::from)??;
    target.retain(|address| !traffic.is_banned(address));
    let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(&target[..])).await.map_err(io::Error::from);
    let (code, connected) = match connected.and_then(|connected| connected) {
        Ok(stream) => (0, Ok(stream)),
        Err(error) => (5, Err(error)),
    };
    client.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    let mut peer = connected?;
    peer.set_nodelay(true)?;
    let mut first = [0];
    if client.peek(&mut first).await? == 1 && first[0] == PROTOCOL[0] {
        let address = peer.peer_addr()?;
        return between(client, peer, address, traffic).await;
    }
    copy_bidirectional(&mut client, &mut peer).await?;
    Ok(())
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The proxy's side of SOCKS5 up to the reply; returns the addresses to try.
async fn negotiate(client: &mut TcpStream, password: &[u8]) -> io::Result<Vec<SocketAddr>> {
    if client.read_u8().await? != 5 {
        return Err(broken("not SOCKS5"));
    }
    let methods = field(client).await?;
    if !methods.contains(&2) {
        client.write_all(&[5, 0xff]).await?;
        return Err(broken("no password offered"));
    }
    client.write_all(&[5, 2]).await?;
    if client.read_u8().await? != 1 {
        return Err(broken("not RFC 1929"));
    }
    let (user, secret) = (field(client).await?, field(client).await?);
    let right = user == USER && secret == password;
    client.write_all(&[1, u8::from(!right)]).await?;
    if !right {
        return Err(broken("wrong password"));
    }
    let mut head = [0; 4];
    client.read_exact(&mut head).await?;
    if head[..2] != [5, 1] {
        return Err(broken("not a CONNECT"));
    }
    let ip = match head[3] {
        1 => IpAddr::from(Ipv4Addr::from_bits(client.read_u32().await?)),
        4 => IpAddr::from(Ipv6Addr::from_bits(client.read_u128().await?)),
        3 => {
            let name = String::from_utf8(field(client).await?).map_err(|_| broken("not a host name"))?;
            let port = client.read_u16().await?;
            return Ok(lookup_host((name, port)).await?.collect());
        }
        _ => return Err(broken("not an address")),
    };
    Ok(vec![SocketAddr::new(ip, client.read_u16().await?)])
}

/// A field with its length in one byte before it.
async fn field(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Passes messages on between librqbit and a peer, and answers for padding.
async fn between(
    mut client: TcpStream,
    mut peer: TcpStream,
    address: SocketAddr,
    traffic: &Traffic,
) -> Result<(), FrameError> {
    let mut handshake = [0; HANDSHAKE_BYTES];
    client.read_exact(&mut handshake).await?;
    peer.write_all(&handshake).await?;
    let asked = handshake;
    peer.read_exact(&mut handshake).await?;
    if !handshake.starts_with(PROTOCOL) {
        traffic.misbehaved(address, "does not speak BitTorrent");
        return Err(broken("not BitTorrent").into());
    }
    if handshake[INFO_HASH] != asked[INFO_HASH] {
        traffic.misbehaved(address, "answered for another torrent");
        return Err(broken("another torrent").into());
    }
    client.write_all(&handshake).await?;
    let (from_client, to_client) = client.into_split();
    let (from_peer, to_peer) = peer.into_split();
    let to_client = Mutex::new(to_client);
    let asked_bytes = AtomicU64::new(0);
    let ended = tokio::select! {
        ended = outwards(from_client, to_peer, &to_client, &asked_bytes, traffic) => ended,
        ended = inwards(from_peer, &to_client, &asked_bytes, address, traffic) => ended,
    };
    if matches!(ended, Err(FrameError::TooLong)) {
        traffic.misbehaved(address, "sent a message longer than any that makes sense");
    }
    ended
}

async fn outwards(
    from: OwnedReadHalf,
    mut to_peer: OwnedWriteHalf,
    to_client: &Mutex<OwnedWriteHalf>,
    asked_bytes: &AtomicU64,
    traffic: &Traffic,
) -> Result<(), FrameError> {
    let mut frames = Frames::new(from, MESSAGE_BYTES);
    loop {
        let frame = frames.next().await?;
        asked_bytes.fetch_add(requested(&frame).map_or(0, |[.., length]| u64::from(length)), Ordering::Relaxed);
        match padding_request(&frame, traffic) {
            Some((piece, begin, length)) => {
                traffic.answered(u64::from(length));
                let mut answer = BytesMut::with_capacity(PREFIX_BYTES + 9 + length as usize);
                answer.put_u32(9 + length);
                answer.put_u8(PIECE);
                answer.put_u32(piece);
                answer.put_u32(begin);
                answer.put_bytes(0, length as usize);
                to_client.lock().await.write_all(&answer).await?;
            }
            None => to_peer.write_all(&frame).await?,
        }
    }
}

/// Piece, begin and length of the block that a message asks for, if it does.
fn requested(frame: &Bytes) -> Option<[u32; 3]> {
    let (id, body) = frame[PREFIX_BYTES..].split_first()?;
    let ([piece, begin, length], []) = body.as_chunks::<4>() else {
        return None;
    };
    (*id == REQUEST).then(|| [piece, begin, length].map(|number| u32::from_be_bytes(*number)))
}

/// The block that a message asks for, if it does and the block is nothing but padding.
fn padding_request(frame: &Bytes, traffic: &Traffic) -> Option<(u32, u32, u32)> {
    let [piece, begin, length] = requested(frame)?;
    (length as usize <= MESSAGE_BYTES && traffic.is_padding(piece, begin, length)).then_some((piece, begin, length))
}

async fn inwards(
    from: OwnedReadHalf,
    to_client: &Mutex<OwnedWriteHalf>,
    asked_bytes: &AtomicU64,
    address: SocketAddr,
    traffic: &Traffic,
) -> Result<(), FrameError> {
    let mut frames = Frames::new(from, MESSAGE_BYTES);
    let mut got_bytes = 0;
    loop {
        let frame = frames.next().await?;
        if let Some((&PIECE, body)) = frame[PREFIX_BYTES..].split_first()
            && let Some((piece, rest)) = body.split_first_chunk::<4>()
        {
            let bytes = rest.len().saturating_sub(4) as u64;
            got_bytes += bytes;
            if got_bytes > asked_bytes.load(Ordering::Relaxed) {
                traffic.misbehaved(address, "sent what nobody asked for");
                return Err(broken("what nobody asked for").into());
            }
            traffic.received(u32::from_be_bytes(*piece), bytes, address);
        }
        to_client.lock().await.write_all(&frame).await?;
    }
}
