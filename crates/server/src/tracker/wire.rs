//! The tracker's answers in bencode.

use std::net::{IpAddr, SocketAddr};

use fonoteca_model::Sha1Hash;
use fonoteca_torrent::bencode::{Dict, Value};

use super::swarms::{Answer, Counts, TrackerLimits};

/// A refusal that the client shows to its user.
pub(super) fn failure(reason: &str) -> Vec<u8> {
    let mut dict = Dict::default();
    dict.insert(b"failure reason", Value::Bytes(reason.as_bytes()));
    written(dict)
}

/// Peers and counts: compact (BEP 23, and `peers6` of BEP 7), or as dictionaries with peer ids (BEP 3).
pub(super) fn answer(answer: &Answer, limits: &TrackerLimits, compact: bool) -> Vec<u8> {
    let (mut v4, mut v6, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for (address, _) in &answer.peers {
        pack(*address, &mut v4, &mut v6);
        texts.push(address.ip().to_string());
    }
    let mut dict = Dict::default();
    dict.insert(b"complete", Value::Int(answer.counts.seeders as i64));
    dict.insert(b"incomplete", Value::Int(answer.counts.leechers as i64));
    dict.insert(b"interval", Value::Int(limits.interval_seconds.into()));
    dict.insert(b"min interval", Value::Int((limits.interval_seconds / 10).into()));
    if compact {
        dict.insert(b"peers", Value::Bytes(&v4));
        if !v6.is_empty() {
            dict.insert(b"peers6", Value::Bytes(&v6));
        }
    } else {
        let peers = answer.peers.iter().zip(&texts).map(|((address, id), ip)| {
            let mut peer = Dict::default();
            peer.insert(b"peer id", Value::Bytes(id));
            peer.insert(b"ip", Value::Bytes(ip.as_bytes()));
            peer.insert(b"port", Value::Int(address.port().into()));
            Value::Dict(peer)
        });
        dict.insert(b"peers", Value::List(peers.collect()));
    }
    written(dict)
}

/// The counts of several torrents (BEP 48). `own` says that one of the seeders is this server's own, which is no copy
/// elsewhere; clients that do not know the key pass it over.
pub(super) fn scraped(found: &[(Sha1Hash, Counts)], own: bool) -> Vec<u8> {
    let mut files = Dict::default();
    for (hash, counts) in found {
        let mut file = Dict::default();
        file.insert(b"complete", Value::Int(counts.seeders as i64));
        file.insert(b"downloaded", Value::Int(counts.completed as i64));
        file.insert(b"incomplete", Value::Int(counts.leechers as i64));
        if own {
            file.insert(b"own", Value::Int(1));
        }
        files.insert(hash.as_bytes(), Value::Dict(file));
    }
    let mut dict = Dict::default();
    dict.insert(b"files", Value::Dict(files));
    written(dict)
}

fn pack(address: SocketAddr, v4: &mut Vec<u8>, v6: &mut Vec<u8>) {
    let port = address.port().to_be_bytes();
    match address.ip() {
        IpAddr::V4(ip) => v4.extend(ip.octets().into_iter().chain(port)),
        IpAddr::V6(ip) => v6.extend(ip.octets().into_iter().chain(port)),
    }
}

fn written(dict: Dict<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    Value::Dict(dict).write(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_peers(peers: Vec<(SocketAddr, [u8; 20])>) -> Answer {
        Answer { counts: Counts { seeders: 1, leechers: 2, completed: 0 }, peers }
    }

    #[test]
    fn answers_as_the_specifications_write_them() {
        let limits = TrackerLimits { interval_seconds: 600, ..TrackerLimits::default() };
        let head = "d8:completei1e10:incompletei2e8:intervali600e12:min intervali60e";
        let v4 = (SocketAddr::from(([127, 0, 0, 1], 0x1AE1)), [b'p'; 20]);
        let v6 = ("[::1]:80".parse().expect("an address"), [b'q'; 20]);
        let peers = with_peers(vec![v4, v6]);
        let mut expected = format!("{head}5:peers6:").into_bytes();
        expected.extend(*b"\x7f\0\0\x01\x1a\xe16:peers618:");
        expected.extend([0; 15]);
        expected.extend(*b"\x01\0\x50e");
        assert_eq!(answer(&peers, &limits, true), expected);
        assert_eq!(
            String::from_utf8(answer(&peers, &limits, false)).expect("text"),
            format!(
                "{head}5:peersld2:ip9:127.0.0.17:peer id20:{}4:porti6881eed2:ip3:::17:peer id20:{}4:porti80eeee",
                "p".repeat(20),
                "q".repeat(20)
            )
        );
        assert_eq!(answer(&with_peers(vec![]), &limits, true), format!("{head}5:peers0:e").into_bytes());
        assert_eq!(failure("no"), b"d14:failure reason2:noe");
        let counts = Counts { seeders: 3, leechers: 0, completed: 4 };
        assert_eq!(
            scraped(&[(Sha1Hash([b'h'; 20]), counts)], false),
            format!("d5:filesd20:{}d8:completei3e10:downloadedi4e10:incompletei0eeee", "h".repeat(20)).into_bytes()
        );
        assert!(scraped(&[(Sha1Hash([b'h'; 20]), counts)], true).ends_with(b"10:incompletei0e3:owni1eeee"));
    }
}
