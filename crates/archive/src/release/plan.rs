//! What a release would hold, before anything is made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cut::{Cut, Cutter};
use super::list::Earlier;
use super::select::select;
use super::{BANDS, Options};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// What one band would hold.
#[derive(Debug, Clone, Serialize)]
pub struct BandPlan {
    /// Highest and lowest popularity.
    pub popularity: [i32; 2],
    /// Torrents.
    pub torrents: u64,
    /// Audio files.
    pub files: u64,
    /// Bytes of audio.
    pub bytes: u64,
    /// Share of all listens, 0 to 1.
    pub listens_share: f64,
}

/// What is left out by one rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeftOut {
    /// The rule, in words.
    pub rule: String,
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

impl LeftOut {
    pub(super) fn new(rule: &str) -> Self {
        Self { rule: rule.to_owned(), files: 0, bytes: 0 }
    }
}

/// What a release would hold.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The release's name.
    pub release: String,
    /// Bands that have something, most popular first.
    pub bands: Vec<BandPlan>,
    /// What is left out, by rule.
    pub left_out: Vec<LeftOut>,
    /// Licences of what is inside, with the number of files.
    pub licences: BTreeMap<String, u64>,
}

impl Plan {
    /// Files in all bands.
    pub fn files(&self) -> u64 {
        self.bands.iter().map(|band| band.files).sum()
    }

    /// Bytes in all bands.
    pub fn bytes(&self) -> u64 {
        self.bands.iter().map(|band| band.bytes).sum()
    }
}

/// Plans a release of everything that may be distributed and is in no release yet.
pub async fn plan(archive: &Archive, options: &Options) -> Result<Plan, ArchiveError> {
    options.check()?;
    let snapshot = archive.snapshot().await?;
    let all_listens = snapshot.stats().await?.listens.max(1);
    let earlier = Earlier::read(archive).await?;
    let mut cutter = Cutter::new(&options.name, options.limits);
    let mut bands: BTreeMap<(i32, i32), BandPlan> = BTreeMap::new();
    let mut licences: BTreeMap<String, u64> = BTreeMap::new();
    let mut add = |cut: Cut| {
        let band = bands.entry(cut.band).or_insert_with(|| BandPlan {
            popularity: [cut.band.1, cut.band.0],
            torrents: 0,
            files: 0,
            bytes: 0,
            listens_share: 0.0,
        });
        band.torrents += 1;
        band.files += cut.files.len() as u64;
        band.bytes += cut.bytes;
        band.listens_share += cut.listens as f64 / all_listens as f64;
        for file in &cut.files {
            *licences.entry(super::index::licence_label(&file.verdict)).or_default() += 1;
        }
    };
    let left_out = select(archive, &snapshot, &earlier.given_out, async |selected| {
        if let Some(cut) = cutter.push(selected) {
            add(cut);
        }
        Ok(())
    })
    .await?;
    if let Some(cut) = cutter.finish() {
        add(cut);
    }
    let bands = BANDS.iter().filter_map(|band| bands.remove(band)).collect();
    Ok(Plan { release: options.name.clone(), bands, left_out: left_out.into_values().collect(), licences })
}
