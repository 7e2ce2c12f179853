//! Running a program to its end, within a time.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// stdout.
    pub out: String,
    /// stderr.
    pub err: String,
}

impl Ran {
    /// stdout as JSON Lines.
    pub fn json(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out.lines().map(parse).collect()
    }

    /// Expects this exit code.
    #[must_use]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
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
    Ran { code: status.code(), out, err }
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
        assert_eq!((ran.json()[0]["a"].as_u64(), ran.err.as_str()), (Some(1), "no\n"));
    }

    #[test]
    #[should_panic(expected = "took longer than")]
    fn a_program_that_hangs_fails_the_test() {
        run(Command::new("sleep").arg("30"), Duration::from_millis(50));
    }
}
