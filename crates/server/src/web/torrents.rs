//! What anyone may take: the torrents of the feed, with size, licence, links and health. No login is needed, since the feed
//! says the same.

use std::collections::BTreeSet;

use askama::Template;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::Response;
use axum::response::{Html, IntoResponse};
use fonoteca_archive::health::{Health, Healths, RISK_DAYS, Risk};
use fonoteca_model::Timestamp;
use fonoteca_model::units::Bytes;
use fonoteca_torrent::Kind;
use fonoteca_torrent::feed::{Feed, FeedTorrent};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::app::App;
use crate::error::Internal;

/// Torrents on one page.
const PAGE: usize = 100;

/// Which torrents are shown.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shown {
    #[serde(default)]
    page: usize,
    #[serde(default)]
    release: String,
    #[serde(default)]
    licence: String,
    #[serde(default)]
    risk: String,
}

pub(super) async fn torrents(State(app): State<App>, Query(shown): Query<Shown>) -> Result<Response<Body>, Internal> {
    let published = app.published().await?;
    let feed = published.feed.as_ref().map(|feed| feed.listed.clone());
    let archive = app.archive.clone();
    let healths = tokio::task::spawn_blocking(move || Healths::read(&archive)).await;
    let healths = healths
        .map_err(|error| app.internal("reading the health", &error))?
        .map_err(|error| app.internal("reading the health", &error))?;
    let page = Torrents::new(app.archive.name(), feed.as_deref(), &healths, &shown);
    let html = page.render().map_err(|error| app.internal("rendering a page", &error))?;
    Ok(Html(html).into_response())
}

#[derive(Template)]
#[template(path = "torrents.html")]
struct Torrents<'a> {
    archive: &'a str,
    serial: Option<u64>,
    expires: String,
    summary: String,
    at_risk: usize,
    risk_days: i64,
    only_at_risk: bool,
    releases: Vec<Choice>,
    licences: Vec<Choice>,
    rows: Vec<Row>,
    earlier: Option<String>,
    later: Option<String>,
    rss: Option<String>,
}

/// One value that the list can be narrowed to.
struct Choice {
    text: String,
    chosen: bool,
}

struct Row {
    release: String,
    name: String,
    licences: String,
    size: String,
    files: u64,
    popularity: String,
    health: String,
    risk: &'static str,
    links: Vec<Link>,
}

/// The links of one variant.
struct Link {
    kind: &'static str,
    magnet: String,
    torrent: String,
}

impl<'a> Torrents<'a> {
    fn new(archive: &'a str, feed: Option<&Feed>, healths: &Healths, shown: &Shown) -> Self {
        let all = feed.map_or(&[][..], |feed| &feed.torrents);
        let mut listed: Vec<(&FeedTorrent, Health)> = all
            .iter()
            .filter(|torrent| shown.release.is_empty() || torrent.release == shown.release)
            .filter(|torrent| shown.licence.is_empty() || torrent.licences.contains(&shown.licence))
            .map(|torrent| (torrent, healths.of_listed(torrent)))
            .collect();
        let at_risk = listed.iter().filter(|(_, health)| is_at_risk(health)).count();
        let only_at_risk = shown.risk == "yes";
        if only_at_risk {
            listed.retain(|(_, health)| is_at_risk(health));
        }
        listed.sort_by_key(|(torrent, _)| {
            let popularity = torrent.popularity.map(|[high, _]| high);
            (std::cmp::Reverse(torrent.added), std::cmp::Reverse(popularity), torrent.name.clone())
        });
        let bytes: u64 = listed.iter().map(|(torrent, _)| torrent.bytes).sum();
        let plural = if listed.len() == 1 { "" } else { "s" };
        let choices = |values: BTreeSet<&String>, chosen: &str| -> Vec<Choice> {
            values.into_iter().map(|text| Choice { text: text.clone(), chosen: text == chosen }).collect()
        };
        let first = shown.page.saturating_mul(PAGE);
        let more = listed.len() > first.saturating_add(PAGE);
        Self {
            archive,
            serial: feed.map(|feed| feed.serial),
            expires: feed.map(|feed| day(feed.expires)).unwrap_or_default(),
            summary: format!("{} torrent{plural}, {}", listed.len(), Bytes(bytes)),
            at_risk,
            risk_days: RISK_DAYS,
            only_at_risk,
            releases: choices(all.iter().map(|torrent| &torrent.release).collect(), &shown.release),
            licences: choices(all.iter().flat_map(|torrent| &torrent.licences).collect(), &shown.licence),
            rows: listed.iter().skip(first).take(PAGE).map(|(torrent, health)| Row::new(torrent, health)).collect(),
            earlier: shown.page.checked_sub(1).map(|page| shown.address(page)),
            later: more.then(|| shown.address(shown.page + 1)),
            rss: feed.and_then(|feed| shown.rss(feed)),
        }
    }
}

impl Shown {
    fn address(&self, page: usize) -> String {
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (release, licence, risk) = (escaped(&self.release), escaped(&self.licence), escaped(&self.risk));
        format!("/torrents?release={release}&licence={licence}&risk={risk}&page={page}")
    }

    /// The RSS channel of the same torrents, if there is one.
    fn rss(&self, feed: &Feed) -> Option<String> {
        use fonoteca_archive::feed::{Channel, channels};
        let wanted = match (self.release.as_str(), self.licence.as_str()) {
            ("", "") => Channel::All,
            (release, "") => Channel::Release(release.to_owned()),
            ("", licence) => Channel::Licence(licence.to_owned()),
            _ => return None,
        };
        let mut channels = channels(feed).into_iter();
        channels.find_map(|(path, (channel, kind))| {
            (channel == wanted && kind == Kind::Hybrid).then(|| format!("/{}", utf8_percent_encode(&path, PATH)))
        })
    }
}

const PATH: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_');

fn is_at_risk(health: &Health) -> bool {
    matches!(health.risk, Risk::WebSeedOnly | Risk::NoCopy)
}

fn day(at: Timestamp) -> String {
    at.to_string().chars().take_while(|c| *c != 'T').collect()
}

impl Row {
    fn new(torrent: &FeedTorrent, health: &Health) -> Self {
        let path = |path: &str| format!("/{}", utf8_percent_encode(path, PATH));
        let links = torrent.variants.iter().map(|variant| Link {
            kind: match variant.kind {
                Kind::Hybrid => "hybrid",
                Kind::V1 => "v1",
            },
            magnet: variant.magnet.clone(),
            torrent: path(&variant.path),
        });
        Self {
            release: torrent.release.clone(),
            name: torrent.name.clone(),
            licences: torrent.licences.join(", "),
            size: Bytes(torrent.bytes).to_string(),
            files: torrent.files,
            popularity: torrent.popularity.map(|[high, low]| format!("{high}–{low}")).unwrap_or_default(),
            health: told(health),
            risk: match health.risk {
                Risk::None => "fine",
                Risk::Unknown => "unknown",
                Risk::WebSeedOnly | Risk::NoCopy => "at-risk",
            },
            links: links.collect(),
        }
    }
}

/// The health in a few words.
fn told(health: &Health) -> String {
    let mut words = Vec::new();
    match health.risk {
        Risk::Unknown => words.push("nobody asked yet".to_owned()),
        Risk::WebSeedOnly => words.push("web seed only".to_owned()),
        Risk::NoCopy => words.push("no copy seen".to_owned()),
        Risk::None => {}
    }
    if let Some(seeders) = health.seeders {
        words.push(format!("{seeders} seeding"));
    }
    if health.mirrors > 0 {
        words.push(format!("{} mirror{}", health.mirrors, if health.mirrors == 1 { "" } else { "s" }));
    }
    if let (true, Some(last)) = (is_at_risk(health), health.last_copy_ms) {
        words.push(format!("last copy {}", day(Timestamp::from_millis(last))));
    }
    words.join(", ")
}
