//! A clock that goes only when it is told to.

use std::sync::atomic::{AtomicI64, Ordering};

use fonoteca_model::Timestamp;

/// A clock for tests: it stands still, and can be set forwards and backwards.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// A clock that shows `now`.
    pub const fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    /// Moves it by so many seconds, backwards too.
    pub fn jump(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_when_told() {
        let clock = FixedClock::new(Timestamp::from_seconds(10));
        clock.jump(-3);
        assert_eq!(clock.now(), Timestamp::from_seconds(7));
    }
}
