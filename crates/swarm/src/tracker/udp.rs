//! BEP 15: the UDP tracker protocol.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use fonoteca_model::Sha1Hash;
use rand::Rng;
use reqwest::Url;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::{Announcement, Event, Scraped, TrackerError, TrackerOptions};

const PROTOCOL: u64 = 0x0000_0417_2710_1980;
const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const SCRAPE: u32 = 2;
const ERROR: u32 = 3;
/// A connection id is good for one minute.
const CONNECTED_FOR: Duration = Duration::from_secs(55);
/// How often a question is sent before the tracker counts as silent; a packet may be lost.
const ATTEMPTS: u32 = 3;

/// A tracker that is being asked.
#[derive(Debug)]
pub(super) struct Asking {
    tracker: String,
    socket: UdpSocket,
    timeout: Duration,
    connection: Option<(u64, Instant)>,
}

impl Asking {
    pub(super) async fn connect(tracker: &str, url: &Url, options: &TrackerOptions) -> Result<Self, TrackerError> {
        let address = |problem| TrackerError::Address { tracker: tracker.to_owned(), problem };
        let host = url.host_str().ok_or_else(|| address("it names no host"))?;
        let port = url.port().ok_or_else(|| address("it names no port"))?;
        let silent =
            |error: std::io::Error| TrackerError::Silent { tracker: tracker.to_owned(), problem: error.to_string() };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut found = tokio::net::lookup_host((host, port)).await.map_err(silent)?;
        let to = found.next().ok_or_else(|| address("its host has no address"))?;
        let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any).await.map_err(silent)?;
        // From here on only this address's packets are received.
        socket.connect(to).await.map_err(silent)?;
        Ok(Self { tracker: tracker.to_owned(), socket, timeout: options.timeout, connection: None })
    }

    pub(super) async fn scrape(&mut self, hashes: &[Sha1Hash]) -> Result<HashMap<Sha1Hash, Scraped>, TrackerError> {
        let connection = self.connection().await?;
        let mut packet = connection.to_be_bytes().to_vec();
        packet.extend(SCRAPE.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(hashes.iter().flat_map(Sha1Hash::as_bytes));
        let answer = self.exchange(packet, SCRAPE).await?;
        let counts = answer.chunks_exact(12);
        if answer.len() != hashes.len() * 12 {
            let problem = format!("{} torrents were asked for, it tells of {}", hashes.len(), counts.len());
            return Err(TrackerError::Answer { tracker: self.tracker.clone(), problem });
        }
        let scraped = counts.map(|counts| Scraped {
            seeders: number(&counts[..4]),
            completed: number(&counts[4..8]),
            leechers: number(&counts[8..]),
        });
        Ok(hashes.iter().copied().zip(scraped).collect())
    }

    /// Returns after how many seconds the tracker wants to be told again.
    pub(super) async fn announce(&mut self, announcement: &Announcement) -> Result<u32, TrackerError> {
        let connection = self.connection().await?;
        let mut packet = connection.to_be_bytes().to_vec();
        packet.extend(ANNOUNCE.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(announcement.info_hash.as_bytes());
        packet.extend(announcement.peer_id);
        // Nothing was downloaded, nothing is left, and what is uploaded is nobody's business.
        packet.extend([0; 24]);
        let event: u32 = match announcement.event {
            Event::Regular => 0,
            Event::Started => 2,
            Event::Stopped => 3,
        };
        packet.extend(event.to_be_bytes());
        // The address is the socket's; no key; no peers are wanted.
        packet.extend([0; 12]);
        packet.extend(announcement.port.to_be_bytes());
        let answer = self.exchange(packet, ANNOUNCE).await?;
        let interval = answer.get(..4).map(number);
        interval.ok_or_else(|| TrackerError::Answer {
            tracker: self.tracker.clone(),
            problem: format!("an answer has 12 bytes at least, not {}", answer.len()),
        })
    }

    async fn connection(&mut self) -> Result<u64, TrackerError> {
        if let Some((id, since)) = self.connection
            && since.elapsed() < CONNECTED_FOR
        {
            return Ok(id);
        }
        let mut packet = PROTOCOL.to_be_bytes().to_vec();
        packet.extend(CONNECT.to_be_bytes());
        packet.extend([0; 4]);
        let answer = self.exchange(packet, CONNECT).await?;
        let id = <[u8; 8]>::try_from(answer.as_slice()).map_err(|_| TrackerError::Answer {
            tracker: self.tracker.clone(),
            problem: format!("a connection id has 8 bytes, not {}", answer.len()),
        })?;
        let id = u64::from_be_bytes(id);
        self.connection = Some((id, Instant::now()));
        Ok(id)
    }

    /// Sends a packet, whose bytes 12 to 16 are for the transaction, until an answer to it comes; returns what follows the
    /// answer's head.
    async fn exchange(&self, mut packet: Vec<u8>, action: u32) -> Result<Vec<u8>, TrackerError> {
        let silent = |problem: String| TrackerError::Silent { tracker: self.tracker.clone(), problem };
        let transaction: [u8; 4] = rand::rng().random();
        packet[12..16].copy_from_slice(&transaction);
        let mut buffer = [0; 2048];
        for _ in 0..ATTEMPTS {
            self.socket.send(&packet).await.map_err(|error| silent(error.to_string()))?;
            let deadline = Instant::now() + self.timeout / ATTEMPTS;
            while let Ok(received) = timeout_at(deadline, self.socket.recv(&mut buffer)).await {
                let length = received.map_err(|error| silent(error.to_string()))?;
                let Some((head, body)) = buffer[..length].split_at_checked(8) else { continue };
                if head[4..] != transaction {
                    continue;
                }
                if head[..4] == ERROR.to_be_bytes() {
                    let reason: String =
                        String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(200).collect();
                    let problem = format!("the tracker refuses: {reason}");
                    return Err(TrackerError::Answer { tracker: self.tracker.clone(), problem });
                }
                if head[..4] == action.to_be_bytes() {
                    return Ok(body.to_vec());
                }
            }
        }
        Err(silent(format!("nothing came within {} s", self.timeout.as_secs_f32())))
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}
