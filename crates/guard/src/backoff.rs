//! Failures of one subject, and how long it waits for them.

use fonoteca_model::Timestamp;

use crate::policy::BackOff;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Failures {
    pub(crate) count: u32,
    last: Timestamp,
}

impl Failures {
    pub(crate) fn none(now: Timestamp) -> Self {
        Self { count: 0, last: now }
    }

    pub(crate) fn add(&mut self, policy: &BackOff, now: Timestamp) {
        self.settle(policy, now);
        self.count = self.count.saturating_add(1);
        self.last = now;
    }

    /// Until when the subject waits, where it does.
    pub(crate) fn until(&mut self, policy: &BackOff, now: Timestamp) -> Option<Timestamp> {
        self.settle(policy, now);
        let doublings = self.count.checked_sub(policy.free_failures)?.checked_sub(1)?;
        let wait = 1u64.checked_shl(doublings).unwrap_or(u64::MAX).saturating_mul(policy.first_wait_seconds.into());
        let until = self.last.plus_seconds(wait.min(policy.longest_wait_seconds.into()) as i64);
        (until > now).then_some(until)
    }

    fn settle(&mut self, policy: &BackOff, now: Timestamp) {
        // Where the clock jumped back the wait begins anew: never longer than it was, and never for the jump besides.
        self.last = self.last.min(now);
        if now >= self.last.plus_seconds(policy.forget_seconds.max(policy.longest_wait_seconds).into()) {
            self.count = 0;
        }
    }
}
