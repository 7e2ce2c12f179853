//! What tests share: where the real data lies, a clock that stands still, progress that can be looked at, and people who
//! run the program, serve with it and tamper with what goes over the wire.
//!
//! Tests that need something a machine may lack say that they are skipped and why; [`corpus`] and [`shared_data`] decide
//! that in one place.

#[cfg(feature = "bad-disk")]
mod bad_disk;
#[cfg(feature = "catalogue")]
pub mod catalogue;
mod clock;
mod content;
pub mod fuzz;
pub mod http;
mod operator;
mod places;
mod process;
mod relay;
mod serving;
mod watch;

#[cfg(feature = "bad-disk")]
pub use bad_disk::{Asked, BadDisk};
pub use clock::FixedClock;
pub use content::{copy_folder, noise, random_bytes, tagged};
pub use operator::Operator;
pub use places::{corpus, python, repository, sample, shared_data};
pub use process::{LIMIT, Ran, alone, run};
pub use relay::{Relay, Wire};
pub use serving::Serving;
pub use watch::Watch;
