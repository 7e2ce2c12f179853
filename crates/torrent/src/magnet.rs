//! Magnet links (BEP 9, BEP 52).

use std::fmt::Write;
use std::net::SocketAddr;

use crate::metainfo::Metainfo;

impl Metainfo {
    /// A magnet link with every info-hash the torrent has (`xt=urn:btih:`, `xt=urn:btmh:`), its name (`dn`), `trackers`
    /// (`tr`), `web_seeds` (`ws`) and `peers` to begin with (`x.pe`).
    pub fn magnet(&self, trackers: &[String], web_seeds: &[String], peers: &[SocketAddr]) -> String {
        let mut parts = Vec::new();
        if let Some(hash) = self.info_hash_v1 {
            parts.push(format!("xt=urn:btih:{hash}"));
        }
        if let Some(hash) = self.info_hash_v2 {
            // 1220: a multihash of SHA-256, 32 bytes long.
            parts.push(format!("xt=urn:btmh:1220{hash}"));
        }
        parts.push(format!("dn={}", percent_encode(&self.name)));
        parts.extend(trackers.iter().map(|url| format!("tr={}", percent_encode(url))));
        parts.extend(web_seeds.iter().map(|url| format!("ws={}", percent_encode(url))));
        parts.extend(peers.iter().map(|peer| format!("x.pe={}", percent_encode(&peer.to_string()))));
        format!("magnet:?{}", parts.join("&"))
    }
}

/// Everything but RFC 3986's unreserved characters as `%XX`.
fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_characters_are_encoded() {
        assert_eq!(percent_encode("a b&c=ü/~.-_[::1]:1"), "a%20b%26c%3D%C3%BC%2F~.-_%5B%3A%3A1%5D%3A1");
    }
}
