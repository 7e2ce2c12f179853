//! Exit codes: how a script learns who has to act.

use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Done,
    /// Some items failed, each was named; or something outside did.
    SomeFailed,
    /// The command makes no sense as it was given.
    Usage,
    /// A rights rule says no.
    Refused,
    /// The archive is damaged, locked or not there.
    Damaged,
    /// A mistake in the program.
    Bug,
    /// The user stopped it.
    Interrupted,
}

impl Exit {
    /// The number that the system gets.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::SomeFailed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Damaged => 4,
            Self::Bug => 70,
            Self::Interrupted => 130,
        }
    }

    /// [`Exit::Done`] if all went well, else `otherwise`.
    pub const fn done_if(well: bool, otherwise: Self) -> Self {
        if well { Self::Done } else { otherwise }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Runs the program; a panic is told as the bug that it is.
pub fn guarded(run: impl FnOnce() -> Exit) -> Exit {
    std::panic::set_hook(Box::new(tell));
    std::panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::Bug)
}

fn tell(panic: &PanicHookInfo<'_>) {
    use std::io::Write;
    if is_foreseen(panic) {
        return;
    }
    let place = panic.location().map(|place| format!(" ({place})")).unwrap_or_default();
    let what = panic.payload_as_str().unwrap_or("it cannot say what went wrong");
    let mut stderr = std::io::stderr().lock();
    // Nothing can be done about a stderr that is gone.
    let _ = writeln!(stderr, "error: fonoteca has a bug: {what}{place}");
    let _ = writeln!(stderr, "hint: please report this with the command that was given; the archive stays consistent");
}

/// Where a disk refuses the end of a table's file, `deltalake` has `object_store` give it up, which panics, and catches that
/// (its `datafile/writer.rs`): what the disk said is told as the error that it is. Where a disk did not give
/// a table's log, a thread of its kernel was seen to panic beside that error, which is told as well.
fn is_foreseen(panic: &PanicHookInfo<'_>) -> bool {
    let place = panic.location().map_or("", std::panic::Location::file);
    let what = panic.payload_as_str().unwrap_or_default();
    place.contains("object_store") && what == "Already shut down"
        || place.contains("buoyant_kernel_engine") && what.starts_with("TokioMultiThreadExecutor has crashed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_bug_and_an_exit_is_kept() {
        assert_eq!(guarded(|| panic!("on purpose")).code(), 70);
        assert_eq!(guarded(|| Exit::Refused).code(), 3);
    }
}
