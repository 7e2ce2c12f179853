//! The torrents that peers are at or were at lately, within bounds: of all others only the info-hashes are in memory.

use std::sync::Arc;

use fonoteca_model::Sha1Hash;
use lru::LruCache;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::SeedSource;
use super::peer::PeerError;
use super::torrent::{FileMap, Papers};

/// Torrents that are opened at once: reading one takes several times the memory that it has afterwards.
const OPENINGS: usize = 2;

/// Opened torrents.
pub(super) struct Shelf {
    state: Mutex<State>,
    openings: Semaphore,
}

struct State {
    files: Row<FileMap>,
    papers: Row<Papers>,
}

impl Shelf {
    /// File maps may take three quarters of so much memory, what is sent by magnet links the rest.
    pub(super) fn new(bytes: usize) -> Self {
        let state = State { files: Row::new(bytes / 4 * 3), papers: Row::new(bytes / 4) };
        Self { state: Mutex::new(state), openings: Semaphore::new(OPENINGS) }
    }

    /// Which blob lies where in a torrent. It stays open for as long as it is held.
    pub(super) async fn files(&self, key: Sha1Hash, source: &dyn SeedSource) -> Result<Arc<FileMap>, PeerError> {
        if let Some(files) = self.state.lock().files.get(key) {
            return Ok(files);
        }
        let Ok(_opening) = self.openings.acquire().await else {
            return Err(PeerError::NoRoom);
        };
        if let Some(files) = self.state.lock().files.get(key) {
            return Ok(files);
        }
        let opened = source.open(key).await.map_err(PeerError::Unopened)?.ok_or(PeerError::NotOffered)?;
        let (files, papers) = opened.into_parts();
        let (files_bytes, papers_bytes) = (files.bytes(), papers.bytes());
        let mut state = self.state.lock();
        state.papers.put(key, Arc::new(papers), papers_bytes);
        let files = Arc::new(files);
        state.files.put(key, Arc::clone(&files), files_bytes).then_some(files).ok_or(PeerError::NoRoom)
    }

    /// What a torrent's file says, for peers that do not have it.
    pub(super) async fn papers(&self, key: Sha1Hash, source: &dyn SeedSource) -> Result<Arc<Papers>, PeerError> {
        if let Some(papers) = self.state.lock().papers.get(key) {
            return Ok(papers);
        }
        let Ok(_opening) = self.openings.acquire().await else {
            return Err(PeerError::NoRoom);
        };
        if let Some(papers) = self.state.lock().papers.get(key) {
            return Ok(papers);
        }
        let opened = source.open(key).await.map_err(PeerError::Unopened)?.ok_or(PeerError::NotOffered)?;
        let papers = Arc::new(opened.into_parts().1);
        let bytes = papers.bytes();
        // Where it does not fit it is read again by the next peer, and kept by this one.
        self.state.lock().papers.put(key, Arc::clone(&papers), bytes);
        Ok(papers)
    }

    /// Forgets a torrent, as far as no peer is at it.
    pub(super) fn forget(&self, key: Sha1Hash) {
        let mut state = self.state.lock();
        state.files.remove(key);
        state.papers.remove(key);
    }

    /// Torrents open now, and bytes that they take.
    pub(super) fn size(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.files.entries.len(), state.files.bytes + state.papers.bytes)
    }
}

/// Things that are kept for as long as there is room, the latest used longest; what somebody holds stays.
struct Row<T> {
    entries: LruCache<Sha1Hash, (Arc<T>, usize)>,
    bytes: usize,
    limit: usize,
}

impl<T> Row<T> {
    fn new(limit: usize) -> Self {
        Self { entries: LruCache::unbounded(), bytes: 0, limit }
    }

    fn get(&mut self, key: Sha1Hash) -> Option<Arc<T>> {
        self.entries.get(&key).map(|(entry, _)| Arc::clone(entry))
    }

    fn remove(&mut self, key: Sha1Hash) {
        if let Some((_, bytes)) = self.entries.pop(&key) {
            self.bytes -= bytes;
        }
    }

    /// Makes room and puts it there; whether there was room to be made.
    fn put(&mut self, key: Sha1Hash, entry: Arc<T>, bytes: usize) -> bool {
        self.remove(key);
        for _ in 0..self.entries.len() {
            if self.bytes + bytes <= self.limit {
                break;
            }
            let Some((oldest, (held, size))) = self.entries.pop_lru() else {
                break;
            };
            if Arc::strong_count(&held) > 1 {
                self.entries.push(oldest, (held, size));
            } else {
                self.bytes -= size;
            }
        }
        let fits = self.bytes + bytes <= self.limit;
        if fits {
            self.bytes += bytes;
            self.entries.push(key, (entry, bytes));
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> Sha1Hash {
        Sha1Hash([number; 20])
    }

    #[test]
    fn the_longest_unused_goes_and_what_is_held_stays() {
        let mut row = Row::new(100);
        let held = Arc::new("held");
        assert!(row.put(key(1), Arc::clone(&held), 40));
        assert!(row.put(key(2), Arc::new("two"), 30));
        assert!(row.put(key(3), Arc::new("three"), 30));
        assert!(row.get(key(2)).is_some(), "used again");
        assert!(row.put(key(4), Arc::new("four"), 30));
        assert!(row.get(key(3)).is_none(), "the longest unused");
        assert!(row.get(key(1)).is_some() && row.get(key(2)).is_some() && row.bytes == 100);
        assert!(!row.put(key(5), Arc::new("five"), 61), "the held one leaves no room");
        assert!(row.bytes == 40 && row.entries.len() == 1);
        assert!(!row.put(key(5), Arc::new("five"), 101));
        drop(held);
        assert!(row.put(key(5), Arc::new("five"), 100) && row.bytes == 100);
    }

    #[test]
    fn the_same_again_takes_no_more_room() {
        let mut row = Row::new(100);
        assert!(row.put(key(1), Arc::new(1), 60) && row.put(key(1), Arc::new(2), 70));
        assert_eq!(row.bytes, 70);
        row.remove(key(1));
        assert_eq!((row.bytes, row.entries.len()), (0, 0));
    }
}
