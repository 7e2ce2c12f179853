//! Cutting the selection into torrents: one band each, within the limits, named so that the same cut has the same names.

use fonoteca_model::limits::Limits;

use super::BANDS;
use super::select::Selected;

/// The content of one audio torrent.
#[derive(Debug)]
pub(super) struct Cut {
    pub name: String,
    /// Highest and lowest popularity inside.
    pub popularity: (i32, i32),
    /// The band it belongs to.
    pub band: (i32, i32),
    pub files: Vec<Selected>,
    pub bytes: u64,
    pub listens: i64,
}

/// Collects files in the order they come and lets go of a torrent when it is full or its band ends.
pub(super) struct Cutter<'a> {
    release: &'a str,
    limits: Limits,
    open: Option<Cut>,
    number: usize,
}

/// Room kept in each torrent for covers, the index and the licences.
const COMPANIONS: usize = 2;

impl<'a> Cutter<'a> {
    pub fn new(release: &'a str, limits: Limits) -> Self {
        Self { release, limits, open: None, number: 0 }
    }

    /// Adds a file; returns the torrent that it did not fit into any more.
    pub fn push(&mut self, selected: Selected) -> Option<Cut> {
        let band = band_of(selected.held.popularity);
        let size = selected.held.size as u64;
        let full = self.open.as_ref().is_some_and(|open| {
            open.band != band
                // Each file may bring a cover of its own.
                || open.files.len() * 2 + 2 + COMPANIONS > self.limits.torrent_files
                || open.bytes + size > self.limits.torrent_bytes
        });
        let done = if full { self.open.take() } else { None };
        if done.as_ref().is_none_or(|done| done.band != band) && self.open.is_none() {
            self.number = 0;
        }
        let open = self.open.get_or_insert_with(|| {
            self.number += 1;
            Cut {
                name: format!("{}-p{:03}-{:04}", self.release, band.1, self.number),
                popularity: (selected.held.popularity, selected.held.popularity),
                band,
                files: Vec::new(),
                bytes: 0,
                listens: 0,
            }
        });
        open.popularity.1 = selected.held.popularity;
        open.bytes += size;
        open.listens += selected.held.listens;
        open.files.push(selected);
        done
    }

    /// The last torrent.
    pub fn finish(mut self) -> Option<Cut> {
        self.open.take()
    }
}

fn band_of(popularity: i32) -> (i32, i32) {
    BANDS.iter().copied().find(|(low, high)| (*low..=*high).contains(&popularity)).unwrap_or((0, 0))
}
