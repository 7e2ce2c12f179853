//! What lies in each torrent beside the audio: an index that names it, and the licences that it is under.
//!
//! Both follow from the content alone, without popularity, run or time, so that the same files give the same info-hash.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fonoteca_model::BlobId;
use fonoteca_model::licence::{self, LicenceMatch};
use fonoteca_model::rights::{Basis, Verdict};
use serde::Serialize;

use super::select::Selected;

/// The path of a blob in a torrent: a pure function of its root and its kind of file.
pub(super) fn blob_path(root: BlobId, extension: &str) -> Vec<String> {
    let hex = root.to_string();
    vec![hex[..2].to_owned(), format!("{hex}.{extension}")]
}

/// The path of a file of the release.
pub(super) fn file_path(file: &Selected) -> Vec<String> {
    blob_path(file.root(), file.extension())
}

#[derive(Serialize)]
struct Line<'a> {
    path: String,
    root: BlobId,
    bytes: u64,
    title: &'a str,
    artist: &'a str,
    album: Option<&'a str>,
    album_artist: Option<&'a str>,
    disc: Option<i32>,
    number: Option<i32>,
    date: Option<&'a str>,
    isrc: Option<&'a str>,
    duration_ms: i64,
    codec: &'a str,
    licence: String,
    attribution: &'a [String],
    track_id: String,
    /// Of a copy: what it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    copy_of: Option<BlobId>,
}

/// Canonical JSON Lines, a line a file, sorted by path.
pub(super) fn index(files: &[Selected]) -> Vec<u8> {
    let mut lines: Vec<Line> = files
        .iter()
        .map(|file| {
            let held = &file.held;
            Line {
                path: file_path(file).join("/"),
                root: file.root(),
                bytes: file.bytes(),
                title: &held.title,
                artist: &held.artist_credit,
                album: held.album.as_deref(),
                album_artist: held.album_artist.as_deref(),
                disc: held.disc,
                number: held.number,
                date: held.date.as_deref(),
                isrc: held.isrc.as_deref(),
                duration_ms: held.duration_ms,
                codec: file.codec(),
                licence: licence_label(&file.verdict),
                attribution: &file.verdict.attribution,
                track_id: held.track_id.to_string(),
                copy_of: file.copy_of(),
            }
        })
        .collect();
    lines.sort_by(|a, b| a.path.cmp(&b.path));
    let mut bytes = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut bytes, &line).expect("strings and numbers are always JSON");
        bytes.push(b'\n');
    }
    bytes
}

/// The terms of a file in one word: an SPDX id, a licence URI, or the basis.
pub(super) fn licence_label(verdict: &Verdict) -> String {
    match licence::read(verdict.licence.as_deref().unwrap_or_default()) {
        LicenceMatch::Known { spdx: Some(spdx), .. } => spdx,
        LicenceMatch::Known { uri, .. } => uri,
        LicenceMatch::Unknown | LicenceMatch::Empty => verdict.basis.to_string(),
    }
}

/// `LICENCES.txt`: each licence, where its text is, what it asks, and the credits to give.
pub(super) fn licences(files: &[Selected]) -> Vec<u8> {
    let mut by_label: BTreeMap<String, Vec<&Selected>> = BTreeMap::new();
    for file in files {
        by_label.entry(licence_label(&file.verdict)).or_default().push(file);
    }
    let mut text = String::from("Under which terms the files of this torrent may be used.\n");
    for (label, mut files) in by_label {
        let _ = write!(text, "\n{label}\n");
        if let Some(verdict) = files.first().map(|file| &file.verdict) {
            match licence::read(verdict.licence.as_deref().unwrap_or_default()) {
                LicenceMatch::Known { row, uri, .. } => {
                    let _ = writeln!(text, "  {}: {uri}", row.name);
                    for (asked, what) in [
                        (row.nc, "not for commercial use"),
                        (row.nd, "no derivatives may be passed on"),
                        (row.sa, "derivatives carry the same licence"),
                    ] {
                        if asked {
                            let _ = writeln!(text, "  - {what}");
                        }
                    }
                }
                LicenceMatch::Unknown | LicenceMatch::Empty => {
                    let _ = writeln!(text, "  {}", basis_sentence(verdict.basis));
                }
            }
        }
        files.sort_by_key(|file| file.root());
        for file in files {
            let credit = if file.verdict.attribution.is_empty() {
                format!("{}, by {}", file.held.title, file.held.artist_credit)
            } else {
                file.verdict.attribution.join("; ")
            };
            let _ = writeln!(text, "  {}  {credit}", file_path(file).join("/"));
        }
    }
    text.into_bytes()
}

fn basis_sentence(basis: Basis) -> &'static str {
    match basis {
        Basis::OwnWork => "Given out by those who made it.",
        Basis::PublicDomain => "In the public domain, as far as the archive knows.",
        Basis::Permission => "Given out by permission of the rights holder.",
        Basis::Licensed | Basis::PrivateCopy | Basis::Unknown => "See the release's manifest.",
    }
}
