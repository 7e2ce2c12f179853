//! What tests share: where the real data lies, a clock that stands still, and progress that can be looked at.
//!
//! Tests that need something a machine may lack say that they are skipped and why; [`corpus`] and [`shared_data`] decide
//! that in one place.

mod clock;
mod places;
mod watch;

pub use clock::FixedClock;
pub use places::{corpus, python, repository, sample, shared_data};
pub use watch::Watch;
