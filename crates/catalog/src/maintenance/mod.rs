//! Looking after the tables: what was committed when, files made large, files removed that nothing needs.
//!
//! Nothing here changes an answer. What rewrites or removes is two calls, a plan and its execution, and a kill at any
//! instant leaves the tables as they are, at most with a file that no version names.

mod history;
mod optimize;
mod pins;
mod vacuum;

pub use history::Commit;
pub use optimize::{OptimizePlan, Optimized, Rewrite};
pub use pins::Pins;
pub use vacuum::{Unneeded, VacuumPlan, Vacuumed};
