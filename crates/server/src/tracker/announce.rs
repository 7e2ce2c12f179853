//! What a client announces: the query of `/announce` (BEP 3, BEP 7, BEP 23), hostile until parsed.

use fonoteca_model::Sha1Hash;
use percent_encoding::percent_decode_str;

/// Most peers in one answer; BEP 3's clients ask for 50 and are well served with fewer.
const MAX_WANTED: usize = 200;
const DEFAULT_WANTED: usize = 50;

/// Why the client announces now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A download began.
    Started,
    /// A download is complete.
    Completed,
    /// The client leaves.
    Stopped,
    /// Nothing happened; it is time to announce again.
    Regular,
}

/// One announcement. The client's address is not part of it: it is the socket's, whatever the query says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announce {
    pub(crate) info_hash: Sha1Hash,
    pub(crate) peer_id: [u8; 20],
    pub(crate) port: u16,
    /// Bytes that the client still lacks; 0 makes it a seeder.
    pub(crate) left: u64,
    pub(crate) event: Event,
    pub(crate) compact: bool,
    pub(crate) wanted: usize,
}

impl Announce {
    /// Reads a query string as it stands in the request line. The error is the tracker's `failure reason`.
    pub(crate) fn parse(query: &str) -> Result<Self, String> {
        let pairs = pairs(query);
        let find = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let twenty = |name: &str| {
            let value: Vec<u8> = percent_decode_str(find(name).ok_or(format!("{name} is missing"))?).collect();
            <[u8; 20]>::try_from(value.as_slice()).map_err(|_| format!("{name} has {} bytes, not 20", value.len()))
        };
        let number = |name: &str| {
            find(name).map(|value| value.parse::<u64>().map_err(|_| format!("{name} is not a number"))).transpose()
        };
        let port = number("port")?.ok_or("port is missing")?;
        let port = u16::try_from(port).ok().filter(|port| *port > 0).ok_or("port is not between 1 and 65535")?;
        Ok(Self {
            info_hash: Sha1Hash(twenty("info_hash")?),
            peer_id: twenty("peer_id")?,
            port,
            // A client that does not know (a magnet link without metadata yet) sends nothing or the largest number.
            left: number("left")?.unwrap_or(u64::MAX),
            event: match find("event") {
                Some("started") => Event::Started,
                Some("completed") => Event::Completed,
                Some("stopped") => Event::Stopped,
                None | Some("" | "empty" | "paused") => Event::Regular,
                Some(_) => return Err("event is none of started, completed, stopped".into()),
            },
            compact: find("compact") != Some("0"),
            wanted: number("numwant")
                .ok()
                .flatten()
                .map_or(DEFAULT_WANTED, |wanted| usize::try_from(wanted).unwrap_or(MAX_WANTED).min(MAX_WANTED)),
        })
    }
}

/// The info-hashes of a `/scrape` query, at most `max` of them.
pub(crate) fn scrape_hashes(query: &str, max: usize) -> Vec<Sha1Hash> {
    let hashes = pairs(query).into_iter().filter(|(key, _)| *key == "info_hash");
    hashes
        .filter_map(|(_, value)| {
            let bytes: Vec<u8> = percent_decode_str(value).collect();
            bytes.try_into().ok().map(Sha1Hash)
        })
        .take(max)
        .collect()
}

/// Split by hand: the values are bytes, not text, and `+` is a plus.
fn pairs(query: &str) -> Vec<(&str, &str)> {
    query.split('&').filter_map(|pair| pair.split_once('=')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-FN0100-+12345678901\
                        &port=6881&uploaded=0&downloaded=0&left=5&compact=1&event=started&ip=10.0.0.1";

    #[test]
    fn the_announcement_of_the_specification() {
        let announce = Announce::parse(GOOD).expect("valid");
        // The worked example of the BitTorrent wiki for how an info-hash is escaped.
        assert_eq!(announce.info_hash.to_string(), "123456789abcdef123456789abcdef123456789a");
        assert_eq!(&announce.peer_id, b"-FN0100-+12345678901");
        assert_eq!((announce.port, announce.left, announce.event), (6881, 5, Event::Started));
        assert_eq!((announce.compact, announce.wanted), (true, 50));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (change, reason) in [
            (GOOD.replace("info_hash=%12", "info_hash="), "info_hash has 19 bytes, not 20"),
            (GOOD.replace("info_hash", "hash"), "info_hash is missing"),
            (GOOD.replace("peer_id", "id"), "peer_id is missing"),
            (GOOD.replace("port=6881", "port=0"), "port is not between 1 and 65535"),
            (GOOD.replace("port=6881", "port=65536"), "port is not between 1 and 65535"),
            (GOOD.replace("port=6881", "port=-1"), "port is not a number"),
            (GOOD.replace("left=5", "left=x"), "left is not a number"),
            (GOOD.replace("started", "exploded"), "event is none of started, completed, stopped"),
            (String::new(), "port is missing"),
        ] {
            assert_eq!(Announce::parse(&change), Err(reason.to_owned()), "{change}");
        }
    }

    #[test]
    fn what_is_asked_for_has_a_limit() {
        let wanted = |text: &str| Announce::parse(&format!("{GOOD}&numwant={text}")).map(|announce| announce.wanted);
        assert_eq!(wanted("0"), Ok(0));
        assert_eq!(wanted("80"), Ok(80));
        assert_eq!(wanted("18446744073709551615"), Ok(200));
        assert_eq!(wanted("-1"), Ok(50), "libtorrent says so for the default");
        let many = "info_hash=aaaaaaaaaaaaaaaaaaaa&".repeat(100);
        assert_eq!(scrape_hashes(&many, 64).len(), 64);
        assert_eq!(scrape_hashes("info_hash=short&x=1", 64), []);
    }
}
