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
/// A mirror may report again after so long.
const PAUSE_SECONDS: i64 = 600;
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
}

/// A report as it is sent: the text that was signed, and its minisign signature.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignedReport {
    /// A [`Report`] in JSON.
    pub report: String,
    /// The text of the signature.
    pub signature: String,
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
    #[error("this mirror reported at {last}: the next report is taken {PAUSE_SECONDS} s after it")]
    TooSoon {
        /// When it reported last.
        last: Timestamp,
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

/// Takes a report; it blocks. Only torrents of the own feed are kept of it.
pub fn take_report(archive: &Archive, signed: &SignedReport) -> Result<Accepted, ReportRefused> {
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
    let mut database = Database::open(archive)?;
    // One of the future is from before a clock was set right, and no reason to wait for that.
    let last = database.reported(&report.key)?.filter(|last| *last <= now.plus_seconds(SKEW_SECONDS));
    if let Some(last) = last.filter(|last| report.at < last.plus_seconds(PAUSE_SECONDS)) {
        return Err(ReportRefused::TooSoon { last });
    }
    database.report(&report.key, report.serial, report.at, &have)?;
    Ok(Accepted { torrents: have.len() as u64, unknown: (said.len() - have.len()) as u64 })
}

/// What this archive has of the feed that it follows, as it was last read; nothing is sent.
pub fn make_report(
    archive: &Archive,
    mirror: &Mirror,
    key: &SigningKey,
) -> Result<(Report, SignedReport), ArchiveError> {
    let to = mirror.keys.first().cloned().ok_or_else(|| ArchiveError::Usage("this mirror trusts no key".to_owned()))?;
    let (serial, have) = crate::mirror::whole_torrents(archive, mirror)?;
    let at = Timestamp::from_millis(archive.now().as_millis());
    let report = Report { format: FORMAT.to_owned(), key: key.public().clone(), to, serial, at, have };
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
