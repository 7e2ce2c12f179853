//! The guard: what it is told, what it is asked, and what it answers.

use std::net::{IpAddr, Ipv6Addr};

use fonoteca_model::Timestamp;

use crate::backoff::Failures;
use crate::bounded::Bounded;
use crate::bucket::Bucket;
use crate::policy::{Policy, Rate};

/// User names are told apart by this many characters, so that long ones cost no memory.
const USER_CHARS: usize = 64;

/// Something that happened. A user name is given as the account look-up folds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// A log-in was tried and the secret was wrong, or no such user exists (the same in both cases, or it tells which).
    LoginFailed {
        /// From where.
        address: IpAddr,
        /// Under which name.
        user: String,
    },
    /// A log-in succeeded.
    LoginSucceeded {
        /// Under which name.
        user: String,
    },
    /// A request was answered.
    Request {
        /// From where.
        address: IpAddr,
    },
    /// A file was uploaded.
    Upload {
        /// From where.
        address: IpAddr,
        /// Its bytes.
        bytes: u64,
    },
    /// A peer announced itself, or asked for the feed.
    Announce {
        /// From where.
        address: IpAddr,
    },
}

/// Somebody about to do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// To try a log-in.
    Login {
        /// From where.
        address: IpAddr,
        /// Under which name.
        user: String,
    },
    /// To make a request.
    Request {
        /// From where.
        address: IpAddr,
    },
    /// To upload a file.
    Upload {
        /// From where.
        address: IpAddr,
    },
    /// To announce itself.
    Announce {
        /// From where.
        address: IpAddr,
    },
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Let it happen.
    Allow,
    /// Not yet. No fault of whoever asks, or a small one.
    Delay {
        /// When to try again.
        until: Timestamp,
    },
    /// No.
    Deny {
        /// When to try again.
        until: Timestamp,
        /// What was seen, in a sentence for the operator's log and for whoever asks.
        reason: String,
    },
}

/// Keeps what was observed, within bounds, and decides.
#[derive(Debug)]
pub struct Guard {
    policy: Policy,
    login_addresses: Bounded<IpAddr, Failures>,
    login_users: Bounded<String, Failures>,
    requests: Bounded<IpAddr, Bucket>,
    uploads: Bounded<IpAddr, Bucket>,
    upload_bytes: Bounded<IpAddr, Bucket>,
    announces: Bounded<IpAddr, Bucket>,
}

impl Guard {
    /// A guard that has seen nothing.
    pub fn new(policy: Policy) -> Self {
        let limit = policy.max_subjects;
        Self {
            policy,
            login_addresses: Bounded::new(limit),
            login_users: Bounded::new(limit),
            requests: Bounded::new(limit),
            uploads: Bounded::new(limit),
            upload_bytes: Bounded::new(limit),
            announces: Bounded::new(limit),
        }
    }

    /// Takes note of what happened. Only what was really done counts: not what was delayed or denied.
    pub fn observe(&mut self, now: Timestamp, observation: &Observation) {
        let policy = &self.policy;
        match observation {
            Observation::LoginFailed { address, user } => {
                let none = || Failures::none(now);
                self.login_addresses.hear(network(*address), none).add(&policy.login_address, now);
                self.login_users.hear(short(user), none).add(&policy.login_user, now);
            }
            Observation::LoginSucceeded { user } => self.login_users.remove(&short(user)),
            Observation::Request { address } => take(&mut self.requests, policy.requests, now, *address, 1),
            Observation::Upload { address, bytes } => {
                take(&mut self.uploads, policy.uploads, now, *address, 1);
                take(&mut self.upload_bytes, policy.upload_bytes, now, *address, *bytes);
            }
            Observation::Announce { address } => take(&mut self.announces, policy.announces, now, *address, 1),
        }
    }

    /// Decides on what is about to happen. Asking changes nothing; tell the guard what came of it by
    /// [`observe`](Guard::observe).
    pub fn decide(&mut self, now: Timestamp, subject: &Subject) -> Decision {
        let policy = &self.policy;
        match subject {
            Subject::Login { address, user } => {
                // Both are asked, so that whoever waits as long as told is let in.
                let address = network(*address);
                let user_until =
                    self.login_users.get_mut(&short(user)).and_then(|failures| failures.until(&policy.login_user, now));
                let failures = self.login_addresses.get_mut(&address);
                match failures.and_then(|failures| Some((failures.until(&policy.login_address, now)?, failures.count)))
                {
                    Some((until, count)) => Decision::Deny {
                        until: user_until.map_or(until, |user_until| until.max(user_until)),
                        reason: format!("{count} failed log-ins from {}", shown(address)),
                    },
                    None => user_until.map_or(Decision::Allow, |until| Decision::Delay { until }),
                }
            }
            Subject::Request { address } => {
                let until = empty_until(&mut self.requests, policy.requests, now, *address);
                until.map_or(Decision::Allow, |until| Decision::Delay { until })
            }
            Subject::Upload { address } => {
                let files = empty_until(&mut self.uploads, policy.uploads, now, *address);
                let bytes = empty_until(&mut self.upload_bytes, policy.upload_bytes, now, *address);
                let what = if bytes > files { "bytes" } else { "files" };
                flood(files.max(bytes), &format!("too many {what} uploaded"), *address)
            }
            Subject::Announce { address } => {
                let until = empty_until(&mut self.announces, policy.announces, now, *address);
                flood(until, "too many announces", *address)
            }
        }
    }

    /// How many subjects are remembered, of all kinds.
    pub fn tracked(&self) -> usize {
        let buckets = [&self.requests, &self.uploads, &self.upload_bytes, &self.announces];
        self.login_addresses.len() + self.login_users.len() + buckets.iter().map(|kind| kind.len()).sum::<usize>()
    }
}

fn take(kind: &mut Bounded<IpAddr, Bucket>, rate: Rate, now: Timestamp, address: IpAddr, amount: u64) {
    kind.hear(network(address), || Bucket::full(rate, now)).take(rate, now, amount);
}

fn empty_until(kind: &mut Bounded<IpAddr, Bucket>, rate: Rate, now: Timestamp, address: IpAddr) -> Option<Timestamp> {
    kind.get_mut(&network(address))?.until(rate, now)
}

fn flood(until: Option<Timestamp>, what: &str, address: IpAddr) -> Decision {
    until.map_or(Decision::Allow, |until| Decision::Deny {
        until,
        reason: format!("{what} from {}", shown(network(address))),
    })
}

/// Who an address stands for: itself, or for IPv6 its /64, of which one customer has every address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn shown(network: IpAddr) -> String {
    match network {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("{v6}/64"),
    }
}

fn short(user: &str) -> String {
    user.chars().take(USER_CHARS).collect()
}
