//! What a command costs, as GNU `time` tells it.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// What a command and all that it started cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Seconds on the wall.
    pub wall: f64,
    /// Seconds of processors, the kernel's work included.
    pub processor: f64,
    /// The most memory that one process had, in megabytes.
    pub peak_mb: f64,
}

/// Runs a command and says what it cost, and what it printed.
pub fn of(command: &Command) -> Result<(Cost, String)> {
    let told = tempfile::NamedTempFile::new().context("cannot create a temporary file")?;
    let mut timed = Command::new("time");
    timed.args(["--quiet", "--format", "%U %S %M", "--output"]).arg(told.path());
    timed.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        timed.current_dir(folder);
    }
    timed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let start = Instant::now();
    let output =
        timed.stdin(Stdio::null()).output().context("cannot start `time`: install the package of this name")?;
    let wall = start.elapsed().as_secs_f64();
    if !output.status.success() {
        let program = command.get_program().to_string_lossy();
        bail!("`{program}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = std::fs::read_to_string(told.path()).context("`time` left nothing")?;
    Ok((Cost { wall, ..read(&text)? }, String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn read(text: &str) -> Result<Cost> {
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [user, system, kilobytes] = numbers[..] else { bail!("`time` says {text:?}") };
    Ok(Cost { wall: 0.0, processor: user + system, peak_mb: kilobytes / 1e3 })
}

/// A script of Bash that ends when one of its commands fails, with its arguments.
pub fn script<S: AsRef<OsStr>>(text: &str, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", text, "bash"]).args(arguments);
    bash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_and_so_is_what_was_started() {
        let busy = "timeout --preserve-status 0.3 bash -c 'while :; do :; done' || true; echo \"$1\"";
        let (cost, printed) = of(&script(busy, ["done"])).unwrap();
        assert_eq!(printed, "done\n");
        assert!(cost.processor > 0.02 && cost.wall >= 0.3 && cost.peak_mb > 1.0, "{cost:?}");
        assert!(of(&script("false; true", [""; 0])).is_err());
        assert!(read("Command terminated by signal 9\n0.1").is_err());
    }
}
