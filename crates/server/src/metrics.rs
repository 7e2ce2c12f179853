//! Counters for `/metrics`, in the Prometheus text format (version 0.0.4).

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use fonoteca_swarm::SeederStats;

macro_rules! counters {
    ($($field:ident $name:literal $help:literal,)*) => {
        /// What has happened since the server started.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics { $(pub(crate) $field: Counter,)* }

        impl Metrics {
            /// All counters as Prometheus reads them, and those of the seeder where there is one.
            pub(crate) fn text(&self, seeder: Option<SeederStats>) -> String {
                let mut out = String::new();
                $(line(&mut out, $name, "counter", $help, self.$field.get());)*
                if let Some(stats) = seeder {
                    of_seeder(&mut out, stats);
                }
                out
            }
        }
    };
}

counters! {
    requests "fonoteca_requests_total" "HTTP requests answered.",
    logins_failed "fonoteca_logins_failed_total" "Logins with a wrong name, password, token or key.",
    streams "fonoteca_streams_total" "Audio requests answered, whole or in part.",
    stream_bytes "fonoteca_stream_bytes_total" "Bytes of audio sent to players.",
    transcodes "fonoteca_transcodes_total" "Streams that were transcoded.",
    web_seed_bytes "fonoteca_web_seed_bytes_total" "Bytes sent by web seed, padding included.",
    announces "fonoteca_announces_total" "Announcements answered by the tracker.",
}

fn of_seeder(out: &mut String, stats: SeederStats) {
    for (name, kind, help, value) in [
        ("bytes_total", "counter", "Bytes sent to BitTorrent peers, padding included.", stats.uploaded_bytes),
        ("connections_total", "counter", "BitTorrent peers that were let in.", stats.connections),
        ("turned_away_total", "counter", "BitTorrent peers turned away for lack of a place.", stats.turned_away),
        ("read_errors_total", "counter", "Blocks that could not be read for a BitTorrent peer.", stats.read_errors),
        ("peers", "gauge", "BitTorrent peers connected now.", stats.peers as u64),
        ("torrents", "gauge", "Torrents offered to BitTorrent peers.", stats.torrents as u64),
        ("open_torrents", "gauge", "Torrents that peers are at, or were lately.", stats.open_torrents as u64),
    ] {
        line(out, &format!("fonoteca_seeder_{name}"), kind, help, value);
    }
}

fn line(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
}

/// A number that grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_print_with_help_and_type() {
        let metrics = Metrics::default();
        metrics.streams.add(2);
        let text = metrics.text(None);
        assert!(text.contains("\n# TYPE fonoteca_streams_total counter\nfonoteca_streams_total 2\n"), "{text}");
        assert!(text.ends_with("fonoteca_announces_total 0\n"), "{text}");
        let text = metrics.text(Some(SeederStats { uploaded_bytes: 7, peers: 3, ..SeederStats::default() }));
        assert!(
            text.contains("\n# TYPE fonoteca_seeder_bytes_total counter\nfonoteca_seeder_bytes_total 7\n"),
            "{text}"
        );
        assert!(text.contains("\n# TYPE fonoteca_seeder_peers gauge\nfonoteca_seeder_peers 3\n"), "{text}");
    }
}
