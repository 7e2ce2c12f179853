//! Counters for `/metrics`, in the Prometheus text format (version 0.0.4).

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($field:ident $name:literal $help:literal,)*) => {
        /// What has happened since the server started.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics { $(pub(crate) $field: Counter,)* }

        impl Metrics {
            /// All counters as Prometheus reads them.
            pub(crate) fn text(&self) -> String {
                let mut out = String::new();
                $(
                    let _ = writeln!(out, "# HELP {0} {1}\n# TYPE {0} counter\n{0} {2}", $name, $help, self.$field.get());
                )*
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
    web_seed_bytes "fonoteca_web_seed_bytes_total" "Bytes sent by web seed.",
    announces "fonoteca_announces_total" "Announcements answered by the tracker.",
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
        let text = metrics.text();
        assert!(text.contains("\n# TYPE fonoteca_streams_total counter\nfonoteca_streams_total 2\n"), "{text}");
        assert!(text.ends_with("fonoteca_announces_total 0\n"), "{text}");
    }
}
