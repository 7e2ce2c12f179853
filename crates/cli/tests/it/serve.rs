//! `serve`; and a running server for the tests of other commands.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;

use rustix::process::Signal;
use serde_json::Value;

use crate::interrupt::signal;
use crate::world::World;

/// A server in a process of its own; it goes when the test ends, however that is.
pub struct Server {
    child: Child,
    pub told: Value,
}

impl Server {
    pub fn start(world: &World) -> Self {
        let args = ["--archive", "archive", "serve", "--listen", "127.0.0.1:0", "--json"];
        let mut child = world.command(&args).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, told }
    }

    pub fn url(&self) -> &str {
        self.told["url"].as_str().unwrap().trim_end_matches('/')
    }

    /// Asks it to stop; its exit code.
    pub fn stop(mut self) -> Option<i32> {
        signal(&self.child, Signal::TERM);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer to a plain GET.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_says_where_it_is_answers_there_and_stops_when_asked() {
    let world = World::with_archive();
    assert_eq!(world.here(&["feed", "publish", "--yes"]).code, 0);
    let server = Server::start(&world);
    let address = server.told["http"].as_str().unwrap().to_owned();
    assert!(get(&address, "/feed.json").contains("200 OK"));
    assert!(get(&address, "/rest/ping?f=json").contains("subsonic-response"));
    assert!(server.told["bittorrent"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_named() {
    let world = World::with_archive();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = world.here(&["serve", "--listen", &address, "--bittorrent", "off"]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains(&address) && said.err.contains("hint: choose another address"), "{}", said.err);
    assert!(said.err.contains("user add"), "nobody could have logged in: {}", said.err);
}
