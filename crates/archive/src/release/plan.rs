//! What a release would hold, before anything is made.

use std::collections::{BTreeMap, HashSet};

use fonoteca_catalog::{Band, Coverage, Covering, Point, SHARES, Snapshot};
use fonoteca_model::BlobId;
use serde::{Deserialize, Serialize};

use super::Options;
use super::cut::{Cut, Cutter, Once};
use super::list::Earlier;
use super::select::{Selected, select};
use super::tail::Given;
use crate::archive::Archive;
use crate::error::ArchiveError;

/// Two points of the curve differ by so much: in the logarithm to base 10 of files or bytes, or in the share.
const STEP_LOG: f64 = 0.005;
const STEP_SHARE: f64 = 0.002;

/// What one band would hold.
#[derive(Debug, Clone, Serialize)]
pub struct BandPlan {
    /// Highest and lowest popularity.
    pub popularity: [i32; 2],
    /// Torrents.
    pub torrents: u64,
    /// Tracks that play from the files.
    pub tracks: u64,
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

/// What goes out of the long tail.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct TailPlan {
    /// Files that go out as copies.
    pub copies: u64,
    /// Those of them that `release prepare` has yet to make.
    pub lacking: u64,
    /// Bytes of their originals.
    pub original_bytes: u64,
    /// Bytes of the copies; of those that are lacking about so many.
    pub bytes: u64,
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
    /// What goes out of the long tail, where copies are wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<TailPlan>,
    /// How few of its files have how many of all listens.
    pub coverage: Coverage,
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

/// Plans a release of everything that is chosen, may be distributed and is in no release yet.
pub async fn plan(archive: &Archive, options: &Options) -> Result<Plan, ArchiveError> {
    let snapshot = archive.snapshot().await?;
    let earlier = Earlier::read(archive, &snapshot, options.recut).await?;
    plan_without(archive, &snapshot, options, &earlier.given_out).await
}

/// The same, where that is what is given out already.
pub(super) async fn plan_without(
    archive: &Archive,
    snapshot: &Snapshot,
    options: &Options,
    given_out: &HashSet<BlobId>,
) -> Result<Plan, ArchiveError> {
    options.check()?;
    let all_listens = snapshot.stats().await?.listens.max(1);
    let mut cutter = Cutter::new(&options.name, &options.bands, options.limits);
    let mut bands: BTreeMap<(i32, i32), BandPlan> = BTreeMap::new();
    let mut licences: BTreeMap<String, u64> = BTreeMap::new();
    let mut tail = options.tail.map(|_| TailPlan::default());
    let mut curve = Curve::new(all_listens);
    let mut add = |cut: Cut| {
        let band = bands.entry(cut.band).or_insert_with(|| BandPlan {
            popularity: [cut.band.1, cut.band.0],
            torrents: 0,
            tracks: 0,
            files: 0,
            bytes: 0,
            listens_share: 0.0,
        });
        band.torrents += 1;
        band.tracks += cut.files.iter().map(|file| file.held.tracks.max(0) as u64).sum::<u64>();
        band.files += cut.files.len() as u64;
        band.bytes += cut.bytes;
        band.listens_share += cut.listens as f64 / all_listens as f64;
        for file in &cut.files {
            *licences.entry(super::index::licence_label(&file.verdict)).or_default() += 1;
            curve.add(file);
            if let (Some(tail), Some(_)) = (&mut tail, file.copy_of()) {
                tail.copies += 1;
                tail.lacking += u64::from(matches!(file.given, Given::Lacking { .. }));
                tail.original_bytes += file.held.size.max(0) as u64;
                tail.bytes += file.bytes();
            }
        }
    };
    let left_out = select(archive, snapshot, options, given_out, async |selected| {
        if let Some(cut) = cutter.push(selected) {
            add(cut);
        }
        Ok(())
    })
    .await?;
    if let Some(cut) = cutter.finish() {
        add(cut);
    }
    let coverage = curve.finish(bands.iter().map(|(band, plan)| (*band, plan)));
    let bands = options.bands.iter().filter_map(|band| bands.remove(&band)).collect();
    let left_out = left_out.into_values().collect();
    Ok(Plan { release: options.name.clone(), bands, left_out, licences, tail, coverage })
}

/// The share of all listens that files have, from the most popular on.
struct Curve {
    done: Coverage,
    once: Once,
    listens: i64,
    recordings: i64,
    tracks: i64,
    bytes: i64,
    last: Point,
}

impl Curve {
    fn new(all_listens: i64) -> Self {
        Self {
            done: Coverage { listens: all_listens, ..Coverage::default() },
            once: Once::default(),
            listens: 0,
            recordings: 0,
            tracks: 0,
            bytes: 0,
            last: Point::default(),
        }
    }

    fn add(&mut self, file: &Selected) {
        let bytes = file.bytes() as i64;
        self.done.bytes_held += bytes;
        if file.held.listens == 0 {
            self.done.tracks_unlistened += file.held.tracks;
            return;
        }
        let adds = self.once.listens(&file.held);
        self.listens += adds;
        self.recordings += i64::from(adds > 0);
        self.tracks += file.held.tracks;
        self.bytes += bytes;
        let share = self.listens as f64 / self.done.listens as f64;
        for reached in SHARES.iter().skip(self.done.covering.len()).take_while(|wanted| share >= **wanted) {
            let (recordings, tracks, bytes) = (self.recordings, self.tracks, self.bytes);
            self.done.covering.push(Covering { share: *reached, recordings, tracks, bytes });
        }
        let point = Point { tracks: self.tracks as f64, share, bytes: self.bytes as f64, share_held: share };
        let far = |to: f64, from: f64| from < 1.0 || (to / from).log10() >= STEP_LOG;
        let is_far = far(point.tracks, self.last.tracks) || far(point.bytes, self.last.bytes);
        // The end is where it ends: it moves along until it is far enough from the point before it.
        if is_far || point.share - self.last.share >= STEP_SHARE || self.done.curve.len() < 2 {
            self.done.curve.push(point);
            self.last = point;
        } else if let Some(end) = self.done.curve.last_mut() {
            *end = point;
        }
    }

    fn finish<'a>(mut self, bands: impl Iterator<Item = ((i32, i32), &'a BandPlan)>) -> Coverage {
        self.done.tracks_listened = self.tracks;
        self.done.recordings_listened = self.recordings;
        self.done.share_held = self.listens as f64 / self.done.listens as f64;
        let bands = bands.map(|(popularity, plan)| Band {
            popularity,
            tracks: plan.tracks as i64,
            share: plan.listens_share,
            bytes: plan.bytes as i64,
            listens: (plan.listens_share * self.done.listens as f64).round() as i64,
            ..Band::default()
        });
        self.done.bands = bands.collect();
        self.done.bands.sort_by_key(|band| std::cmp::Reverse(band.popularity));
        self.done
    }
}
