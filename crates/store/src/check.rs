//! Checking many blobs at the speed of the disk: one thread reads, one file after the other and ahead, all cores hash.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use fonoteca_model::{BlobHashes, PIECE_BYTES};
use tokio::sync::oneshot;

use crate::elsewhere::Elsewhere;
use crate::error::StoreError;
use crate::put::Local;
use crate::source::{Links, Source};
use crate::store::Store;
use crate::verify::{Found, Verdict, open};

/// Files opened ahead, so that a disk has always something to do.
const FILES_AHEAD: usize = 8;
/// Bytes of one file asked for ahead.
const BYTES_AHEAD: u64 = 8 << 20;
/// Pieces in memory for each thread that hashes.
const PIECES_PER_THREAD: usize = 4;
/// After a pause so long, nothing is made up for.
const LONGEST_DEBT: Duration = Duration::from_secs(1);

/// How a [`Checker`] works.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckOptions {
    /// Bytes read a second; `None`: as fast as it goes.
    pub rate: Option<u64>,
    /// Let every other program go first, with the processor and (where the I/O scheduler heeds it) with the disk.
    pub nice: bool,
}

/// Checks the blobs that it is asked about in that order. Memory: some MiB a core, whatever the blobs' size. Its threads end
/// when it is dropped.
#[derive(Debug)]
pub struct Checker {
    jobs: mpsc::Sender<Job>,
}

#[derive(Debug)]
struct Job {
    expected: BlobHashes,
    answer: Answer,
}

type Answer = oneshot::Sender<Result<Verdict, StoreError>>;

impl Store {
    /// Begins to check blobs, read from the disk even where the system has copies in memory.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the system gives no threads.
    pub fn checker(&self, options: CheckOptions) -> Result<Checker, StoreError> {
        let local = self.local_blobs();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (jobs, asked) = mpsc::channel();
        let (pieces, to_hash) = mpsc::channel();
        let (spare, buffers) = mpsc::channel();
        for _ in 0..threads * PIECES_PER_THREAD {
            // The receiver is held here, so sending cannot fail.
            let _ = spare.send(Vec::new());
        }
        let failed = StoreError::on("start a thread to check", local.blobs());
        let to_hash = Arc::new(Mutex::new(to_hash));
        let start = |work: Box<dyn FnOnce() + Send>| {
            let work = move || {
                if options.nice {
                    // Refused or not, the check goes on.
                    let _ = rustix::process::nice(19);
                }
                work();
            };
            thread::Builder::new().name("fixity".to_owned()).spawn(work).map(drop)
        };
        let hashing = (0..threads).try_for_each(|_| {
            let (to_hash, spare) = (Arc::clone(&to_hash), spare.clone());
            start(Box::new(move || hash_pieces(&to_hash, &spare)))
        });
        let reader = Reader {
            local: Arc::clone(&local),
            elsewhere: self.elsewhere(),
            pieces,
            buffers,
            kept: None,
            pace: Pace::new(options.rate),
        };
        let reading = move || reader.run(&asked);
        hashing.and_then(|()| start(Box::new(reading))).map_err(failed)?;
        Ok(Checker { jobs })
    }
}

impl Checker {
    /// What became of one blob, as [`Store::verify`] says it. Ask for many at once, and wait in the same order.
    pub fn check(
        &self,
        expected: BlobHashes,
    ) -> impl Future<Output = Result<Verdict, StoreError>> + Send + 'static + use<> {
        let (answer, answered) = oneshot::channel();
        let name = format!("blob {}", expected.root);
        // A reader that is gone drops the answer, which is told below.
        let _ = self.jobs.send(Job { expected, answer });
        async move { answered.await.unwrap_or(Err(StoreError::Stopped { name })) }
    }
}

/// A blob that is being read.
struct Reading {
    expected: BlobHashes,
    found: Mutex<Found>,
    /// Pieces that are not hashed yet, and one for the reader, who looks last whether the file changed meanwhile.
    left: AtomicU64,
    answer: Mutex<Option<Answer>>,
}

impl Reading {
    /// One of those that were left is done; the last one gives the verdict.
    fn done(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let found = std::mem::replace(&mut *unpoisoned(&self.found), Found::new(0));
            self.say(Ok(found.compare(&self.expected)));
        }
    }

    fn say(&self, verdict: Result<Verdict, StoreError>) {
        if let Some(answer) = unpoisoned(&self.answer).take() {
            // Whoever asked may not want to know any more.
            let _ = answer.send(verdict);
        }
    }

    fn is_wanted(&self) -> bool {
        unpoisoned(&self.answer).as_ref().is_some_and(|answer| !answer.is_closed())
    }
}

struct Piece {
    of: Arc<Reading>,
    size: u64,
    number: u64,
    bytes: Vec<u8>,
}

fn hash_pieces(pieces: &Mutex<mpsc::Receiver<Piece>>, spare: &mpsc::Sender<Vec<u8>>) {
    loop {
        let next = unpoisoned(pieces).recv();
        let Ok(Piece { of, size, number, bytes }) = next else { return };
        let node = Found::node(size, &bytes);
        unpoisoned(&of.found).read(number, node);
        of.done();
        // The reader may have ended.
        let _ = spare.send(bytes);
    }
}

struct Reader {
    local: Arc<Local>,
    elsewhere: Arc<Elsewhere>,
    pieces: mpsc::Sender<Piece>,
    buffers: mpsc::Receiver<Vec<u8>>,
    /// A buffer that was taken and has nothing to hash in it.
    kept: Option<Vec<u8>>,
    pace: Pace,
}

impl Reader {
    fn run(mut self, jobs: &mpsc::Receiver<Job>) {
        let mut ahead: VecDeque<(Job, Source)> = VecDeque::new();
        loop {
            while ahead.len() < FILES_AHEAD {
                let next = if ahead.is_empty() { jobs.recv().ok() } else { jobs.try_recv().ok() };
                let Some(job) = next else { break };
                if !job.answer.is_closed() {
                    ahead.extend(self.opened(job));
                }
            }
            // Nothing is left only when nobody will ask any more.
            let Some((job, source)) = ahead.pop_front() else { return };
            self.read(job, &source);
        }
    }

    /// Opens a blob and has the system read its beginning; answers at once where there is nothing to open.
    fn opened(&self, job: Job) -> Option<(Job, Source)> {
        let own = open(&self.local.path(job.expected.root), Links::Refuse);
        // What was taken in without copying it is read where it lies.
        let found = match own {
            Ok(None) => self.elsewhere.open(job.expected.root),
            own => own,
        };
        let verdict = match found {
            Ok(Some(source)) => {
                source.forget();
                source.will_read(0, BYTES_AHEAD.min(source.size()));
                return Some((job, source));
            }
            Ok(None) => Ok(Verdict::Missing),
            Err(error) => Err(error),
        };
        let _ = job.answer.send(verdict);
        None
    }

    fn read(&mut self, job: Job, source: &Source) {
        let size = source.size();
        let found = Found::new(size);
        let count = found.pieces();
        let reading = Arc::new(Reading {
            expected: job.expected,
            found: Mutex::new(found),
            left: AtomicU64::new(count + 1),
            answer: Mutex::new(Some(job.answer)),
        });
        for number in 0..count {
            if !reading.is_wanted() {
                return;
            }
            let offset = number * PIECE_BYTES as u64;
            if offset.is_multiple_of(BYTES_AHEAD) {
                source.will_read(offset + BYTES_AHEAD, BYTES_AHEAD);
            }
            let Some(mut bytes) = self.kept.take().or_else(|| self.buffers.recv().ok()) else { return };
            bytes.resize(Found::piece_bytes(size, number), 0);
            thread::sleep(self.pace.pause(Instant::now(), bytes.len() as u64));
            match source.read_exact_at(&mut bytes, offset) {
                Ok(()) => {
                    let piece = Piece { of: Arc::clone(&reading), size, number, bytes };
                    if self.pieces.send(piece).is_err() {
                        return;
                    }
                    continue;
                }
                Err(error) => unpoisoned(&reading.found).unreadable(number, &error),
            }
            reading.done();
            self.kept = Some(bytes);
        }
        source.forget();
        match source.check_unchanged(size) {
            Ok(()) => reading.done(),
            Err(error) => reading.say(Err(error)),
        }
    }
}

/// Keeps to a rate.
#[derive(Debug)]
struct Pace {
    rate: Option<u64>,
    /// When the next byte may be read; `None` before the first.
    due: Option<Instant>,
}

impl Pace {
    fn new(rate: Option<u64>) -> Self {
        Self { rate, due: None }
    }

    /// How long to wait before the next `bytes` are read.
    fn pause(&mut self, now: Instant, bytes: u64) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let due = self.due.filter(|due| now.saturating_duration_since(*due) < LONGEST_DEBT).unwrap_or(now);
        self.due = Some(due + Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64));
        due.saturating_duration_since(now)
    }
}

/// What is locked here stays whole whatever thread panics.
fn unpoisoned<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_over_time_and_a_pause_is_not_made_up_for() {
        let mut pace = Pace::new(Some(1000));
        let began = Instant::now();
        let mut now = began;
        for _ in 0..100 {
            now += pace.pause(now, 500);
            // Reading takes its time, too.
            now += Duration::from_millis(20);
        }
        let took = now - began;
        assert!((Duration::from_millis(49_500)..Duration::from_millis(49_600)).contains(&took), "{took:?}");
        now += Duration::from_hours(1);
        assert_eq!(pace.pause(now, 500), Duration::ZERO);
        assert_eq!(pace.pause(now, 500), Duration::from_millis(500), "an hour of rest gives no hour of haste");
        assert_eq!(Pace::new(None).pause(now, u64::MAX), Duration::ZERO);
    }
}
