//! Whose turn it is: the upload rate of all peers together, shared out evenly.
//!
//! Every connection takes a turn for a slice of what it is about to send, and asks for the next one only when that has
//! been waited for. So turns go round among the connections that have something to send, and each gets as many bytes as
//! the others, however large its requests and however many of them wait.

use std::num::NonZeroU64;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Bytes of one turn: a block as clients ask for it.
const SLICE_BYTES: u64 = 16 << 10;
/// What was not sent for so long may be sent later, so that a late timer does not lower the rate.
const CREDIT: Duration = Duration::from_millis(100);
/// Turns so near are not worth a timer.
const NEAR: Duration = Duration::from_millis(2);

/// The turns of all connections.
#[derive(Debug)]
pub(super) struct Turns {
    bytes_per_second: Option<NonZeroU64>,
    free: Mutex<Option<Instant>>,
}

impl Turns {
    pub(super) fn new(bytes_per_second: Option<NonZeroU64>) -> Self {
        Self { bytes_per_second, free: Mutex::default() }
    }

    /// Waits until so many bytes may go.
    pub(super) async fn wait(&self, bytes: u64) {
        let Some(rate) = self.bytes_per_second else {
            return;
        };
        let mut left = bytes;
        while left > 0 {
            let slice = left.min(SLICE_BYTES);
            left -= slice;
            let now = Instant::now();
            let turn = self.reserve(now, slice, rate);
            if turn > now + NEAR {
                tokio::time::sleep_until(turn).await;
            }
        }
    }

    /// Takes the next turn, and says when it is.
    fn reserve(&self, now: Instant, bytes: u64, rate: NonZeroU64) -> Instant {
        let mut free = self.free.lock();
        // With no credit to begin with, a seeder that was just started keeps to its rate as well.
        let earliest = if free.is_some() { now.checked_sub(CREDIT).unwrap_or(now) } else { now };
        let turn = free.map_or(earliest, |free| free.max(earliest));
        *free = Some(turn + Duration::from_secs_f64(bytes as f64 / rate.get() as f64));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: NonZeroU64 = NonZeroU64::new(100_000).expect("not zero");

    #[test]
    fn turns_follow_each_other_at_the_rate() {
        let turns = Turns::new(Some(RATE));
        let start = Instant::now();
        let at = |turn: Instant| (turn - start).as_millis();
        assert_eq!(at(turns.reserve(start, 10_000, RATE)), 0);
        assert_eq!(at(turns.reserve(start, 5_000, RATE)), 100);
        assert_eq!(at(turns.reserve(start, 5_000, RATE)), 150);
        assert_eq!(at(turns.reserve(start, 5_000, RATE)), 200);
    }

    #[test]
    fn a_pause_gives_a_tenth_of_a_second_of_credit_and_no_more() {
        let turns = Turns::new(Some(RATE));
        let start = Instant::now();
        turns.reserve(start, 1_000, RATE);
        let later = start + Duration::from_mins(1);
        let mut sent = 0;
        while turns.reserve(later, 1_000, RATE) <= later {
            sent += 1_000;
        }
        // A tenth of a second is 10,000 bytes, and the turn that is due now.
        assert_eq!(sent, 11_000);
    }
}
