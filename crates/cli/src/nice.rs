//! Giving way to other programs.

use std::io;

use rustix::process::{Pid, setpriority_process};

use crate::error::CommandError;
use crate::exit::Exit;

/// As far behind others as `nice` goes.
const LAST: i32 = 19;

/// Lets every thread of the program, and those that they start, run only when nobody else wants to. The disk follows: the
/// kernel's schedulers take its priority from this.
pub fn give_way() -> Result<(), CommandError> {
    lower().map_err(|error| {
        CommandError::of(Exit::SomeFailed, &error).hint("the priority cannot be lowered; leave --nice out")
    })
}

fn lower() -> io::Result<()> {
    // Linux keeps the priority of each thread, and the runtime has started some.
    for thread in std::fs::read_dir("/proc/self/task")? {
        let id = thread?.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        match setpriority_process(id, LAST) {
            // A thread that has ended meanwhile needs none.
            Err(rustix::io::Errno::SRCH) => {}
            result => result?,
        }
    }
    Ok(())
}
