//! `/announce` (BEP 3), and `/scrape` beside it (BEP 48).

use std::collections::HashMap;

use fonoteca_model::Sha1Hash;
use fonoteca_torrent::bencode::{self, Dict, Value};
use percent_encoding::{NON_ALPHANUMERIC, PercentEncode, percent_encode};
use reqwest::{Client, Url, redirect};

use super::{Announcement, Event, Scraped, TrackerError, TrackerOptions};

/// Bytes of the longest answer: 74 torrents take 10 kB.
const MAX_ANSWER: usize = 256 << 10;

/// A tracker that is being asked.
#[derive(Debug)]
pub(super) struct Asking {
    tracker: String,
    client: Client,
    announce: Url,
}

impl Asking {
    pub(super) fn new(tracker: &str, announce: &Url, options: &TrackerOptions) -> Result<Self, TrackerError> {
        let client = Client::builder()
            .user_agent(concat!("fonoteca/", env!("CARGO_PKG_VERSION")))
            .timeout(options.timeout)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| TrackerError::Silent { tracker: tracker.to_owned(), problem: error.to_string() })?;
        if has_login(announce) {
            return Err(TrackerError::Address { tracker: tracker.to_owned(), problem: "it has a login in it" });
        }
        Ok(Self { tracker: tracker.to_owned(), client, announce: announce.clone() })
    }

    pub(super) async fn scrape(&self, hashes: &[Sha1Hash]) -> Result<HashMap<Sha1Hash, Scraped>, TrackerError> {
        let url = scrape_url(&self.announce)
            .map_err(|problem| TrackerError::Address { tracker: self.tracker.clone(), problem })?;
        let asked = hashes.iter().map(|hash| format!("info_hash={}", encoded(hash.as_bytes())));
        let body = self.get(url, asked.collect()).await?;
        read(&body, hashes).map_err(|problem| self.no_answer(problem))
    }

    /// Returns after how many seconds the tracker wants to be told again.
    pub(super) async fn announce(&self, announcement: &Announcement) -> Result<u32, TrackerError> {
        let Announcement { info_hash, peer_id, port, event } = announcement;
        let event = match event {
            Event::Started => "&event=started",
            Event::Regular => "",
            Event::Stopped => "&event=stopped",
        };
        // Nothing is left, no peers are wanted, and what is uploaded is nobody's business.
        let told = format!(
            "info_hash={}&peer_id={}&port={port}&uploaded=0&downloaded=0&left=0&compact=1&numwant=0{event}",
            encoded(info_hash.as_bytes()),
            encoded(peer_id),
        );
        let body = self.get(self.announce.clone(), vec![told]).await?;
        interval(&body).map_err(|problem| self.no_answer(problem))
    }

    /// Adds to the query, which is set as text: the values are bytes, which form encoding would change.
    async fn get(&self, mut url: Url, query: Vec<String>) -> Result<Vec<u8>, TrackerError> {
        let own: Vec<String> = url.query().filter(|query| !query.is_empty()).map(str::to_owned).into_iter().collect();
        url.set_query(Some(&own.into_iter().chain(query).collect::<Vec<_>>().join("&")));
        let silent = |error: reqwest::Error| TrackerError::Silent {
            tracker: self.tracker.clone(),
            problem: error.without_url().to_string(),
        };
        let mut response = self.client.get(url).send().await.map_err(silent)?;
        if !response.status().is_success() {
            return Err(self.no_answer(format!("HTTP status {}", response.status().as_u16())));
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(silent)? {
            if body.len() + part.len() > MAX_ANSWER {
                return Err(self.no_answer(format!("it is longer than {MAX_ANSWER} bytes")));
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    fn no_answer(&self, problem: String) -> TrackerError {
        TrackerError::Answer { tracker: self.tracker.clone(), problem }
    }
}

fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn encoded(bytes: &[u8]) -> PercentEncode<'_> {
    percent_encode(bytes, NON_ALPHANUMERIC)
}

/// `announce` at the beginning of the last part of the path becomes `scrape`; other trackers have no such address.
fn scrape_url(announce: &Url) -> Result<Url, &'static str> {
    let path = announce.path();
    let (folder, last) = path.rsplit_once('/').ok_or("its path has no `announce`")?;
    let rest = last.strip_prefix("announce").ok_or("its path does not end with `announce`")?;
    let mut scrape = announce.clone();
    scrape.set_path(&format!("{folder}/scrape{rest}"));
    Ok(scrape)
}

/// The dictionary in an answer, unless it says why there is none.
fn answer(body: &[u8]) -> Result<Value<'_>, String> {
    let limits = bencode::Limits { bytes: MAX_ANSWER, depth: 8, tokens: 4096 };
    let value = bencode::read(body, &limits).map_err(|error| error.to_string())?;
    let dict = value.as_dict().ok_or("it is no dictionary")?;
    if let Some(reason) = dict.get(b"failure reason").and_then(Value::as_bytes) {
        let reason: String = String::from_utf8_lossy(reason).chars().filter(|c| !c.is_control()).take(200).collect();
        return Err(format!("the tracker refuses: {reason}"));
    }
    Ok(value)
}

fn interval(body: &[u8]) -> Result<u32, String> {
    let answer = answer(body)?;
    let interval = answer.as_dict().and_then(|dict| dict.get(b"interval")).and_then(Value::as_int);
    interval.and_then(|seconds| u32::try_from(seconds).ok()).ok_or_else(|| "it has no `interval`".to_owned())
}

/// The counts in an answer.
fn read(body: &[u8], asked: &[Sha1Hash]) -> Result<HashMap<Sha1Hash, Scraped>, String> {
    let answer = answer(body)?;
    let dict = answer.as_dict().ok_or("it is no dictionary")?;
    let files = dict.get(b"files").and_then(Value::as_dict).ok_or("it has no `files`")?;
    let mut found = HashMap::new();
    for hash in asked {
        if let Some(file) = files.get(hash.as_bytes()).and_then(Value::as_dict) {
            // Our own tracker tells its own seeder apart.
            let own = count(file, b"own");
            let scraped = Scraped {
                seeders: count(file, b"complete").saturating_sub(own),
                leechers: count(file, b"incomplete"),
                completed: count(file, b"downloaded"),
            };
            found.insert(*hash, scraped);
        }
    }
    Ok(found)
}

fn count(file: &Dict<'_>, key: &[u8]) -> u32 {
    file.get(key).and_then(Value::as_int).map_or(0, |count| u32::try_from(count.max(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_the_specification_has_them() {
        let of = |text: &str| scrape_url(&Url::parse(text).expect("a URL")).map(String::from);
        assert_eq!(of("http://example.com/announce"), Ok("http://example.com/scrape".to_owned()));
        assert_eq!(of("http://example.com/x/announce"), Ok("http://example.com/x/scrape".to_owned()));
        assert_eq!(of("http://example.com/announce.php"), Ok("http://example.com/scrape.php".to_owned()));
        assert_eq!(of("http://example.com/announce?x2%0644"), Ok("http://example.com/scrape?x2%0644".to_owned()));
        for none in ["http://example.com/a", "http://example.com/announce/", "http://example.com/x%064announce"] {
            assert!(of(none).is_err(), "{none}");
        }
        assert!(has_login(&Url::parse("http://a:b@example.com/announce").expect("a URL")));
    }

    #[test]
    fn the_interval_of_an_answer() {
        assert_eq!(interval(b"d8:completei3e8:intervali1800e5:peers0:e"), Ok(1800));
        assert_eq!(interval(b"d14:failure reason2:noe"), Err("the tracker refuses: no".to_owned()));
        for bad in [&b"de"[..], b"d8:intervali-1ee", b"d8:intervali99999999999ee", b"<html>", b"le"] {
            assert!(interval(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn answers_good_and_bad() {
        let hash = Sha1Hash([b'h'; 20]);
        let of = |text: &str| read(text.as_bytes(), &[hash]);
        let h = "h".repeat(20);
        let good = of(&format!("d5:filesd20:{h}d8:completei5e10:downloadedi50e10:incompletei10e3:owni1eeee"));
        assert_eq!(good, Ok(HashMap::from([(hash, Scraped { seeders: 4, leechers: 10, completed: 50 })])));
        assert_eq!(
            of(&format!("d5:filesd20:{}d8:completei5eeee", "x".repeat(20))),
            Ok(HashMap::new()),
            "not asked for"
        );
        let odd = of(&format!("d5:filesd20:{h}d8:completei-5e10:incompletei99999999999eeee"));
        assert_eq!(odd, Ok(HashMap::from([(hash, Scraped { seeders: 0, leechers: u32::MAX, completed: 0 })])));
        assert_eq!(of("d14:failure reason2:noe"), Err("the tracker refuses: no".to_owned()));
        for bad in ["", "<html>", "de", "li1ee", "d5:filesi1ee"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
