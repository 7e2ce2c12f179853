//! What is tolerated, in typed numbers with documented defaults.

/// Growing waits after failures: some are free, then each one doubles the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    /// Failures that cost nothing: people mistype.
    pub free_failures: u32,
    /// The wait after the first failure beyond those.
    pub first_wait_seconds: u32,
    /// No wait is longer.
    pub longest_wait_seconds: u32,
    /// Failures are forgotten this long after the last one, though never before its wait is over.
    pub forget_seconds: u32,
}

/// A token bucket: `burst` at once, then `per_hour`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How much may come at once; 0 counts as 1.
    pub burst: u64,
    /// How much comes back in an hour; 0 counts as 1.
    pub per_hour: u64,
}

/// All limits of a [`Guard`](crate::Guard).
///
/// An address is an IPv4 address or an IPv6 /64, which is what one customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Subjects remembered of each kind, some 200 bytes each; the one not heard of for longest is forgotten first.
    /// 100,000; 0 counts as 1.
    pub max_subjects: usize,
    /// Failed log-ins per address: 10 free (a household shares one), then 1 s doubling to 15 min, forgotten after an
    /// hour. A log-in that succeeds changes nothing here, or one own account would buy endless guesses at others.
    pub login_address: BackOff,
    /// Failed log-ins per user name from anywhere: 5 free, then 1 s doubling to 30 s, forgotten after 15 min or a
    /// log-in. The longest wait is short, so that nobody can lock somebody else out.
    pub login_user: BackOff,
    /// Requests per address: 300 at once (a page of covers), then 20 a second.
    pub requests: Rate,
    /// Uploaded files per address: 1,000 at once, then 1,000 an hour.
    pub uploads: Rate,
    /// Uploaded bytes per address: 50 GB at once, then 5 GB an hour.
    pub upload_bytes: Rate,
    /// Announces (to a tracker, or asking for the feed) per address: 60 at once, then 2 a minute.
    pub announces: Rate,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_subjects: 100_000,
            login_address: BackOff {
                free_failures: 10,
                first_wait_seconds: 1,
                longest_wait_seconds: 15 * 60,
                forget_seconds: 60 * 60,
            },
            login_user: BackOff {
                free_failures: 5,
                first_wait_seconds: 1,
                longest_wait_seconds: 30,
                forget_seconds: 15 * 60,
            },
            requests: Rate { burst: 300, per_hour: 20 * 3600 },
            uploads: Rate { burst: 1000, per_hour: 1000 },
            upload_bytes: Rate { burst: 50_000_000_000, per_hour: 5_000_000_000 },
            announces: Rate { burst: 60, per_hour: 2 * 60 },
        }
    }
}
