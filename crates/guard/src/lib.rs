//! Abuse decisions from observations: back-off after failed log-ins, request rates, floods of uploads and announces.
//!
//! Pure and explainable: the guard is told what happened and when, and answers what to do and until when. It does no
//! I/O, has no clock, and forgets the oldest subjects first when it has seen too many. A clock that jumps backwards
//! never makes anybody wait longer than the [`Policy`] says.
//!
//! ```
//! use fonoteca_guard::{Decision, Guard, Observation, Policy, Subject};
//! use fonoteca_model::Timestamp;
//!
//! let mut guard = Guard::new(Policy::default());
//! let (now, address) = (Timestamp::from_seconds(1_800_000_000), "192.0.2.1".parse().expect("an address"));
//! for _ in 0..=Policy::default().login_user.free_failures {
//!     guard.observe(now, &Observation::LoginFailed { address, user: "ana".into() });
//! }
//! let decision = guard.decide(now, &Subject::Login { address, user: "ana".into() });
//! assert_eq!(decision, Decision::Delay { until: now.plus_seconds(1) });
//! ```

mod backoff;
mod bounded;
mod bucket;
mod guard;
mod policy;

pub use guard::{Decision, Guard, Observation, Subject};
pub use policy::{BackOff, Policy, Rate};
