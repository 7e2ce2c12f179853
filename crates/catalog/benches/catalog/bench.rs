//! What the phases share: where their data lies, how they are timed, and what they leave for those after them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use fonoteca_catalog::object_store::local::LocalFileSystem;
use fonoteca_catalog::{Catalog, CatalogError};
use fonoteca_testkit::catalogue::{Catalogue, STRETCH};
use serde_json::{Map, Value, json};

const SEED: u64 = 1;

/// One size in one folder.
pub struct Bench {
    pub dir: PathBuf,
    /// Tracks.
    pub rows: u64,
}

impl Bench {
    pub fn catalogue(&self) -> Catalogue {
        Catalogue::new(SEED)
    }

    /// The archive's folder.
    pub fn archive(&self) -> PathBuf {
        self.dir.join("archive")
    }

    pub fn index_dir(&self) -> PathBuf {
        self.archive().join("index")
    }

    /// Opens the catalogue, or makes an empty one.
    pub async fn open(&self) -> Result<Catalog> {
        let archive = self.archive();
        fs::create_dir_all(archive.join("state"))?;
        let objects = Arc::new(LocalFileSystem::new_with_prefix(&archive)?);
        match Catalog::create(Arc::<LocalFileSystem>::clone(&objects), &archive.join("state")).await {
            Err(CatalogError::Exists) => Ok(Catalog::open(objects, &archive.join("state")).await?),
            made => Ok(made?),
        }
    }

    /// Stretches without pattern, the same at each call: where samples are taken.
    pub fn places(&self, count: usize) -> Vec<u64> {
        scattered(count, self.rows.div_ceil(STRETCH))
    }

    /// Tracks without pattern, by their place in an order of all.
    pub fn offsets(&self, count: usize) -> Vec<u64> {
        scattered(count, self.rows)
    }

    /// Bytes as bytes a track.
    pub fn a_track(&self, weights: BTreeMap<String, u64>) -> BTreeMap<String, f64> {
        weights.into_iter().map(|(name, bytes)| (name, bytes as f64 / self.rows as f64)).collect()
    }

    /// Keeps what a phase found in `<dir>/phases/<phase>.json`, and prints it.
    pub fn keep(&self, phase: &str, took: Duration, figures: &Map<String, Value>) -> Result<()> {
        let kept = json!({
            "phase": phase,
            "rows": self.rows,
            "seconds": took.as_secs_f64(),
            "peak_memory_bytes": memory("VmHWM:"),
            "peak_anonymous_bytes": ANONYMOUS_PEAK.load(Relaxed).max(memory("RssAnon:")),
            "load_average": load_average(),
            "figures": figures,
        });
        let folder = self.dir.join("phases");
        fs::create_dir_all(&folder)?;
        let text = serde_json::to_string_pretty(&kept)?;
        println!("{text}");
        fs::write(folder.join(format!("{phase}.json")), text + "\n").context("cannot keep the figures")
    }
}

/// So many numbers below a limit, spread over all of them, in no order.
fn scattered(count: usize, below: u64) -> Vec<u64> {
    let step = 0x9E37_79B9_7F4A_7C15_u64;
    (0..count as u64).map(|at| ((u128::from(at.wrapping_mul(step)) * u128::from(below)) >> 64) as u64).collect()
}

/// The most memory without mapped files that was seen so far.
static ANONYMOUS_PEAK: AtomicU64 = AtomicU64::new(0);

/// Looks every 50 ms how much memory this process has without mapped files, whose pages are the kernel's to take back: of
/// that the kernel keeps no maximum.
pub fn watch_memory() {
    thread::spawn(|| {
        loop {
            ANONYMOUS_PEAK.fetch_max(memory("RssAnon:"), Relaxed);
            thread::sleep(Duration::from_millis(50));
        }
    });
}

/// Memory of this process by its name in `/proc/self/status`: `VmHWM` is the most that it ever had, pages of mapped files
/// included; `RssAnon` what it has now without them.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}

/// Of the last minute: figures from a busy machine are worth less.
fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}

/// Times of one question after another.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn time<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let done = work()?;
        self.0.push(start.elapsed());
        Ok(done)
    }

    pub fn extend(&mut self, others: &Self) {
        self.0.extend(&others.0);
    }

    /// Milliseconds, as they were taken.
    pub fn in_order(&self) -> impl Iterator<Item = f64> {
        self.0.iter().map(|time| time.as_secs_f64() * 1e3)
    }

    /// Adds `<name>_p50_ms` and `<name>_p99_ms`.
    pub fn add_to(mut self, name: &str, figures: &mut Map<String, Value>) {
        self.0.sort_unstable();
        for (label, share) in [("p50", 0.5), ("p99", 0.99)] {
            let at = ((self.0.len() as f64 * share) as usize).min(self.0.len().saturating_sub(1));
            let value = self.0.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
            figures.insert(format!("{name}_{label}_ms"), json!(value));
        }
    }
}

/// Bytes of all files below a folder.
pub fn bytes_below(folder: &Path) -> u64 {
    files_below(folder).iter().map(|file| file.metadata().map_or(0, |facts| facts.len())).sum()
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

/// Makes what was written outlast a power cut, as the peers' times include it too.
pub fn sync(folder: &Path) -> Result<()> {
    files_below(folder).iter().try_for_each(|file| Ok(File::open(file)?.sync_all()?))
}
