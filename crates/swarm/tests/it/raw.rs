//! A peer whose every message a test decides.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct RawPeer {
    pub stream: TcpStream,
}

impl RawPeer {
    /// Shakes hands, and expects an answer for the same info-hash.
    pub async fn meet(address: SocketAddr, info_hash: [u8; 20], reserved: [u8; 8]) -> Self {
        let (peer, answer) = Self::shake(address, info_hash, reserved).await;
        assert_eq!(answer[28..48], info_hash);
        peer
    }

    /// Shakes hands, and returns the other's handshake too.
    pub async fn shake(address: SocketAddr, info_hash: [u8; 20], reserved: [u8; 8]) -> (Self, [u8; 68]) {
        let mut stream = TcpStream::connect(address).await.expect("a seeder");
        let mut hello = b"\x13BitTorrent protocol".to_vec();
        hello.extend_from_slice(&reserved);
        hello.extend_from_slice(&info_hash);
        hello.extend_from_slice(&[b'x'; 20]);
        stream.write_all(&hello).await.expect("written");
        let mut answer = [0; 68];
        stream.read_exact(&mut answer).await.expect("a handshake");
        (Self { stream }, answer)
    }

    pub async fn say(&mut self, message: &[u8]) {
        self.stream.write_all(&(message.len() as u32).to_be_bytes()).await.expect("written");
        self.stream.write_all(message).await.expect("written");
    }

    pub async fn hear(&mut self) -> Vec<u8> {
        let length = self.stream.read_u32().await.expect("a message");
        let mut message = vec![0; length as usize];
        self.stream.read_exact(&mut message).await.expect("a whole message");
        message
    }

    /// Waits until the other end hangs up; what it said until then.
    pub async fn until_dropped(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is a hang-up too, where the seeder leaves bytes unread.
        let _ = self.stream.read_to_end(&mut rest).await;
        rest
    }
}

pub fn request(piece: u32, begin: u32, length: u32) -> Vec<u8> {
    let mut message = vec![6];
    for number in [piece, begin, length] {
        message.extend_from_slice(&number.to_be_bytes());
    }
    message
}

/// A request for hashes of a file: base layer, index, length, proof layers.
pub fn hash_request(root: [u8; 32], numbers: [u32; 4]) -> Vec<u8> {
    let mut message = vec![21];
    message.extend_from_slice(&root);
    message.extend(numbers.into_iter().flat_map(u32::to_be_bytes));
    message
}

/// The fast extension (BEP 6).
pub const FAST: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 4];
/// The fast extension, and v2 (BEP 52).
pub const FAST_V2: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 0x14];
