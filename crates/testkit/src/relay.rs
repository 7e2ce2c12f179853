//! A relay between a client and a server: it counts what goes through, slows it down, and changes it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What the relay does to the connections that go through it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wire {
    /// The rate of all connections together, from the server to the clients; none: as fast as it goes.
    pub bytes_per_second: Option<u64>,
    /// Changes what the server sends on connections whose first bytes from the client are these: one byte in each block
    /// of 16 KiB, but for the first block of a connection, where a head or a handshake is.
    pub corrupts: Option<&'static [u8]>,
}

/// A relay on a free port. It ends when it is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    wire: Wire,
    /// Bytes that clients were sent.
    sent: AtomicU64,
    started: Instant,
    over: AtomicBool,
}

const BLOCK_BYTES: usize = 16 << 10;

impl Relay {
    /// Begins to relay to `upstream`.
    pub fn to(upstream: SocketAddr, wire: Wire) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared =
            Shared { upstream, wire, sent: AtomicU64::new(0), started: Instant::now(), over: AtomicBool::new(false) };
        let shared = Arc::new(shared);
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.over.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                // A connection that breaks is for its two ends to notice.
                thread::spawn(move || drop(shared.connection(client)));
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as that of a web server.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes that the clients were sent so far, with all that the protocol puts around the content.
    pub fn sent_bytes(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn connection(&self, mut client: TcpStream) -> std::io::Result<()> {
        let mut first = [0; 64];
        let read = client.read(&mut first)?;
        let corrupts = self.wire.corrupts.is_some_and(|beginning| first[..read].starts_with(beginning));
        let mut server = TcpStream::connect(self.upstream)?;
        server.write_all(&first[..read])?;
        let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let passed = self.pass(&mut server, &mut client, corrupts);
        // Both ends learn that the other is gone; either may be gone already.
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
        passed
    }

    fn pass(&self, server: &mut TcpStream, client: &mut TcpStream, corrupts: bool) -> std::io::Result<()> {
        let mut block = [0; BLOCK_BYTES];
        let mut position = 0;
        loop {
            let read = server.read(&mut block)?;
            if read == 0 || self.over.load(Ordering::Relaxed) {
                return Ok(());
            }
            if corrupts {
                let wrong = (position..position + read).filter(|at| *at >= BLOCK_BYTES && at % BLOCK_BYTES == 0);
                wrong.for_each(|at| block[at - position] ^= 1);
            }
            position += read;
            let sent = self.sent.fetch_add(read as u64, Ordering::Relaxed) + read as u64;
            if let Some(rate) = self.wire.bytes_per_second {
                let due = Duration::from_secs_f64(sent as f64 / rate as f64);
                thread::sleep(due.saturating_sub(self.started.elapsed()));
            }
            client.write_all(&block[..read])?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends 40,000 zeros to whoever says something.
    fn upstream() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                client.read_exact(&mut [0; 5]).expect("a word");
                client.write_all(&vec![0; 40_000]).expect("sent");
            }
        });
        address
    }

    fn ask(relay: &Relay, word: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(relay.address()).expect("it listens");
        stream.write_all(word).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        answer
    }

    #[test]
    fn it_counts_and_changes_only_what_it_should() {
        let relay = Relay::to(upstream(), Wire { corrupts: Some(b"wrong"), ..Wire::default() });
        assert_eq!(ask(&relay, b"right"), vec![0; 40_000]);
        let changed: Vec<usize> =
            ask(&relay, b"wrong").iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(at, _)| at).collect();
        assert_eq!(changed, [16_384, 32_768]);
        assert_eq!(relay.sent_bytes(), 80_000);
    }

    #[test]
    fn it_slows_down() {
        let relay = Relay::to(upstream(), Wire { bytes_per_second: Some(100_000), ..Wire::default() });
        let began = Instant::now();
        assert_eq!(ask(&relay, b"right").len(), 40_000);
        assert!(began.elapsed() >= Duration::from_millis(350), "{:?}", began.elapsed());
    }
}
