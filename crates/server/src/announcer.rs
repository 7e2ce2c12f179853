//! Telling the trackers that the torrents name what is seeded here, so that others find it: a mirror above all, which is in
//! nobody's tracker otherwise.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use fonoteca_archive::Published;
use fonoteca_model::Sha1Hash;
use fonoteca_swarm::{Announcement, Event, TrackerClient, TrackerError, TrackerOptions};
use futures::future::join_all;
use tokio::time::Instant;
use url::Url;

use crate::app::App;
use crate::background::seeded;

/// How soon a tracker learns what came or went.
const TURN: Duration = Duration::from_secs(2);
/// Announcements to one tracker in one turn, so that one with ten thousand torrents is not flooded.
const IN_A_TURN: usize = 100;
/// Trackers that are told; torrents of others may name any number of them.
const MAX_TRACKERS: usize = 20;
/// A tracker that does not take it is left alone for so long, then for twice as long, up to sixteen times.
const RETRY: Duration = Duration::from_mins(1);

/// Who announces: what the seeder calls itself, and where it listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Announcer {
    pub peer_id: [u8; 20],
    pub at: SocketAddr,
}

impl Announcer {
    /// Runs until it is dropped.
    pub async fn keep_telling(self, app: App) {
        let mut trackers: BTreeMap<String, Told> = BTreeMap::new();
        loop {
            match app.archive.published().await {
                Ok(published) => {
                    let wanted = self.wanted(&published, app.options.public_url.as_deref());
                    for tracker in wanted.keys() {
                        if trackers.len() < MAX_TRACKERS && !trackers.contains_key(*tracker) {
                            trackers.insert((*tracker).to_owned(), Told::default());
                        }
                    }
                    let nothing = HashSet::new();
                    join_all(trackers.iter_mut().map(|(tracker, told)| {
                        let wanted = wanted.get(tracker.as_str()).unwrap_or(&nothing);
                        async move {
                            if let Err(error) = told.turn(self, tracker, wanted).await {
                                tracing::warn!("{error}");
                            }
                        }
                    }))
                    .await;
                    trackers.retain(|tracker, told| !told.due.is_empty() || wanted.contains_key(tracker.as_str()));
                }
                Err(error) => {
                    app.internal("reading what is published", &error);
                }
            }
            tokio::time::sleep(TURN).await;
        }
    }

    /// The info-hashes that each tracker is told of. The archive's own knows them.
    fn wanted<'a>(&self, published: &'a Published, own: Option<&str>) -> BTreeMap<&'a str, HashSet<Sha1Hash>> {
        let mut wanted: BTreeMap<&str, HashSet<Sha1Hash>> = BTreeMap::new();
        for variant in seeded(published).flat_map(|torrent| &torrent.variants) {
            for tracker in variant.trackers.iter().filter(|tracker| self.is_told(tracker, own)) {
                wanted.entry(tracker).or_default().extend(variant.offer.info_hashes());
            }
        }
        wanted
    }

    /// Nobody elsewhere reaches a seeder that listens on this machine alone.
    fn is_told(&self, tracker: &str, own: Option<&str>) -> bool {
        if own.is_some_and(|own| tracker.starts_with(&format!("{}/", own.trim_end_matches('/')))) {
            return false;
        }
        // Of what is neither HTTP nor HTTPS the library takes an IPv4 address for a name.
        let Some(host) = Url::parse(tracker).ok().and_then(|url| url.host_str().map(str::to_owned)) else {
            return false;
        };
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_here = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
        is_here || !self.at.ip().is_loopback()
    }
}

/// What a tracker was told.
#[derive(Default)]
struct Told {
    client: Option<TrackerClient>,
    /// When it is to be told again of each torrent that it knows of.
    due: HashMap<Sha1Hash, Instant>,
    /// How often in a row it did not take it, and until when it is left alone.
    failed: Option<(u32, Instant)>,
}

impl Told {
    /// Tells it first what went, then what came and what it wants to be told again.
    async fn turn(
        &mut self,
        announcer: Announcer,
        tracker: &str,
        wanted: &HashSet<Sha1Hash>,
    ) -> Result<(), TrackerError> {
        let now = Instant::now();
        if self.failed.is_some_and(|(_, until)| until > now) {
            return Ok(());
        }
        let gone = self.due.keys().filter(|hash| !wanted.contains(*hash)).map(|hash| (*hash, Event::Stopped));
        let here = wanted.iter().filter_map(|hash| match self.due.get(hash) {
            None => Some((*hash, Event::Started)),
            Some(due) => (*due <= now).then_some((*hash, Event::Regular)),
        });
        let events: Vec<(Sha1Hash, Event)> = gone.chain(here).take(IN_A_TURN).collect();
        for (info_hash, event) in events {
            let Announcer { peer_id, at } = announcer;
            let announcement = Announcement { info_hash, peer_id, port: at.port(), event };
            match self.tell(tracker, &announcement).await {
                Ok(_) if event == Event::Stopped => {
                    self.due.remove(&info_hash);
                }
                Ok(interval) => {
                    self.due.insert(info_hash, Instant::now() + interval);
                }
                Err(error) => {
                    let times = self.failed.map_or(0, |(times, _)| times);
                    self.failed = Some((times + 1, Instant::now() + RETRY * (1 << times.min(4))));
                    self.client = None;
                    return Err(error);
                }
            }
            self.failed = None;
        }
        Ok(())
    }

    async fn tell(&mut self, tracker: &str, announcement: &Announcement) -> Result<Duration, TrackerError> {
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(TrackerClient::connect(tracker, &TrackerOptions::default()).await?),
        };
        client.announce(announcement).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_told() {
        let at = |address: &str| Announcer { peer_id: [0; 20], at: address.parse().expect("an address") };
        let (here, open) = (at("127.0.0.1:6881"), at("0.0.0.0:6881"));
        let own = Some("https://music.example.org/");
        for (tracker, told_of_here, told_of_open) in [
            ("http://127.0.0.1:6969/announce", true, true),
            ("udp://localhost:6969", true, true),
            ("udp://127.0.0.1:6969", true, true),
            ("udp://[::1]:6969", true, true),
            ("http://[::1]/announce", true, true),
            ("https://tracker.example.net/announce", false, true),
            ("udp://192.0.2.7:6969", false, true),
            ("https://music.example.org/announce", false, false),
            ("https://music.example.org.evil.net/announce", false, true),
            ("nonsense", false, false),
        ] {
            assert_eq!(here.is_told(tracker, own), told_of_here, "{tracker}");
            assert_eq!(open.is_told(tracker, own), told_of_open, "{tracker}");
        }
    }
}
