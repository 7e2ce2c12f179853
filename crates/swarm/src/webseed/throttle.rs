//! Keeping to a rate: whoever has taken bytes waits until the rate allows for them.

use std::num::NonZeroU64;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// How far a pause is made up for by going faster afterwards.
const BURST: Duration = Duration::from_millis(250);

/// A rate that several downloads share.
pub(super) struct Throttle {
    bytes_per_second: Option<NonZeroU64>,
    /// When what was taken so far is paid for.
    paid: Mutex<Instant>,
}

impl Throttle {
    pub(super) fn new(bytes_per_second: Option<NonZeroU64>) -> Self {
        Self { bytes_per_second, paid: Mutex::new(Instant::now()) }
    }

    /// So many bytes were taken.
    pub(super) async fn take(&self, bytes: u64) {
        let Some(rate) = self.bytes_per_second else { return };
        let cost = Duration::from_secs_f64(bytes as f64 / rate.get() as f64);
        let until = {
            let mut paid = self.paid.lock();
            let now = Instant::now();
            *paid = (*paid).max(now.checked_sub(BURST).unwrap_or(now)) + cost;
            *paid
        };
        sleep_until(until).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn takers_share_the_rate() {
        let throttle = Throttle::new(NonZeroU64::new(4_000_000));
        let begun = Instant::now();
        let takers = (0..4).map(async |_| {
            for _ in 0..10 {
                throttle.take(20_000).await;
            }
        });
        futures::future::join_all(takers).await;
        let seconds = begun.elapsed().as_secs_f64();
        assert!(seconds >= 0.2, "800 kB at 4 MB/s took {seconds} s");
        // Without a rate nobody waits, however much is taken.
        Throttle::new(None).take(u64::MAX).await;
    }
}
