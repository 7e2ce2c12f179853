//! Running a program to its end, within a time.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// No command of a test takes longer.
pub const LIMIT: Duration = Duration::from_mins(5);

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// stdout.
    pub out: String,
    /// stderr.
    pub err: String,
}

impl Ran {
    /// stdout as JSON Lines.
    pub fn json(&self) -> Vec<Value> {
        let parse =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{}", self.err));
        self.out.lines().map(parse).collect()
    }

    /// The only line of stdout as JSON.
    pub fn one(&self) -> Value {
        let mut all = self.json();
        assert_eq!(all.len(), 1, "{}{}", self.out, self.err);
        all.remove(0)
    }

    /// Expects this exit code.
    #[must_use]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// A program in a home of its own, which knows nothing of whoever runs the tests but where programs lie.
pub fn alone(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("USER", "tester")
        .stdin(Stdio::null())
        .current_dir(home);
    command
}

/// Runs a program to its end; one that takes longer than `limit` is killed, and the test fails.
pub fn run(command: &mut Command, limit: Duration) -> Ran {
    let told = format!("{command:?}");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{told}: {error}"));
    let out = read_aside(child.stdout.take());
    let err = read_aside(child.stderr.take());
    let until = Instant::now() + limit;
    let status = loop {
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => break Some(status),
            None if Instant::now() >= until => break None,
            None => thread::sleep(Duration::from_millis(10)),
        }
    };
    if status.is_none() {
        // It may end by itself just now, which is as good.
        let _ = child.kill();
        let _ = child.wait();
    }
    let text = |reader: thread::JoinHandle<String>| reader.join().expect("reading does not panic");
    let (out, err) = (text(out), text(err));
    let Some(status) = status else {
        panic!("{told} took longer than {limit:?}\nstdout:\n{out}\nstderr:\n{err}");
    };
    Ran { code: status.code().unwrap_or(-1), out, err }
}

/// Reads what a child says in a thread of its own, so that a full pipe does not stop it.
pub(crate) fn read_aside(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe that breaks has said what it had to say.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_says_and_how_it_ends() {
        let ran =
            run(Command::new("sh").args(["-c", "echo '{\"a\":1}'; echo no >&2; exit 3"]), Duration::from_secs(10));
        let ran = ran.ended(3);
        assert_eq!((ran.one()["a"].as_u64(), ran.err.as_str()), (Some(1), "no\n"));
    }

    #[test]
    #[should_panic(expected = "took longer than")]
    fn a_program_that_hangs_fails_the_test() {
        run(Command::new("sleep").arg("30"), Duration::from_millis(50));
    }
}
