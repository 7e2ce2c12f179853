//! A server that lives as long as its test.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::process::read_aside;

/// How long a server may take to say where it listens.
const READY: Duration = Duration::from_mins(1);

/// A `fonoteca serve` in a process of its own. It ends when this is dropped, and also when the whole test is killed.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    /// Kills the server when its stdin, which only this process holds, is closed.
    watchdog: Child,
    /// What it says on stderr, for a test that fails.
    err: Option<thread::JoinHandle<String>>,
    /// Where HTTP is.
    pub http: SocketAddr,
    /// Where the seeder is, if there is one.
    pub bittorrent: Option<SocketAddr>,
}

impl Serving {
    /// Starts the command, which is to print its addresses as `serve --json` does, and waits until it has.
    pub fn start(command: &mut Command) -> Self {
        let told = format!("{command:?}");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program is built");
        let watchdog = Command::new("sh")
            .args(["-c", "read -r _; kill -9 \"$0\"", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let (said, ready) = mpsc::channel();
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        thread::spawn(move || {
            let mut line = String::new();
            // Whoever waits may have given up.
            let _ = out.read_line(&mut line).map(|_| said.send(line));
            // Nothing else is expected there, but the pipe must not fill.
            let _ = std::io::copy(&mut out, &mut std::io::sink());
        });
        let err = Some(read_aside(child.stderr.take()));
        let line = ready.recv_timeout(READY).unwrap_or_default();
        let Ok(addresses) = serde_json::from_str::<Value>(&line) else {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            let err = err.map(|err| err.join().expect("reading does not panic"));
            panic!("{told} said {line:?}\nstderr:\n{}", err.unwrap_or_default());
        };
        let address = |name: &str| addresses[name].as_str().map(|text| text.parse().expect("an address"));
        let http = address("http").expect("it listens for HTTP");
        Self { child, watchdog, err, http, bittorrent: address("bittorrent") }
    }

    /// The address as a URL, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What is at a path, with its status.
    pub fn get(&self, path: &str) -> (u16, Vec<u8>) {
        crate::http::get(self.http, path)
    }

    /// Waits until the server gives a torrent out: by its tracker, and so by its seeder. `infohash` is the v1 one, in hex.
    pub fn wait_for_torrent(&self, infohash: &str) {
        let mut query = "/scrape?info_hash=".to_owned();
        for at in (0..infohash.len()).step_by(2) {
            query.push('%');
            query.push_str(&infohash[at..at + 2]);
        }
        // An empty dictionary of files is `d5:filesdee`.
        self.wait(&query, |status, body| status == 200 && !body.starts_with(b"d5:filesde"));
    }

    /// Asks for a path until the answer is as wanted.
    pub fn wait(&self, path: &str, wanted: impl Fn(u16, &[u8]) -> bool) {
        for _ in 0..600 {
            let (status, body) = self.get(path);
            if wanted(status, &body) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("{}{path} does not become what is waited for: {:?}", self.url(), self.get(path));
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Each may be gone already. The watchdog first: it must not meet another process under the server's number.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(err) = self.err.take().filter(|_| thread::panicking()) {
            // A second panic would end all tests.
            let _ = err.join().map(|err| self.tell(&err));
        }
    }
}

impl Serving {
    #[expect(clippy::print_stderr, reason = "a failed test shows it")]
    fn tell(&self, err: &str) {
        eprintln!("the server at {} said on stderr:\n{err}", self.http);
    }
}
