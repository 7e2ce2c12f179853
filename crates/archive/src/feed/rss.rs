//! RSS 2.0 for torrent clients: the newest torrents of the archive, of one release, or of one licence.
//!
//! Each comes in two kinds: of hybrid torrents, and of their v1 twins (below `v1/`) for clients that cannot read hybrids. An
//! item is a torrent, with the `.torrent` file as its enclosure (<https://www.rssboard.org/rss-specification>).

use std::collections::{BTreeMap, BTreeSet};

use fonoteca_model::Timestamp;
use fonoteca_model::units::Bytes;
use fonoteca_torrent::Kind;
use fonoteca_torrent::feed::{Feed, FeedTorrent, FeedVariant};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// Torrents in one channel at most, the newest first.
const ITEMS: usize = 1000;
/// What stays as it is in the path of a URL.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Which torrents a channel has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// All of them.
    All,
    /// Those of one release.
    Release(String),
    /// Those with something under one licence.
    Licence(String),
}

impl Channel {
    fn has(&self, torrent: &FeedTorrent) -> bool {
        match self {
            Self::All => true,
            Self::Release(release) => torrent.release == *release,
            Self::Licence(licence) => torrent.licences.contains(licence),
        }
    }

    fn title(&self, archive: &str) -> String {
        match self {
            Self::All => archive.to_owned(),
            Self::Release(release) => format!("{archive}: {release}"),
            Self::Licence(licence) => format!("{archive}: {licence}"),
        }
    }
}

/// The channels of a feed with their addresses relative to it: `rss/all.xml`, `rss/release-2026-11.xml`,
/// `rss/licence-cc0-1-0.xml`, and the same below `rss/v1/`.
pub fn channels(feed: &Feed) -> BTreeMap<String, (Channel, Kind)> {
    let mut named: BTreeMap<String, Channel> = BTreeMap::from([("all".to_owned(), Channel::All)]);
    for release in feed.torrents.iter().map(|torrent| &torrent.release).collect::<BTreeSet<_>>() {
        named.insert(format!("release-{release}"), Channel::Release(release.clone()));
    }
    for licence in feed.torrents.iter().flat_map(|torrent| &torrent.licences).collect::<BTreeSet<_>>() {
        named.insert(format!("licence-{}", slug(licence)), Channel::Licence(licence.clone()));
    }
    let both = named.into_iter().flat_map(|(name, channel)| {
        [
            (format!("rss/{name}.xml"), (channel.clone(), Kind::Hybrid)),
            (format!("rss/v1/{name}.xml"), (channel, Kind::V1)),
        ]
    });
    both.collect()
}

/// A licence's SPDX id or URI as a part of a file name.
fn slug(licence: &str) -> String {
    let kept: String =
        licence.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
    let slug = kept.split_whitespace().collect::<Vec<_>>().join("-");
    slug.chars().take(100).collect()
}

/// The text of a channel. `base` is where the feed is reached, without `feed.json`; `path` is the channel's own address.
pub fn rss(feed: &Feed, base: &str, path: &str, channel: &Channel, kind: Kind) -> String {
    let base = base.trim_end_matches('/');
    let mut torrents: Vec<(&FeedTorrent, &FeedVariant)> = feed
        .torrents
        .iter()
        .filter(|torrent| channel.has(torrent) && torrent.embargo.is_none_or(|until| until <= feed.published))
        .filter_map(|torrent| Some((torrent, torrent.variants.iter().find(|variant| variant.kind == kind)?)))
        .collect();
    torrents.sort_by_key(|(torrent, _)| std::cmp::Reverse(torrent.added.unwrap_or(feed.published)));
    torrents.truncate(ITEMS);
    let mut xml = Xml(Writer::new_with_indent(Vec::new(), b' ', 1));
    xml.event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
    let own = format!("{base}/{path}");
    xml.open("rss", &[("version", "2.0"), ("xmlns:atom", "http://www.w3.org/2005/Atom")]);
    xml.open("channel", &[]);
    xml.text("title", &channel.title(&feed.name));
    xml.text("link", &format!("{base}/torrents"));
    xml.text("description", &format!("Torrents of {}, the newest first", channel.title(&feed.name)));
    xml.empty("atom:link", &[("href", &own), ("rel", "self"), ("type", "application/rss+xml")]);
    // Not the feed's own date: nothing new is no change.
    let newest = torrents.first().and_then(|(torrent, _)| torrent.added).unwrap_or(feed.published);
    xml.text("lastBuildDate", &rfc_822(newest));
    for (torrent, variant) in torrents {
        let url = format!("{base}/{}", utf8_percent_encode(&variant.path, PATH));
        xml.open("item", &[]);
        xml.text("title", &torrent.name);
        xml.text("link", &url);
        xml.open("guid", &[("isPermaLink", "false")]);
        xml.event(Event::Text(BytesText::new(&format!("urn:btih:{}", variant.infohash_v1))));
        xml.close("guid");
        xml.text("pubDate", &rfc_822(torrent.added.unwrap_or(feed.published)));
        let licences = torrent.licences.join(", ");
        xml.text("description", &format!("{} files, {}; {licences}", torrent.files, Bytes(torrent.bytes)));
        for licence in &torrent.licences {
            xml.text("category", licence);
        }
        let length = variant.torrent_bytes.to_string();
        xml.empty("enclosure", &[("url", &url), ("length", &length), ("type", "application/x-bittorrent")]);
        xml.close("item");
    }
    xml.close("channel");
    xml.close("rss");
    let mut text = String::from_utf8(xml.0.into_inner()).expect("what was written is text");
    text.push('\n');
    text
}

/// Writing into memory, which does not fail.
struct Xml(Writer<Vec<u8>>);

impl Xml {
    fn event(&mut self, event: Event<'_>) {
        self.0.write_event(event).expect("memory takes what is written");
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.event(Event::Start(BytesStart::new(name).with_attributes(attributes.iter().copied())));
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.event(Event::Empty(BytesStart::new(name).with_attributes(attributes.iter().copied())));
    }

    fn close(&mut self, name: &str) {
        self.event(Event::End(BytesEnd::new(name)));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.open(name, &[]);
        self.event(Event::Text(BytesText::new(text)));
        self.close(name);
    }
}

/// As RSS wants it: `Mon, 02 Nov 2026 12:00:00 GMT`.
fn rfc_822(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // 2026-11-02T12:00:00Z, of which the year may have more digits.
    let iso = Timestamp::from_seconds(at.as_seconds()).to_string();
    let (date, time) = iso.split_once('T').unwrap_or((&iso, "00:00:00Z"));
    let mut parts = date.rsplitn(3, '-');
    let (day, month, year) =
        (parts.next().unwrap_or("01"), parts.next().unwrap_or("01"), parts.next().unwrap_or("1970"));
    let month = month.parse::<usize>().ok().and_then(|month| MONTHS.get(month.wrapping_sub(1))).unwrap_or(&"Jan");
    let weekday = DAYS[at.as_seconds().div_euclid(86_400).rem_euclid(7) as usize];
    format!("{weekday}, {day} {month} {year} {} GMT", time.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_names() {
        assert_eq!(rfc_822(Timestamp::from_seconds(1_793_620_800)), "Mon, 02 Nov 2026 12:00:00 GMT");
        assert_eq!(rfc_822(Timestamp::from_seconds(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(rfc_822(Timestamp::from_seconds(-1)), "Wed, 31 Dec 1969 23:59:59 GMT");
        assert_eq!(slug("http://creativecommons.org/licenses/by/4.0/"), "http-creativecommons-org-licenses-by-4-0");
    }
}
