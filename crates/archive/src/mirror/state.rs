//! What a mirror is doing just now, on disk, so that any process can show it: `state/mirrors/<name>/live.json`; and the lock by
//! which only one process at a time is at a mirror.

use std::fs::{File, TryLockError};
use std::time::Duration;

use fonoteca_model::Timestamp;
use fonoteca_model::progress::{Progress, Unit};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Mirror;
use crate::archive::Archive;
use crate::error::ArchiveError;

/// How often the file is written at most.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Over how long a rate is taken.
const RATE_OVER: Duration = Duration::from_secs(5);
/// How long another process is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
/// What is older is of a process that is gone.
const STALE_SECONDS: i64 = 60;

/// What a mirror is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Nothing runs that follows it.
    #[default]
    Nothing,
    /// Waiting for the next look at the feed.
    Waiting,
    /// Reading, fetching, checking.
    Working,
    /// Fetching waits for its hours; the feed is read.
    OutsideHours,
    /// The last pull failed; it is tried again.
    Failed,
}

/// What is told of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Live {
    /// What it is doing.
    pub doing: Doing,
    /// The step that it is at.
    pub step: String,
    /// How far that is.
    pub done: u64,
    /// Of how much, where it is known.
    pub total: Option<u64>,
    /// Whether that counts bytes.
    pub in_bytes: bool,
    /// Bytes or things a second, over the last seconds.
    pub per_second: u64,
    /// The last thing worth reading.
    pub note: Option<String>,
    /// What the last pull failed with.
    pub error: Option<String>,
    /// When the feed was read last, in milliseconds since 1970.
    pub polled_ms: Option<i64>,
    /// When it will be read next.
    pub next_ms: Option<i64>,
    /// When this was written.
    pub at_ms: i64,
}

impl Live {
    const FILE: &'static str = "live.json";

    /// What was told last; what is too old was told by a process that is gone.
    pub(super) fn read(archive: &Archive, mirror: &Mirror) -> Self {
        let bytes = std::fs::read(mirror.folder(archive).join(Self::FILE)).unwrap_or_default();
        let mut live: Self = serde_json::from_slice(&bytes).unwrap_or_default();
        let awaited = live.next_ms.unwrap_or(live.at_ms).max(live.at_ms);
        if Timestamp::from_millis(awaited).plus_seconds(STALE_SECONDS) < archive.now() {
            live.doing = Doing::Nothing;
        }
        live
    }

    pub(super) fn write(&mut self, archive: &Archive, mirror: &Mirror) {
        self.at_ms = archive.now().as_millis();
        let Ok(bytes) = serde_json::to_vec(self) else { return };
        let path = mirror.folder(archive).join(Self::FILE);
        let whole = path.with_extension("json.new");
        // It is only shown: a disk that does not take it is told of by the work itself.
        let _ = std::fs::write(&whole, bytes).and_then(|()| std::fs::rename(&whole, &path));
    }
}

/// Progress that is written down for others to see, and that stops when `stop` says so.
pub(super) struct Watched<'a, F> {
    archive: &'a Archive,
    mirror: &'a Mirror,
    stop: F,
    state: Mutex<State>,
}

struct State {
    live: Live,
    written: Instant,
    since: Instant,
    counted: u64,
}

impl<'a, F: Fn() -> bool> Watched<'a, F> {
    pub fn new(archive: &'a Archive, mirror: &'a Mirror, live: Live, stop: F) -> Self {
        let now = Instant::now();
        let mut live = Live { doing: Doing::Working, step: "reading the feed".to_owned(), ..live };
        live.write(archive, mirror);
        Self { archive, mirror, stop, state: Mutex::new(State { live, written: now, since: now, counted: 0 }) }
    }

    /// What it showed last.
    pub fn into_live(self) -> Live {
        self.state.into_inner().live
    }
}

impl<F: Fn() -> bool + Send + Sync> Progress for Watched<'_, F> {
    fn stage(&self, what: &str, total: Option<u64>, unit: Unit) {
        let mut state = self.state.lock();
        let now = Instant::now();
        (state.live.step, state.live.total, state.live.in_bytes) = (what.to_owned(), total, unit == Unit::Bytes);
        (state.live.done, state.live.per_second, state.counted, state.since) = (0, 0, 0, now);
        state.written = now;
        state.live.write(self.archive, self.mirror);
    }

    fn advance(&self, units: u64) {
        let mut state = self.state.lock();
        state.live.done += units;
        state.counted += units;
        let over = state.since.elapsed();
        if over >= RATE_OVER || state.written.elapsed() >= WRITE_EVERY {
            state.live.per_second = (state.counted as f64 / over.as_secs_f64().max(0.1)) as u64;
            if over >= RATE_OVER {
                (state.since, state.counted) = (Instant::now(), 0);
            }
        }
        if state.written.elapsed() >= WRITE_EVERY {
            state.written = Instant::now();
            state.live.write(self.archive, self.mirror);
        }
    }

    fn note(&self, line: &str) {
        let mut state = self.state.lock();
        state.live.note = Some(line.chars().take(500).collect());
        state.live.write(self.archive, self.mirror);
    }

    fn cancelled(&self) -> bool {
        (self.stop)()
    }
}

/// Takes the mirror for this process, for as long as the file is open; waits a while for another one.
pub(super) async fn alone(archive: &Archive, mirror: &Mirror, progress: &dyn Progress) -> Result<File, ArchiveError> {
    let path = mirror.folder(archive).join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(ArchiveError::io(&path, "cannot be made"))?;
    let until = Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => {
                return Err(ArchiveError::Busy { what: "fonoteca mirror pull` or `fonoteca serve" });
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(ArchiveError::io(&path, "cannot be locked")(error)),
        }
        if progress.cancelled() {
            return Err(ArchiveError::Cancelled);
        }
        if !told {
            told = true;
            progress.note(&format!("another process is at the mirror {:?}: waiting for it", mirror.name));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The last report that was sent: the same again is sent only now and then.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// SHA-256 of what it said, in hex.
    pub said: String,
}

impl Told {
    const FILE: &'static str = "told.json";

    pub fn read(archive: &Archive, mirror: &Mirror) -> Self {
        let bytes = std::fs::read(mirror.folder(archive).join(Self::FILE)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    pub fn write(&self, archive: &Archive, mirror: &Mirror) -> Result<(), ArchiveError> {
        let bytes = serde_json::to_vec(self).map_err(|error| ArchiveError::Bug(error.to_string()))?;
        Ok(fonoteca_store::write_file(&mirror.folder(archive).join(Self::FILE), &bytes)?)
    }
}
