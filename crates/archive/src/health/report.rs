//! Reports of mirrors: which torrents of a feed one has whole, signed with its own key.
//!
//! A mirror reports only when its operator says so. The origin believes that the key's owner said it, and no more.

use std::collections::HashSet;

use fonoteca_model::units::millis;
use fonoteca_model::{Sha1Hash, Timestamp};
use fonoteca_torrent::feed::{PublicKey, SigningKey, sign, verify_bytes};
use serde::{Deserialize, Serialize};

use super::database::Database;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::mirror::{Mirror, http};

/// The format, with its version.
const FORMAT: &str = "fonoteca-report/1";
/// Bytes of the longest report that is taken: 100,000 torrents.
pub const MAX_REPORT_BYTES: usize = 6 << 20;
/// A mirror may say the same again after so long.
const PAUSE_SECONDS: i64 = 600;
/// And something else.
const CHANGED_PAUSE_SECONDS: i64 = 5;
/// How far the clocks of mirror and origin may be apart.
const SKEW_SECONDS: i64 = 3600;

/// What a mirror says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// `fonoteca-report/1`.
    pub format: String,
    /// The mirror's key.
    pub key: PublicKey,
    /// A key of the archive that it reports to: so that nobody takes the report elsewhere.
    pub to: PublicKey,
    /// The serial of the feed that it has read.
    pub serial: u64,
    /// When.
    #[serde(with = "millis")]
    pub at: Timestamp,
    /// The v1 info-hashes of the torrents that it has whole.
    pub have: Vec<Sha1Hash>,
    /// Torrents of which it has some parts, or is about to fetch some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartsOf>,
}

/// Which parts of a torrent a mirror has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartsOf {
    /// The torrent, by the v1 info-hash of any of its variants.
    pub torrent: Sha1Hash,
    /// The parts that are there.
    pub have: PartSet,
    /// The parts that it is about to fetch.
    #[serde(default, skip_serializing_if = "PartSet::is_empty")]
    pub want: PartSet,
}

/// Parts of a torrent, of 64: part *n* is the *n*th bit from the right. 16 hex digits in JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartSet(pub u64);

impl PartSet {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_empty(&self) -> bool {
        self.0 == 0
    }
}

impl TryFrom<String> for PartSet {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let parsed = u64::from_str_radix(&text, 16).ok().filter(|_| is_hex);
        parsed.map(Self).ok_or_else(|| "parts are 16 hex digits".to_owned())
    }
}

impl From<PartSet> for String {
    fn from(parts: PartSet) -> Self {
        format!("{:016x}", parts.0)
    }
}

/// A report as it is sent: the text that was signed, and its minisign signature.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignedReport {
    /// A [`Report`] in JSON.
    pub report: String,
    /// The text of the signature.
    pub signature: String,
}

/// What `/reports` answers: the last report of each mirror, as it was signed, so that nobody has to believe who hands it on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Reports {
    /// The latest first.
    pub reports: Vec<SignedReport>,
}

/// Why a report is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReportRefused {
    /// It is none.
    #[error("this is no report: {0}")]
    Format(String),
    /// The key that it names did not sign it.
    #[error("the report is not signed by the key that it names: {0}")]
    Signature(String),
    /// It is for another archive.
    #[error("the report is for an archive with another key")]
    Elsewhere,
    /// It is from another time.
    #[error("the report is of {at}, and it is {now}: is the mirror's clock right?")]
    Time {
        /// When it says it was made.
        at: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// It is not newer than the last one, or comes too soon after it.
    #[error("this mirror reported at {last}: the next report is taken {pause_seconds} s after it")]
    TooSoon {
        /// When it reported last.
        last: Timestamp,
        /// How long it is to wait after that.
        pause_seconds: i64,
    },
    /// It cannot be kept.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// What was taken of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// Torrents that the feed lists and the mirror has.
    pub torrents: u64,
    /// Others, which are passed over.
    pub unknown: u64,
}

/// Reads a report whose key signed it. For whom it is and of when is for the caller to look at.
pub(crate) fn read_report(signed: &SignedReport) -> Result<Report, ReportRefused> {
    if signed.report.len() > MAX_REPORT_BYTES {
        return Err(ReportRefused::Format(format!("it is longer than {MAX_REPORT_BYTES} bytes")));
    }
    let report: Report =
        serde_json::from_str(&signed.report).map_err(|error| ReportRefused::Format(error.to_string()))?;
    if report.format != FORMAT {
        return Err(ReportRefused::Format(format!("its format is {:?}, this program reads {FORMAT:?}", report.format)));
    }
    verify_bytes(signed.report.as_bytes(), &signed.signature, std::slice::from_ref(&report.key))
        .map_err(|error| ReportRefused::Signature(error.to_string()))?;
    Ok(report)
}

/// Takes a report; it blocks. Only torrents of the own feed are kept of it.
pub fn take_report(archive: &Archive, signed: &SignedReport) -> Result<Accepted, ReportRefused> {
    let report = read_report(signed)?;
    if !crate::keys::public_keys(archive)?.contains(&report.to) {
        return Err(ReportRefused::Elsewhere);
    }
    let now = archive.now();
    if report.at > now.plus_seconds(SKEW_SECONDS) || report.at < now.plus_seconds(-SKEW_SECONDS) {
        return Err(ReportRefused::Time { at: report.at, now });
    }
    let listed: HashSet<Sha1Hash> = archive
        .own_feed()?
        .into_iter()
        .flat_map(|feed| feed.torrents)
        .flat_map(|torrent| torrent.variants)
        .map(|variant| variant.infohash_v1)
        .collect();
    let said: HashSet<Sha1Hash> = report.have.iter().copied().collect();
    let have: Vec<Sha1Hash> = said.iter().copied().filter(|hash| listed.contains(hash)).collect();
    let parts: Vec<PartsOf> = report.parts.iter().copied().filter(|parts| listed.contains(&parts.torrent)).collect();
    let mut database = Database::open(archive)?;
    let before = database.signed(&report.key)?.and_then(|signed| read_report(&signed).ok());
    let is_new = before.is_some_and(|before| (&before.have, &before.parts) != (&report.have, &report.parts));
    let pause_seconds = if is_new { CHANGED_PAUSE_SECONDS } else { PAUSE_SECONDS };
    // One of the future is from before a clock was set right, and no reason to wait for that.
    let last = database.reported(&report.key)?.filter(|last| *last <= now.plus_seconds(SKEW_SECONDS));
    if let Some(last) = last.filter(|last| report.at < last.plus_seconds(pause_seconds)) {
        return Err(ReportRefused::TooSoon { last, pause_seconds });
    }
    database.report(&report, &have, &parts, signed)?;
    Ok(Accepted { torrents: have.len() as u64, unknown: (said.len() - have.len()) as u64 })
}

/// The last report of each mirror that reported lately; it blocks.
pub fn reports(archive: &Archive) -> Result<Reports, ArchiveError> {
    let Some(database) = Database::open_existing(archive)? else { return Ok(Reports::default()) };
    Ok(Reports { reports: database.all_signed(archive.now().plus_seconds(-super::RISK_DAYS * 86_400))? })
}

/// What this archive has of the feed that it follows, as it was last read; nothing is sent.
pub async fn make_report(
    archive: &Archive,
    mirror: &Mirror,
    key: &SigningKey,
) -> Result<(Report, SignedReport), ArchiveError> {
    let to = mirror.keys.first().cloned().ok_or_else(|| ArchiveError::Usage("this mirror trusts no key".to_owned()))?;
    let crate::mirror::Held { serial, have, parts } = crate::mirror::held(archive, mirror).await?;
    let at = Timestamp::from_millis(archive.now().as_millis());
    let report = Report { format: FORMAT.to_owned(), key: key.public().clone(), to, serial, at, have, parts };
    let text = serde_json::to_string(&report).map_err(|error| ArchiveError::Bug(error.to_string()))?;
    let signature = sign(text.as_bytes(), key, &format!("mirror report, serial {serial}"))
        .map_err(|error| ArchiveError::Bug(error.to_string()))?;
    Ok((report, SignedReport { report: text, signature }))
}

/// Sends a report to the archive that the mirror follows.
pub async fn send_report(mirror: &Mirror, signed: &SignedReport) -> Result<(), ArchiveError> {
    let url = format!("{}/reports", mirror.url.trim_end_matches('/'));
    let body = serde_json::to_string(signed).map_err(|error| ArchiveError::Bug(error.to_string()))?;
    let request = http::client()?.post(&url).header("content-type", "application/json").body(body);
    http::answer_or_reason(request, &url, 64 << 10).await.map(drop)
}
