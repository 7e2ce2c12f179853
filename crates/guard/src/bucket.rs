//! A token bucket. It may be overdrawn, since how much an upload brings is known only afterwards.

use fonoteca_model::Timestamp;

use crate::policy::Rate;

/// How often the burst a subject may owe: a single huge upload must not shut it out for years.
const MOST_OWED_BURSTS: f64 = 10.0;
const MICROS_PER_HOUR: f64 = 3_600e6;
/// Against rounding: whoever waits as long as told is let in.
const ROUNDING: f64 = 1e-3;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    level: f64,
    last: Timestamp,
}

impl Bucket {
    pub(crate) fn full(rate: Rate, now: Timestamp) -> Self {
        Self { level: burst(rate), last: now }
    }

    pub(crate) fn take(&mut self, rate: Rate, now: Timestamp, amount: u64) {
        self.refill(rate, now);
        self.level = (self.level - amount as f64).max(-MOST_OWED_BURSTS * burst(rate));
    }

    /// When there is something to take again, where there is nothing now.
    pub(crate) fn until(&mut self, rate: Rate, now: Timestamp) -> Option<Timestamp> {
        self.refill(rate, now);
        let missing = 1.0 - self.level;
        if missing <= ROUNDING {
            return None;
        }
        let micros = (missing / per_micro(rate)).ceil() as i64;
        Some(Timestamp(now.0.saturating_add(micros)))
    }

    fn refill(&mut self, rate: Rate, now: Timestamp) {
        // Negative where the clock jumped back: then nothing is gained, and nothing lost.
        let elapsed = now.0.saturating_sub(self.last.0).max(0);
        self.level = (self.level + elapsed as f64 * per_micro(rate)).min(burst(rate));
        self.last = now;
    }
}

fn burst(rate: Rate) -> f64 {
    rate.burst.max(1) as f64
}

fn per_micro(rate: Rate) -> f64 {
    rate.per_hour.max(1) as f64 / MICROS_PER_HOUR
}
