//! What the operator decides about the server.

use std::net::SocketAddr;
use std::time::Duration;

use fonoteca_guard::{Policy, Rate};
use fonoteca_model::Timestamp;
use fonoteca_swarm::SeederOptions;

pub use crate::tracker::TrackerLimits;

/// Options of [`serve`](crate::serve), each with a default that suits one machine at home.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where HTTP is listened for; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the BitTorrent seeder listens; `None` for no seeder.
    pub bittorrent: Option<SocketAddr>,
    /// What the seeder may cost.
    pub seeder: SeederOptions,
    /// The address under which others reach the server, such as `https://music.example.org`. With `https` the session
    /// cookie is never sent in the clear.
    pub public_url: Option<String>,
    /// How long a login to the web page lasts.
    pub session_ttl: Duration,
    /// What the built-in tracker takes.
    pub tracker: TrackerLimits,
    /// Whether the trackers that torrents name are told what is seeded here.
    pub announce: bool,
    /// How often trackers are asked who has the torrents.
    pub count_every: Duration,
    /// What is tolerated of one address.
    pub guard: Policy,
    /// The minute of the day, from midnight, by which the hours of the schedule of checks go.
    pub minute_of_day: fn(Timestamp) -> u16,
    /// The `ffmpeg` program, for players that ask for less than the original.
    pub ffmpeg: std::ffi::OsString,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4747)),
            bittorrent: None,
            seeder: SeederOptions::default(),
            public_url: None,
            session_ttl: Duration::from_hours(30 * 24),
            tracker: TrackerLimits::default(),
            announce: true,
            count_every: Duration::from_hours(3),
            // A mirror announces each of its torrents every ten minutes; a thousand of them are no abuse.
            guard: Policy { announces: Rate { burst: 2_000, per_hour: 12_000 }, ..Policy::default() },
            // UTC.
            minute_of_day: |now| (now.as_seconds().rem_euclid(86_400) / 60) as u16,
            ffmpeg: "ffmpeg".into(),
        }
    }
}
