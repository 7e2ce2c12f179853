//! Peers that ask for blocks and look at nothing.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// Blocks that each of many peers asks for.
const BLOCKS: u32 = 64;

/// Shakes hands and asks for so many blocks.
fn asking(address: SocketAddr, info_hash: &[u8; 20], blocks: u32) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    let mut said = b"\x13BitTorrent protocol\0\0\0\0\0\0\0\x04".to_vec();
    said.extend_from_slice(info_hash);
    said.extend_from_slice(b"-XX0000-............\0\0\0\x01\x02");
    for block in 0..blocks {
        said.extend_from_slice(&[0, 0, 0, 13, 6]);
        for number in [block / 64, block % 64 * 16384, 16384] {
            said.extend_from_slice(&number.to_be_bytes());
        }
    }
    stream.write_all(&said)?;
    Ok(stream)
}

/// Waits for so many blocks.
fn receive(stream: &mut TcpStream, blocks: u32) -> io::Result<()> {
    let mut handshake = [0; 68];
    stream.read_exact(&mut handshake)?;
    let mut got = 0;
    let mut message = Vec::new();
    while got < blocks {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        message.resize(u32::from_be_bytes(length) as usize, 0);
        stream.read_exact(&mut message)?;
        match message.first() {
            Some(7) => got += 1,
            Some(16) => return Err(io::Error::other("a block was refused")),
            _ => {}
        }
    }
    Ok(())
}

/// One peer, one block.
pub fn visit(address: SocketAddr, info_hash: &[u8; 20]) -> io::Result<()> {
    let mut stream = asking(address, info_hash, 1)?;
    receive(&mut stream, 1)
}

/// A peer at each of these torrents at once; returns the most descriptors that the process had but for the peers' own.
pub fn together<'a>(address: SocketAddr, torrents: impl Iterator<Item = &'a [u8; 20]>) -> io::Result<usize> {
    let mut peers = torrents.map(|torrent| asking(address, torrent, BLOCKS)).collect::<io::Result<Vec<_>>>()?;
    let own = peers.len();
    let mut most = 0;
    for peer in &mut peers {
        receive(peer, BLOCKS)?;
        most = most.max(fs::read_dir("/proc/self/fd")?.count());
    }
    Ok(most.saturating_sub(own))
}
