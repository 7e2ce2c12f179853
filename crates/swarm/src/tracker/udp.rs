//! BEP 15: the UDP tracker protocol, as far as scraping goes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use fonoteca_model::Sha1Hash;
use rand::Rng;
use reqwest::Url;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::{ScrapeError, ScrapeOptions, Scraped};

const PROTOCOL: u64 = 0x0000_0417_2710_1980;
const CONNECT: u32 = 0;
const SCRAPE: u32 = 2;
const ERROR: u32 = 3;
/// A connection id is good for one minute.
const CONNECTED_FOR: Duration = Duration::from_secs(55);
/// How often a question is sent before the tracker counts as silent; a packet may be lost.
const ATTEMPTS: u32 = 3;

/// A tracker that is being asked.
pub(super) struct Asking<'a> {
    tracker: &'a str,
    socket: UdpSocket,
    timeout: Duration,
    connection: Option<(u64, Instant)>,
}

impl<'a> Asking<'a> {
    pub(super) async fn connect(tracker: &'a str, url: &Url, options: &ScrapeOptions) -> Result<Self, ScrapeError> {
        let address = |problem| ScrapeError::Address { tracker: tracker.to_owned(), problem };
        let host = url.host_str().ok_or_else(|| address("it names no host"))?;
        let port = url.port().ok_or_else(|| address("it names no port"))?;
        let silent =
            |error: std::io::Error| ScrapeError::Silent { tracker: tracker.to_owned(), problem: error.to_string() };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut found = tokio::net::lookup_host((host, port)).await.map_err(silent)?;
        let to = found.next().ok_or_else(|| address("its host has no address"))?;
        let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any).await.map_err(silent)?;
        // From here on only this address's packets are received.
        socket.connect(to).await.map_err(silent)?;
        Ok(Self { tracker, socket, timeout: options.timeout, connection: None })
    }

    pub(super) async fn ask(&mut self, hashes: &[Sha1Hash]) -> Result<HashMap<Sha1Hash, Scraped>, ScrapeError> {
        let connection = self.connection().await?;
        let mut packet = connection.to_be_bytes().to_vec();
        packet.extend(SCRAPE.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(hashes.iter().flat_map(Sha1Hash::as_bytes));
        let answer = self.exchange(packet, SCRAPE).await?;
        let counts = answer.chunks_exact(12);
        if answer.len() != hashes.len() * 12 {
            let problem = format!("{} torrents were asked for, it tells of {}", hashes.len(), counts.len());
            return Err(ScrapeError::Answer { tracker: self.tracker.to_owned(), problem });
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
        let scraped = counts.map(|counts| Scraped {
            seeders: number(&counts[..4]),
            completed: number(&counts[4..8]),
            leechers: number(&counts[8..]),
        });
        Ok(hashes.iter().copied().zip(scraped).collect())
    }

    async fn connection(&mut self) -> Result<u64, ScrapeError> {
        if let Some((id, since)) = self.connection
            && since.elapsed() < CONNECTED_FOR
        {
            return Ok(id);
        }
        let mut packet = PROTOCOL.to_be_bytes().to_vec();
        packet.extend(CONNECT.to_be_bytes());
        packet.extend([0; 4]);
        let answer = self.exchange(packet, CONNECT).await?;
        let id = <[u8; 8]>::try_from(answer.as_slice()).map_err(|_| ScrapeError::Answer {
            tracker: self.tracker.to_owned(),
            problem: format!("a connection id has 8 bytes, not {}", answer.len()),
        })?;
        let id = u64::from_be_bytes(id);
        self.connection = Some((id, Instant::now()));
        Ok(id)
    }

    /// Sends a packet, whose bytes 12 to 16 are for the transaction, until an answer to it comes; returns what follows the
    /// answer's head.
    async fn exchange(&self, mut packet: Vec<u8>, action: u32) -> Result<Vec<u8>, ScrapeError> {
        let silent = |problem: String| ScrapeError::Silent { tracker: self.tracker.to_owned(), problem };
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
                    return Err(ScrapeError::Answer { tracker: self.tracker.to_owned(), problem });
                }
                if head[..4] == action.to_be_bytes() {
                    return Ok(body.to_vec());
                }
            }
        }
        Err(silent(format!("nothing came within {} s", self.timeout.as_secs_f32())))
    }
}
