//! Who is in which swarm, in memory alone: after a restart the clients announce again.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use fonoteca_model::{Sha1Hash, Timestamp};

use super::announce::{Announce, Event};

/// What the tracker takes from outside, and how long it remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackerLimits {
    /// Seconds between two announcements of a client.
    pub interval_seconds: u32,
    /// Seconds without an announcement after which a client is gone.
    pub expiry_seconds: u32,
    /// Peers in one swarm; further ones are answered but not remembered.
    pub peers_a_swarm: usize,
    /// Peers at one address in one swarm, behind its different ports.
    pub peers_an_address: usize,
}

impl Default for TrackerLimits {
    fn default() -> Self {
        Self { interval_seconds: 600, expiry_seconds: 1_500, peers_a_swarm: 2_000, peers_an_address: 32 }
    }
}

#[derive(Debug, Clone)]
struct Peer {
    id: [u8; 20],
    seeder: bool,
    expires: Timestamp,
}

#[derive(Debug, Default)]
struct Swarm {
    peers: HashMap<SocketAddr, Peer>,
    completed: u64,
}

/// The counts of one swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) seeders: usize,
    pub(crate) leechers: usize,
    /// Downloads that were completed since the server started.
    pub(crate) completed: u64,
}

/// What an announcement is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) counts: Counts,
    pub(crate) peers: Vec<(SocketAddr, [u8; 20])>,
}

/// The swarms of the archive's torrents.
#[derive(Debug, Default)]
pub(crate) struct Swarms {
    limits: TrackerLimits,
    swarms: HashMap<Sha1Hash, Swarm>,
}

impl Swarms {
    pub(crate) fn new(limits: TrackerLimits) -> Self {
        Self { limits, swarms: HashMap::new() }
    }

    pub(crate) fn limits(&self) -> TrackerLimits {
        self.limits
    }

    /// From now on serves these torrents and no others; peers of those that stay are kept.
    pub(crate) fn serve_only(&mut self, allowed: &HashSet<Sha1Hash>) {
        self.swarms.retain(|hash, _| allowed.contains(hash));
        for hash in allowed {
            self.swarms.entry(*hash).or_default();
        }
    }

    /// Notes an announcement from `address` and picks peers for it; `None` for a torrent that is not served.
    ///
    /// `pick` is any number: it decides where in the swarm the choice begins, so that not all clients get the same peers.
    pub(crate) fn announce(
        &mut self,
        announce: &Announce,
        address: SocketAddr,
        now: Timestamp,
        pick: usize,
    ) -> Option<Answer> {
        let limits = self.limits;
        let swarm = self.swarms.get_mut(&announce.info_hash)?;
        swarm.peers.retain(|_, peer| peer.expires > now);
        let seeder = announce.left == 0;
        if announce.event == Event::Stopped {
            swarm.peers.remove(&address);
        } else if swarm.has_room_for(address, &limits) {
            if announce.event == Event::Completed && seeder && swarm.peers.get(&address).is_none_or(|peer| !peer.seeder)
            {
                swarm.completed += 1;
            }
            let expires = now.plus_seconds(limits.expiry_seconds.into());
            swarm.peers.insert(address, Peer { id: announce.peer_id, seeder, expires });
        }
        let wanted = if announce.event == Event::Stopped { 0 } else { announce.wanted };
        // Two seeders have nothing to give each other.
        let useful: Vec<_> =
            swarm.peers.iter().filter(|(other, peer)| **other != address && !(seeder && peer.seeder)).collect();
        let start = if useful.is_empty() { 0 } else { pick % useful.len() };
        let chosen = useful.iter().cycle().skip(start).take(wanted.min(useful.len()));
        let peers = chosen.map(|(address, peer)| (**address, peer.id)).collect();
        Some(Answer { counts: swarm.counts(), peers })
    }

    /// The counts of a torrent; `None` for one that is not served.
    pub(crate) fn scrape(&mut self, info_hash: &Sha1Hash, now: Timestamp) -> Option<Counts> {
        let swarm = self.swarms.get_mut(info_hash)?;
        swarm.peers.retain(|_, peer| peer.expires > now);
        Some(swarm.counts())
    }
}

impl Swarm {
    fn has_room_for(&self, address: SocketAddr, limits: &TrackerLimits) -> bool {
        self.peers.contains_key(&address)
            || (self.peers.len() < limits.peers_a_swarm
                && self.peers.keys().filter(|other| other.ip() == address.ip()).count() < limits.peers_an_address)
    }

    fn counts(&self) -> Counts {
        let seeders = self.peers.values().filter(|peer| peer.seeder).count();
        Counts { seeders, leechers: self.peers.len() - seeders, completed: self.completed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: Sha1Hash = Sha1Hash([7; 20]);
    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    fn swarms(limits: TrackerLimits) -> Swarms {
        let mut swarms = Swarms::new(limits);
        swarms.serve_only(&[HASH].into());
        swarms
    }

    fn announce(left: u64, event: Event) -> Announce {
        Announce { info_hash: HASH, peer_id: [1; 20], port: 0, left, event, compact: true, wanted: 50 }
    }

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn ports(answer: Option<Answer>) -> Vec<u16> {
        let mut ports: Vec<u16> = answer.expect("served").peers.iter().map(|(address, _)| address.port()).collect();
        ports.sort_unstable();
        ports
    }

    #[test]
    fn peers_find_each_other_and_leave() {
        let mut swarms = swarms(TrackerLimits::default());
        assert_eq!(ports(swarms.announce(&announce(5, Event::Started), at(1), NOW, 0)), [0_u16; 0]);
        assert_eq!(ports(swarms.announce(&announce(0, Event::Started), at(2), NOW, 9)), [1]);
        assert_eq!(ports(swarms.announce(&announce(0, Event::Started), at(3), NOW, 1)), [1], "no seeder for a seeder");
        assert_eq!(ports(swarms.announce(&announce(5, Event::Regular), at(1), NOW, 2)), [2, 3]);
        assert_eq!(swarms.scrape(&HASH, NOW), Some(Counts { seeders: 2, leechers: 1, completed: 0 }));
        swarms.announce(&announce(0, Event::Completed), at(1), NOW, 0);
        swarms.announce(&announce(0, Event::Completed), at(1), NOW, 0);
        assert_eq!(swarms.scrape(&HASH, NOW), Some(Counts { seeders: 3, leechers: 0, completed: 1 }));
        let answer = swarms.announce(&announce(0, Event::Stopped), at(2), NOW, 0).expect("served");
        assert_eq!((answer.counts.seeders, answer.peers.len()), (2, 0));
    }

    #[test]
    fn who_is_silent_is_gone() {
        let mut swarms = swarms(TrackerLimits::default());
        swarms.announce(&announce(0, Event::Started), at(1), NOW, 0);
        let expiry = i64::from(TrackerLimits::default().expiry_seconds);
        assert_eq!(swarms.scrape(&HASH, NOW.plus_seconds(expiry - 1)).map(|counts| counts.seeders), Some(1));
        assert_eq!(swarms.scrape(&HASH, NOW.plus_seconds(expiry)).map(|counts| counts.seeders), Some(0));
    }

    #[test]
    fn other_torrents_are_not_served() {
        let mut swarms = swarms(TrackerLimits::default());
        let foreign = Announce { info_hash: Sha1Hash([8; 20]), ..announce(0, Event::Started) };
        assert_eq!(swarms.announce(&foreign, at(1), NOW, 0), None);
        assert_eq!(swarms.scrape(&foreign.info_hash, NOW), None);
        swarms.announce(&announce(0, Event::Started), at(1), NOW, 0);
        swarms.serve_only(&[HASH, foreign.info_hash].into());
        assert_eq!(swarms.scrape(&HASH, NOW).map(|counts| counts.seeders), Some(1), "kept");
        swarms.serve_only(&[foreign.info_hash].into());
        assert_eq!(swarms.scrape(&HASH, NOW), None);
    }

    #[test]
    fn a_flood_is_not_remembered() {
        let limits = TrackerLimits { peers_a_swarm: 10, peers_an_address: 3, ..TrackerLimits::default() };
        let mut swarms = swarms(limits);
        for port in 1..=50 {
            swarms.announce(&announce(1, Event::Started), at(port), NOW, 0);
        }
        assert_eq!(swarms.scrape(&HASH, NOW).map(|counts| counts.leechers), Some(3));
        for host in 1..=50 {
            swarms.announce(&announce(1, Event::Started), SocketAddr::from(([10, 0, 0, host], 1)), NOW, 0);
        }
        assert_eq!(swarms.scrape(&HASH, NOW).map(|counts| counts.leechers), Some(10));
        let answer = swarms.announce(&announce(1, Event::Started), at(50), NOW, 0).expect("served");
        assert_eq!(answer.peers.len(), 10, "who is not remembered is answered all the same");
        let few = Announce { wanted: 2, ..announce(1, Event::Regular) };
        assert_eq!(swarms.announce(&few, at(50), NOW, usize::MAX).expect("served").peers.len(), 2);
    }
}
