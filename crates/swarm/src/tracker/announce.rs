//! One tracker that is told what is seeded, and asked who else has it.

use std::collections::HashMap;
use std::time::Duration;

use fonoteca_model::Sha1Hash;

use super::{Scraped, TrackerError, TrackerOptions, http, udp};

/// Why the tracker is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It is seeded from now on.
    Started,
    /// It is still seeded.
    Regular,
    /// It is not seeded any more.
    Stopped,
}

/// That all of a torrent is to be had here. The address is the one from which the tracker is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// The torrent; of a v2 one the first 20 bytes (BEP 52).
    pub info_hash: Sha1Hash,
    /// What the seeder calls itself.
    pub peer_id: [u8; 20],
    /// Where it listens.
    pub port: u16,
    /// Why now.
    pub event: Event,
}

/// What a tracker may ask for: to be told again neither at once nor after days.
const INTERVAL: std::ops::RangeInclusive<u32> = 60..=6 * 3600;

/// A tracker at the other end. It is told and asked one thing after the other.
#[derive(Debug)]
pub struct TrackerClient(Way);

#[derive(Debug)]
enum Way {
    Http(http::Asking),
    Udp(udp::Asking),
}

impl TrackerClient {
    /// Nothing is sent by this, but for the question where a UDP tracker's host is.
    ///
    /// `tracker` is the announce address as in the torrent.
    pub async fn connect(tracker: &str, options: &TrackerOptions) -> Result<Self, TrackerError> {
        let address = |problem| TrackerError::Address { tracker: tracker.to_owned(), problem };
        let url = reqwest::Url::parse(tracker).map_err(|_| address("it is no URL"))?;
        Ok(Self(match url.scheme() {
            "http" | "https" => Way::Http(http::Asking::new(tracker, &url, options)?),
            "udp" => Way::Udp(udp::Asking::connect(tracker, &url, options).await?),
            _ => return Err(address("it is neither HTTP nor UDP")),
        }))
    }

    /// Tells it; returns when it is to be told again.
    pub async fn announce(&mut self, announcement: &Announcement) -> Result<Duration, TrackerError> {
        let seconds = match &mut self.0 {
            Way::Http(asking) => asking.announce(announcement).await?,
            Way::Udp(asking) => asking.announce(announcement).await?,
        };
        Ok(Duration::from_secs(seconds.clamp(*INTERVAL.start(), *INTERVAL.end()).into()))
    }

    /// Asks it for counts, as far as it has them.
    pub(super) async fn scrape(&mut self, hashes: &[Sha1Hash]) -> Result<HashMap<Sha1Hash, Scraped>, TrackerError> {
        match &mut self.0 {
            Way::Http(asking) => asking.scrape(hashes).await,
            Way::Udp(asking) => asking.scrape(hashes).await,
        }
    }
}
