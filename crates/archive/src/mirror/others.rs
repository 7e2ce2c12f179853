//! What other mirrors of the same feed say they have, by the reports that each of them signed.
//!
//! The origin hands them on as it got them, and so does every mirror, so that they are known while the origin is gone. A
//! report that its key did not sign, that is for another archive or too old is passed over. Nothing in one is proved: it
//! decides what is fetched first, and what is dropped when room is needed.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use fonoteca_model::Sha1Hash;
use fonoteca_model::progress::Progress;
use fonoteca_torrent::feed::FeedTorrent;

use super::choose::place;
use super::{Mirror, http};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::health::{RISK_DAYS, Report, Reports, SignedReport, read_report};

/// Bytes of reports that are read of one server.
const REPORTS_BYTES: usize = 64 << 20;
/// Mirrors that are taken into account; of more, those that reported last.
const MOST: usize = 1_000;

/// What one other mirror says.
struct Said {
    key: String,
    have: HashSet<Sha1Hash>,
    /// Of torrents in part: the parts that it has, and those that it is about to fetch.
    parts: HashMap<Sha1Hash, (u64, u64)>,
}

/// What all others say.
#[derive(Default)]
pub(super) struct Others {
    said: Vec<Said>,
    /// This mirror's key, by which it is known to the others.
    me: String,
}

/// How others stand to some parts of a torrent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// They have them.
    pub copies: u32,
    /// They have them or are about to.
    pub claims: u32,
    /// Of those, the ones that come before this mirror.
    pub ahead: u32,
}

impl Others {
    /// What is known so far, without asking anybody.
    pub fn remembered(archive: &Archive, mirror: &Mirror) -> Result<Self, ArchiveError> {
        let signed: Reports = match std::fs::read(path(archive, mirror)) {
            // What is torn is fetched again.
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Reports::default(),
            Err(source) => return Err(ArchiveError::io(path(archive, mirror), "cannot be read")(source)),
        };
        let me = mirror.known_as(archive)?;
        let (_, said) = believed(archive, mirror, signed.reports);
        let said = said.into_iter().filter(|report| report.key.to_string() != me).map(Said::from).collect();
        Ok(Self { said, me })
    }

    /// Asks the servers of the feed, and keeps the latest report of each mirror.
    pub async fn refresh(archive: &Archive, mirror: &Mirror, progress: &dyn Progress) -> Result<Self, ArchiveError> {
        let client = http::client()?;
        let mut all: Vec<SignedReport> = signed(archive, mirror).reports;
        for base in mirror.addresses() {
            // A plain web server has none, and a server that is gone is told of elsewhere.
            let Ok(bytes) = http::get(&client, &format!("{base}/reports"), REPORTS_BYTES).await else { continue };
            match serde_json::from_slice::<Reports>(&bytes) {
                Ok(fetched) => all.extend(fetched.reports),
                Err(error) => progress.note(&format!("{base}/reports: {error}")),
            }
        }
        let (reports, _) = believed(archive, mirror, all);
        let bytes = serde_json::to_vec(&Reports { reports }).map_err(|error| ArchiveError::Bug(error.to_string()))?;
        fonoteca_store::write_file(&path(archive, mirror), &bytes)?;
        Self::remembered(archive, mirror)
    }

    /// How many others reported.
    pub fn len(&self) -> usize {
        self.said.len()
    }

    /// Whether anybody else reported.
    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// How the others stand to `parts` of a torrent. `begun`: something of it is here.
    ///
    /// Whoever has something comes before all who are about to fetch it; among equals, a place that follows from key and
    /// torrent decides, which each of them finds for itself.
    pub fn standing(&self, torrent: &FeedTorrent, parts: u64, begun: bool) -> Standing {
        let mut standing = Standing::default();
        let name = torrent.variants.first().map_or(Sha1Hash([0; 20]), |variant| variant.infohash_v1);
        let own = place(&[self.me.as_bytes(), name.as_bytes()]);
        for other in &self.said {
            let hashes = || torrent.variants.iter().map(|variant| variant.infohash_v1);
            let (mut have, mut want) =
                if hashes().any(|hash| other.have.contains(&hash)) { (u64::MAX, 0) } else { (0, 0) };
            for (has, wants) in hashes().filter_map(|hash| other.parts.get(&hash)) {
                have |= has;
                want |= wants;
            }
            let has = have & parts == parts;
            let wants = (have | want) & parts == parts;
            let first = place(&[other.key.as_bytes(), name.as_bytes()]) < own;
            standing.copies += u32::from(has);
            standing.claims += u32::from(has || wants);
            standing.ahead += u32::from(if begun { has && first } else { has || (wants && first) });
        }
        standing
    }
}

impl From<Report> for Said {
    fn from(report: Report) -> Self {
        let parts = report.parts.into_iter().map(|parts| (parts.torrent, (parts.have.0, parts.want.0)));
        Self { key: report.key.to_string(), have: report.have.into_iter().collect(), parts: parts.collect() }
    }
}

/// Keeps one's own report with the others', so that it is handed on, too.
pub(super) fn add(archive: &Archive, mirror: &Mirror, own: SignedReport) -> Result<(), ArchiveError> {
    let mut all = signed(archive, mirror).reports;
    all.push(own);
    let (reports, _) = believed(archive, mirror, all);
    let bytes = serde_json::to_vec(&Reports { reports }).map_err(|error| ArchiveError::Bug(error.to_string()))?;
    Ok(fonoteca_store::write_file(&path(archive, mirror), &bytes)?)
}

/// The reports as they are handed on.
pub(super) fn signed(archive: &Archive, mirror: &Mirror) -> Reports {
    std::fs::read(path(archive, mirror)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// The latest believable report of each mirror, and what it says; in the same order, the latest first.
fn believed(archive: &Archive, mirror: &Mirror, all: Vec<SignedReport>) -> (Vec<SignedReport>, Vec<Report>) {
    let now = archive.now();
    let since = now.plus_seconds(-RISK_DAYS * 86_400);
    let until = now.plus_seconds(3600);
    let is_for_us = |report: &Report| mirror.keys.contains(&report.to) || mirror.former.contains(&report.to);
    let mut latest: HashMap<String, (SignedReport, Report)> = HashMap::new();
    for signed in all {
        let Ok(report) = read_report(&signed) else { continue };
        if !is_for_us(&report) || report.at < since || report.at > until {
            continue;
        }
        let key = report.key.to_string();
        if latest.get(&key).is_none_or(|(_, known)| known.at < report.at) {
            latest.insert(key, (signed, report));
        }
    }
    let mut latest: Vec<(SignedReport, Report)> = latest.into_values().collect();
    latest.sort_by_key(|(_, report)| std::cmp::Reverse((report.at, report.key.to_string())));
    latest.truncate(MOST);
    latest.into_iter().unzip()
}

fn path(archive: &Archive, mirror: &Mirror) -> PathBuf {
    mirror.folder(archive).join("reports.json")
}
