//! Cutting the selection into torrents: one band each, within the limits, named so that the same cut has the same names.

use std::collections::HashSet;

use fonoteca_catalog::HeldAudio;
use fonoteca_model::Id;
use fonoteca_model::limits::Limits;

use super::bands::Bands;
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

/// Counts the listens of each recording once: its files have the same count, and come among those that do.
#[derive(Debug, Default)]
pub(super) struct Once {
    last: (i32, i64),
    seen: HashSet<Id>,
}

impl Once {
    /// The listens that this file adds, in the order of a selection.
    pub fn listens(&mut self, held: &HeldAudio) -> i64 {
        let now = (held.popularity, held.listens);
        if self.last != now {
            self.last = now;
            self.seen.clear();
        }
        if held.listens > 0 && self.seen.insert(held.recording_id) { held.listens } else { 0 }
    }
}

/// Collects files in the order they come and lets go of a torrent when it is full or its band ends.
pub(super) struct Cutter<'a> {
    release: &'a str,
    bands: &'a Bands,
    limits: Limits,
    open: Option<Cut>,
    number: usize,
    once: Once,
}

/// Room kept in each torrent for covers, the index and the licences.
const COMPANIONS: usize = 2;

impl<'a> Cutter<'a> {
    pub fn new(release: &'a str, bands: &'a Bands, limits: Limits) -> Self {
        Self { release, bands, limits, open: None, number: 0, once: Once::default() }
    }

    /// Adds a file; returns the torrent that it did not fit into any more.
    pub fn push(&mut self, selected: Selected) -> Option<Cut> {
        let band = self.bands.of(selected.held.popularity);
        let size = selected.bytes();
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
        open.listens += self.once.listens(&selected.held);
        open.files.push(selected);
        done
    }

    /// The last torrent.
    pub fn finish(mut self) -> Option<Cut> {
        self.open.take()
    }
}
