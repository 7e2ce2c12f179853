//! Following feeds for good: each is read again and again, and what the plan then says is done. Done by `serve`.
//!
//! A feed is read at all hours and while something is fetched, so that a withdrawal is honoured within one look at it. When it
//! has changed, what is being fetched stops where it is and goes on from there under the new plan.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fonoteca_model::Timestamp;
use fonoteca_torrent::feed::SigningKey;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::state::{Doing, Live, Watched};
use super::{Mirror, PullOptions, PullReport, follow, pull};
use crate::archive::Archive;
use crate::error::{ArchiveError, said};
use crate::fixity::{self, repair};

/// How often it is looked whether a mirror was added, or its rules changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Fetching that fails is tried again after so long at the latest.
const RETRY: Duration = Duration::from_mins(10);

/// What the hours of the day are measured by: the minute, from midnight.
pub type MinuteOfDay = fn(Timestamp) -> u16;
/// The key that signs reports, if it is at hand; asked anew for each pull.
pub type Key = Arc<dyn Fn() -> Option<Arc<SigningKey>> + Send + Sync>;
/// Told what became of each pull, with the mirror's name.
pub type Tell = Arc<dyn Fn(&str, Result<PullReport, ArchiveError>) + Send + Sync>;

/// Follows every feed as its rules say, until it is dropped. `key` signs reports, where the rules want them.
pub async fn keep_following(archive: &Archive, key: Key, minute_of_day: MinuteOfDay, tell: Tell) {
    let mut followed: HashMap<String, Following> = HashMap::new();
    loop {
        match Mirror::all(archive) {
            Ok(mirrors) => {
                followed.retain(|name, following| {
                    !following.0.is_finished() && mirrors.iter().any(|mirror| mirror.name == *name)
                });
                for mirror in mirrors {
                    followed.entry(mirror.name.clone()).or_insert_with(|| {
                        let one =
                            One { archive: archive.clone(), name: mirror.name, key: Arc::clone(&key), minute_of_day };
                        Following(tokio::spawn(one.follow(Arc::clone(&tell))))
                    });
                }
            }
            Err(error) => tell("", Err(error)),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Ends with whoever holds it.
struct Following(JoinHandle<()>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct One {
    archive: Archive,
    name: String,
    key: Key,
    minute_of_day: MinuteOfDay,
}

impl One {
    async fn follow(self, tell: Tell) {
        let mut open_before = false;
        let mut due = Instant::now();
        loop {
            let Ok(mut mirror) = Mirror::read(&self.archive, Some(&self.name)) else {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            };
            let open = self.is_open(&mirror);
            if Instant::now() < due && (open_before || !open) {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
            open_before = open;
            let done = Box::pin(self.once(&mut mirror, open)).await;
            let every = Duration::from_secs(mirror.rules.every_seconds().unsigned_abs());
            let wait = match &done {
                // The feed has changed, or the hours are over: what there is to do then is done at once.
                Err(ArchiveError::Cancelled) => Duration::ZERO,
                Ok(report) if report.failed.is_empty() => every,
                _ => every.min(RETRY),
            };
            due = Instant::now() + wait;
            self.show(&mirror, &done, open, wait);
            if !matches!(done, Err(ArchiveError::Cancelled | ArchiveError::Busy { .. })) {
                tell(&self.name, done);
            }
        }
    }

    fn is_open(&self, mirror: &Mirror) -> bool {
        mirror.rules.hours.is_none_or(|hours| hours.has((self.minute_of_day)(self.archive.now())))
    }

    /// One pull, which ends early when the feed has changed meanwhile or the hours are over.
    async fn once(&self, mirror: &mut Mirror, open: bool) -> Result<PullReport, ArchiveError> {
        let before = mirror.clone();
        let stop = AtomicBool::new(false);
        let live = Live { polled_ms: Some(self.archive.now().as_millis()), ..Live::read(&self.archive, mirror) };
        let stops = || stop.load(Ordering::Relaxed) || (open && !self.is_open(&before));
        let progress = Watched::new(&self.archive, &before, live, stops);
        let key = before.rules.report.then(|| (self.key)());
        let options = PullOptions { key: key.flatten(), obey_only: !open, ..PullOptions::default() };
        let done = {
            let pulling = pull(&self.archive, mirror, &options, &progress);
            tokio::pin!(pulling);
            tokio::select! {
                done = &mut pulling => done,
                () = self.changed(&before) => {
                    stop.store(true, Ordering::Relaxed);
                    pulling.await
                }
            }
        };
        if done.is_ok() && open {
            self.repair(&progress).await?;
        }
        progress.into_live().write(&self.archive, mirror);
        done
    }

    /// Returns when the feed has another signature than the one that was believed last.
    async fn changed(&self, mirror: &Mirror) {
        let every = Duration::from_secs(mirror.rules.every_seconds().unsigned_abs());
        loop {
            tokio::time::sleep(every).await;
            if follow::has_changed(&self.archive, mirror).await {
                return;
            }
        }
    }

    /// Makes good what a check found damaged, from the addresses of the feeds.
    async fn repair(&self, progress: &Watched<'_, impl Fn() -> bool + Send + Sync>) -> Result<(), ArchiveError> {
        if self.archive.snapshot().await?.damaged_roots().await?.is_empty() {
            return Ok(());
        }
        let plan = repair::plan(&self.archive, &fixity::Report::default(), Vec::new(), progress).await?;
        if !plan.blobs.is_empty() {
            repair::repair(&self.archive, &plan, progress).await?;
        }
        Ok(())
    }

    fn show(&self, mirror: &Mirror, done: &Result<PullReport, ArchiveError>, open: bool, wait: Duration) {
        let before = Live::read(&self.archive, mirror);
        let failed = match done {
            Ok(report) => report.failed.first().map(|(name, reason)| format!("{name}: {reason}")),
            Err(ArchiveError::Cancelled) => None,
            Err(error) => Some(said(error)),
        };
        let doing = match (&failed, open) {
            (Some(_), _) => Doing::Failed,
            (None, false) => Doing::OutsideHours,
            (None, true) => Doing::Waiting,
        };
        let next = self.archive.now().plus_seconds(wait.as_secs().cast_signed());
        let step = String::new();
        let (done, total, per_second) = (0, None, 0);
        let next_ms = Some(next.as_millis());
        Live { doing, step, done, total, per_second, error: failed, next_ms, ..before }.write(&self.archive, mirror);
    }
}
